/* kernels/coef.h: quantised samples of a decoded code-block, for the portable decoders of ht.h and t1.h. */
#ifndef RK_KERNELS_COEF_H
#define RK_KERNELS_COEF_H

#include "t1.h"

/*
 * The value of a sample: its magnitude above the lowest bit that was decoded, half a step of that
 * bit added, in halves if `half`. 0 stays 0.
 */
static inline uint64_t rk_coef_size(uint64_t magnitude, unsigned lowest, bool half)
{
    uint64_t middle = (uint64_t)1 << lowest;
    return !magnitude ? 0 : half ? 2 * magnitude + middle : magnitude + (middle >> 1);
}

static inline void rk_coef_store(void *out, rk_coef format, size_t at, int64_t value)
{
    if (format == RK_COEF_INT16)
        ((int16_t *)out)[at] = (int16_t)value;
    else if (format == RK_COEF_INT32)
        ((int32_t *)out)[at] = (int32_t)value;
    else
        ((int64_t *)out)[at] = value;
}

#endif /* RK_KERNELS_COEF_H */
