/* Steps of the bands and guard bits (T.800 annex E). */
#include <math.h>

#include "encode.h"
#include "rules.h"

/*
 * L2 norms of what one unit in a low-pass or high-pass sample of level 1, 2 ... becomes along
 * one dimension; from one level to the next a factor that tends to the square root of 2.
 */
enum { NORMS = 10 };
static const double LOW_97[NORMS] = {1.402108, 2.030372, 2.901163,  4.115285,  5.824511,
                                     8.238760, 11.651955, 16.478561, 23.304278, 32.957252};
static const double HIGH_97[NORMS] = {0.721261, 0.983471, 1.441962, 2.073760,  2.947325,
                                      4.173589, 5.904302, 8.350639, 11.809833, 16.701713};
static const double LOW_53[NORMS] = {1.224745, 1.658312, 2.318405,  3.269174,  4.619930,
                                     6.532371, 9.237745, 13.063995, 18.475226, 26.127897};
static const double HIGH_53[NORMS] = {0.847791, 0.960143, 1.259340, 1.744411, 2.453871,
                                      3.465652, 4.899528, 6.928397, 9.798027, 13.856431};

static double norm_along(const double *table, unsigned level)
{
    double norm = 1;
    for (; level > NORMS; level--)
        norm *= sqrt(2.0);
    return level ? norm * table[level - 1] : 1;
}

double rk_j2k_band_norm(bool reversible, unsigned level, unsigned kind)
{
    const double *low = reversible ? LOW_53 : LOW_97, *high = reversible ? HIGH_53 : HIGH_97;
    return norm_along(kind & 1 ? high : low, level) * norm_along(kind & 2 ? high : low, level);
}

double rk_j2k_weight(const rk_j2k_encoder *e, unsigned comp, unsigned r, unsigned kind)
{
    /* Sums of squares of the columns of the inverse transforms (G.2, G.3). */
    static const double rct[3] = {3, 0.6875, 0.6875}, ict[3] = {3, 3.2584, 2.4755};
    const rk_j2k_layout *l = &e->writing.layout;
    unsigned level = r ? l->style.levels - r + 1u : l->style.levels;
    double norm = rk_j2k_band_norm(l->style.reversible, level, kind);
    double delta = (double)e->deltas[rk_j2k_step_index(r, kind)];
    double mix = !l->mct || comp > 2 ? 1 : l->style.reversible ? rct[comp] : ict[comp];
    return norm * norm * delta * delta * mix;
}

/* The word of SPqcd for a step, and the step that it stands for (E.1.1). */
static uint16_t step_word(double delta, int range, double *exact)
{
    int power;
    double fraction = frexp(delta, &power) * 2; /* delta = fraction * 2^(power - 1) */
    int exponent = range - (power - 1), mantissa = (int)lrint((fraction - 1) * 2048);
    if (mantissa == 2048) {
        mantissa = 0;
        exponent--;
    }
    if (exponent < 0) {
        exponent = 0;
        mantissa = 2047;
    } else if (exponent > 31) {
        exponent = 31;
        mantissa = 0;
    }
    *exact = ldexp(1 + mantissa / 2048.0, range - exponent);
    return (uint16_t)(exponent << 11 | mantissa);
}

void rk_j2k_set_steps(rk_j2k_encoder *e, double step)
{
    static const uint8_t gains[4] = {0, 1, 1, 2};
    rk_j2k_layout *l = &e->writing.layout;
    unsigned levels = l->style.levels;
    e->step = step;
    l->style.reversible = step == 0;
    l->quant.style = step == 0 ? 0 : 2;
    l->quant.guard = 2;
    l->quant.bands = (uint8_t)(3 * levels + 1);
    for (unsigned r = 0; r <= levels; r++)
        for (unsigned kind = r ? 1 : 0; kind <= (r ? 3u : 0u); kind++) {
            unsigned k = rk_j2k_step_index(r, kind), range = (unsigned)l->depth + gains[kind];
            unsigned level = r ? levels - r + 1 : levels;
            double exact = 1;
            if (step == 0) /* the differences of RCT have a bit more */
                l->quant.steps[k] = (uint16_t)((range + l->mct) << 11);
            else
                l->quant.steps[k] = step_word(step / rk_j2k_band_norm(false, level, kind),
                                              (int)range, &exact);
            e->deltas[k] = (float)exact;
            e->planes[k] = 0;
        }
}

rk_status rk_j2k_raise_guard(rk_j2k_encoder *e)
{
    rk_j2k_layout *l = &e->writing.layout;
    for (unsigned r = 0; r <= l->style.levels; r++)
        for (unsigned kind = r ? 1 : 0; kind <= (r ? 3u : 0u); kind++)
            while (rk_j2k_band_planes(l, r, kind) < e->planes[rk_j2k_step_index(r, kind)]) {
                if (l->quant.guard == 7)
                    return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, 0);
                l->quant.guard++;
            }
    return rk_j2k_fine();
}
