/* The error that a step makes, of kept coefficients; nothing is coded. */
#include <math.h>

#include "encode.h"

enum { LANES = 8 }; /* sums side by side, so that a compiler may take a vector */

/* Squared differences of n coefficients, in units of the step, and what they are restored to (E.1.1.2). */
static double row_error(const float *values, size_t n, float scale)
{
    float sums[LANES] = {0};
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        float size = fabsf(values[k]) * scale;
        if (size > 1e9f) /* its step is below what a float can tell apart */
            continue;
        float whole = (float)(int32_t)size, rest = size - (whole > 0 ? whole + 0.5f : 0);
        sums[k % LANES] += rest * rest;
    }
    for (unsigned k = 0; k < LANES; k++)
        sum += (double)sums[k];
    return sum;
}

static double band_error(const rk_j2k_encoder *e, uint32_t tile, unsigned comp, unsigned r,
                         unsigned band)
{
    const rk_j2k_outband *b = &e->writing.tiles[tile].comps[comp].res[r].bands[band];
    const rk_j2k_strip *strip = rk_j2k_kept_strip(e, tile, comp, r, band);
    float scale = 1.0f / e->deltas[rk_j2k_step_index(r, b->kind)];
    double sum = 0;
    if (rk_j2k_is_void(b->all))
        return 0;
    for (uint32_t y = 0; y < b->all.y1 - b->all.y0; y++)
        sum += row_error((const float *)strip->data + y * strip->stride, b->all.x1 - b->all.x0,
                         scale);
    return sum * rk_j2k_weight(e, comp, r, b->kind);
}

double rk_j2k_squares(const rk_j2k_encoder *e)
{
    const rk_j2k_writing *w = &e->writing;
    double sum = 0;
    for (uint32_t tile = 0; tile < w->across * w->down; tile++)
        for (unsigned comp = 0; comp < w->layout.comps; comp++)
            for (unsigned r = 0; r <= w->layout.style.levels; r++)
                for (unsigned k = 0; k < w->tiles[tile].comps[comp].res[r].band_count; k++)
                    sum += band_error(e, tile, comp, r, k);
    return sum;
}
