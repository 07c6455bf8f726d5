/* Single marker segments (T.800 annex A). Every length is checked before it is used. */
#include <string.h>

#include "stream.h"

enum { SEEN_COD = 1, SEEN_QCD = 2 };

static rk_status corrupt(enum rk_j2k_rule rule, size_t at)
{
    return rk_j2k_fail(RK_CORRUPT, rule, at);
}

/* A.5.1 */
rk_status rk_j2k_read_siz(rk_j2k_stream *s, const uint8_t *p, size_t size, size_t at)
{
    if (size < 36)
        return corrupt(RK_J2K_LENGTH, at);
    s->rsiz = (uint16_t)rk_be16(p);
    if (s->rsiz & 0x8000) /* T.801 A.2.1 */
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_EXTENSIONS, at);
    s->x1 = rk_be32(p + 2);
    s->y1 = rk_be32(p + 6);
    s->x0 = rk_be32(p + 10);
    s->y0 = rk_be32(p + 14);
    s->tw = rk_be32(p + 18);
    s->th = rk_be32(p + 22);
    s->tx0 = rk_be32(p + 26);
    s->ty0 = rk_be32(p + 30);
    s->count = rk_be16(p + 34);
    if (s->count < 1 || s->count > 16384 || size != 36 + 3 * (size_t)s->count)
        return corrupt(RK_J2K_COMPONENTS, at);
    if (s->x0 >= s->x1 || s->y0 >= s->y1)
        return corrupt(RK_J2K_AREA, at);
    if (s->tw == 0 || s->th == 0 || s->tx0 > s->x0 || s->ty0 > s->y0
        || (uint64_t)s->tx0 + s->tw <= s->x0 || (uint64_t)s->ty0 + s->th <= s->y0)
        return corrupt(RK_J2K_TILE_GRID, at);
    RK_TRY(rk_j2k_take(&s->arena, (void **)&s->comps, s->count, sizeof *s->comps));
    for (uint32_t k = 0; k < s->count; k++) {
        const uint8_t *q = p + 36 + 3 * (size_t)k;
        s->comps[k].depth = (uint8_t)((q[0] & 0x7F) + 1);
        s->comps[k].sign = q[0] >> 7;
        s->comps[k].dx = q[1];
        s->comps[k].dy = q[2];
        if (s->comps[k].depth > 38)
            return corrupt(RK_J2K_DEPTH, at);
        if (q[1] == 0 || q[2] == 0)
            return corrupt(RK_J2K_SUBSAMPLING, at);
    }
    uint64_t across = ((uint64_t)s->x1 - s->tx0 + s->tw - 1) / s->tw;
    uint64_t down = ((uint64_t)s->y1 - s->ty0 + s->th - 1) / s->th;
    if (across * down > 65535) /* both are below 2^32 */
        return corrupt(RK_J2K_TILES, at);
    s->across = (uint32_t)across;
    s->down = (uint32_t)down;
    s->budget.asked = (uint64_t)(s->x1 - s->x0) * (s->y1 - s->y0);
    if (s->budget.asked > s->limits.pixels)
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_PIXELS, at);
    s->budget.asked = across * down;
    if (s->budget.asked > s->limits.tiles)
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_TILES, at);
    s->budget.asked = across * down * s->count;
    if (s->budget.asked > s->limits.packets)
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_PACKETS, at);
    return rk_j2k_fine();
}

