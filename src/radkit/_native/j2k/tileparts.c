/* Tile-parts: from SOT to SOT, an index of them, and the segments in their headers (A.4). */
#include <string.h>

#include "stream.h"

static rk_status corrupt(enum rk_j2k_rule rule, size_t at)
{
    return rk_j2k_fail(RK_CORRUPT, rule, at);
}

static bool may_stand_in_tile(unsigned marker)
{
    switch (marker) {
    case RK_SIZ:
    case RK_CAP:
    case RK_TLM:
    case RK_PLM:
    case RK_PPM:
    case RK_CRG:
        return false;
    default:
        return marker >= 0xFF50 && marker <= 0xFF8F;
    }
}

/* A segment of the header of a tile-part. body is NULL at SOD. */
typedef struct tile_segment {
    unsigned marker;
    const uint8_t *body;
    size_t size, at;
} tile_segment;

/* Steps to the next segment before `end`; RK_TRUNCATED if there is none. */
static rk_status next_segment(const rk_j2k_stream *s, tile_segment *g, size_t *at, size_t end)
{
    for (;;) {
        if (end - *at < 2)
            return rk_j2k_fail(RK_TRUNCATED, RK_J2K_TILE_HEADER_ENDS, end);
        g->at = *at;
        g->marker = rk_be16(s->data + *at);
        if (!rk_j2k_is_bare(g->marker))
            break;
        *at += 2;
    }
    g->body = NULL;
    g->size = 0;
    if (g->marker == RK_SOD) {
        *at += 2;
        return rk_j2k_fine();
    }
    if (!may_stand_in_tile(g->marker))
        return corrupt(RK_J2K_TILE_MARKER, *at);
    if (end - *at < 4)
        return rk_j2k_fail(RK_TRUNCATED, RK_J2K_TILE_HEADER_ENDS, end);
    size_t length = rk_be16(s->data + *at + 2);
    if (length < 2)
        return corrupt(RK_J2K_LENGTH, *at);
    if (length > end - *at - 2)
        return rk_j2k_fail(RK_TRUNCATED, RK_J2K_TILE_HEADER_ENDS, end);
    g->body = s->data + *at + 4;
    g->size = length - 2;
    *at += 2 + length;
    return rk_j2k_fine();
}

/* Checks the header of a part and finds its body. `cut`: the data end within the part. */
static rk_status read_header(rk_j2k_stream *s, rk_j2k_part *part, bool cut)
{
    size_t at = part->header;
    for (;;) {
        tile_segment g;
        rk_status status = next_segment(s, &g, &at, part->end);
        if (status.code == RK_TRUNCATED) {
            part->body = part->end;
            return cut ? rk_j2k_fine() : corrupt(RK_J2K_TILE_HEADER_ENDS, part->sot);
        }
        RK_TRY(status);
        if (!g.body) {
            part->body = at;
            return rk_j2k_fine();
        }
        RK_TRY(rk_j2k_read_segment(s, NULL, g.marker, g.body, g.size, g.at, true));
        if (g.marker == RK_PPT) {
            if (s->packed_main)
                return corrupt(RK_J2K_PACKED, g.at);
            s->packed_tile = true;
        }
    }
}

static rk_status add_part(rk_j2k_stream *s, rk_j2k_part **part, uint32_t tile)
{
    *part = NULL;
    if (s->part_count == s->part_room) {
        size_t room = s->part_room ? 2 * s->part_room : 16;
        rk_j2k_part *grown;
        RK_TRY(rk_j2k_take(&s->arena, (void **)&grown, room, sizeof *grown));
        if (s->part_count)
            memcpy(grown, s->parts, s->part_count * sizeof *grown);
        s->parts = grown;
        s->part_room = room;
    }
    *part = &s->parts[s->part_count];
    (*part)->tile = tile;
    rk_j2k_tile_index *index = &s->tiles[tile];
    uint32_t number = (uint32_t)++s->part_count;
    if (index->last)
        s->parts[index->last - 1].next = number;
    else
        index->first = number;
    index->last = number;
    index->parts++;
    return rk_j2k_fine();
}

