/* kernels/ht_encode_size.h: how long an HT codestream will be at a step, from counts of magnitudes. */
#ifndef RK_KERNELS_HT_ENCODE_SIZE_H
#define RK_KERNELS_HT_ENCODE_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "ht_encode_measure.h"

/*
 * Counts of all blocks of a frame, as rk_ht_measure makes them from zeros: RK_HT_BINS numbers for
 * each block, and RK_HT_BINS * RK_HT_BINS for all of them.
 */
typedef struct rk_ht_counts {
    uint32_t *quads;
    size_t blocks;
    uint32_t *samples;
} rk_ht_counts;

/* Makes counts from each bin on of the counts in the bins; once, before the functions below. */
void rk_ht_counts_close(const rk_ht_counts *c);

/*
 * Bytes of the codestream if the step of a band is q over its norm: a weighted sum of exponents,
 * significant quads and samples, and the entropies of where these are. The weights are those of a
 * least squares fit on CT, MR, CR, XA and colour frames in blocks of 64 x 64; on other ones of these
 * kinds it was within 3 % at most steps. q is kept between 2^-3 and 2^19.
 */
double rk_ht_size(const rk_ht_counts *c, double q);

/* The q of a size; the nearest that rk_ht_size knows. */
double rk_ht_size_step(const rk_ht_counts *c, double bytes);

#endif /* RK_KERNELS_HT_ENCODE_SIZE_H */
