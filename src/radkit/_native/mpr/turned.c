/* mpr/turned.c: see turned.h. */
#include "mpr/turned.h"

#include <string.h>

#include "kernels/words.h"
#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/radial.h"

enum { TILE = 16 };

typedef enum way { NONE, COPIED, ALONG, RADIAL } way;

static rk_mpr_job turned(const rk_mpr_job *job)
{
    rk_mpr_job other = *job;
    memcpy(other.grid.down, job->grid.right, sizeof other.grid.down);
    memcpy(other.grid.right, job->grid.down, sizeof other.grid.right);
    other.grid.rows = job->grid.cols;
    other.grid.cols = job->grid.rows;
    return other;
}

static way way_of(const rk_mpr_job *other)
{
    if (rk_mpr_copied_fits(other))
        return COPIED;
    if (rk_mpr_along_fits(other))
        return ALONG;
    return rk_mpr_radial_fits(other) ? RADIAL : NONE;
}

bool rk_mpr_turned_fits(const rk_mpr_job *job)
{
    rk_mpr_job other = turned(job);
    return !job->grid.lines && rk_mpr_bytes(job->out) <= 4 && way_of(&other) != NONE;
}

size_t rk_mpr_turned_work(const rk_mpr_job *job)
{
    rk_mpr_job other = turned(job);
    rk_mpr_layout layout = {NULL, 0};
    size_t pixels = job->grid.rows * job->grid.cols, cols = other.grid.cols;
    way how = way_of(&other);
    (void)rk_mpr_take(&layout, pixels * rk_mpr_bytes(job->out));
    (void)rk_mpr_take(&layout, pixels);
    return layout.used + (how == COPIED  ? rk_mpr_copied_work(&other, cols)
                          : how == ALONG ? rk_mpr_along_work(&other, cols)
                                         : rk_mpr_radial_work(&other, cols));
}

/* Tile by tile, so that neither side is walked across in full. */
#define RK_MPR_TURN(T, src, rows, cols, dst)                                             \
    do {                                                                                 \
        const T *from_ = (const T *)(src);                                               \
        T *to_ = (T *)(dst);                                                             \
        for (size_t r0 = 0; r0 < (rows); r0 += TILE)                                     \
            for (size_t c0 = 0; c0 < (cols); c0 += TILE)                                 \
                for (size_t r = r0; r < r0 + TILE && r < (rows); r++)                    \
                    for (size_t c = c0; c < c0 + TILE && c < (cols); c++)                \
                        to_[c * (rows) + r] = from_[r * (cols) + c];                     \
    } while (0)

static void turn(const rk_row_table *row, const void *src, size_t bytes, size_t rows, size_t cols,
                 void *dst)
{
    if (bytes == 2)
        row->turn(src, cols, rows, cols, dst, rows);
    else if (bytes == 1)
        RK_MPR_TURN(rk_u8, src, rows, cols, dst);
    else
        RK_MPR_TURN(rk_u32, src, rows, cols, dst);
}

size_t rk_mpr_turned_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part)
{
    rk_mpr_job other = turned(job);
    rk_mpr_layout layout = {part->work, 0};
    size_t bytes = rk_mpr_bytes(job->out), rows = other.grid.rows, cols = part->count, empty;
    void *out = rk_mpr_take(&layout, rows * cols * bytes);
    uint8_t *outside = rk_mpr_take(&layout, rows * cols);
    rk_mpr_part whole = {0, rows, out, outside, layout.base + layout.used};
    switch (way_of(&other)) {
    case COPIED: empty = rk_mpr_copied_rows(&other, &whole, part->first, cols); break;
    case ALONG: empty = rk_mpr_along_rows(row, &other, &whole, part->first, cols); break;
    default: empty = rk_mpr_radial_rows(row, &other, &whole, part->first, cols); break;
    }
    turn(row, out, bytes, rows, cols, part->out);
    if (empty)
        turn(row, outside, 1, rows, cols, part->outside);
    else
        memset(part->outside, 0, rows * cols);
    return empty;
}