/* The end of an EOC with nothing but zeros behind it, or 0. */
static size_t last_eoc(const rk_j2k_stream *s, size_t from)
{
    size_t end = s->stop;
    while (end > from && s->data[end - 1] == 0)
        end--;
    return end - from >= 2 && rk_be16(s->data + end - 2) == RK_EOC ? end : 0;
}

/* One tile-part. *at goes to its end, *missing is set to the bytes that it lacks. */
static rk_status read_part(rk_j2k_stream *s, size_t *at, size_t *missing)
{
    const uint8_t *p = s->data + *at;
    uint32_t tile = rk_be16(p + 4), psot = rk_be32(p + 6), number = p[10], promised = p[11];
    if (rk_be16(p + 2) != 10)
        return corrupt(RK_J2K_SOT, *at);
    if (tile >= s->across * s->down)
        return corrupt(RK_J2K_SOT_TILE, *at);
    rk_j2k_tile_index *index = &s->tiles[tile];
    if (number != index->parts)
        return corrupt(RK_J2K_SOT_ORDER, *at);
    if (psot != 0 && psot < 14)
        return corrupt(RK_J2K_PSOT, *at);
    if (promised > index->promised)
        index->promised = (uint8_t)promised;
    s->over |= promised != 0 && promised <= number;
    size_t end = s->stop;
    bool cut = false;
    if (psot == 0) { /* the last one, up to EOC: only its absence tells of a cut */
        size_t eoc = rk_be16(s->data + s->stop - 2) == RK_EOC ? s->stop
                                                               : last_eoc(s, *at + 12);
        if (eoc >= *at + 14) {
            s->eoc = true;
            end = eoc - 2;
        } else {
            *missing = 1;
            cut = true;
        }
    } else if (psot > s->stop - *at) {
        *missing = psot - (s->stop - *at);
        cut = true;
    } else
        end = *at + psot;
    rk_j2k_part *part;
    RK_TRY(add_part(s, &part, tile));
    part->sot = *at;
    part->header = *at + 12;
    part->end = end;
    part->body = end;
    rk_status status = read_header(s, part, cut);
    if (status.code != RK_OK) {
        part->header = part->body = end; /* nothing of it is used */
        return status;
    }
    *at = end;
    return rk_j2k_fine();
}

bool rk_j2k_is_empty(const rk_j2k_stream *s, uint32_t tile)
{
    uint64_t x0 = s->tx0 + (uint64_t)(tile % s->across) * s->tw, x1 = x0 + s->tw;
    uint64_t y0 = s->ty0 + (uint64_t)(tile / s->across) * s->th, y1 = y0 + s->th;
    x0 = x0 > s->x0 ? x0 : s->x0;
    y0 = y0 > s->y0 ? y0 : s->y0;
    x1 = x1 < s->x1 ? x1 : s->x1;
    y1 = y1 < s->y1 ? y1 : s->y1;
    for (uint32_t k = 0; k < s->count; k++) {
        uint32_t dx = s->comps[k].dx, dy = s->comps[k].dy;
        if ((x1 + dx - 1) / dx > (x0 + dx - 1) / dx && (y1 + dy - 1) / dy > (y0 + dy - 1) / dy)
            return false;
    }
    return true;
}

/* Lowers `sound` by tiles and tile-parts that never came. */
static void count_missing(rk_j2k_stream *s)
{
    uint64_t absent = 0;
    bool stated = true;
    for (uint32_t t = 0; t < s->across * s->down; t++) {
        const rk_j2k_tile_index *index = &s->tiles[t];
        if (index->promised > index->parts)
            absent += index->promised - index->parts;
        if (index->parts == 0)
            absent += !rk_j2k_is_empty(s, t);
        else if (index->promised == 0)
            stated = false;
    }
    if (!stated && s->tlm && s->tlm_parts > s->part_count
        && s->tlm_parts - s->part_count > absent)
        absent = s->tlm_parts - s->part_count;
    if (absent)
        s->sound *= (double)s->part_count / (double)(s->part_count + absent);
}

/* A.7.4: the string holds a length and that many bytes for each tile-part in turn. */
static rk_status share_packed(rk_j2k_stream *s)
{
    size_t at = 0;
    for (size_t k = 0; k < s->part_count; k++) {
        if (s->ppm_size - at < 4) {
            s->parts[k].packed = s->ppm_size; /* no header left: its packets run out */
            continue;
        }
        size_t size = rk_be32(s->ppm + at);
        at += 4;
        if (size > s->ppm_size - at)
            return corrupt(RK_J2K_PACKED, s->start);
        s->parts[k].packed = at;
        s->parts[k].packed_size = size;
        at += size;
    }
    return rk_j2k_fine();
}

