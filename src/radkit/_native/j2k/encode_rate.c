/*
 * Which passes of which blocks go into which layer: rate-distortion optimal truncation
 * (T.800 J.14.3). A layer takes from every block all passes that gain at least so much
 * per byte; the threshold is the one at which the codestream just fits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "rules.h"

/* A place where a block is worth cutting, and what the bytes up to it gain since the one before. */
typedef struct corner {
    double slope;
    rk_j2k_cut cut;
} corner;

typedef struct blocks {
    rk_j2k_rated **all;
    corner **corners; /* of each block: RK_T1_PASSES at most, slopes fall */
    uint32_t *counts;
    rk_j2k_cut *cuts; /* layers for each block */
    size_t count;
    double *slopes;   /* of all corners, falling */
    size_t slope_count;
} blocks;

/* The corners of the upper convex hull of length and gain. */
static uint32_t find_corners(const rk_j2k_rated *block, corner *corners)
{
    double gains[RK_T1_PASSES + 1], total = 0;
    uint32_t count = 0;
    gains[0] = 0;
    for (uint32_t k = 0; k < block->passes; k++) {
        uint32_t length = block->ends[k].length;
        total += block->ends[k].gain;
        for (;;) {
            uint32_t before = count ? corners[count - 1].cut.size : 0;
            double more = total - gains[count];
            if (more <= 0)
                break; /* no use of its own */
            double slope = length > before ? more / (length - before) : HUGE_VAL;
            if (count && slope >= corners[count - 1].slope) {
                count--;
                continue;
            }
            corners[count].slope = slope;
            corners[count].cut = (rk_j2k_cut){length, (uint16_t)(k + 1)};
            gains[++count] = total;
            break;
        }
    }
    return count;
}

static int falling(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one < other) - (one > other);
}

static rk_status collect(rk_j2k_encoder *e, rk_j2k_arena *arena, blocks *b)
{
    unsigned layers = e->writing.layout.layers;
    for (rk_j2k_rated *r = e->rated; r; r = r->next)
        b->count++;
    RK_TRY(rk_j2k_take(arena, (void **)&b->all, b->count, sizeof *b->all));
    RK_TRY(rk_j2k_take(arena, (void **)&b->corners, b->count, sizeof *b->corners));
    RK_TRY(rk_j2k_take(arena, (void **)&b->counts, b->count, sizeof *b->counts));
    RK_TRY(rk_j2k_take(&e->arena, (void **)&b->cuts, (uint64_t)b->count * layers,
                       sizeof *b->cuts));
    size_t k = 0, corners = 0;
    for (rk_j2k_rated *r = e->rated; r; r = r->next, k++) {
        b->all[k] = r;
        RK_TRY(rk_j2k_take(arena, (void **)&b->corners[k], r->passes, sizeof **b->corners));
        b->counts[k] = find_corners(r, b->corners[k]);
        corners += b->counts[k];
        r->block->cuts = b->cuts + k * layers;
    }
    RK_TRY(rk_j2k_take(arena, (void **)&b->slopes, corners, sizeof *b->slopes));
    for (k = 0; k < b->count; k++)
        for (uint32_t i = 0; i < b->counts[k]; i++)
            b->slopes[b->slope_count++] = b->corners[k][i].slope;
    qsort(b->slopes, b->slope_count, sizeof *b->slopes, falling);
    return rk_j2k_fine();
}

/* Cuts layer `layer` of all blocks at a slope, not before the layer below. */
static void cut(const blocks *b, unsigned layers, unsigned layer, double slope)
{
    for (size_t k = 0; k < b->count; k++) {
        rk_j2k_cut *cuts = b->cuts + k * layers, chosen = {0, 0};
        if (layer)
            chosen = cuts[layer - 1];
        for (uint32_t i = 0; i < b->counts[k] && b->corners[k][i].slope >= slope; i++)
            if (b->corners[k][i].cut.passes > chosen.passes)
                chosen = b->corners[k][i].cut;
        cuts[layer] = chosen;
    }
}

static void cut_nothing(const blocks *b, unsigned layers, unsigned layer)
{
    for (size_t k = 0; k < b->count; k++)
        b->cuts[k * layers + layer] =
            (rk_j2k_cut){(uint32_t)b->all[k]->ends[b->all[k]->passes - 1].length,
                         (uint16_t)b->all[k]->passes};
}

/* Bytes of a codestream of the layers up to `layer`. */
static rk_status measure(rk_j2k_encoder *e, unsigned layer, uint64_t *size)
{
    rk_j2k_layout *l = &e->writing.layout;
    uint16_t layers = l->layers;
    rk_j2k_sink sink = {0};
    /* Cuts lie `layers` apart, and none beyond `layer` is looked at. */
    l->layers = (uint16_t)(layer + 1);
    rk_status status = rk_j2k_write(&e->writing, &sink);
    l->layers = layers;
    *size = sink.size;
    return status.code == RK_LIMIT && status.rule == RK_J2K_MAX_MEMORY && sink.size
               ? rk_j2k_fine()
               : status;
}

/* The most corners, steepest first, with which the codestream is at most `target` bytes long. */
static rk_status fit(rk_j2k_encoder *e, const blocks *b, unsigned layer, uint64_t target)
{
    unsigned layers = e->writing.layout.layers;
    size_t low = 0, high = b->slope_count; /* `low` corners fit, or none do */
    uint64_t size;
    while (low < high) {
        size_t middle = high - (high - low) / 2;
        cut(b, layers, layer, b->slopes[middle - 1]);
        RK_TRY(measure(e, layer, &size));
        if (size <= target)
            low = middle;
        else
            high = middle - 1;
    }
    cut(b, layers, layer, low ? b->slopes[low - 1] : HUGE_VAL);
    e->last_slope = low ? b->slopes[low - 1] : 0;
    return rk_j2k_fine();
}

rk_status rk_j2k_cut_layers(rk_j2k_encoder *e, const uint64_t *targets)
{
    rk_j2k_arena arena = {.budget = &e->budget};
    unsigned layers = e->writing.layout.layers;
    blocks b = {0};
    rk_status status = collect(e, &arena, &b);
    for (unsigned k = 0; k < layers && status.code == RK_OK; k++) {
        if (targets[k] == UINT64_MAX)
            cut_nothing(&b, layers, k);
        else
            status = fit(e, &b, k, targets[k]);
    }
    rk_j2k_release(&arena);
    return status;
}
