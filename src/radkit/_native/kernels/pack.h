/*
 * kernels/pack.h: stored cells into values (PS3.5 8.1.1, 8.2; Bits Allocated, Bits Stored,
 * High Bit, Pixel Representation), planes into pixels, and what is in an array.
 */
#ifndef RK_KERNELS_PACK_H
#define RK_KERNELS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the value lies in a cell of 8 * itemsize bits. 1 <= bits, shift + bits <= the cell. */
typedef struct rk_cell {
    uint8_t shift; /* High Bit + 1 - Bits Stored */
    uint8_t bits;  /* Bits Stored */
    bool is_signed;
    bool swap; /* the bytes of a cell lie in the other order */
} rk_cell;

/*
 * Contract, the same for every variant of everything here:
 *   - `n` may be 0. No alignment is required. Nothing is touched past n.
 *   - Arrays do not overlap, except that `out` of finish may be `src`.
 *
 * finish:     value = sign- or zero-extension of bits shift ... shift + bits - 1 of the cell,
 *             in two's complement of the width of the cell.
 * outside:    whether any cell has a bit set that is not one of those.
 * widen:      value = sign- or zero-extension of the lowest `bits` bits, cut to the width of
 *             `out`. Named by the widths in and out; equal widths are `finish`.
 * interleave: out[i * samples + s] = src[s * n + i]. samples >= 1.
 * range:      min and max; untouched if n is 0. Signed and unsigned by name.
 */
typedef void rk_pack_finish_fn(const void *src, void *out, size_t n, rk_cell cell);
typedef bool rk_pack_outside_fn(const void *src, size_t n, rk_cell cell);
typedef void rk_pack_convert_fn(const void *src, void *out, size_t n, unsigned bits,
                                bool is_signed);
typedef void rk_pack_interleave_fn(const void *src, void *out, size_t n, size_t samples);
typedef void rk_pack_range_fn(const void *src, size_t n, int64_t *low, int64_t *high);

typedef struct rk_pack_table {
    rk_pack_finish_fn *finish8, *finish16, *finish32, *finish64;
    rk_pack_outside_fn *outside8, *outside16, *outside32, *outside64;
    rk_pack_convert_fn *convert8to16, *convert8to32, *convert16to8, *convert16to32;
    rk_pack_convert_fn *convert32to8, *convert32to16;
    rk_pack_interleave_fn *interleave8, *interleave16, *interleave32;
    rk_pack_range_fn *range_u8, *range_i8, *range_u16, *range_i16, *range_u32, *range_i32;
} rk_pack_table;

rk_pack_finish_fn rk_pack_finish8_c, rk_pack_finish16_c, rk_pack_finish32_c, rk_pack_finish64_c;
rk_pack_outside_fn rk_pack_outside8_c, rk_pack_outside16_c, rk_pack_outside32_c;
rk_pack_outside_fn rk_pack_outside64_c;
rk_pack_convert_fn rk_pack_convert8to16_c, rk_pack_convert8to32_c, rk_pack_convert16to8_c;
rk_pack_convert_fn rk_pack_convert16to32_c, rk_pack_convert32to8_c, rk_pack_convert32to16_c;
rk_pack_interleave_fn rk_pack_interleave8_c, rk_pack_interleave16_c, rk_pack_interleave32_c;
rk_pack_range_fn rk_pack_range_u8_c, rk_pack_range_i8_c, rk_pack_range_u16_c;
rk_pack_range_fn rk_pack_range_i16_c, rk_pack_range_u32_c, rk_pack_range_i32_c;

rk_pack_finish_fn rk_pack_finish8_avx2, rk_pack_finish16_avx2, rk_pack_finish32_avx2;
rk_pack_outside_fn rk_pack_outside8_avx2, rk_pack_outside16_avx2, rk_pack_outside32_avx2;
rk_pack_convert_fn rk_pack_convert8to16_avx2, rk_pack_convert16to8_avx2;
rk_pack_convert_fn rk_pack_convert16to32_avx2, rk_pack_convert32to16_avx2;
rk_pack_interleave_fn rk_pack_interleave8_avx2, rk_pack_interleave16_avx2;
rk_pack_range_fn rk_pack_range_u8_avx2, rk_pack_range_u16_avx2, rk_pack_range_i32_avx2;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_pack_table_fill(rk_pack_table *t, uint32_t cpu);

/*
 * Cells of `cell_bytes` (1 to 8) bytes, of any byte order, into the low bits of wider words:
 * Bits Allocated 24, 40 and the like. Rare, so it has no variants.
 */
void rk_pack_cells32(const uint8_t *src, void *out, size_t n, unsigned cell_bytes,
                     bool big_endian); /* cell_bytes <= 4 */
void rk_pack_cells64(const uint8_t *src, void *out, size_t n, unsigned cell_bytes,
                     bool big_endian);

/* The mask of the stored bits within a cell, as it lies in memory order if `swap`. */
uint64_t rk_pack_mask(rk_cell cell, unsigned cell_bits);

#endif /* RK_KERNELS_PACK_H */
