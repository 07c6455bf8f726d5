/* mpr/element.h: one element of an array of any of the types, in and out; where a row begins. */
#ifndef RK_MPR_ELEMENT_H
#define RK_MPR_ELEMENT_H

#include "mpr/mpr.h"

#include <math.h>
#include <string.h>

static inline size_t rk_mpr_bytes(rk_mpr_type type)
{
    static const unsigned char bytes[] = {1, 1, 2, 2, 4, 4, 4, 8};
    return bytes[type];
}

/* One element as its bytes: arrays need not be aligned. */
typedef union rk_mpr_element {
    uint8_t u8;
    int8_t i8;
    uint16_t u16;
    int16_t i16;
    uint32_t u32;
    int32_t i32;
    float f32;
    double f64;
} rk_mpr_element;

static inline double rk_mpr_load(const void *data, rk_mpr_type type, ptrdiff_t at)
{
    rk_mpr_element e;
    const uint8_t *bytes = data;
    switch (type) {
    case RK_MPR_U8: return bytes[at];
    case RK_MPR_I8: return (int8_t)bytes[at];
    case RK_MPR_U16: memcpy(&e.u16, bytes + 2 * at, 2); return e.u16;
    case RK_MPR_I16: memcpy(&e.i16, bytes + 2 * at, 2); return e.i16;
    case RK_MPR_U32: memcpy(&e.u32, bytes + 4 * at, 4); return e.u32;
    case RK_MPR_I32: memcpy(&e.i32, bytes + 4 * at, 4); return e.i32;
    case RK_MPR_F32: memcpy(&e.f32, bytes + 4 * at, 4); return (double)e.f32;
    default: memcpy(&e.f64, bytes + 8 * at, 8); return e.f64;
    }
}

/* Rounded to nearest (ties to even) and saturated; what is no number becomes `low`. */
static inline double rk_mpr_fit(double value, double low, double high)
{
    value = rint(value);
    return value > high ? high : value >= low ? value : low;
}

static inline rk_mpr_element rk_mpr_element_of(rk_mpr_type type, double value)
{
    rk_mpr_element e;
    switch (type) {
    case RK_MPR_U8: e.u8 = (uint8_t)rk_mpr_fit(value, 0, UINT8_MAX); break;
    case RK_MPR_I8: e.i8 = (int8_t)rk_mpr_fit(value, INT8_MIN, INT8_MAX); break;
    case RK_MPR_U16: e.u16 = (uint16_t)rk_mpr_fit(value, 0, UINT16_MAX); break;
    case RK_MPR_I16: e.i16 = (int16_t)rk_mpr_fit(value, INT16_MIN, INT16_MAX); break;
    case RK_MPR_U32: e.u32 = (uint32_t)rk_mpr_fit(value, 0, UINT32_MAX); break;
    case RK_MPR_I32: e.i32 = (int32_t)rk_mpr_fit(value, INT32_MIN, INT32_MAX); break;
    case RK_MPR_F32: e.f32 = (float)value; break;
    default: e.f64 = value; break;
    }
    return e;
}

static inline void rk_mpr_store(void *data, rk_mpr_type type, size_t at, double value)
{
    rk_mpr_element e = rk_mpr_element_of(type, value);
    memcpy((uint8_t *)data + at * rk_mpr_bytes(type), &e, rk_mpr_bytes(type));
}

/* The same value in n elements from `at` on. */
static inline void rk_mpr_fill(void *data, rk_mpr_type type, size_t at, size_t n, double value)
{
    rk_mpr_element e = rk_mpr_element_of(type, value);
    const size_t bytes = rk_mpr_bytes(type);
    uint8_t *to = (uint8_t *)data + at * bytes;
    for (size_t i = 0; i < n; i++, to += bytes) {
        if (bytes == 2)
            memcpy(to, &e, 2);
        else
            memcpy(to, &e, bytes);
    }
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
