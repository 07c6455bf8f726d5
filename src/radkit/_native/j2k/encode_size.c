/* Counts of the magnitudes of kept coefficients: what the size of HT blocks depends on; nothing is coded. */
#include "encode.h"
#include "rules.h"

/* Counts in the making. */
typedef struct sizing {
    rk_j2k_encoder *e;
    rk_ht_measure_table kernels;
    rk_ht_counts counts; /* blocks: so far */
} sizing;

/* Calls `each` for each band of all tiles. */
typedef void visit_fn(sizing *s, uint32_t tile, unsigned comp, unsigned r, unsigned band);

static void all_bands(sizing *s, visit_fn *each)
{
    const rk_j2k_writing *w = &s->e->writing;
    for (uint32_t tile = 0; tile < w->across * w->down; tile++)
        for (unsigned comp = 0; comp < w->layout.comps; comp++)
            for (unsigned r = 0; r <= w->layout.style.levels; r++)
                for (unsigned k = 0; k < w->tiles[tile].comps[comp].res[r].band_count; k++)
                    each(s, tile, comp, r, k);
}

static void count_blocks(sizing *s, uint32_t tile, unsigned comp, unsigned r, unsigned band)
{
    const rk_j2k_outband *b = &s->e->writing.tiles[tile].comps[comp].res[r].bands[band];
    s->counts.blocks += (size_t)b->across * b->down;
}

/* Block k in the direction of a grid of cells of 2^size: where it begins and ends. */
static void edges(uint32_t first, uint32_t k, unsigned size, uint32_t low, uint32_t high, uint32_t *x0, uint32_t *x1)
{
    uint64_t start = (uint64_t)(first + k) << size, end = start + ((uint64_t)1 << size);
    *x0 = start > low ? (uint32_t)start : low;
    *x1 = end < high ? (uint32_t)end : high;
}

static void measure_band(sizing *s, uint32_t tile, unsigned comp, unsigned r, unsigned band)
{
    const rk_j2k_outres *res = &s->e->writing.tiles[tile].comps[comp].res[r];
    const rk_j2k_outband *b = &res->bands[band];
    const rk_j2k_strip *strip = rk_j2k_kept_strip(s->e, tile, comp, r, band);
    /* Steps are those of a step of 1: what that is over, the norm, makes them alike. */
    float scale = 1.0f / s->e->deltas[rk_j2k_step_index(r, b->kind)];
    for (uint32_t i = 0; i < b->down; i++)
        for (uint32_t k = 0; k < b->across; k++) {
            uint32_t x0, x1, y0, y1;
            edges(b->bx, k, res->xcb, b->all.x0, b->all.x1, &x0, &x1);
            edges(b->by, i, res->ycb, b->all.y0, b->all.y1, &y0, &y1);
            size_t at = (y0 - b->all.y0) * strip->stride + (x0 - b->all.x0);
            rk_ht_measure_block block = {.width = x1 - x0,
                                         .height = y1 - y0,
                                         .values = (const float *)strip->data + at,
                                         .stride = strip->stride,
                                         .scale = scale};
            s->kernels.measure(&block, s->counts.quads + RK_HT_BINS * s->counts.blocks++, s->counts.samples);
        }
}

rk_status rk_j2k_count(rk_j2k_encoder *e)
{
    sizing s = {.e = e};
    rk_ht_measure_table_fill(&s.kernels, e->task.cpu);
    all_bands(&s, count_blocks);
    RK_TRY(rk_j2k_take(&e->arena, (void **)&s.counts.quads, s.counts.blocks, RK_HT_BINS * sizeof(uint32_t)));
    RK_TRY(rk_j2k_take(&e->arena, (void **)&s.counts.samples, RK_HT_BINS, RK_HT_BINS * sizeof(uint32_t)));
    s.counts.blocks = 0;
    all_bands(&s, measure_band);
    rk_ht_counts_close(&s.counts);
    e->counts = s.counts;
    return rk_j2k_fine();
}
