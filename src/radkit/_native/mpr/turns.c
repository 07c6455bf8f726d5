/* mpr/turns.c: see turns.h. */
#include "mpr/turns.h"

#include <math.h>
#include <string.h>

#include "kernels/words.h"
#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/lines.h"

enum { BLOCK = 16 }; /* columns of a view that are turned together */

typedef struct work { /* views of the scratch memory */
    uint16_t *widened;
    int16_t *line[2], *blended; /* of a row of the volume: in two slices, and for all rows */
    const int16_t **at;         /* of a ray */
    int16_t *x, *y;
    int16_t *peak;
    int32_t *sum;
    uint16_t *found; /* BLOCK columns of a view */
} work;

bool rk_mpr_turns_fits(const rk_mpr_job *job)
{
    const rk_mpr_volume *v = &job->volume;
    const rk_mpr_grid *g = &job->grid;
    rk_mpr_project p = job->project;
    return job->kernel == RK_MPR_LINEAR && !g->lines && v->samples == 1 && v->stride[2] == 1 &&
           v->side[1] > 1 && v->side[2] > 1 && rk_mpr_is_short(v->type) && job->out == v->type &&
           (p == RK_MPR_MAX || p == RK_MPR_MIN || p == RK_MPR_MEAN) && g->depth < 1 << 16 &&
           rk_mpr_along(g->down, 0, g->rows) && fabs(g->right[0]) * (double)g->cols < 1e-7 &&
           fabs(g->into[0]) * (double)g->depth < 1e-7;
}

/* The place of a row of the views along the slice axis. */
static bool row_place(const rk_mpr_job *job, size_t row, rk_mpr_place *place)
{
    rk_mpr_line line = rk_mpr_line_of(&job->grid, row, 0);
    const double at[3] = {line.start[0], 0, 0};
    return rk_mpr_place_of(&job->volume, at, place);
}

size_t rk_mpr_turns_plan(rk_mpr_turns *turns, const rk_mpr_job *job)
{
    rk_mpr_place place;
    *turns = (rk_mpr_turns){.job = job};
    for (size_t row = 0; row < job->grid.rows; row++)
        if (row_place(job, row, &place)) {
            turns->first = turns->rows ? turns->first : row;
            turns->rows++;
        }
    /* An odd number of vectors, so that neighbours do not fall into the same sets of a cache. */
    turns->pitch = ((turns->rows + 15) / 16 | 1) * 16;
    return job->volume.side[1] * job->volume.side[2] * turns->pitch * sizeof *turns->values;
}

static work work_of(const rk_mpr_turns *turns, rk_mpr_layout *layout)
{
    size_t width = turns->job->volume.side[2], depth = turns->job->grid.depth, n = turns->pitch;
    work w;
    w.widened = rk_mpr_take(layout, width * sizeof *w.widened);
    for (int k = 0; k < 2; k++)
        w.line[k] = rk_mpr_take(layout, width * sizeof *w.line[k]);
    w.blended = rk_mpr_take(layout, width * n * sizeof *w.blended);
    w.at = rk_mpr_take(layout, depth * sizeof *w.at);
    w.x = rk_mpr_take(layout, depth * sizeof *w.x);
    w.y = rk_mpr_take(layout, depth * sizeof *w.y);
    w.peak = rk_mpr_take(layout, n * sizeof *w.peak);
    w.sum = rk_mpr_take(layout, n * sizeof *w.sum);
    w.found = rk_mpr_take(layout, BLOCK * n * sizeof *w.found);
    return w;
}

size_t rk_mpr_turns_work(const rk_mpr_turns *turns)
{
    rk_mpr_layout layout = {NULL, 0};
    (void)work_of(turns, &layout);
    return layout.used;
}

/* The rows of the volume as words. */
static rk_mpr_lines lines_of(const rk_mpr_turns *turns, const rk_mpr_volume *volume, work *w)
{
    return (rk_mpr_lines){
        .volume = volume, .count = turns->job->volume.side[2], .widened = w->widened};
}

