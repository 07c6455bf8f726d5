/* kernels/ht_encode_measure.h: what the size of HT code-blocks depends on, for any step at once. */
#ifndef RK_KERNELS_HT_ENCODE_MEASURE_H
#define RK_KERNELS_HT_ENCODE_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bins of an eighth of an octave. Bin 0 holds what is below 2^-4 * 9/8 (0 too), bin 8 o + f (0 <= f < 8)
 * the m with 2^(o-4) (1 + f/8) <= m < 2^(o-4) (1 + (f+1)/8), the last one what is above as well.
 */
#define RK_HT_BINS 192
#define RK_HT_BIN_OCTAVE (-4) /* of bin 0 */

typedef struct rk_ht_measure_block {
    uint32_t width, height; /* as in t1.h */
    const void *values;     /* float, at any address */
    size_t stride;          /* in values */
    float scale;            /* m = |value| * scale: the norm of the band, so that one step serves all bands */
} rk_ht_measure_block;

/*
 * Counts the samples and 2 x 2 quads of a block by magnitude:
 *
 *     quads[B]               quads whose largest m is in bin B
 *     samples[192 B + b]     samples of bin b in quads of bin B; B = 0 is left out
 *
 * Both are added to what is there; samples behind the edge of a block count as 0. With a step q that is
 * the lower bound of bin k, quads[k ...] are the quads that are significant, samples[B][k ...] with
 * B >= k the samples; an exponent of U = 1 + log2 of the lower bound of B over q goes with the latter.
 *
 * Contract, the same for every variant:
 *   - Reads height rows of width values; anything may be in them: what is not a number counts as very
 *     large.
 *   - Counts wrap.
 */
typedef void rk_ht_measure_fn(const rk_ht_measure_block *b, uint32_t *quads, uint32_t *samples);

typedef struct rk_ht_measure_table {
    rk_ht_measure_fn *measure;
} rk_ht_measure_table;

/* The reference: plain C, every variant is compared with it. */
rk_ht_measure_fn rk_ht_measure_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_ht_measure_fn rk_ht_measure_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_ht_measure_table_fill(rk_ht_measure_table *t, uint32_t cpu);

#endif /* RK_KERNELS_HT_ENCODE_MEASURE_H */
