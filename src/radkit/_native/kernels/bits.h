/* kernels/bits.h: pixel data of one bit per pixel, unpacked and packed (PS3.5 8.1.1). */
#ifndef RK_KERNELS_BITS_H
#define RK_KERNELS_BITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bit i of a stream is bit i & 7 of byte i >> 3, least significant first. Rows and frames
 * follow each other without padding, so a frame may start at any bit.
 *
 * Contract, the same for every variant:
 *   - `n` may be 0. No alignment is required. Arrays do not overlap.
 *   - unpack: out[i] = bit start + i, as 0 or 1. Of `src` nothing outside of the bytes that
 *     hold these n bits is read; start < 2^64 - n.
 *   - pack: bit start + i of `out` = (values[i] != 0). Bits before `start` in its byte are
 *     kept, bits after the last one in its byte become 0, no other byte is touched.
 */
typedef void rk_bits_unpack_fn(const uint8_t *src, uint64_t start, uint8_t *out, size_t n);
typedef void rk_bits_pack_fn(const uint8_t *values, size_t n, uint8_t *out, uint64_t start);

typedef struct rk_bits_table {
    rk_bits_unpack_fn *unpack;
    rk_bits_pack_fn *pack;
} rk_bits_table;

rk_bits_unpack_fn rk_bits_unpack_c;
rk_bits_pack_fn rk_bits_pack_c;

rk_bits_unpack_fn rk_bits_unpack_avx2;
rk_bits_pack_fn rk_bits_pack_avx2;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_bits_table_fill(rk_bits_table *t, uint32_t cpu);

#endif /* RK_KERNELS_BITS_H */