bool rk_mpr_turns_span(const rk_mpr_turns *turns, size_t first, size_t count, uint32_t *lowest,
                       uint32_t *highest, void *memory)
{
    rk_mpr_layout layout = {memory, 0};
    work w = work_of(turns, &layout);
    rk_mpr_volume v = rk_mpr_with_possible_padding(&turns->job->volume);
    bool padded = v.has_padding;
    v.has_padding = false; /* padding counts: it must not be blended */
    rk_mpr_lines lines = lines_of(turns, &v, &w);
    for (size_t z = first; z < first + count; z++)
        for (size_t y = 0; y < v.side[1]; y++) {
            if (padded && rk_mpr_lines_meet(&lines, z, y, (uint16_t)(int32_t)v.padding))
                return false;
            rk_mpr_lines_span(&lines, z, y, lowest, highest);
        }
    return true;
}

bool rk_mpr_turns_base(rk_mpr_turns *turns, uint32_t lowest, uint32_t highest)
{
    rk_mpr_lines lines = {.volume = &turns->job->volume};
    bool fits = rk_mpr_lines_rebase(&lines, lowest, highest);
    turns->base = lines.base;
    return fits;
}

void rk_mpr_turns_fill(const rk_mpr_turns *turns, const rk_row_table *row, size_t first,
                       size_t count, void *memory)
{
    rk_mpr_layout layout = {memory, 0};
    work w = work_of(turns, &layout);
    const rk_mpr_volume *v = &turns->job->volume;
    rk_mpr_lines lines = lines_of(turns, v, &w);
    size_t width = v->side[2], even = (turns->rows + 15) & ~(size_t)15;
    memset(w.blended, 0, width * turns->pitch * sizeof *w.blended);
    for (size_t y = first; y < first + count; y++) {
        size_t slice[2] = {SIZE_MAX, SIZE_MAX};
        for (size_t k = 0; k < turns->rows; k++) {
            rk_mpr_place place;
            rk_mpr_knots z;
            (void)row_place(turns->job, turns->first + k, &place); /* is inside */
            rk_mpr_knots_of(&z, RK_MPR_LINEAR, place.at[0], v->side[0], false);
            for (int i = 0; i < z.count; i++) {
                size_t slot = z.index[i] & 1;
                if (slice[slot] == z.index[i])
                    continue;
                slice[slot] = z.index[i];
                (void)row->scale(rk_mpr_lines_words(&lines, z.index[i], y), width, turns->base, 0,
                                 NULL, w.line[slot]);
            }
            const int16_t *a = w.line[z.index[0] & 1], *b = w.line[z.index[z.count - 1] & 1];
            row->lerp(a, b, rk_mpr_share_of(&z), width, w.blended + k * width);
        }
        row->turn(w.blended, width, even, width, turns->values + y * width * turns->pitch,
                  turns->pitch);
    }
}

/* Where a coordinate lies between two voxels: the first, and the share of the second. */
typedef struct between {
    size_t low;
    int16_t share;
} between;

/* False outside; as rk_mpr_place_of has it, but for the snapping, which is finer than a share. */
static inline bool between_of(double at, size_t side, between *b)
{
    double last = (double)(side - 1);
    if (!(at >= -0.5 - RK_MPR_SNAP && at < last + 0.5 - RK_MPR_SNAP))
        return false;
    at = at < 0 ? 0 : at > last ? last : at;
    b->low = (size_t)at < side - 1 ? (size_t)at : side - 2;
    int32_t q = (int32_t)((at - (double)b->low) * RK_ROW_ONE + 0.5);
    b->share = (int16_t)(q < RK_ROW_ONE ? q : RK_ROW_ONE - 1);
    return true;
}

/* The samples of a ray that are inside. */
static size_t ray_of(const rk_mpr_turns *turns, const rk_mpr_grid *g, size_t col, work *w)
{
    const rk_mpr_volume *v = &turns->job->volume;
    size_t samples = 0;
    for (size_t k = 0; k < g->depth; k++) {
        between y, x;
        if (!between_of(g->origin[1] + (double)k * g->into[1] + (double)col * g->right[1],
                        v->side[1], &y) ||
            !between_of(g->origin[2] + (double)k * g->into[2] + (double)col * g->right[2],
                        v->side[2], &x))
            continue;
        w->at[samples] = turns->values + (y.low * v->side[2] + x.low) * turns->pitch;
        w->y[samples] = y.share;
        w->x[samples++] = x.share;
    }
    return samples;
}

