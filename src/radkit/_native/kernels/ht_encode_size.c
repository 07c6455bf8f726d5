/* kernels/ht_encode_size.c: see ht_encode_size.h. The size is computed at bounds of bins and interpolated. */
#include "ht_encode_size.h"

#include <math.h>

enum { FIRST = 8, LAST = 184 }; /* bins whose lower bound is a step */

/* Bits a unit of each feature, and bytes of all that is there without a block. */
static const double EXPONENTS = 1.120, QUADS = 0.802, PLACES = 0.549, SAMPLES = 1.073, BLOCK = 6.128 * 8, HEADERS = 200;

static double bound(unsigned bin)
{
    return ldexp(1 + bin % 8 / 8.0, (int)(bin / 8) + RK_HT_BIN_OCTAVE);
}

/* Bits to say which `part` of `all` it is. */
static double places(double part, double all)
{
    double p = part / all;
    return p <= 0 || p >= 1 ? 0 : -all * (p * log2(p) + (1 - p) * log2(1 - p));
}

void rk_ht_counts_close(const rk_ht_counts *c)
{
    for (size_t i = 0; i < c->blocks; i++)
        for (unsigned k = RK_HT_BINS - 1; k-- > 0;)
            c->quads[RK_HT_BINS * i + k] += c->quads[RK_HT_BINS * i + k + 1];
    for (unsigned row = 0; row < RK_HT_BINS; row++)
        for (unsigned k = RK_HT_BINS - 1; k-- > 0;)
            c->samples[RK_HT_BINS * row + k] += c->samples[RK_HT_BINS * row + k + 1];
}

/* Bytes with the lower bound of a bin as step. */
static double size_at(const rk_ht_counts *c, unsigned bin)
{
    double samples = 0, exponents = 0, quads = 0, between = 0, blocks = 0, step = bound(bin);
    for (unsigned row = bin; row < RK_HT_BINS; row++) {
        double n = c->samples[RK_HT_BINS * row + bin], middle = (bound(row) + bound(row + 1)) / 2;
        samples += n;
        exponents += n * (middle < 2 * step ? 1 : log2(middle / step) + 1);
    }
    for (size_t i = 0; i < c->blocks; i++) {
        double n = c->quads[RK_HT_BINS * i + bin];
        quads += n;
        blocks += n > 0;
        between += places(n, c->quads[RK_HT_BINS * i]);
    }
    double which = quads > 0 ? places(samples, 4 * quads) : 0;
    double bits = EXPONENTS * exponents + QUADS * quads + PLACES * between + SAMPLES * which + BLOCK * blocks;
    return HEADERS + bits / 8;
}

/* log of the size over log of the step, linear between bounds. */
static double between(double x, double x0, double x1, double y0, double y1)
{
    double share = x1 == x0 ? 0 : (log(x) - log(x0)) / (log(x1) - log(x0));
    return exp(log(y0) + share * (log(y1) - log(y0)));
}

double rk_ht_size(const rk_ht_counts *c, double q)
{
    unsigned bin = FIRST;
    q = q > bound(FIRST) ? q < bound(LAST) ? q : bound(LAST) : bound(FIRST);
    while (bin + 1 < LAST && bound(bin + 1) <= q)
        bin++;
    return between(q, bound(bin), bound(bin + 1), size_at(c, bin), size_at(c, bin + 1));
}

double rk_ht_size_step(const rk_ht_counts *c, double bytes)
{
    unsigned low = FIRST, high = LAST;
    if (!(bytes < size_at(c, low)))
        return bound(low);
    if (bytes <= size_at(c, high))
        return bound(high);
    while (high - low > 1) { /* above `bytes` at low, not above it at high */
        unsigned middle = (low + high) / 2;
        if (size_at(c, middle) > bytes)
            low = middle;
        else
            high = middle;
    }
    return between(bytes, size_at(c, low), size_at(c, high), bound(low), bound(high));
}
