/* Tiles, tile-components, resolutions, bands, precincts, code-blocks (T.800 annex B). */
#include <string.h>

#include "kernels/dwt.h"
#include "kernels/quant.h"
#include "tile.h"

/* Precincts of one resolution. */
#define PRECINCTS_MAX ((uint64_t)1 << 20)

/* How far the synthesis filters reach (dwt.h). */
#define REACH_53 2
#define REACH_97 4

rk_j2k_rect rk_j2k_tile_rect(const rk_j2k_stream *s, uint32_t number)
{
    uint64_t x0 = s->tx0 + (uint64_t)(number % s->across) * s->tw;
    uint64_t y0 = s->ty0 + (uint64_t)(number / s->across) * s->th;
    uint64_t x1 = x0 + s->tw, y1 = y0 + s->th;
    return (rk_j2k_rect){(uint32_t)(x0 > s->x0 ? x0 : s->x0), (uint32_t)(y0 > s->y0 ? y0 : s->y0),
                         (uint32_t)(x1 < s->x1 ? x1 : s->x1),
                         (uint32_t)(y1 < s->y1 ? y1 : s->y1)};
}

static uint32_t divide(uint32_t n, uint32_t step)
{
    return (uint32_t)(((uint64_t)n + step - 1) / step);
}

static rk_j2k_rect subsample(rk_j2k_rect r, const rk_j2k_component *c)
{
    return (rk_j2k_rect){divide(r.x0, c->dx), divide(r.y0, c->dy), divide(r.x1, c->dx),
                         divide(r.y1, c->dy)};
}

static rk_j2k_rect shrink(rk_j2k_rect r, unsigned shift)
{
    return (rk_j2k_rect){rk_j2k_shrink(r.x0, shift), rk_j2k_shrink(r.y0, shift),
                         rk_j2k_shrink(r.x1, shift), rk_j2k_shrink(r.y1, shift)};
}

/* What a band holds of a window of its resolution: even places are low-pass, odd ones high. */
static rk_j2k_rect part_of(rk_j2k_rect r, unsigned kind)
{
    unsigned x = !(kind & 1), y = !(kind & 2); /* HL is 1, LH 2, HH 3; low rounds up */
    return (rk_j2k_rect){(uint32_t)(((uint64_t)r.x0 + x) >> 1),
                         (uint32_t)(((uint64_t)r.y0 + y) >> 1),
                         (uint32_t)(((uint64_t)r.x1 + x) >> 1),
                         (uint32_t)(((uint64_t)r.y1 + y) >> 1)};
}

/* What must be transformed to get r. */
static rk_j2k_rect widen(rk_j2k_rect r, unsigned reach, rk_j2k_rect bound)
{
    rk_span x = rk_span_window((rk_span){r.x0, r.x1}, (rk_span){bound.x0, bound.x1}, reach);
    rk_span y = rk_span_window((rk_span){r.y0, r.y1}, (rk_span){bound.y0, bound.y1}, reach);
    return (rk_j2k_rect){x.start, y.start, x.stop, y.stop};
}

/* Out to the borders of cells of 2^x by 2^y, within bound. */
static rk_j2k_rect to_cells(rk_j2k_rect r, unsigned x, unsigned y, rk_j2k_rect bound)
{
    uint64_t x1 = (uint64_t)rk_j2k_shrink(r.x1, x) << x, y1 = (uint64_t)rk_j2k_shrink(r.y1, y) << y;
    rk_j2k_rect out = {r.x0 >> x << x, r.y0 >> y << y,
                       (uint32_t)(x1 < bound.x1 ? x1 : bound.x1),
                       (uint32_t)(y1 < bound.y1 ? y1 : bound.y1)};
    out.x0 = out.x0 > bound.x0 ? out.x0 : bound.x0;
    out.y0 = out.y0 > bound.y0 ? out.y0 : bound.y0;
    return out;
}