/* One column of a view, as words. */
static void project(const rk_mpr_turns *turns, const rk_row_table *row, size_t samples, work *w,
                    uint16_t *found)
{
    rk_mpr_project how = turns->job->project;
    ptrdiff_t right = (ptrdiff_t)turns->pitch;
    rk_row_ray ray = {w->at, w->x, w->y, samples, right,
                      right * (ptrdiff_t)turns->job->volume.side[2]};
    size_t even = (turns->rows + 15) & ~(size_t)15;
    if (how == RK_MPR_MEAN) {
        memset(w->sum, 0, even * sizeof *w->sum);
        row->ray_sum(&ray, even, w->sum);
        for (size_t i = 0; i < turns->rows; i++) {
            double mean = (double)w->sum[i] / ((double)samples * (1 << RK_ROW_SHIFT));
            found[i] = (uint16_t)(turns->base + (uint16_t)lrint(mean));
        }
        return;
    }
    for (size_t i = 0; i < even; i++)
        w->peak[i] = how == RK_MPR_MAX ? INT16_MIN : INT16_MAX;
    if (how == RK_MPR_MAX)
        row->ray_max(&ray, even, w->peak);
    else
        row->ray_min(&ray, even, w->peak);
    row->unscale(w->peak, turns->rows, turns->base, found);
}

/* Columns from ... from + count - 1 go into the picture. */
static void put(const rk_mpr_turns *turns, const rk_row_table *row, const work *w, size_t from,
                size_t count, void *out)
{
    size_t cols = turns->job->grid.cols, start = turns->first * cols + from;
    if (rk_mpr_bytes(turns->job->out) == 2) {
        row->turn(w->found, turns->pitch, count, turns->rows, (rk_u16 *)out + start, cols);
        return;
    }
    for (size_t i = 0; i < turns->rows; i++)
        for (size_t c = 0; c < count; c++)
            ((uint8_t *)out)[start + i * cols + c] = (uint8_t)w->found[c * turns->pitch + i];
}

/* A column without data: all of it, or all but the rows that lie beside the volume. */
static size_t leave_column(const rk_mpr_turns *turns, size_t col, bool there, uint8_t *out,
                           uint8_t *outside)
{
    size_t cols = turns->job->grid.cols, rows = turns->job->grid.rows, empty = 0;
    size_t bytes = rk_mpr_bytes(turns->job->out);
    for (size_t row = 0; row < rows; row++) {
        bool inside = there && row >= turns->first && row < turns->first + turns->rows;
        outside[row * cols + col] = 0;
        if (!inside)
            rk_mpr_leave(turns->job, out + row * cols * bytes, outside + row * cols, col, col + 1);
        empty += !inside;
    }
    return empty;
}

size_t rk_mpr_turns_view(const rk_mpr_turns *turns, const rk_row_table *row,
                         const rk_mpr_grid *grid, size_t first, size_t count, void *out,
                         uint8_t *outside, void *memory)
{
    rk_mpr_layout layout = {memory, 0};
    work w = work_of(turns, &layout);
    size_t empty = 0;
    for (size_t from = first, next; from < first + count; from = next) {
        bool there[BLOCK];
        next = first + count - from < BLOCK ? first + count : from + BLOCK;
        for (size_t col = from; col < next; col++) {
            size_t samples = turns->rows ? ray_of(turns, grid, col, &w) : 0;
            there[col - from] = samples > 0;
            if (samples)
                project(turns, row, samples, &w, w.found + (col - from) * turns->pitch);
        }
        if (turns->rows)
            put(turns, row, &w, from, next - from, out);
        for (size_t col = from; col < next; col++)
            empty += leave_column(turns, col, there[col - from], out, outside);
    }
    return empty;
}
