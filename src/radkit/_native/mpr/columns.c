/* mpr/columns.c: see columns.h. */
#include "mpr/columns.h"

#include <math.h>

void *rk_mpr_take(rk_mpr_layout *layout, size_t bytes)
{
    void *at = layout->base ? layout->base + layout->used : NULL;
    layout->used += (bytes + RK_MPR_ALIGN - 1) & ~(size_t)(RK_MPR_ALIGN - 1);
    return at;
}

bool rk_mpr_along(const double direction[3], int axis, size_t steps)
{
    for (int k = 0; k < 3; k++)
        if (k != axis && !(fabs(direction[k]) * (double)steps < 1e-7))
            return false;
    return isfinite(direction[axis]);
}

void rk_mpr_knots_of(rk_mpr_knots *knots, rk_mpr_kernel kernel, double at, size_t side, bool idle)
{
    rk_mpr_taps taps;
    if (kernel == RK_MPR_LINEAR) {
        size_t low = (size_t)at;
        double share = at - (double)low;
        *knots = (rk_mpr_knots){1 + (share != 0), {low, low + 1}, {1 - share, share}};
        return;
    }
    knots->count = 0;
    rk_mpr_taps_of(&taps, kernel, at, side, 1);
    for (int i = 0; i < taps.count; i++) {
        size_t index = (size_t)taps.offset[i];
        int last = knots->count - 1;
        if (last >= 0 && knots->index[last] == index) {
            knots->weight[last] += taps.weight[i];
        } else if (taps.weight[i] != 0 || idle) {
            knots->index[last + 1] = index;
            knots->weight[last + 1] = taps.weight[i];
            knots->count++;
        }
    }
}

int16_t rk_mpr_share(double fraction)
{
    long q = lrint(fraction * RK_ROW_ONE);
    return (int16_t)(q < RK_ROW_ONE ? q : RK_ROW_ONE - 1);
}

int16_t rk_mpr_share_of(const rk_mpr_knots *knots)
{
    return rk_mpr_share(knots->count > 1 ? knots->weight[1] : 0);
}

/* Coordinate of a column; false outside. */
static inline bool spot_of(const rk_mpr_job *job, size_t col, double *at)
{
    const rk_mpr_grid *grid = &job->grid;
    return rk_mpr_spot_of(grid->origin[2] + (double)col * grid->right[2], job->volume.side[2], at);
}

/* Taps of the kernels along a row, first tap and number. */
static int taps_of(rk_mpr_kernel kernel, int *behind)
{
    *behind = kernel == RK_MPR_CUBIC ? 1 : kernel == RK_MPR_LANCZOS ? 2 : 0;
    return kernel == RK_MPR_CUBIC ? 4 : kernel == RK_MPR_LANCZOS ? 6 : 2;
}

/* The first and the last column inside, and where they lie; false if there is none. */
static bool ends_of(const rk_mpr_job *job, size_t col[2], double at[2])
{
    col[0] = 0;
    col[1] = job->grid.cols - 1;
    while (col[0] < job->grid.cols && !spot_of(job, col[0], &at[0]))
        col[0]++;
    if (col[0] == job->grid.cols)
        return false;
    while (!spot_of(job, col[1], &at[1]))
        col[1]--;
    return true;
}

/* The voxels that the grid's columns take; the columns inside are an interval, in order. */
static void extent_of(rk_mpr_columns *c, const rk_mpr_job *job, size_t from, size_t outputs)
{
    size_t side = job->volume.side[2], col[2];
    int behind, taps = taps_of(job->kernel, &behind);
    double at[2];
    c->first = c->end = from;
    c->low = c->count = 0;
    if (ends_of(job, col, at)) {
        double least = at[0] < at[1] ? at[0] : at[1], most = at[0] < at[1] ? at[1] : at[0];
        ptrdiff_t low = (ptrdiff_t)least - behind, high = (ptrdiff_t)most - behind + taps - 1;
        c->low = low < 0 ? 0 : (size_t)low;
        c->count = ((size_t)high < side ? (size_t)high : side - 1) - c->low + 1;
        size_t first = col[0] > from ? col[0] : from;
        size_t end = col[1] + 1 < from + outputs ? col[1] + 1 : from + outputs;
        c->first = first < end ? first : from;
        c->end = first < end ? end : from;
    }
    c->pitch = (RK_MPR_MARGIN + c->count + RK_ROW_SLACK + 31) & ~(size_t)31;
}

