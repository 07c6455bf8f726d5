/*
 * mpr/layers.c: planes that lie as the slices do. Rows are blended along the row axis and moved along
 * the columns once for each slice, then blended along the slice axis, in the order and so with the
 * bits of along.c; rows that are none of scaled values, or have padding, are left to it.
 */
#include "mpr/layers.h"

#include <math.h>
#include <string.h>

#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/lines.h"

typedef enum fate { FINE, OUT_OF_RANGE, HELD } fate;

typedef struct layer { /* rows of one slice, at the row coordinates of the planes */
    size_t slice;
    int16_t *cells;
    unsigned *age; /* of each row: that of the base of its values, 0: not made */
    fate *fate;
} layer;

typedef struct layers {
    const rk_mpr_stack *stack;
    const rk_row_table *row;
    rk_mpr_volume volume;
    rk_mpr_columns columns;
    rk_mpr_lines lines;
    layer layer[2]; /* slices of even and of odd index */
    size_t cell; /* elements of a row in a layer */
    int16_t *blend, *moved;
    rk_mpr_knots *knots; /* of each row, along the row axis; none: it is outside */
    bool early;          /* rows of layers are moved along the columns already */
    bool *left; /* rows of the current plane that are left to along.c */
    void *other_work;
} layers;

bool rk_mpr_layers_fits(const rk_mpr_stack *stack)
{
    const rk_mpr_job *job = stack->job;
    const rk_mpr_grid *g = &job->grid;
    rk_mpr_type type = job->volume.type;
    return job->kernel == RK_MPR_LINEAR && g->depth == 1 && job->out == type &&
           (type == RK_MPR_I16 || type == RK_MPR_U16) && rk_mpr_along_fits(job) &&
           rk_mpr_along(g->down, 1, g->rows) && rk_mpr_stack_along(stack, 0);
}

static rk_mpr_knots knots_of_row(const layers *l, size_t row)
{
    const double at[3] = {0, rk_mpr_line_of(&l->stack->job->grid, row, 0).start[1], 0};
    rk_mpr_knots y = {.count = 0};
    rk_mpr_place place;
    if (rk_mpr_place_of(&l->volume, at, &place))
        rk_mpr_knots_of(&y, RK_MPR_LINEAR, place.at[1], l->volume.side[1], false);
    return y;
}

static bool plan(layers *l, rk_mpr_layout *layout)
{
    const rk_mpr_job *job = l->stack->job;
    size_t rows = job->grid.rows;
    bool inside = rk_mpr_columns_plan(&l->columns, job, 0, job->grid.cols, layout);
    size_t pitch = l->columns.pitch;
    l->cell = pitch > l->columns.room ? pitch : l->columns.room;
    rk_mpr_lines_plan(&l->lines, &l->volume, l->row, &l->columns, rk_mpr_reach_of(job), false,
                      layout);
    for (int k = 0; k < 2; k++) {
        layer *y = &l->layer[k];
        y->slice = SIZE_MAX;
        y->cells = rk_mpr_take(layout, (rows * l->cell + 2 * RK_ROW_SLACK) * sizeof *y->cells);
        y->age = rk_mpr_take(layout, rows * sizeof *y->age);
        y->fate = rk_mpr_take(layout, rows * sizeof *y->fate);
    }
    l->blend = rk_mpr_take(layout, (l->cell + 2 * RK_ROW_SLACK) * sizeof *l->blend);
    l->moved = rk_mpr_take(layout, l->columns.room * sizeof *l->moved);
    l->left = rk_mpr_take(layout, rows * sizeof *l->left);
    l->knots = rk_mpr_take(layout, rows * sizeof *l->knots);
    for (size_t row = 0; layout->base && row < rows; row++)
        l->knots[row] = knots_of_row(l, row);
    l->early = inside && rk_mpr_moves_early(job, &l->columns);
    l->other_work = layout->base ? layout->base + layout->used : NULL;
    return inside;
}

size_t rk_mpr_layers_work(const rk_mpr_stack *stack)
{
    rk_mpr_layout layout = {NULL, 0};
    layers l = {.stack = stack, .volume = stack->job->volume};
    (void)plan(&l, &layout); /* only counts */
    return layout.used + rk_mpr_along_work(stack->job, stack->job->grid.cols);
}

static void make_row(layers *l, layer *y, size_t z, size_t row, const rk_mpr_knots *knots)
{
    const int16_t *line[2], *held;
    int16_t *to = y->cells + row * l->cell;
    y->age[row] = l->lines.age;
    y->fate[row] = FINE;
    for (int i = 0; i < knots->count; i++) {
        line[i] = rk_mpr_lines_scaled(&l->lines, z, knots->index[i], &held);
        if (!line[i] && y->fate[row] == FINE)
            y->fate[row] = OUT_OF_RANGE;
        if (held)
            y->fate[row] = HELD;
    }
    if (y->fate[row] != FINE)
        return;
    if (knots->count > 1)
        l->row->lerp(line[0], line[1], rk_mpr_share_of(knots), l->columns.pitch,
                     l->early ? l->blend : to);
    if (l->early)
        l->row->warp(knots->count > 1 ? l->blend : line[0], &l->columns.warp, l->columns.room, to);
    else if (knots->count == 1)
        memcpy(to, line[0], l->columns.pitch * sizeof *to);
}

