/*
 * mpr/across.c: planes of constant column index on the voxel grid, whose rows are columns of the
 * slices and whose columns run along the slice axis. Columns of slices are gathered by turning
 * blocks of them, so that a line of memory is read once for many planes; the sums are those of
 * radial.c, which does all planes off the grid.
 */
#include "mpr/layers.h"

#include <math.h>
#include <string.h>

#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/radial.h"

enum { WIDTH = 32 }; /* columns of the slices that are turned together */

typedef struct across {
    const rk_mpr_stack *stack;
    const rk_row_table *row;
    size_t low, count, first; /* voxels of a column, and the output of the first of them */
    size_t pitch, slice[2], at[2]; /* of the lines: which slice, and from which column on */
    uint16_t *turned;
    float *line[2], *sum; /* WIDTH columns each */
    void *other_work;
} across;

bool rk_mpr_across_fits(const rk_mpr_stack *stack)
{
    const rk_mpr_job *job = stack->job;
    const rk_mpr_grid *g = &job->grid;
    rk_mpr_type type = job->volume.type;
    rk_mpr_volume v = rk_mpr_with_possible_padding(&job->volume);
    double y = g->origin[1];
    return rk_mpr_radial_fits(job) && job->out == type && !v.has_padding &&
           (type == RK_MPR_I16 || type == RK_MPR_U16) && v.stride[1] > 0 &&
           rk_mpr_along(g->right, 1, g->cols) &&
           fabs(g->right[1] - 1) * (double)g->cols < 1e-7 && fabs(y - rint(y)) < 1e-7 &&
           rk_mpr_stack_along(stack, 2);
}

static void plan(across *a, rk_mpr_layout *layout)
{
    const rk_mpr_job *job = a->stack->job;
    size_t cols = job->grid.cols;
    a->pitch = (cols + 31) & ~(size_t)31;
    a->turned = rk_mpr_take(layout, WIDTH * a->pitch * sizeof *a->turned);
    a->sum = rk_mpr_take(layout, a->pitch * sizeof *a->sum);
    for (int k = 0; k < 2; k++) {
        a->line[k] = rk_mpr_take(layout, WIDTH * a->pitch * sizeof *a->line[k]);
        a->slice[k] = SIZE_MAX;
    }
    a->other_work = layout->base ? layout->base + layout->used : NULL;
    a->count = 0;
    for (size_t col = 0; layout->base && col < cols; col++) {
        const double at[3] = {0, job->grid.origin[1] + (double)col * job->grid.right[1], 0};
        rk_mpr_place place;
        if (!rk_mpr_place_of(&job->volume, at, &place))
            continue;
        a->low = a->count ? a->low : place.near[1];
        a->first = a->count ? a->first : col;
        a->count++;
    }
}

size_t rk_mpr_across_work(const rk_mpr_stack *stack)
{
    rk_mpr_layout layout = {NULL, 0};
    across a = {.stack = stack};
    plan(&a, &layout);
    return layout.used + rk_mpr_radial_work(stack->job, stack->job->grid.cols);
}

/* Columns from ... from + WIDTH - 1 (as far as there are) of a slice, as floats. */
static const float *columns_of(across *a, size_t z, size_t from)
{
    const rk_mpr_volume *v = &a->stack->job->volume;
    int slot = (int)(z & 1);
    if (a->slice[slot] == z && a->at[slot] == from)
        return a->line[slot];
    ptrdiff_t start = (ptrdiff_t)z * v->stride[0] + (ptrdiff_t)a->low * v->stride[1];
    size_t width = v->side[2] - from < WIDTH ? v->side[2] - from : WIDTH;
    const uint16_t *src = (const uint16_t *)v->data + start + (ptrdiff_t)from;
    rk_row_widen_fn *widen = v->type == RK_MPR_I16 ? a->row->widen_i16 : a->row->widen_u16;
    a->row->turn(src, (size_t)v->stride[1], a->count, width, a->turned, a->pitch);
    for (size_t x = 0; x < width; x++)
        widen(a->turned + x * a->pitch, a->count, a->line[slot] + x * a->pitch);
    a->slice[slot] = z;
    a->at[slot] = from;
    return a->line[slot];
}

