/* mpr/layers.h: the kernels of stacks that share work between planes; see stack.h. */
#ifndef RK_MPR_LAYERS_H
#define RK_MPR_LAYERS_H

#include "kernels/mpr_row.h"
#include "mpr/stack.h"

/* Planes that lie as the slices do (layers.c): linear, 16-bit voxels. */
bool rk_mpr_layers_fits(const rk_mpr_stack *stack);
size_t rk_mpr_layers_work(const rk_mpr_stack *stack);
size_t rk_mpr_layers_planes(const rk_row_table *row, const rk_mpr_stack *stack,
                            const rk_mpr_planes *part);

/* Planes of constant column index on the voxel grid (across.c): linear, 16-bit voxels. */
bool rk_mpr_across_fits(const rk_mpr_stack *stack);
size_t rk_mpr_across_work(const rk_mpr_stack *stack);
size_t rk_mpr_across_planes(const rk_row_table *row, const rk_mpr_stack *stack,
                            const rk_mpr_planes *part);

/* The job of plane k. */
rk_mpr_job rk_mpr_stack_job(const rk_mpr_stack *stack, size_t k);

/* Whether the origins of all planes differ along one axis of the volume only. */
bool rk_mpr_stack_along(const rk_mpr_stack *stack, int axis);

#endif /* RK_MPR_LAYERS_H */
