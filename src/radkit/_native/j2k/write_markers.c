/* The main header (T.800 annex A; CAP: T.814 annex A). */
#include <string.h>

#include "write.h"

#define TLM_ENTRIES 10000u /* in one segment, of at most 65535 bytes */
#define RSIZ_CAP 0x4000u
#define PCAP_PART_15 0x00020000u
#define CCAP_HTIRV 0x20u

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
        rk_j2k_put8(s, (l->depth - 1u) | (l->sign ? 0x80u : 0));
        rk_j2k_put16(s, 0x0101);
    }
}

/* Bits 4 to 0 of Ccap15: the least P whose bound B is not below the magnitude bits. */
static unsigned magnitude_bound(const rk_j2k_layout *l)
{
    unsigned bits = 0;
    for (unsigned r = 0; r <= l->style.levels; r++)
        for (unsigned kind = r ? 1 : 0; kind <= (r ? 3u : 0u); kind++) {
            unsigned planes = rk_j2k_band_planes(l, r, kind);
            bits = planes > bits ? planes : bits;
        }
    if (bits <= 8)
        return 0;
    if (bits <= 27)
        return bits - 8;
    return bits <= 71 ? 19 + (bits - 27 + 3) / 4 : 31;
}

static void put_cap(const rk_j2k_layout *l, rk_j2k_sink *s)
{
    rk_j2k_put16(s, RK_CAP);
    rk_j2k_put16(s, 8);
    rk_j2k_put32(s, PCAP_PART_15);
    rk_j2k_put16(s, magnitude_bound(l) | (l->style.reversible ? 0 : CCAP_HTIRV));
}

static void put_cod(const rk_j2k_layout *l, rk_j2k_sink *s)
{
    unsigned sizes = l->precincts ? l->style.levels + 1u : 0;
    rk_j2k_put16(s, RK_COD);
    rk_j2k_put16(s, 12 + sizes);
    rk_j2k_put8(s, l->precincts | (uint32_t)l->sop << 1 | (uint32_t)l->eph << 2);
    rk_j2k_put8(s, l->order);
    rk_j2k_put16(s, l->layers);
    rk_j2k_put8(s, l->mct);
    rk_j2k_put8(s, l->style.levels);
    rk_j2k_put8(s, l->style.xcb - 2u);
    rk_j2k_put8(s, l->style.ycb - 2u);
    rk_j2k_put8(s, l->style.flags);
    rk_j2k_put8(s, l->style.reversible);
    for (unsigned k = 0; k < sizes; k++)
        rk_j2k_put8(s, l->style.precincts[k]);
}

static void put_qcd(const rk_j2k_layout *l, rk_j2k_sink *s)
{
    const rk_j2k_quant *q = &l->quant;
    unsigned size = q->style == 0 ? 1 : 2;
    rk_j2k_put16(s, RK_QCD);
    rk_j2k_put16(s, 3 + size * q->bands);
    rk_j2k_put8(s, (uint32_t)q->guard << 5 | q->style);
    for (unsigned k = 0; k < q->bands; k++) {
        if (q->style == 0)
            rk_j2k_put8(s, (uint32_t)(q->steps[k] >> 11) << 3);
        else
            rk_j2k_put16(s, q->steps[k]);
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
        put_cap(l, sink);
    put_cod(l, sink);
    put_qcd(l, sink);
    put_com(l->comment, sink);
    *tlm = sink->size;
    if (l->tlm)
        put_tlm(w, sink, parts);
}
