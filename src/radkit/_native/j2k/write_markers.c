/* The main header (T.800 annex A; CAP: T.814 annex A). */
#include <string.h>

#include "write.h"

#define TLM_ENTRIES 10000u /* in one segment, of at most 65535 bytes */
#define RSIZ_CAP 0x4000u
#define PCAP_PART_15 0x00020000u
#define CCAP_HTIRV 0x20u
#define CCAP_REGIONS 0x1000u /* RGN may occur */
#define CCAP_UNLIKE 0x800u   /* tiles have parameters of their own */

static void put_siz(const rk_j2k_layout *l, rk_j2k_sink *s)
{
    rk_j2k_put16(s, RK_SIZ);
    rk_j2k_put16(s, 38u + 3u * l->comps);
    rk_j2k_put16(s, l->style.flags & RK_J2K_HT ? RSIZ_CAP : 0);
    const uint32_t sizes[] = {l->image.x1, l->image.y1, l->image.x0, l->image.y0,
                              l->tw,       l->th,       l->tx0,      l->ty0};
    for (unsigned k = 0; k < 8; k++)
        rk_j2k_put32(s, sizes[k]);
    rk_j2k_put16(s, l->comps);
    for (unsigned k = 0; k < l->comps; k++) {
        const rk_j2k_component c =
            l->components ? l->components[k] : (rk_j2k_component){l->depth, 1, 1, l->sign};
        rk_j2k_put8(s, (c.depth - 1u) | (c.sign ? 0x80u : 0));
        rk_j2k_put8(s, c.dx);
        rk_j2k_put8(s, c.dy);
    }
}

/* ---- HT -------------------------------------------------------------------------------------- */

/* What Ccap15 tells of. */
typedef struct capability {
    unsigned bits; /* magnitude bit-planes */
    bool irreversible, regions;
} capability;

static void widen(capability *c, const rk_j2k_style *style, const rk_j2k_quant *quant, unsigned roi)
{
    for (unsigned r = 0; r <= style->levels; r++)
        for (unsigned kind = r ? 1 : 0; kind <= (r ? 3u : 0u); kind++) {
            unsigned planes = rk_j2k_quant_planes(quant, r, kind) + roi;
            c->bits = planes > c->bits ? planes : c->bits;
        }
    c->irreversible |= !style->reversible;
    c->regions |= roi > 0;
}

/* The least P whose bound B is not below the magnitude bits. */
static unsigned bound_of(unsigned bits)
{
    if (bits <= 8)
        return 0;
    if (bits <= 27)
        return bits - 8;
    return bits <= 71 ? 19 + (bits - 27 + 3) / 4 : 31;
}

/* True if a tile says something of its own. */
static bool differs(const rk_j2k_layout *l, uint32_t tile)
{
    const rk_j2k_own *own = &l->own[tile];
    return own->comps != l->codings || own->mct != l->mct || own->layers != l->layers;
}

static void put_cap(const rk_j2k_writing *w, rk_j2k_sink *s)
{
    const rk_j2k_layout *l = &w->layout;
    capability c = {0};
    unsigned unlike = 0;
    widen(&c, &l->style, &l->quant, 0);
    for (uint32_t t = 0; l->components && t < w->across * w->down; t++) {
        unlike |= differs(l, t);
        for (unsigned k = 0; (t == 0 || l->own[t].comps != l->own[t - 1].comps) && k < l->comps; k++) {
            const rk_j2k_coding *own = &l->own[t].comps[k];
            widen(&c, &own->style, &own->quant, own->roi);
        }
    }
    rk_j2k_put16(s, RK_CAP);
    rk_j2k_put16(s, 8);
    rk_j2k_put32(s, PCAP_PART_15);
    rk_j2k_put16(s, bound_of(c.bits) | (c.irreversible ? CCAP_HTIRV : 0)
                        | (c.regions ? CCAP_REGIONS : 0) | (unlike ? CCAP_UNLIKE : 0));
}

/* ---- coding, quantisation, regions of interest ------------------------------------------------ */

/* SPcod, SPcoc. */
static void put_style(const rk_j2k_style *style, bool precincts, rk_j2k_sink *s)
{
    rk_j2k_put8(s, style->levels);
    rk_j2k_put8(s, style->xcb - 2u);
    rk_j2k_put8(s, style->ycb - 2u);
    rk_j2k_put8(s, style->flags);
    rk_j2k_put8(s, style->reversible);
    for (unsigned k = 0; precincts && k <= style->levels; k++)
        rk_j2k_put8(s, style->precincts[k]);
}

