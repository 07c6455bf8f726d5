/*
 * fuzz/native/blocks.h: what the two targets over code-blocks share.
 *
 * An input begins with the number of blocks and their descriptions, the bytes of all blocks
 * follow. Each segment gets a buffer of its own that ends with the RK_PAD bytes it may touch.
 */
#ifndef RK_FUZZ_BLOCKS_H
#define RK_FUZZ_BLOCKS_H

#include "kernels/t1.h"
#include "target.h"

typedef struct rk_fuzz_bytes {
    const uint8_t *at, *end;
} rk_fuzz_bytes;

static inline uint8_t rk_fuzz_next(rk_fuzz_bytes *b)
{
    return b->at < b->end ? *b->at++ : 0;
}

/* The next `size` bytes, or what is left, with RK_PAD bytes of `pad` behind. */
static inline uint8_t *rk_fuzz_piece(rk_fuzz_bytes *b, uint32_t *size, uint8_t pad)
{
    size_t left = (size_t)(b->end - b->at);
    *size = *size < left ? *size : (uint32_t)left;
    uint8_t *copy = rk_fuzz_copy(b->at, *size, RK_PAD);
    memset(copy + *size, pad, RK_PAD);
    b->at += *size;
    return copy;
}

/* A shape of two bytes: sides up to 16, or long ones, at most 4096 samples. */
static inline void rk_fuzz_shape(rk_fuzz_bytes *b, uint32_t *width, uint32_t *height)
{
    uint8_t w = rk_fuzz_next(b), h = rk_fuzz_next(b);
    *width = ((w & 15) + 1u) * (w < 224 ? 1 : w < 250 ? 4 : 64) + (w >> 4 & 1);
    *height = ((h & 15) + 1u) * (h < 224 ? 1 : h < 250 ? 4 : 64) + (h >> 4 & 1);
    if (*width > RK_BLOCK_SIDE)
        *width = RK_BLOCK_SIDE;
    if (*height > RK_BLOCK_SIDE)
        *height = RK_BLOCK_SIDE;
    if (*width > RK_BLOCK_AREA / *height)
        *height = RK_BLOCK_AREA / *width;
}

static inline size_t rk_fuzz_width_of(uint8_t format)
{
    return format == RK_COEF_INT16 ? 2 : format == RK_COEF_INT32 ? 4 : 8;
}

/* Work of `size` bytes that ends where it ends, filled with what must not matter. */
static inline void *rk_fuzz_work(size_t size, uint8_t fill)
{
    void *work = NULL;
    if (posix_memalign(&work, 64, size) != 0)
        abort();
    memset(work, fill, size);
    return work;
}

#endif /* RK_FUZZ_BLOCKS_H */