/* E.1, E.1.1 */
static void set_quant(rk_j2k_band *band, const rk_j2k_coding *coding, unsigned depth, unsigned r)
{
    const rk_j2k_quant *quant = &coding->quant;
    static const uint8_t gain[4] = {0, 1, 1, 2};
    unsigned index = r == 0 ? 0 : 3 * (r - 1) + band->kind;
    unsigned word = quant->steps[quant->style == 1 ? 0 : index];
    int exponent = (int)(word >> 11), mantissa = (int)(word & 2047);
    if (quant->style == 1 && r > 0)
        exponent -= (int)r - 1;
    int planes = (int)quant->guard + exponent - 1;
    band->planes = (uint8_t)(planes > 0 ? planes : 0);
    band->scale = coding->style.reversible
                      ? 1.0f
                      : rk_quant_scale((int)depth, gain[band->kind], exponent,
                                       (unsigned)mantissa);
}

static rk_status open_res(rk_j2k_tile *t, rk_j2k_tilecomp *c, unsigned depth, unsigned r)
{
    rk_j2k_stream *s = t->stream;
    rk_j2k_res *res = &c->res[r];
    const rk_j2k_style *style = &c->coding->style;
    res->all = shrink(c->all, (unsigned)style->levels - r);
    res->ppx = style->precincts[r] & 15;
    res->ppy = style->precincts[r] >> 4;
    unsigned inner = r > 0;
    res->xcb = style->xcb < res->ppx - inner ? style->xcb : (uint8_t)(res->ppx - inner);
    res->ycb = style->ycb < res->ppy - inner ? style->ycb : (uint8_t)(res->ppy - inner);
    if (!rk_j2k_is_void(res->all)) {
        res->cols = rk_j2k_shrink(res->all.x1, res->ppx) - (res->all.x0 >> res->ppx);
        res->rows = rk_j2k_shrink(res->all.y1, res->ppy) - (res->all.y0 >> res->ppy);
    }
    uint64_t n = (uint64_t)res->cols * res->rows;
    s->packets += n * t->params.layers;
    t->packets += n * t->params.layers;
    if (n > PRECINCTS_MAX || s->packets > s->limits.packets) {
        s->budget.asked = n > PRECINCTS_MAX ? n : s->packets;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_PACKETS, s->start);
    }
    if (n) {
        RK_TRY(rk_j2k_take(&t->arena, (void **)&res->layers, n, sizeof *res->layers));
        RK_TRY(rk_j2k_take(&t->arena, (void **)&res->precincts, n, sizeof *res->precincts));
    }
    res->band_count = r ? 3 : 1;
    for (unsigned b = 0; b < res->band_count; b++) {
        rk_j2k_band *band = &res->bands[b];
        band->kind = (uint8_t)(r ? b + 1 : 0);
        band->all = r ? part_of(res->all, band->kind) : res->all;
        set_quant(band, c->coding, depth, r);
        if (n == 0 || rk_j2k_is_void(band->all))
            continue;
        uint64_t across = rk_j2k_shrink(band->all.x1, res->xcb) - (band->all.x0 >> res->xcb);
        uint64_t down = rk_j2k_shrink(band->all.y1, res->ycb) - (band->all.y0 >> res->ycb);
        s->budget.asked = across * down; /* each at most 2^32, and not both */
        if (across > s->limits.blocks || down > s->limits.blocks
            || (s->blocks += across * down) > s->limits.blocks)
            return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_BLOCKS, s->start);
    }
    return rk_j2k_fine();
}

void rk_j2k_windows(const rk_j2k_tilecomp *c, rk_j2k_rect want, rk_j2k_window *windows)
{
    unsigned reach = c->coding->style.reversible ? REACH_53 : REACH_97;
    for (unsigned r = c->top;; r--) {
        const rk_j2k_res *res = &c->res[r];
        rk_j2k_window *w = &windows[r];
        w->want = want;
        w->need = r ? widen(want, reach, res->all) : want;
        for (unsigned b = 0; b < res->band_count; b++) {
            rk_j2k_rect need = r ? part_of(w->need, res->bands[b].kind) : want;
            w->bands[b].need = need;
            w->bands[b].hold = rk_j2k_is_void(need)
                                   ? need
                                   : to_cells(need, res->xcb, res->ycb, res->bands[b].all);
        }
        if (r == 0)
            return;
        want = part_of(w->need, RK_BAND_LL);
    }
}