static void put_cod(const rk_j2k_layout *l, const rk_j2k_style *style, bool precincts,
                    unsigned layers, unsigned mct, rk_j2k_sink *s)
{
    rk_j2k_put16(s, RK_COD);
    rk_j2k_put16(s, 12 + (precincts ? style->levels + 1u : 0));
    rk_j2k_put8(s, precincts | (uint32_t)l->sop << 1 | (uint32_t)l->eph << 2);
    rk_j2k_put8(s, l->order);
    rk_j2k_put16(s, layers);
    rk_j2k_put8(s, mct);
    put_style(style, precincts, s);
}

bool rk_j2k_has_precincts(const rk_j2k_style *style)
{
    for (unsigned k = 0; k <= style->levels; k++)
        if (style->precincts[k] != 0xFF)
            return true;
    return false;
}

/* Number of a component (A.6.2). */
static unsigned wide_of(const rk_j2k_layout *l)
{
    return l->comps < 257 ? 1 : 2;
}

static void put_comp(const rk_j2k_layout *l, unsigned k, rk_j2k_sink *s)
{
    if (wide_of(l) == 1)
        rk_j2k_put8(s, k);
    else
        rk_j2k_put16(s, k);
}

static void put_coc(const rk_j2k_layout *l, unsigned k, const rk_j2k_style *style, rk_j2k_sink *s)
{
    bool precincts = rk_j2k_has_precincts(style);
    rk_j2k_put16(s, RK_COC);
    rk_j2k_put16(s, 8 + wide_of(l) + (precincts ? style->levels + 1u : 0));
    put_comp(l, k, s);
    rk_j2k_put8(s, precincts);
    put_style(style, precincts, s);
}

/* The bytes of Sqcd and SPqcd, or Sqcc and SPqcc. */
static unsigned quant_size(const rk_j2k_quant *q)
{
    return 1 + (q->style == 0 ? 1u : 2u) * q->bands;
}

static void put_quant(const rk_j2k_quant *q, rk_j2k_sink *s)
{
    rk_j2k_put8(s, (uint32_t)q->guard << 5 | q->style);
    for (unsigned k = 0; k < q->bands; k++) {
        if (q->style == 0)
            rk_j2k_put8(s, (uint32_t)(q->steps[k] >> 11) << 3);
        else
            rk_j2k_put16(s, q->steps[k]);
    }
}

static void put_qcd(const rk_j2k_quant *q, rk_j2k_sink *s)
{
    rk_j2k_put16(s, RK_QCD);
    rk_j2k_put16(s, 2 + quant_size(q));
    put_quant(q, s);
}

static void put_qcc(const rk_j2k_layout *l, unsigned k, const rk_j2k_quant *q, rk_j2k_sink *s)
{
    rk_j2k_put16(s, RK_QCC);
    rk_j2k_put16(s, 2 + wide_of(l) + quant_size(q));
    put_comp(l, k, s);
    put_quant(q, s);
}

static void put_rgn(const rk_j2k_layout *l, unsigned k, unsigned roi, rk_j2k_sink *s)
{
    rk_j2k_put16(s, RK_RGN);
    rk_j2k_put16(s, 4 + wide_of(l));
    put_comp(l, k, s);
    rk_j2k_put8(s, 0);
    rk_j2k_put8(s, roi);
}

bool rk_j2k_same_style(const rk_j2k_style *a, const rk_j2k_style *b)
{
    return a->levels == b->levels && a->xcb == b->xcb && a->ycb == b->ycb && a->flags == b->flags
           && a->reversible == b->reversible
           && memcmp(a->precincts, b->precincts, a->levels + 1u) == 0;
}

bool rk_j2k_same_quant(const rk_j2k_quant *a, const rk_j2k_quant *b)
{
    return a->style == b->style && a->guard == b->guard && a->bands == b->bands
           && memcmp(a->steps, b->steps, a->bands * sizeof *a->steps) == 0;
}

