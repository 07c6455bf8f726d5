/*
 * Where a codeword segment of Part 1 may be cut that no packet header tells of.
 *
 * Bytes of an MQ segment that are missing are read as ones (T.800 D.4.1), so one may end anywhere, if it is
 * said to hold only passes whose bytes are there. How many bytes the passes of each bit-plane take
 * is guessed: as of coefficients of which a part is Laplacian, with the block's largest one among them, and
 * the others are 0, and whose planes together take as many bytes as the block does. Cuts leave a
 * margin, since a pass that lacks its last bytes has wrong coefficients in its plane.
 */
#include <math.h>

#include "recode.h"

enum { FINE = 4, LOWEST = -6, PLANES = 38 };
/* By trial on CT, MG and US: what is guessed, and some bytes more for each plane; the largest coefficient is
 * larger than that of so many Laplacian ones; below that part of the bytes nothing can be said. */
#define MARGIN 4
#define LARGER 1.4
#define LEAST 0.05

/* Bits of the choice between two things of probability p. */
static double choice(double p)
{
    return p <= 0 || p >= 1 ? 0 : -(p * log2(p) + (1 - p) * log2(1 - p));
}

void rk_j2k_cuts_fill(rk_j2k_cuts *cuts)
{
    for (int k = 0; k < RK_J2K_CUTS; k++) {
        double ratio = exp2((double)k / FINE + LOWEST); /* standard deviation over the plane's unit */
        double found = exp(-sqrt(2.0) / ratio);
        for (int share = 0; share < RK_J2K_SHARES; share++) {
            double before = ldexp(found * found, -share), now = ldexp(found, -share) - before;
            double left = 1 - before;
            double where = left > 0 ? left * choice(now / left) : 0;
            cuts->bits[share][k] = (float)(where + now + before);
        }
    }
}

/* Bits of plane p, for each coefficient, if the deviation is at `at` of the table for plane 0. */
static double bits_of(const rk_j2k_cuts *cuts, int share, int at, unsigned plane)
{
    int k = at - (int)plane * FINE;
    return k < 0 ? 0 : (double)cuts->bits[share][k < RK_J2K_CUTS ? k : RK_J2K_CUTS - 1];
}

static double all_bits(const rk_j2k_cuts *cuts, int share, int at, unsigned planes)
{
    double all = 0;
    for (unsigned p = 0; p < planes; p++)
        all += bits_of(cuts, share, at, p);
    return all;
}

/* The share and deviation that take so many bits; the largest coefficient has all planes. */
static void match(const rk_j2k_cuts *cuts, uint32_t samples, double wanted, unsigned planes,
                  int *share, int *at)
{
    double largest = LARGER * log(samples) / sqrt(2.0); /* of so many, over the deviation */
    double plane = planes - log2(largest > 1 ? largest : 1) - LOWEST;
    int low = (int)(plane * FINE), high = RK_J2K_CUTS - 1;
    low = low < 0 ? 0 : low > high ? high : low;
    *share = 0;
    while (*share + 1 < RK_J2K_SHARES && all_bits(cuts, *share + 1, low, planes) > wanted)
        ++*share;
    if (*share == 0)
        while (low < high) {
            int middle = (low + high) / 2;
            if (all_bits(cuts, 0, middle, planes) < wanted)
                low = middle + 1;
            else
                high = middle;
        }
    *at = low;
}

size_t rk_j2k_cuts_of(const rk_j2k_cuts *cuts, uint32_t samples, uint32_t size, unsigned passes,
                      uint32_t *ends)
{
    unsigned planes = (passes + 2) / 3;
    int share, at;
    double sum = 0;
    if (planes < 2 || planes > PLANES)
        return 0;
    match(cuts, samples, 8.0 * size / samples, planes, &share, &at);
    double all = all_bits(cuts, share, at, planes);
    for (unsigned k = 0; k + 1 < planes; k++) {
        sum += bits_of(cuts, share, at, planes - 1 - k);
        double end = (all > 0 ? size * sum / all : size) + MARGIN * (k + 1);
        ends[k] = end < LEAST * size ? 0 : end < size ? (uint32_t)end : size;
    }
    return planes - 1;
}