/* Precincts of a resolution that touch what is decoded of its bands; returns their number. */
static uint64_t set_hits(rk_j2k_res *res, const rk_j2k_window *window, unsigned r)
{
    rk_j2k_rect hits = {UINT32_MAX, UINT32_MAX, 0, 0};
    unsigned px = res->ppx - (r > 0), py = res->ppy - (r > 0);
    if (!res->cols || !res->rows)
        return 0;
    for (unsigned b = 0; b < res->band_count; b++) {
        rk_j2k_rect hold = window->bands[b].hold;
        if (rk_j2k_is_void(hold))
            continue;
        uint32_t x0 = hold.x0 >> px, x1 = rk_j2k_shrink(hold.x1, px);
        uint32_t y0 = hold.y0 >> py, y1 = rk_j2k_shrink(hold.y1, py);
        hits.x0 = x0 < hits.x0 ? x0 : hits.x0;
        hits.y0 = y0 < hits.y0 ? y0 : hits.y0;
        hits.x1 = x1 > hits.x1 ? x1 : hits.x1;
        hits.y1 = y1 > hits.y1 ? y1 : hits.y1;
    }
    if (rk_j2k_is_void(hits))
        return 0;
    uint32_t x = res->all.x0 >> res->ppx, y = res->all.y0 >> res->ppy;
    res->hits = (rk_j2k_rect){hits.x0 - x, hits.y0 - y, hits.x1 - x, hits.y1 - y};
    return (uint64_t)(hits.x1 - hits.x0) * (hits.y1 - hits.y0);
}

static rk_status open_comp(rk_j2k_tile *t, uint32_t index)
{
    const rk_j2k_stream *s = t->stream;
    const rk_j2k_wish *wish = t->wish;
    rk_j2k_tilecomp *c = &t->comps[index];
    c->coding = &t->params.comps[index];
    c->all = subsample(t->all, &s->comps[index]);
    unsigned levels = c->coding->style.levels;
    RK_TRY(rk_j2k_take(&t->arena, (void **)&c->res, (uint64_t)levels + 1, sizeof *c->res));
    for (unsigned r = 0; r <= levels; r++)
        RK_TRY(open_res(t, c, s->comps[index].depth, r));
    if (!wish->comps[index] || wish->reduce > levels)
        return rk_j2k_fine();
    c->top = (uint8_t)(levels - wish->reduce);
    rk_j2k_rect want = shrink(subsample(wish->area, &s->comps[index]), wish->reduce);
    want = rk_j2k_meet(want, c->res[c->top].all);
    if (rk_j2k_is_void(want))
        return rk_j2k_fine();
    c->wanted = true;
    RK_TRY(rk_j2k_take(&t->arena, (void **)&c->windows, c->top + 1u, sizeof *c->windows));
    rk_j2k_windows(c, want, c->windows);
    return rk_j2k_fine();
}

/* Parameters of the tile: those of the main header, unless it has segments of its own. */
static rk_status set_params(rk_j2k_tile *t)
{
    rk_j2k_stream *s = t->stream;
    bool own = false;
    for (uint32_t n = s->tiles[t->number].first; n; n = s->parts[n - 1].next)
        own |= s->parts[n - 1].body > s->parts[n - 1].header + 2;
    t->params = s->main;
    t->params.seen = 0;
    if (!own)
        return rk_j2k_fine();
    RK_TRY(rk_j2k_take(&t->arena, (void **)&t->params.comps, s->count, sizeof *s->main.comps));
    memcpy(t->params.comps, s->main.comps, s->count * sizeof *s->main.comps);
    RK_TRY(rk_j2k_take(&t->arena, (void **)&t->params.orders, RK_J2K_ORDERS_MAX,
                       sizeof *s->main.orders));
    if (s->main.order_count)
        memcpy(t->params.orders, s->main.orders, s->main.order_count * sizeof *s->main.orders);
    return rk_j2k_read_tile_headers(s, t->number, &t->params, &t->arena, &t->ppt, &t->ppt_size);
}