/* What of a component is not as the headers have said so far. */
static void put_unlike(const rk_j2k_layout *l, unsigned k, const rk_j2k_coding *said,
                       const rk_j2k_coding *now, rk_j2k_sink *s)
{
    if (!rk_j2k_same_style(&said->style, &now->style))
        put_coc(l, k, &now->style, s);
    if (!rk_j2k_same_quant(&said->quant, &now->quant))
        put_qcc(l, k, &now->quant, s);
    if (said->roi != now->roi)
        put_rgn(l, k, now->roi, s);
}

void rk_j2k_write_own(const rk_j2k_writing *w, uint32_t tile, rk_j2k_sink *sink)
{
    const rk_j2k_layout *l = &w->layout;
    if (!l->own || !differs(l, tile))
        return;
    const rk_j2k_own *own = &l->own[tile];
    const rk_j2k_style *style = &own->comps[0].style;
    bool cod = own->mct != l->mct || own->layers != l->layers;
    if (cod)
        put_cod(l, style, rk_j2k_has_precincts(style), own->layers, own->mct, sink);
    for (unsigned k = 0; k < l->comps; k++) {
        rk_j2k_coding said = l->codings[k];
        if (cod) /* replaces each COC of the main header, too */
            said.style = *style;
        put_unlike(l, k, &said, &own->comps[k], sink);
    }
}

static void put_com(const char *text, rk_j2k_sink *s)
{
    size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > 65000)
        return;
    rk_j2k_put16(s, RK_COM);
    rk_j2k_put16(s, (uint32_t)size + 4);
    rk_j2k_put16(s, 1); /* Latin-1 */
    rk_j2k_put_bytes(s, (const uint8_t *)text, size);
}

/* ---- TLM ------------------------------------------------------------------------------------- */

/* Bytes of a tile's number: one if that holds all of them. */
static unsigned tile_bytes(const rk_j2k_writing *w)
{
    return w->across * w->down <= 256 ? 1 : 2;
}

bool rk_j2k_tlm_holds(const rk_j2k_writing *w, size_t parts)
{
    (void)w;
    return parts <= (size_t)TLM_ENTRIES * 256;
}

static void put_tlm(const rk_j2k_writing *w, rk_j2k_sink *s, size_t parts)
{
    unsigned wide = tile_bytes(w);
    for (unsigned z = 0; parts > 0; z++) {
        size_t n = parts < TLM_ENTRIES ? parts : TLM_ENTRIES;
        rk_j2k_put16(s, RK_TLM);
        rk_j2k_put16(s, (uint32_t)(4 + n * (wide + 4)));
        rk_j2k_put8(s, z);
        rk_j2k_put8(s, wide << 4 | 0x40); /* Ptlm has 32 bits */
        for (size_t k = 0; k < n * (wide + 4); k++)
            rk_j2k_put8(s, 0);
        parts -= n;
    }
}

void rk_j2k_set_tlm(const rk_j2k_writing *w, rk_j2k_sink *sink, size_t at, size_t index,
                    uint32_t tile, uint32_t size)
{
    unsigned wide = tile_bytes(w);
    size_t segment = index / TLM_ENTRIES, entry = index % TLM_ENTRIES;
    at += segment * (6 + (size_t)TLM_ENTRIES * (wide + 4)) + 6 + entry * (wide + 4);
    if (at + wide + 4 > sink->capacity)
        return;
    rk_j2k_sink place = {sink->data + at, wide + 4, 0};
    if (wide == 1)
        rk_j2k_put8(&place, tile);
    else
        rk_j2k_put16(&place, tile);
    rk_j2k_put32(&place, size);
}

void rk_j2k_write_main(const rk_j2k_writing *w, rk_j2k_sink *sink, size_t parts, size_t *tlm)
{
    const rk_j2k_layout *l = &w->layout;
    rk_j2k_put16(sink, RK_SOC);
    put_siz(l, sink);
    if (l->style.flags & RK_J2K_HT)
        put_cap(w, sink);
    put_cod(l, &l->style, l->precincts, l->layers, l->mct, sink);
    put_qcd(&l->quant, sink);
    for (unsigned k = 0; l->components && k < l->comps; k++) {
        const rk_j2k_coding said = {.style = l->style, .quant = l->quant};
        put_unlike(l, k, &said, &l->codings[k], sink);
    }
    put_com(l->comment, sink);
    *tlm = sink->size;
    if (l->tlm)
        put_tlm(w, sink, parts);
}
