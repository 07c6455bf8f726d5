/*
 * mpr/stack.h: many parallel planes of one size, as whole volumes and stacks are made of. Each
 * plane has the very pixels that it would have alone; planes together only share work.
 */
#ifndef RK_MPR_STACK_H
#define RK_MPR_STACK_H

#include "mpr/mpr.h"

/* Plane k is that of `job`, but for its grid's origin, which is origin[3 k ...]. */
typedef struct rk_mpr_stack {
    const rk_mpr_job *job;
    const double *origin;
    size_t planes;
} rk_mpr_stack;

/* Planes first ... first + count - 1; out and outside are those of plane `first`, row 0. */
typedef struct rk_mpr_planes {
    size_t first, count;
    void *out;
    uint8_t *outside;
    void *work; /* RK_MPR_ALIGN-aligned */
} rk_mpr_planes;

/* Bytes of scratch memory that rk_mpr_stack_planes needs. */
size_t rk_mpr_stack_work(const rk_mpr_stack *stack, uint32_t cpu);

/* Returns the number of pixels without data. */
size_t rk_mpr_stack_planes(const rk_mpr_stack *stack, const rk_mpr_planes *part, uint32_t cpu);

/* How many planes are best done by one call: more of them share more work. */
size_t rk_mpr_stack_block(const rk_mpr_stack *stack);

#endif /* RK_MPR_STACK_H */