rk_status rk_j2k_tile_open(rk_j2k_tile *t, rk_j2k_stream *s, const rk_j2k_wish *wish,
                           uint32_t number)
{
    memset(t, 0, sizeof *t);
    t->stream = s;
    t->wish = wish;
    t->number = number;
    t->arena.budget = &s->budget;
    t->all = rk_j2k_tile_rect(s, number);
    RK_TRY(set_params(t));
    RK_TRY(rk_j2k_take(&t->arena, (void **)&t->comps, s->count, sizeof *t->comps));
    for (uint32_t k = 0; k < s->count; k++)
        RK_TRY(open_comp(t, k));
    uint32_t layers = wish->layers < t->params.layers ? wish->layers : t->params.layers;
    for (uint32_t k = 0; k < s->count; k++)
        for (unsigned r = 0; t->comps[k].wanted && r <= t->comps[k].top; r++)
            t->wanted += set_hits(&t->comps[k].res[r], &t->comps[k].windows[r], r) * layers;
    t->packets_wanted = t->wanted;
    return rk_j2k_fine();
}

void rk_j2k_tile_close(rk_j2k_tile *t)
{
    rk_j2k_release(&t->arena);
}

size_t rk_j2k_tree_size(uint32_t cols, uint32_t rows)
{
    size_t n = 0, c = cols, r = rows;
    for (;; c = (c + 1) / 2, r = (r + 1) / 2) {
        n += c * r;
        if (c <= 1 && r <= 1)
            return n;
    }
}

rk_status rk_j2k_precinct_make(rk_j2k_tile *t, rk_j2k_tilecomp *c, unsigned r, uint32_t k)
{
    rk_j2k_res *res = &c->res[r];
    rk_j2k_precinct *precinct;
    unsigned inner = r > 0, px = res->ppx - inner, py = res->ppy - inner;
    RK_TRY(rk_j2k_take(&t->arena, (void **)&precinct, 1, sizeof *precinct));
    uint64_t i = (res->all.x0 >> res->ppx) + k % res->cols;
    uint64_t j = (res->all.y0 >> res->ppy) + k / res->cols;
    for (unsigned b = 0; b < res->band_count; b++) {
        rk_j2k_cell *cell = &precinct->cells[b];
        rk_j2k_rect all = res->bands[b].all;
        uint64_t x0 = i << px, x1 = (i + 1) << px, y0 = j << py, y1 = (j + 1) << py;
        x0 = x0 > all.x0 ? x0 : all.x0;
        y0 = y0 > all.y0 ? y0 : all.y0;
        x1 = x1 < all.x1 ? x1 : all.x1;
        y1 = y1 < all.y1 ? y1 : all.y1;
        if (x0 >= x1 || y0 >= y1)
            continue;
        cell->bx = (uint32_t)(x0 >> res->xcb);
        cell->by = (uint32_t)(y0 >> res->ycb);
        cell->cols = rk_j2k_shrink((uint32_t)x1, res->xcb) - cell->bx;
        cell->rows = rk_j2k_shrink((uint32_t)y1, res->ycb) - cell->by;
        size_t nodes = rk_j2k_tree_size(cell->cols, cell->rows);
        RK_TRY(rk_j2k_take(&t->arena, (void **)&cell->blocks, (uint64_t)cell->cols * cell->rows,
                           sizeof *cell->blocks));
        RK_TRY(rk_j2k_take(&t->arena, (void **)&cell->inclusion, nodes, sizeof *cell->inclusion));
        RK_TRY(rk_j2k_take(&t->arena, (void **)&cell->zero, nodes, sizeof *cell->zero));
    }
    res->precincts[k] = precinct;
    return rk_j2k_fine();
}