/* SPcod and SPcoc, tables A.15 and A.23. */
static rk_status read_style(rk_j2k_stream *s, rk_j2k_style *style, const uint8_t *p, size_t size,
                            bool precincts, size_t at)
{
    if (size < 5)
        return corrupt(RK_J2K_LENGTH, at);
    memset(style, 0, sizeof *style);
    style->levels = p[0];
    if (style->levels > RK_J2K_LEVELS_MAX)
        return corrupt(RK_J2K_LEVELS, at);
    if (p[1] > 8 || p[2] > 8 || p[1] + p[2] > 8)
        return corrupt(RK_J2K_BLOCK_SIZE, at);
    style->xcb = (uint8_t)(p[1] + 2);
    style->ycb = (uint8_t)(p[2] + 2);
    style->flags = p[3];
    if (p[3] & RK_J2K_MIXED && !(p[3] & RK_J2K_HT))
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_STYLE, at);
    if (p[4] > 1)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_WAVELET, at);
    style->reversible = p[4] == 1;
    memset(style->precincts, 0xFF, sizeof style->precincts);
    if (size != 5 + (precincts ? 1 + (size_t)style->levels : 0))
        return corrupt(RK_J2K_LENGTH, at);
    if (precincts) {
        memcpy(style->precincts, p + 5, (size_t)style->levels + 1);
        for (size_t r = 1; r <= style->levels; r++)
            if ((p[5 + r] & 15) == 0 || p[5 + r] >> 4 == 0)
                return corrupt(RK_J2K_PRECINCT, at);
    }
    if (style->levels < s->least_levels)
        s->least_levels = style->levels;
    s->flags_seen |= style->flags;
    s->irreversible_seen |= !style->reversible;
    return rk_j2k_fine();
}

/* Sqcd and SPqcd, tables A.27 to A.30. */
static rk_status read_quant(rk_j2k_quant *quant, const uint8_t *p, size_t size, size_t at)
{
    if (size < 1)
        return corrupt(RK_J2K_LENGTH, at);
    memset(quant, 0, sizeof *quant);
    quant->style = p[0] & 31;
    quant->guard = p[0] >> 5;
    p++;
    size--;
    if (quant->style > 2)
        return corrupt(RK_J2K_QUANT_STYLE, at);
    size_t n = quant->style == 0 ? size : size / 2;
    if (n == 0 || (quant->style && size % 2) || (quant->style == 1 && n != 1))
        return corrupt(RK_J2K_QUANT_STEPS, at);
    if (n > RK_J2K_STEPS_MAX) /* more than any band can use */
        return corrupt(RK_J2K_QUANT_STEPS, at);
    quant->bands = (uint8_t)n;
    for (size_t k = 0; k < n; k++)
        quant->steps[k] = (uint16_t)(quant->style ? rk_be16(p + 2 * k) : (uint32_t)p[k] >> 3 << 11);
    return rk_j2k_fine();
}

/* The component index at the front of COC, QCC and RGN: one byte, or two from 257 on. */
static rk_status read_index(const rk_j2k_stream *s, const uint8_t **p, size_t *size,
                            uint32_t *index, size_t at)
{
    size_t width = s->count < 257 ? 1 : 2;
    if (*size < width + 1)
        return corrupt(RK_J2K_LENGTH, at);
    *index = width == 1 ? (*p)[0] : rk_be16(*p);
    if (*index >= s->count)
        return corrupt(RK_J2K_COMPONENT, at);
    *p += width;
    *size -= width;
    return rk_j2k_fine();
}

static void set_style(rk_j2k_coding *c, const rk_j2k_style *style, uint8_t rank)
{
    if (rank >= c->style_rank) {
        c->style = *style;
        c->style_rank = rank;
    }
}

static void set_quant(rk_j2k_coding *c, const rk_j2k_quant *quant, uint8_t rank)
{
    if (rank >= c->quant_rank) {
        c->quant = *quant;
        c->quant_rank = rank;
    }
}

/* A.6.1, A.6.2 */
static rk_status read_coding(rk_j2k_stream *s, rk_j2k_params *p, unsigned marker,
                             const uint8_t *q, size_t size, size_t at, bool tile)
{
    rk_j2k_style style;
    uint32_t index;
    if (marker == RK_COC) {
        RK_TRY(read_index(s, &q, &size, &index, at));
        RK_TRY(read_style(s, &style, q + 1, size - 1, q[0] & 1, at));
        if (p)
            set_style(&p->comps[index], &style, tile ? RK_J2K_TILE_ONE : RK_J2K_MAIN_ONE);
        return rk_j2k_fine();
    }
    if (size < 5)
        return corrupt(RK_J2K_LENGTH, at);
    uint32_t layers = rk_be16(q + 2);
    if (q[1] > 4 || layers == 0 || q[4] > 1)
        return corrupt(RK_J2K_COD, at);
    RK_TRY(read_style(s, &style, q + 5, size - 5, q[0] & 1, at));
    if (layers > s->most_layers)
        s->most_layers = (uint16_t)layers;
    s->mct_seen |= q[4];
    if (!p)
        return rk_j2k_fine();
    if (p->seen & SEEN_COD)
        return corrupt(RK_J2K_TWICE, at);
    p->seen |= SEEN_COD;
    p->progression = q[1];
    p->layers = (uint16_t)layers;
    p->mct = q[4];
    for (uint32_t k = 0; k < s->count; k++)
        set_style(&p->comps[k], &style, tile ? RK_J2K_TILE : RK_J2K_MAIN);
    return rk_j2k_fine();
}