static void round_row(const across *a, const float *found, uint8_t *out)
{
    if (a->stack->job->out == RK_MPR_I16)
        a->row->round_i16(found, a->count, out);
    else
        a->row->round_u16(found, a->count, out);
}

/* Row `row` of planes at columns x[0 ... count - 1] of the slices, from column `from` on. */
static size_t do_row(across *a, size_t row, const size_t *x, size_t count, size_t from,
                     const rk_mpr_planes *to)
{
    const rk_mpr_job *job = a->stack->job;
    size_t cols = job->grid.cols, pixels = job->grid.rows * cols, end = a->first + a->count;
    rk_mpr_line at = rk_mpr_line_of(&job->grid, row, 0);
    const double point[3] = {at.start[0], 0, 0};
    rk_mpr_place place;
    rk_mpr_knots z = {.count = 0};
    const float *columns[2] = {NULL, NULL};
    float weight[2] = {0, 0};
    bool inside = a->count && rk_mpr_place_of(&job->volume, point, &place);
    if (inside)
        rk_mpr_knots_of(&z, RK_MPR_LINEAR, place.at[0], job->volume.side[0], false);
    for (int i = 0; i < z.count; i++) {
        columns[i] = columns_of(a, z.index[i], from);
        weight[i] = (float)z.weight[i];
    }
    for (size_t k = 0; k < count; k++) {
        uint8_t *out = (uint8_t *)to->out + 2 * (k * pixels + row * cols);
        uint8_t *outside = to->outside + k * pixels + row * cols;
        rk_mpr_leave(job, out, outside, 0, inside ? a->first : cols);
        rk_mpr_leave(job, out, outside, inside ? end : cols, cols);
        if (!inside)
            continue;
        memset(outside + a->first, 0, a->count);
        size_t offset = (x[k] - from) * a->pitch;
        const float *line[2] = {columns[0] + offset, NULL};
        if (z.count > 1) {
            line[1] = columns[1] + offset;
            a->row->sum(line, weight, 2, false, a->count, a->sum);
        }
        round_row(a, z.count > 1 ? a->sum : line[0], out + 2 * a->first);
    }
    return count * (inside ? cols - a->count : cols);
}

/* The column index of a plane, SIZE_MAX if it is not on the grid. */
static size_t column_of(const rk_mpr_stack *stack, size_t plane)
{
    const double at[3] = {0, 0, stack->origin[3 * plane + 2]};
    rk_mpr_place place;
    if (!rk_mpr_place_of(&stack->job->volume, at, &place) || place.at[2] != (double)place.near[2])
        return SIZE_MAX;
    return place.near[2];
}

/* How many planes from `plane` on lie within WIDTH columns, and which; 0: it is off the grid. */
static size_t group_of(const across *a, size_t plane, size_t end, size_t x[WIDTH], size_t *from)
{
    size_t count = 0, low = SIZE_MAX, high = 0;
    for (; plane + count < end && count < WIDTH; count++) {
        size_t at = column_of(a->stack, plane + count);
        if (at == SIZE_MAX)
            break;
        low = at < low ? at : low;
        high = at > high ? at : high;
        if (high - low >= WIDTH)
            break;
        x[count] = at;
        *from = low;
    }
    return count;
}

size_t rk_mpr_across_planes(const rk_row_table *row, const rk_mpr_stack *stack,
                            const rk_mpr_planes *part)
{
    rk_mpr_layout layout = {part->work, 0};
    across a = {.stack = stack, .row = row};
    size_t rows = stack->job->grid.rows, pixels = rows * stack->job->grid.cols, empty = 0, count;
    plan(&a, &layout);
    for (size_t i = 0; i < part->count; i += count) {
        size_t x[WIDTH], from = 0, plane = part->first + i;
        rk_mpr_planes to = {plane, 1, (uint8_t *)part->out + 2 * i * pixels,
                            part->outside + i * pixels, NULL};
        count = group_of(&a, plane, part->first + part->count, x, &from);
        for (size_t r = 0; count && r < rows; r++)
            empty += do_row(&a, r, x, count, from, &to);
        if (count == 0) {
            rk_mpr_job job = rk_mpr_stack_job(stack, plane);
            rk_mpr_part one = {0, rows, to.out, to.outside, a.other_work};
            empty += rk_mpr_radial_rows(row, &job, &one, 0, job.grid.cols);
            count = 1;
        }
    }
    return empty;
}