/* A row of a slice at the row coordinate of the planes' row. */
static fate row_of(layers *l, size_t z, size_t row, const rk_mpr_knots *knots, const int16_t **line)
{
    layer *y = &l->layer[z & 1];
    if (y->slice != z) {
        y->slice = z;
        memset(y->age, 0, l->stack->job->grid.rows * sizeof *y->age);
    }
    if (l->lines.age == 0)
        return OUT_OF_RANGE;
    if (y->age[row] != l->lines.age)
        make_row(l, y, z, row, knots);
    *line = y->cells + row * l->cell;
    return y->fate[row];
}

static bool rebase(layers *l, const rk_mpr_knots *z, const rk_mpr_knots *y)
{
    uint32_t lowest = UINT32_MAX, highest = 0;
    for (int i = 0; i < z->count; i++)
        for (int j = 0; j < y->count; j++)
            rk_mpr_lines_span(&l->lines, z->index[i], y->index[j], &lowest, &highest);
    return rk_mpr_lines_rebase(&l->lines, lowest, highest);
}

/* Scaled values of the outputs of a row; NULL: it is left to along.c. */
static const int16_t *values_of(layers *l, const rk_mpr_knots *z, const rk_mpr_knots *y, size_t row)
{
    const int16_t *line[2] = {NULL, NULL};
    fate worst = FINE;
    for (int attempt = 0; attempt < 2; attempt++) {
        worst = FINE;
        for (int i = 0; i < z->count; i++) {
            fate f = row_of(l, z->index[i], row, y, &line[i]);
            worst = f > worst ? f : worst;
        }
        if (worst != OUT_OF_RANGE || attempt || !rebase(l, z, y))
            break;
    }
    if (worst != FINE)
        return NULL;
    size_t n = l->early ? l->columns.room : l->columns.pitch;
    if (z->count > 1)
        l->row->lerp(line[0], line[1], rk_mpr_share_of(z), n, l->blend);
    const int16_t *found = z->count > 1 ? l->blend : line[0];
    return l->early ? found : rk_mpr_columns_move(&l->columns, l->row, found, l->moved);
}

/* One row of a plane at a slice coordinate; whether it was done. */
static bool do_row(layers *l, const rk_mpr_knots *z, size_t row, uint8_t *out, uint8_t *outside,
                   size_t *empty)
{
    const rk_mpr_job *job = l->stack->job;
    const rk_mpr_columns *c = &l->columns;
    const rk_mpr_knots *y = &l->knots[row];
    size_t cols = job->grid.cols, first = cols, end = cols;
    if (z->count && y->count) {
        const int16_t *found = values_of(l, z, y, row);
        if (!found)
            return false;
        first = c->first;
        end = c->end;
        l->row->unscale(found, end - first, l->lines.base, out + 2 * first);
    }
    rk_mpr_leave(job, out, outside, 0, first);
    rk_mpr_leave(job, out, outside, end, cols);
    memset(outside + first, 0, end - first);
    *empty += first + cols - end;
    return true;
}

/* The rows that are left, as many at a time as follow each other. */
static size_t do_left(layers *l, const rk_mpr_job *job, uint8_t *out, uint8_t *outside)
{
    size_t rows = job->grid.rows, cols = job->grid.cols, empty = 0;
    for (size_t row = 0, end; row < rows; row = end) {
        end = row + 1;
        if (!l->left[row])
            continue;
        while (end < rows && l->left[end])
            end++;
        rk_mpr_part part = {row, end - row, out + 2 * row * cols, outside + row * cols,
                            l->other_work};
        empty += rk_mpr_along_rows(l->row, job, &part, 0, cols);
    }
    return empty;
}

static size_t do_plane(layers *l, size_t plane, bool inside, uint8_t *out, uint8_t *outside)
{
    rk_mpr_job job = rk_mpr_stack_job(l->stack, plane);
    size_t cols = job.grid.cols, empty = 0;
    const double at[3] = {job.grid.origin[0], 0, 0};
    rk_mpr_place place;
    rk_mpr_knots z = {.count = 0}; /* outside */
    if (inside && rk_mpr_place_of(&l->volume, at, &place))
        rk_mpr_knots_of(&z, RK_MPR_LINEAR, place.at[0], l->volume.side[0], false);
    for (size_t row = 0; row < job.grid.rows; row++)
        l->left[row] = !do_row(l, &z, row, out + 2 * row * cols, outside + row * cols, &empty);
    return empty + do_left(l, &job, out, outside);
}

size_t rk_mpr_layers_planes(const rk_row_table *row, const rk_mpr_stack *stack,
                            const rk_mpr_planes *part)
{
    rk_mpr_layout layout = {part->work, 0};
    layers l = {.stack = stack, .row = row};
    size_t pixels = stack->job->grid.rows * stack->job->grid.cols, empty = 0;
    l.volume = rk_mpr_with_possible_padding(&stack->job->volume);
    bool inside = plan(&l, &layout);
    for (size_t i = 0; i < part->count; i++)
        empty += do_plane(&l, part->first + i, inside, (uint8_t *)part->out + 2 * i * pixels,
                          part->outside + i * pixels);
    return empty;
}