/* A.6.4, A.6.5 */
static rk_status read_quantisation(rk_j2k_stream *s, rk_j2k_params *p, unsigned marker,
                                   const uint8_t *q, size_t size, size_t at, bool tile)
{
    rk_j2k_quant quant;
    uint32_t index = 0;
    if (marker == RK_QCC)
        RK_TRY(read_index(s, &q, &size, &index, at));
    RK_TRY(read_quant(&quant, q, size, at));
    if (!p)
        return rk_j2k_fine();
    if (marker == RK_QCC) {
        set_quant(&p->comps[index], &quant, tile ? RK_J2K_TILE_ONE : RK_J2K_MAIN_ONE);
        return rk_j2k_fine();
    }
    if (p->seen & SEEN_QCD)
        return corrupt(RK_J2K_TWICE, at);
    p->seen |= SEEN_QCD;
    for (uint32_t k = 0; k < s->count; k++)
        set_quant(&p->comps[k], &quant, tile ? RK_J2K_TILE : RK_J2K_MAIN);
    return rk_j2k_fine();
}

/* A.6.3 */
static rk_status read_roi(rk_j2k_stream *s, rk_j2k_params *p, const uint8_t *q, size_t size,
                          size_t at, bool tile)
{
    uint32_t index;
    RK_TRY(read_index(s, &q, &size, &index, at));
    if (size != 2 || q[0] != 0)
        return corrupt(RK_J2K_ROI, at);
    s->roi_seen = true;
    uint8_t rank = tile ? RK_J2K_TILE : RK_J2K_MAIN;
    if (p && rank >= p->comps[index].roi_rank) {
        p->comps[index].roi = q[1];
        p->comps[index].roi_rank = rank;
    }
    return rk_j2k_fine();
}

/* A.6.6. The first POC of a tile replaces that of the main header, further ones go on. */
static rk_status read_orders(rk_j2k_stream *s, rk_j2k_params *p, const uint8_t *q, size_t size,
                             size_t at, bool tile)
{
    size_t wide = s->count < 257 ? 1 : 2, entry = 5 + 2 * wide;
    if (size == 0 || size % entry)
        return corrupt(RK_J2K_LENGTH, at);
    s->poc_seen = true;
    if (p && tile && !p->orders_of_tile) {
        p->orders_of_tile = true;
        p->order_count = 0;
    }
    if (size / entry > RK_J2K_ORDERS_MAX - (p ? p->order_count : 0))
        return corrupt(RK_J2K_POC_COUNT, at);
    if (p && !p->orders) /* of the main header; few streams have any */
        RK_TRY(rk_j2k_take(&s->arena, (void **)&p->orders, RK_J2K_ORDERS_MAX,
                           sizeof *p->orders));
    for (; size; q += entry, size -= entry) {
        rk_j2k_order order;
        order.res0 = q[0];
        order.comp0 = wide == 1 ? q[1] : rk_be16(q + 1);
        order.layers = (uint16_t)rk_be16(q + 1 + wide);
        order.res1 = q[3 + wide];
        order.comp1 = wide == 1 ? q[4 + wide] : rk_be16(q + 4 + wide);
        order.kind = q[4 + 2 * wide];
        if (order.comp1 == 0)
            order.comp1 = wide == 1 ? 256 : 16384;
        if (order.kind > 4 || order.res1 <= order.res0 || order.comp1 <= order.comp0
            || order.layers == 0)
            return corrupt(RK_J2K_POC, at);
        if (p)
            p->orders[p->order_count++] = order;
    }
    return rk_j2k_fine();
}

