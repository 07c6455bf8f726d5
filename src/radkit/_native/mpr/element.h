/* mpr/element.h: one element of an array of any of the types, in and out; where a row begins. */
#ifndef RK_MPR_ELEMENT_H
#define RK_MPR_ELEMENT_H

#include "mpr/mpr.h"

#include <math.h>

static inline double rk_mpr_load(const void *data, rk_mpr_type type, ptrdiff_t at)
{
    switch (type) {
    case RK_MPR_U8: return ((const uint8_t *)data)[at];
    case RK_MPR_I8: return ((const int8_t *)data)[at];
    case RK_MPR_U16: return ((const uint16_t *)data)[at];
    case RK_MPR_I16: return ((const int16_t *)data)[at];
    case RK_MPR_U32: return ((const uint32_t *)data)[at];
    case RK_MPR_I32: return ((const int32_t *)data)[at];
    case RK_MPR_F32: return (double)((const float *)data)[at];
    default: return ((const double *)data)[at];
    }
}

/* Rounded to nearest (ties to even) and saturated; what is no number becomes `low`. */
static inline double rk_mpr_fit(double value, double low, double high)
{
    value = rint(value);
    return value > high ? high : value >= low ? value : low;
}

static inline void rk_mpr_store(void *data, rk_mpr_type type, size_t at, double value)
{
    switch (type) {
    case RK_MPR_U8: ((uint8_t *)data)[at] = (uint8_t)rk_mpr_fit(value, 0, UINT8_MAX); break;
    case RK_MPR_I8: ((int8_t *)data)[at] = (int8_t)rk_mpr_fit(value, INT8_MIN, INT8_MAX); break;
    case RK_MPR_U16: ((uint16_t *)data)[at] = (uint16_t)rk_mpr_fit(value, 0, UINT16_MAX); break;
    case RK_MPR_I16: ((int16_t *)data)[at] = (int16_t)rk_mpr_fit(value, INT16_MIN, INT16_MAX); break;
    case RK_MPR_U32: ((uint32_t *)data)[at] = (uint32_t)rk_mpr_fit(value, 0, UINT32_MAX); break;
    case RK_MPR_I32: ((int32_t *)data)[at] = (int32_t)rk_mpr_fit(value, INT32_MIN, INT32_MAX); break;
    case RK_MPR_F32: ((float *)data)[at] = (float)value; break;
    default: ((double *)data)[at] = value; break;
    }
}

/* The same value in n elements from `at` on. */
static inline void rk_mpr_fill(void *data, rk_mpr_type type, size_t at, size_t n, double value)
{
    for (size_t i = 0; i < n; i++)
        rk_mpr_store(data, type, at + i, value);
}

static inline size_t rk_mpr_bytes(rk_mpr_type type)
{
    static const unsigned char bytes[] = {1, 1, 2, 2, 4, 4, 4, 8};
    return bytes[type];
}

/* A row of samples: the first one, and the step from column to column. */
typedef struct rk_mpr_line {
    double start[3], step[3];
} rk_mpr_line;

/* Row `row` of the k-th plane of a slab. */
static inline rk_mpr_line rk_mpr_line_of(const rk_mpr_grid *grid, size_t row, size_t k)
{
    rk_mpr_line line;
    const double *own = grid->lines ? grid->lines + 9 * row : NULL;
    for (int axis = 0; axis < 3; axis++) {
        double start = own ? own[axis] : grid->origin[axis] + (double)row * grid->down[axis];
        double into = own ? own[6 + axis] : grid->into[axis];
        line.start[axis] = start + (double)k * into;
        line.step[axis] = own ? own[3 + axis] : grid->right[axis];
    }
    return line;
}

#endif /* RK_MPR_ELEMENT_H */
