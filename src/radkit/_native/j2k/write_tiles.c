/* The tiles of a codestream to be written, down to its code-blocks (T.800 annex B). */
#include "rules.h"
#include "write.h"

unsigned rk_j2k_quant_planes(const rk_j2k_quant *quant, unsigned r, unsigned kind)
{
    bool derived = quant->style == 1;
    int exponent = quant->steps[derived ? 0 : rk_j2k_step_index(r, kind)] >> 11;
    if (derived && r > 0)
        exponent -= (int)r - 1;
    int planes = (int)quant->guard + exponent - 1;
    return planes > 0 ? (unsigned)planes : 0;
}

unsigned rk_j2k_band_planes(const rk_j2k_layout *layout, unsigned r, unsigned kind)
{
    return rk_j2k_quant_planes(&layout->quant, r, kind);
}

size_t rk_j2k_marks_of(uint32_t cols, uint32_t rows)
{
    size_t all = 0, c = cols, r = rows;
    for (; c > 1 || r > 1; c = (c + 1) / 2, r = (r + 1) / 2)
        all += c * r;
    return all + 1;
}

/* Even places of a resolution are low-pass, odd ones high-pass. */
static rk_j2k_rect band_of(rk_j2k_rect r, unsigned kind)
{
    unsigned x = !(kind & 1), y = !(kind & 2);
    return (rk_j2k_rect){(uint32_t)(((uint64_t)r.x0 + x) >> 1),
                         (uint32_t)(((uint64_t)r.y0 + y) >> 1),
                         (uint32_t)(((uint64_t)r.x1 + x) >> 1),
                         (uint32_t)(((uint64_t)r.y1 + y) >> 1)};
}

static rk_status open_band(rk_j2k_writing *w, rk_j2k_outres *res, rk_j2k_outband *band)
{
    if (rk_j2k_is_void(band->all))
        return rk_j2k_fine();
    band->bx = band->all.x0 >> res->xcb;
    band->by = band->all.y0 >> res->ycb;
    band->across = rk_j2k_shrink(band->all.x1, res->xcb) - band->bx;
    band->down = rk_j2k_shrink(band->all.y1, res->ycb) - band->by;
    return rk_j2k_take(w->arena, (void **)&band->blocks, (uint64_t)band->across * band->down,
                       sizeof *band->blocks);
}

/* The blocks of one band in precinct (i, j), these as places in the grid that begins at 0. */
static rk_status open_cover(rk_j2k_writing *w, const rk_j2k_outres *res,
                            const rk_j2k_outband *band, uint64_t i, uint64_t j,
                            rk_j2k_cover *cover)
{
    unsigned inner = band->kind != RK_BAND_LL;
    unsigned px = res->ppx - inner, py = res->ppy - inner;
    uint64_t x0 = i << px, x1 = (i + 1) << px, y0 = j << py, y1 = (j + 1) << py;
    x0 = x0 > band->all.x0 ? x0 : band->all.x0;
    y0 = y0 > band->all.y0 ? y0 : band->all.y0;
    x1 = x1 < band->all.x1 ? x1 : band->all.x1;
    y1 = y1 < band->all.y1 ? y1 : band->all.y1;
    if (x0 >= x1 || y0 >= y1)
        return rk_j2k_fine();
    cover->x = (uint32_t)(x0 >> res->xcb) - band->bx;
    cover->y = (uint32_t)(y0 >> res->ycb) - band->by;
    cover->cols = rk_j2k_shrink((uint32_t)x1, res->xcb) - band->bx - cover->x;
    cover->rows = rk_j2k_shrink((uint32_t)y1, res->ycb) - band->by - cover->y;
    size_t nodes = rk_j2k_marks_of(cover->cols, cover->rows);
    RK_TRY(rk_j2k_take(w->arena, (void **)&cover->inclusion, nodes, sizeof *cover->inclusion));
    return rk_j2k_take(w->arena, (void **)&cover->zero, nodes, sizeof *cover->zero);
}

