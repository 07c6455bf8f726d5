/* mpr/copied.c: nearest voxels of planes with rows along those of the volume; see along.h. */
#include <math.h>
#include <string.h>

#include "kernels/words.h"
#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"

void rk_mpr_leave(const rk_mpr_job *job, void *out, uint8_t *outside, size_t first, size_t end)
{
    size_t bytes = rk_mpr_bytes(job->out), done = bytes, all = (end - first) * bytes;
    uint8_t *to = (uint8_t *)out + first * bytes;
    if (first >= end)
        return;
    rk_mpr_store(to, job->out, 0, job->fill);
    for (size_t more; done < all; done += more) { /* what is there, again */
        more = done < all - done ? done : all - done;
        memcpy(to + done, to, more);
    }
    memset(outside + first, 1, end - first);
}

bool rk_mpr_copied_fits(const rk_mpr_job *job)
{
    const rk_mpr_volume *v = &job->volume;
    const rk_mpr_grid *g = &job->grid;
    return v->samples == 1 && v->stride[2] == 1 && !g->lines && job->kernel == RK_MPR_NEAREST &&
           g->depth == 1 && job->out == v->type && v->side[2] < INT32_MAX &&
           rk_mpr_along(g->right, 2, g->cols) && fabs(g->down[2]) * (double)(g->rows - 1) < 1e-7;
}

size_t rk_mpr_copied_work(const rk_mpr_job *job, size_t cols)
{
    (void)job;
    return cols * sizeof(int32_t);
}

typedef struct nearest {
    int32_t *index;    /* voxels of columns first ... end - 1 */
    size_t first, end; /* columns inside */
    bool straight;     /* indices rise by 1 */
} nearest;

static nearest plan(const rk_mpr_job *job, int32_t *index, size_t from, size_t cols)
{
    nearest n = {index, 0, 0, true};
    for (size_t i = 0; i < cols; i++) {
        const rk_mpr_grid *g = &job->grid;
        const double at[3] = {0, 0, g->origin[2] + (double)(from + i) * g->right[2]};
        rk_mpr_place place;
        if (!rk_mpr_place_of(&job->volume, at, &place))
            continue;
        n.first = n.end == 0 ? i : n.first;
        index[i] = (int32_t)place.near[2];
        n.straight = n.straight && (i == n.first || index[i] == index[i - 1] + 1);
        n.end = i + 1;
    }
    return n;
}

#define RK_MPR_PICK(T, src, out)                                                         \
    do {                                                                                 \
        const T *from_ = (const T *)(src);                                               \
        T *to_ = (T *)(out);                                                             \
        for (size_t i = n->first; i < n->end; i++)                                       \
            to_[i] = from_[n->index[i]];                                                 \
    } while (0)

static void pick(const nearest *n, const uint8_t *src, size_t bytes, uint8_t *out)
{
    if (n->first == n->end)
        return;
    if (n->straight)
        memcpy(out + n->first * bytes, src + (size_t)n->index[n->first] * bytes,
               (n->end - n->first) * bytes);
    else if (bytes == 1)
        RK_MPR_PICK(rk_u8, src, out);
    else if (bytes == 2)
        RK_MPR_PICK(rk_u16, src, out);
    else if (bytes == 4)
        RK_MPR_PICK(rk_u32, src, out);
    else
        RK_MPR_PICK(rk_u64, src, out);
}

size_t rk_mpr_copied_rows(const rk_mpr_job *job, const rk_mpr_part *part, size_t from, size_t cols)
{
    const rk_mpr_volume *v = &job->volume;
    nearest n = plan(job, part->work, from, cols);
    size_t bytes = rk_mpr_bytes(v->type), empty = 0;
    for (size_t i = 0; i < part->count; i++) {
        uint8_t *out = (uint8_t *)part->out + i * cols * bytes, *outside = part->outside + i * cols;
        rk_mpr_line line = rk_mpr_line_of(&job->grid, part->first + i, 0);
        const double at[3] = {line.start[0], line.start[1], 0};
        rk_mpr_place place;
        bool inside = rk_mpr_place_of(v, at, &place);
        size_t first = inside ? n.first : cols, end = inside ? n.end : cols;
        if (inside) {
            ptrdiff_t start = (ptrdiff_t)place.near[0] * v->stride[0] +
                              (ptrdiff_t)place.near[1] * v->stride[1];
            pick(&n, (const uint8_t *)v->data + start * (ptrdiff_t)bytes, bytes, out);
        }
        rk_mpr_leave(job, out, outside, 0, first);
        rk_mpr_leave(job, out, outside, end, cols);
        memset(outside + first, 0, end - first);
        empty += first + cols - end;
        for (size_t c = first; v->has_padding && c < end; c++)
            if (rk_mpr_load(out, v->type, (ptrdiff_t)c) == v->padding) {
                rk_mpr_leave(job, out, outside, c, c + 1);
                empty++;
            }
    }
    return empty;
}