/*
 * The fraction of all columns of a step of 1, so that they have the very same weights however a
 * column's coordinate is rounded; NAN for other steps.
 */
static double common_fraction(const rk_mpr_grid *grid)
{
    double start = grid->origin[2] - floor(grid->origin[2]);
    if (!(fabs(grid->right[2] - 1) * (double)grid->cols < 1e-7))
        return NAN;
    return start < RK_MPR_SNAP || start > 1 - RK_MPR_SNAP ? 0 : start;
}

static void fill_warp(rk_mpr_columns *c, const rk_mpr_job *job, int32_t *index, int16_t *share,
                      float *weight)
{
    int behind, taps = taps_of(job->kernel, &behind);
    double common = common_fraction(&job->grid), known = -1;
    rk_mpr_taps of = {.count = 2};
    int16_t part = 0;
    for (size_t i = 0; i < c->room; i++) {
        size_t col = c->first + i < c->end ? c->first + i : c->end - 1;
        double at = 0;
        (void)spot_of(job, col, &at); /* is inside */
        double low = (double)(ptrdiff_t)at, f = at - low;
        f = fabs(f - common) < 2 * RK_MPR_SNAP ? common : f;
        if (f != known) { /* mostly they are those of the column before */
            of.weight[0] = 1 - f;
            of.weight[1] = f;
            if (taps > 2)
                rk_mpr_taps_of(&of, job->kernel, f, 1, 1); /* for its weights only */
            part = rk_mpr_share(f);
            known = f;
        }
        index[i] = (int32_t)((ptrdiff_t)low - behind - (ptrdiff_t)c->low + RK_MPR_MARGIN);
        share[i] = part;
        for (int t = 0; t < taps; t++)
            weight[(size_t)t * c->room + i] = (float)of.weight[t];
    }
}

static bool is_shifted(const rk_mpr_columns *c)
{
    const rk_row_warp *w = &c->warp;
    for (size_t i = 0; i < c->end - c->first; i++) {
        if (w->index[i] != w->index[0] + (int32_t)i || w->share[i] != w->share[0])
            return false;
        for (size_t t = 0; t < w->taps; t++)
            if (w->weight[t * w->pitch + i] != w->weight[t * w->pitch])
                return false;
    }
    return true;
}

bool rk_mpr_columns_plan(rk_mpr_columns *c, const rk_mpr_job *job, size_t from, size_t outputs,
                         rk_mpr_layout *layout)
{
    int behind, taps = taps_of(job->kernel, &behind);
    extent_of(c, job, from, outputs);
    c->room = (outputs + 31) & ~(size_t)31;
    int32_t *index = rk_mpr_take(layout, c->room * sizeof *index);
    int16_t *share = rk_mpr_take(layout, c->room * sizeof *share);
    float *weight = rk_mpr_take(layout, (size_t)taps * c->room * sizeof *weight);
    c->warp = (rk_row_warp){index, share, weight, (size_t)taps, c->room, NULL, NULL, 0};
    c->warp.base = rk_mpr_take(layout, c->room / RK_ROW_GROUP * sizeof *c->warp.base);
    c->warp.bytes = rk_mpr_take(layout, 4 * c->room);
    if (!layout->base || c->first == c->end)
        return false;
    fill_warp(c, job, index, share, weight);
    c->shifted = is_shifted(c);
    if (!c->shifted)
        rk_row_warp_plan(&c->warp, c->room);
    return true;
}

const int16_t *rk_mpr_columns_move(const rk_mpr_columns *c, const rk_row_table *row,
                                   const int16_t *line, int16_t *buffer)
{
    const int16_t *start = line + c->warp.index[0];
    if (rk_mpr_columns_still(c))
        return start;
    if (c->shifted)
        row->lerp(start, start + 1, c->warp.share[0], c->room, buffer);
    else
        row->warp(line, &c->warp, c->room, buffer);
    return buffer;
}
