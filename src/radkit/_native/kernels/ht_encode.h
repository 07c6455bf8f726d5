/* kernels/ht_encode.h: HT code-blocks (T.814, JPEG 2000 Part 15), coefficients to bytes. */
#ifndef RK_KERNELS_HT_ENCODE_H
#define RK_KERNELS_HT_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "t1.h" /* rk_coef, RK_BLOCK_* */

/* Most magnitude bits, in units of bit-plane `plane`, that a block may have. */
#define RK_HT_ENCODE_PLANES 30

/*
 * One code-block as one cleanup pass of bit-plane `plane`: each coefficient v is coded as
 * |v| >> plane with its sign, 0 without one. `plane` = 0 is lossless.
 *
 * In the packet header such a block has one pass and z = Mb - 1 - plane missing bit-planes,
 * whatever its magnitudes are (T.814 7.1: z is not an estimate of the magnitude here), with
 * Mb >= planes + plane of all blocks of the band.
 */
typedef struct rk_ht_encode_block {
    uint32_t width, height;
    const void *values; /* int16_t or int32_t, at any address */
    size_t stride;      /* of values, in coefficients */
    uint8_t format;     /* RK_COEF_INT16 or RK_COEF_INT32 */
    uint8_t plane;      /* at most 31 */
    uint8_t *out;
    size_t capacity; /* rk_ht_encode_bound() always suffices */
    /* result */
    uint32_t result; /* 0, RK_BLOCK_FULL or RK_BLOCK_WIDE */
    uint32_t size;   /* bytes of the cleanup segment; 0: all zeros, the block is not included */
    uint32_t planes; /* bits of the largest |v| >> plane; 0: all zeros */
} rk_ht_encode_block;

/*
 * Encodes n code-blocks and sets `result`, `size` and `planes` of each. They may differ in all
 * they are; outputs do not overlap. The bytes are the same in every variant.
 *
 * What can go wrong:
 *   - RK_BLOCK_FULL: the segment is longer than `capacity`. `size` is what it would take, so the
 *     caller may try again; nothing is written.
 *   - RK_BLOCK_WIDE: `planes` is above RK_HT_ENCODE_PLANES; `size` is 0, nothing is written.
 *
 * Contract, the same for every variant:
 *   - `width`, `height` are in range (t1.h).
 *   - Reads nothing of `values` but height rows of width coefficients.
 *   - Writes nothing to `out` but [0, size); `out` may be NULL if the capacity is 0.
 *   - `work` has rk_ht_encode_work_size() bytes, aligned to 64; nothing needs to be set before,
 *     nothing is kept in it.
 *   - Any values are allowed.
 *
 * Where several code words would do (T.814 annex C), that with the fewest bits of VLC and MagSgn
 * together is taken. Segments keep T.814 7.1.1: 2 to 65534 bytes, a suffix of at most 4079,
 * no two bytes above FF8F; these follow from the size of a block and need no check.
 */
typedef void rk_ht_encode_fn(rk_ht_encode_block *blocks, size_t n, void *work);

typedef struct rk_ht_encode_table {
    rk_ht_encode_fn *encode;
} rk_ht_encode_table;

/* Bytes that a block of width x height samples of at most `planes` magnitude bits (in units of
 * its bit-plane) never exceeds. */
size_t rk_ht_encode_bound(uint32_t width, uint32_t height, unsigned planes);

size_t rk_ht_encode_work_size(void);

/* The reference: plain C, every variant is compared with it. */
rk_ht_encode_fn rk_ht_encode_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_ht_encode_fn rk_ht_encode_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_ht_encode_table_fill(rk_ht_encode_table *t, uint32_t cpu);

#endif /* RK_KERNELS_HT_ENCODE_H */