static rk_status open_res(rk_j2k_writing *w, const rk_j2k_style *style, const rk_j2k_outcomp *c,
                          unsigned r)
{
    rk_j2k_outres *res = &c->res[r];
    unsigned shift = (unsigned)style->levels - r, inner = r > 0;
    res->all = (rk_j2k_rect){rk_j2k_shrink(c->all.x0, shift), rk_j2k_shrink(c->all.y0, shift),
                             rk_j2k_shrink(c->all.x1, shift), rk_j2k_shrink(c->all.y1, shift)};
    res->ppx = style->precincts[r] & 15;
    res->ppy = style->precincts[r] >> 4;
    res->xcb = style->xcb < res->ppx - inner ? style->xcb : (uint8_t)(res->ppx - inner);
    res->ycb = style->ycb < res->ppy - inner ? style->ycb : (uint8_t)(res->ppy - inner);
    res->band_count = inner ? 3 : 1;
    for (unsigned b = 0; b < res->band_count; b++) {
        res->bands[b].kind = (uint8_t)(b + inner);
        res->bands[b].all = inner ? band_of(res->all, b + 1) : res->all;
    }
    if (rk_j2k_is_void(res->all))
        return rk_j2k_fine();
    res->cols = rk_j2k_shrink(res->all.x1, res->ppx) - (res->all.x0 >> res->ppx);
    res->rows = rk_j2k_shrink(res->all.y1, res->ppy) - (res->all.y0 >> res->ppy);
    for (unsigned b = 0; b < res->band_count; b++)
        RK_TRY(open_band(w, res, &res->bands[b]));
    uint64_t n = (uint64_t)res->cols * res->rows;
    RK_TRY(rk_j2k_take(w->arena, (void **)&res->covers, n, 3 * sizeof *res->covers));
    for (uint64_t k = 0; k < n; k++)
        for (unsigned b = 0; b < res->band_count; b++)
            RK_TRY(open_cover(w, res, &res->bands[b],
                              (res->all.x0 >> res->ppx) + k % res->cols,
                              (res->all.y0 >> res->ppy) + k / res->cols,
                              &res->covers[3 * k + b]));
    return rk_j2k_fine();
}

/* ceil(n / step) of all sides */
static rk_j2k_rect on_grid(rk_j2k_rect r, uint32_t dx, uint32_t dy)
{
    return (rk_j2k_rect){r.x0 / dx + (r.x0 % dx > 0), r.y0 / dy + (r.y0 % dy > 0),
                         r.x1 / dx + (r.x1 % dx > 0), r.y1 / dy + (r.y1 % dy > 0)};
}

static rk_status open_comp(rk_j2k_writing *w, rk_j2k_outtile *t, unsigned k)
{
    const rk_j2k_component *own = w->layout.components ? &w->layout.components[k] : NULL;
    const rk_j2k_style *style = rk_j2k_out_style(w, t, k);
    rk_j2k_outcomp *c = &t->comps[k];
    c->all = own ? on_grid(t->all, own->dx, own->dy) : t->all;
    if (style->levels > w->levels)
        w->levels = style->levels;
    RK_TRY(rk_j2k_take(w->arena, (void **)&c->res, style->levels + 1u, sizeof *c->res));
    for (unsigned r = 0; r <= style->levels; r++)
        RK_TRY(open_res(w, style, c, r));
    return rk_j2k_fine();
}

static rk_status open_tile(rk_j2k_writing *w, uint32_t number)
{
    const rk_j2k_layout *l = &w->layout;
    rk_j2k_outtile *t = &w->tiles[number];
    uint64_t x = l->tx0 + (uint64_t)(number % w->across) * l->tw;
    uint64_t y = l->ty0 + (uint64_t)(number / w->across) * l->th;
    uint64_t right = x + l->tw, bottom = y + l->th;
    t->all.x0 = x > l->image.x0 ? (uint32_t)x : l->image.x0;
    t->all.y0 = y > l->image.y0 ? (uint32_t)y : l->image.y0;
    t->all.x1 = right < l->image.x1 ? (uint32_t)right : l->image.x1;
    t->all.y1 = bottom < l->image.y1 ? (uint32_t)bottom : l->image.y1;
    RK_TRY(rk_j2k_take(w->arena, (void **)&t->comps, l->comps, sizeof *t->comps));
    t->layers = l->own ? l->own[number].layers : 0;
    t->codings = l->own ? l->own[number].comps : NULL;
    for (unsigned k = 0; k < l->comps; k++)
        RK_TRY(open_comp(w, t, k));
    return rk_j2k_set_turns(w, t);
}

rk_status rk_j2k_writing_open(rk_j2k_writing *w, const rk_j2k_layout *layout, rk_j2k_arena *arena)
{
    const rk_j2k_rect *image = &layout->image;
    *w = (rk_j2k_writing){.layout = *layout, .arena = arena};
    uint64_t width = (uint64_t)image->x1 - layout->tx0, height = (uint64_t)image->y1 - layout->ty0;
    uint64_t across = (width + layout->tw - 1) / layout->tw;
    uint64_t down = (height + layout->th - 1) / layout->th;
    if (across > 65535 || down > 65535 || across * down > 65535)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_TILES, 0);
    w->across = (uint32_t)across;
    w->down = (uint32_t)down;
    RK_TRY(rk_j2k_take(arena, (void **)&w->tiles, across * down, sizeof *w->tiles));
    for (uint32_t k = 0; k < w->across * w->down; k++)
        RK_TRY(open_tile(w, k));
    return rk_j2k_fine();
}