static rk_status walk(rk_j2k_stream *s, size_t *at, size_t *missing)
{
    for (;;) {
        if (s->stop - *at < 2 || rk_be16(s->data + *at) == RK_EOC)
            return rk_j2k_fine();
        if (rk_be16(s->data + *at) != RK_SOT)
            return corrupt(RK_J2K_NO_SOT, *at);
        if (s->stop - *at < 12) {
            *missing = 12 - (s->stop - *at);
            *at = s->stop;
            return rk_j2k_fine();
        }
        if (s->part_count % 4096 == 4095 && rk_j2k_late(s))
            return rk_j2k_too_late(s);
        RK_TRY(read_part(s, at, missing));
        if (*missing)
            return rk_j2k_fine();
    }
}

rk_status rk_j2k_read_parts(rk_j2k_stream *s, size_t at)
{
    size_t begin = at, missing = 0;
    RK_TRY(rk_j2k_take(&s->arena, (void **)&s->tiles, (uint64_t)s->across * s->down,
                       sizeof *s->tiles));
    rk_status status = walk(s, &at, &missing);
    if (status.code != RK_OK) {
        if (s->strict || status.code == RK_NO_MEMORY || status.code == RK_LIMIT)
            return status;
        s->fault = status;
        missing = s->stop - at; /* what is behind the fault is lost */
        missing += missing == 0;
    }
    if (!missing && s->stop - at >= 2) {
        s->eoc = true;
        at += 2;
    }
    s->end = at;
    if (missing) {
        double found = (double)(at - begin), all = found + (double)missing;
        s->sound = found / all < 1.0 - 0x1p-20 ? found / all : 1.0 - 0x1p-20;
    } else
        for (size_t k = at; s->eoc && k < s->stop; k++)
            if (s->data[k]) {
                s->tail = s->stop - at;
                break;
            }
    count_missing(s);
    return s->packed_main ? share_packed(s) : rk_j2k_fine();
}

rk_status rk_j2k_read_tile_headers(rk_j2k_stream *s, uint32_t tile, rk_j2k_params *p,
                                   rk_j2k_arena *a, const uint8_t **ppt, size_t *ppt_size)
{
    struct {
        const uint8_t *data;
        size_t size;
    } pieces[256];
    size_t total = 0, at;
    uint8_t *joined = NULL;
    *ppt = NULL;
    *ppt_size = 0;
    for (uint32_t n = s->tiles[tile].first; s->packed_tile && n; n = s->parts[n - 1].next)
        total += s->parts[n - 1].body - s->parts[n - 1].header;
    if (total)
        RK_TRY(rk_j2k_take(a, (void **)&joined, total, 1));
    total = 0;
    for (uint32_t n = s->tiles[tile].first; n; n = s->parts[n - 1].next) {
        const rk_j2k_part *part = &s->parts[n - 1];
        memset(pieces, 0, joined ? sizeof pieces : 0);
        for (at = part->header; at < part->body;) {
            tile_segment g;
            rk_status status = next_segment(s, &g, &at, part->body);
            if (status.code == RK_TRUNCATED || (status.code == RK_OK && !g.body))
                break;
            RK_TRY(status);
            RK_TRY(rk_j2k_read_segment(s, p, g.marker, g.body, g.size, g.at, true));
            if (g.marker == RK_PPT && joined) {
                if (pieces[g.body[0]].data)
                    return corrupt(RK_J2K_PACKED, g.at);
                pieces[g.body[0]].data = g.body + 1;
                pieces[g.body[0]].size = g.size - 1;
            }
        }
        for (size_t k = 0; joined && k < 256; k++)
            if (pieces[k].size) {
                memcpy(joined + total, pieces[k].data, pieces[k].size);
                total += pieces[k].size;
            }
    }
    *ppt = joined;
    *ppt_size = total;
    return rk_j2k_check_params(s, p, s->tiles[tile].first ? s->parts[s->tiles[tile].first - 1].sot
                                                          : s->start);
}
