/* The main header (T.800 A.2), the count of what it asks for, and packed packet headers. */
#include <string.h>

#include "stream.h"

/* Work that any stream may cost, and that each of its bytes adds: code-blocks looked at,
 * progressions set up, packets passed over. Some ten nanoseconds each. */
#define STEPS_FREE ((uint64_t)1 << 26)
#define STEPS_PER_BYTE 64

typedef struct packed_piece {
    const uint8_t *data;
    size_t size;
} packed_piece;

static rk_status corrupt(enum rk_j2k_rule rule, size_t at)
{
    return rk_j2k_fail(RK_CORRUPT, rule, at);
}

static bool may_stand_in_main(unsigned marker)
{
    switch (marker) {
    case RK_SOC:
    case RK_SOP:
    case RK_EPH:
    case RK_SOD:
    case RK_EOC:
    case RK_PLT:
    case RK_PPT:
        return false;
    default:
        return true;
    }
}

/* A.7.4: the segments, sorted by their index, are one string. */
static rk_status join_packed(rk_j2k_stream *s, const packed_piece *pieces)
{
    size_t total = 0;
    for (size_t k = 0; k < 256; k++)
        total += pieces[k].size;
    uint8_t *joined;
    RK_TRY(rk_j2k_take(&s->arena, (void **)&joined, (uint64_t)total + 1, 1));
    s->ppm = joined;
    s->ppm_size = total;
    for (size_t k = 0; k < 256; k++) {
        if (pieces[k].size)
            memcpy(joined, pieces[k].data, pieces[k].size);
        joined += pieces[k].size;
    }
    return rk_j2k_fine();
}

static rk_status read_main(rk_j2k_stream *s, size_t *at)
{
    packed_piece pieces[256];
    memset(pieces, 0, sizeof pieces);
    bool first = true;
    for (;;) {
        if (s->stop - *at < 2)
            return rk_j2k_fail(RK_TRUNCATED, RK_J2K_HEADER_ENDS, s->stop);
        unsigned marker = rk_be16(s->data + *at);
        if (first && marker != RK_SIZ)
            return corrupt(RK_J2K_NO_SIZ, *at);
        if (marker == RK_SOT)
            break;
        if (marker <= 0xFF00 || marker == 0xFFFF)
            return corrupt(RK_J2K_NO_MARKER, *at);
        if (rk_j2k_is_bare(marker)) {
            *at += 2;
            continue;
        }
        if (!may_stand_in_main(marker))
            return corrupt(RK_J2K_MAIN_MARKER, *at);
        if (marker == RK_SIZ && !first)
            return corrupt(RK_J2K_TWICE, *at);
        if (s->stop - *at < 4)
            return rk_j2k_fail(RK_TRUNCATED, RK_J2K_HEADER_ENDS, s->stop);
        size_t length = rk_be16(s->data + *at + 2);
        if (length < 2)
            return corrupt(RK_J2K_LENGTH, *at);
        if (length > s->stop - *at - 2)
            return rk_j2k_fail(RK_TRUNCATED, RK_J2K_HEADER_ENDS, s->stop);
        const uint8_t *body = s->data + *at + 4;
        if (first) {
            RK_TRY(rk_j2k_read_siz(s, body, length - 2, *at));
            RK_TRY(rk_j2k_take(&s->arena, (void **)&s->main.comps, s->count,
                               sizeof *s->main.comps));
            first = false;
        } else
            RK_TRY(rk_j2k_read_segment(s, &s->main, marker, body, length - 2, *at, false));
        if (marker == RK_PPM) {
            if (pieces[body[0]].data)
                return corrupt(RK_J2K_PACKED, *at);
            pieces[body[0]] = (packed_piece){body + 1, length - 3};
            s->packed_main = true;
        }
        *at += 2 + length;
    }
    RK_TRY(rk_j2k_check_params(s, &s->main, s->start));
    return s->packed_main ? join_packed(s, pieces) : rk_j2k_fine();
}

/* Cells of 2^exponent in n samples that start on the border of one. */
static double cells(uint64_t n, unsigned exponent)
{
    return n == 0 ? 0 : (double)(((n - 1) >> exponent) + 1);
}

static uint64_t shrink(uint64_t n, unsigned shift)
{
    return (n + ((uint64_t)1 << shift) - 1) >> shift;
}

/*
 * Code-blocks and packets of all tiles, by those of a full tile at the origin. The exact counts
 * are held against the limits again, tile by tile; these here refuse before any is decoded.
 */
static rk_status count_all(rk_j2k_stream *s)
{
    uint64_t width = s->tw < s->x1 - s->x0 ? s->tw : s->x1 - s->x0;
    uint64_t height = s->th < s->y1 - s->y0 ? s->th : s->y1 - s->y0;
    double blocks = 0, precincts = 0, tiles = (double)s->across * s->down; /* may pass 2^64 */
    for (uint32_t k = 0; k < s->count; k++) {
        const rk_j2k_style *style = &s->main.comps[k].style;
        for (unsigned r = 0; r <= style->levels; r++) {
            unsigned ppx = style->precincts[r] & 15, ppy = style->precincts[r] >> 4;
            unsigned inner = r > 0, shift = (unsigned)style->levels - r;
            uint64_t cols = shrink((width + s->comps[k].dx - 1) / s->comps[k].dx, shift);
            uint64_t rows = shrink((height + s->comps[k].dy - 1) / s->comps[k].dy, shift);
            unsigned xcb = style->xcb < ppx - inner ? style->xcb : ppx - inner;
            unsigned ycb = style->ycb < ppy - inner ? style->ycb : ppy - inner;
            precincts += cells(cols, ppx) * cells(rows, ppy);
            blocks += (inner ? 3 : 1) * cells(cols >> inner, xcb) * cells(rows >> inner, ycb);
        }
    }
    if (blocks * tiles > (double)s->limits.blocks) {
        s->budget.asked = blocks * tiles < 0x1p63 ? (uint64_t)(blocks * tiles) : UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_BLOCKS, s->start);
    }
    precincts *= tiles * s->main.layers;
    if (precincts > (double)s->limits.packets) {
        s->budget.asked = precincts < 0x1p63 ? (uint64_t)precincts : UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_PACKETS, s->start);
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_stream_read(rk_j2k_stream *s, const uint8_t *data, size_t start, size_t stop,
                             const rk_j2k_limits *limits, bool strict)
{
    memset(s, 0, sizeof *s);
    s->data = data;
    s->start = start;
    s->stop = stop;
    s->strict = strict;
    s->limits = *limits;
    s->sound = 1.0;
    s->least_levels = RK_J2K_LEVELS_MAX;
    s->arena.budget = &s->budget;
    s->budget.left = limits->memory < SIZE_MAX ? (size_t)limits->memory : SIZE_MAX;
    s->budget.steps = STEPS_FREE + STEPS_PER_BYTE * (uint64_t)(stop - start);
    size_t at = start + 2;
    if (start > stop || stop - start < 2)
        return rk_j2k_fail(RK_TRUNCATED, RK_J2K_HEADER_ENDS, stop);
    if (rk_be16(data + start) != RK_SOC)
        return corrupt(RK_J2K_NO_SOC, start);
    RK_TRY(read_main(s, &at));
    RK_TRY(count_all(s));
    return rk_j2k_read_parts(s, at);
}

void rk_j2k_stream_end(rk_j2k_stream *s)
{
    rk_j2k_release(&s->arena);
}
