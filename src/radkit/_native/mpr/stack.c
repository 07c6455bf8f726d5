/* mpr/stack.c: see stack.h. */
#include "mpr/stack.h"

#include <math.h>
#include <string.h>

#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/fast.h"
#include "mpr/layers.h"
#include "mpr/special.h"

enum { PLANES = 32 }; /* of a tile of planes at any angle */

typedef enum way { BY_PLANES, BY_TILES, LAYERS, ACROSS, SIDE_BY_SIDE } way;

rk_mpr_job rk_mpr_stack_job(const rk_mpr_stack *stack, size_t k)
{
    rk_mpr_job job = *stack->job;
    memcpy(job.grid.origin, stack->origin + 3 * k, sizeof job.grid.origin);
    return job;
}

bool rk_mpr_stack_along(const rk_mpr_stack *stack, int axis)
{
    for (size_t k = 0; k < stack->planes; k++)
        for (int i = 0; i < 3; i++)
            if (i != axis &&
                !(fabs(stack->origin[3 * k + (size_t)i] - stack->job->grid.origin[i]) < 1e-7))
                return false;
    return true;
}

/* Planes along rows and slices, next to each other: what coronal ones are to axial slices. */
static bool is_side_by_side(const rk_mpr_stack *stack)
{
    const rk_mpr_grid *g = &stack->job->grid;
    return g->depth == 1 && stack->job->kernel == RK_MPR_LINEAR && rk_mpr_along_fits(stack->job) &&
           rk_mpr_along(g->down, 0, g->rows) && rk_mpr_stack_along(stack, 1);
}

/* Planes at any angle touch a line of memory together with their neighbours. */
static way way_of(const rk_mpr_stack *stack)
{
    if (rk_mpr_layers_fits(stack))
        return LAYERS;
    if (rk_mpr_across_fits(stack))
        return ACROSS;
    if (is_side_by_side(stack))
        return SIDE_BY_SIDE;
    return rk_mpr_special(stack->job, 0) ? BY_PLANES : BY_TILES;
}

size_t rk_mpr_stack_work(const rk_mpr_stack *stack, uint32_t cpu)
{
    size_t most = 0;
    switch (way_of(stack)) {
    case LAYERS: return rk_mpr_layers_work(stack);
    case ACROSS: return rk_mpr_across_work(stack);
    case SIDE_BY_SIDE: return rk_mpr_along_planes_work(stack->job);
    default: break;
    }
    for (size_t k = 0; k < stack->planes; k++) {
        rk_mpr_job job = rk_mpr_stack_job(stack, k);
        size_t work = rk_mpr_choose(&job, cpu)->work(&job);
        most = work > most ? work : most;
    }
    return most;
}

/* All planes of the part, `rows` rows at a time. */
static size_t by_tiles(const rk_mpr_stack *stack, const rk_mpr_planes *part, size_t rows,
                       uint32_t cpu)
{
    const rk_mpr_grid *g = &stack->job->grid;
    size_t cells = g->cols * stack->job->volume.samples * rk_mpr_bytes(stack->job->out), empty = 0;
    for (size_t first = 0; first < g->rows; first += rows)
        for (size_t i = 0; i < part->count; i++) {
            rk_mpr_job job = rk_mpr_stack_job(stack, part->first + i);
            size_t count = g->rows - first < rows ? g->rows - first : rows;
            rk_mpr_part tile = {first, count,
                                (uint8_t *)part->out + (i * g->rows + first) * cells,
                                part->outside + (i * g->rows + first) * g->cols, part->work};
            empty += rk_mpr_choose(&job, cpu)->rows(&job, &tile);
        }
    return empty;
}

static size_t side_by_side(const rk_row_table *row, const rk_mpr_stack *stack,
                           const rk_mpr_planes *part)
{
    const rk_mpr_grid *g = &stack->job->grid;
    size_t pixels = g->rows * g->cols, empty = 0;
    for (size_t i = 0; i < part->count; i += RK_MPR_SIDE_BY_SIDE) {
        size_t left = part->count - i, count = left < RK_MPR_SIDE_BY_SIDE ? left : RK_MPR_SIDE_BY_SIDE;
        rk_mpr_part rows = {0, g->rows, (uint8_t *)part->out + i * pixels * rk_mpr_bytes(stack->job->out),
                            part->outside + i * pixels, part->work};
        empty += rk_mpr_along_planes(row, stack->job, stack->origin + 3 * (part->first + i), count, &rows);
    }
    return empty;
}

size_t rk_mpr_stack_planes(const rk_mpr_stack *stack, const rk_mpr_planes *part, uint32_t cpu)
{
    rk_row_table row;
    rk_row_table_fill(&row, cpu);
    switch (way_of(stack)) {
    case LAYERS: return rk_mpr_layers_planes(&row, stack, part);
    case ACROSS: return rk_mpr_across_planes(&row, stack, part);
    case SIDE_BY_SIDE: return side_by_side(&row, stack, part);
    case BY_TILES: return by_tiles(stack, part, RK_MPR_TILE, cpu);
    default: return by_tiles(stack, part, stack->job->grid.rows, cpu);
    }
}

size_t rk_mpr_stack_block(const rk_mpr_stack *stack)
{
    return way_of(stack) == BY_PLANES ? 1 : PLANES;
}