/* A.7.1. Lengths are hints; only how many tile-parts are listed is kept. */
static rk_status read_tlm(rk_j2k_stream *s, const uint8_t *q, size_t size, size_t at)
{
    if (size < 2)
        return corrupt(RK_J2K_LENGTH, at);
    size_t index = q[1] >> 4 & 3, length = q[1] & 0x40 ? 4 : 2;
    if (index == 3 || (size - 2) % (index + length))
        return corrupt(RK_J2K_TLM, at);
    s->tlm = true;
    s->tlm_parts += (size - 2) / (index + length);
    return rk_j2k_fine();
}

/* A.5.2: two bytes for each part of the standard whose bit is set. */
static rk_status read_capabilities(rk_j2k_stream *s, const uint8_t *q, size_t size, size_t at)
{
    size_t parts = 0;
    if (size < 4)
        return corrupt(RK_J2K_LENGTH, at);
    for (uint32_t left = rk_be32(q); left; left &= left - 1)
        parts++;
    if (size != 4 + 2 * parts)
        return corrupt(RK_J2K_LENGTH, at);
    s->cap = true;
    return rk_j2k_fine();
}

rk_status rk_j2k_read_segment(rk_j2k_stream *s, rk_j2k_params *p, unsigned marker,
                              const uint8_t *body, size_t size, size_t at, bool tile)
{
    switch (marker) {
    case RK_COD:
    case RK_COC:
        return read_coding(s, p, marker, body, size, at, tile);
    case RK_QCD:
    case RK_QCC:
        return read_quantisation(s, p, marker, body, size, at, tile);
    case RK_RGN:
        return read_roi(s, p, body, size, at, tile);
    case RK_POC:
        return read_orders(s, p, body, size, at, tile);
    case RK_TLM:
        return read_tlm(s, body, size, at);
    case RK_CAP:
        return read_capabilities(s, body, size, at);
    case RK_PLT:
        s->plt = true;
        return size >= 1 ? rk_j2k_fine() : corrupt(RK_J2K_LENGTH, at);
    case RK_CRG:
        return size == 4 * (size_t)s->count ? rk_j2k_fine() : corrupt(RK_J2K_CRG, at);
    case RK_PPM:
    case RK_PPT:
        return size >= 1 ? rk_j2k_fine() : corrupt(RK_J2K_LENGTH, at);
    case RK_COM: /* A.9.2: the kind of its text */
        return size >= 2 ? rk_j2k_fine() : corrupt(RK_J2K_LENGTH, at);
    default: /* PLM, PRF, CPF, and what a later edition may bring */
        return rk_j2k_fine();
    }
}

rk_status rk_j2k_check_params(const rk_j2k_stream *s, const rk_j2k_params *p, size_t at)
{
    size_t most = 0;
    for (uint32_t k = 0; k < s->count; k++) {
        const rk_j2k_coding *c = &p->comps[k];
        if (c->style_rank == RK_J2K_NOBODY || c->quant_rank == RK_J2K_NOBODY || p->layers == 0)
            return corrupt(RK_J2K_NO_COD, at);
        size_t bands = 3 * (size_t)c->style.levels + 1;
        if (bands > most)
            most = bands;
        if (c->quant.style != 1 && c->quant.bands < bands)
            return corrupt(RK_J2K_QUANT_STEPS, at);
        if (c->style.reversible != (c->quant.style == 0))
            return corrupt(RK_J2K_QUANT_KIND, at);
    }
    for (uint32_t k = 0; k < s->count; k++)
        if (p->comps[k].quant.bands > most)
            return corrupt(RK_J2K_QUANT_STEPS, at);
    if (p->mct) {
        if (s->count < 3)
            return corrupt(RK_J2K_MCT, at);
        for (uint32_t k = 1; k < 3; k++)
            if (s->comps[k].dx != s->comps[0].dx || s->comps[k].dy != s->comps[0].dy
                || p->comps[k].style.reversible != p->comps[0].style.reversible)
                return corrupt(RK_J2K_MCT, at);
    }
    return rk_j2k_fine();
}
