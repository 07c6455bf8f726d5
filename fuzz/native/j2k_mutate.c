/*
 * Mutations that know the form of a codestream: fields of marker segments, whole segments,
 * tile-parts and their bodies, with Psot put right in most cases, so that a change does not end at
 * the next SOT. Every third mutation is libFuzzer's own. Option bytes stay at the end.
 */
#include "j2k/stream.h"
#include "target.h"

#ifndef RK_FUZZ_OPTIONS
#define RK_FUZZ_OPTIONS 8
#endif

enum { SPANS = 256, FRESH = 96 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* A marker segment, a body, or a tile-part: [at, at + size). */
typedef struct span {
    size_t at, size;
    size_t part; /* offset of the SOT that it belongs to; 0 in the main header */
    unsigned marker;
} span;

typedef struct stream {
    uint8_t *data;
    size_t size, most; /* without options; most that size may become */
    span segments[SPANS], bodies[SPANS], parts[SPANS];
    size_t segment_count, body_count, part_count;
    uint32_t state;
} stream;

static uint32_t draw(stream *s, uint32_t n)
{
    s->state ^= s->state << 13;
    s->state ^= s->state >> 17;
    s->state ^= s->state << 5;
    return n ? s->state % n : 0;
}

static void add(span *list, size_t *count, size_t at, size_t size, size_t part, unsigned marker)
{
    if (*count < SPANS)
        list[(*count)++] = (span){at, size, part, marker};
}

/* Segments from `at` on; returns where they end: at SOT, behind SOD, or at what is none. */
static size_t find_segments(stream *s, size_t at, size_t part)
{
    while (s->size - at >= 4) {
        unsigned marker = rk_be16(s->data + at);
        if (marker == RK_SOD)
            return at + 2;
        size_t size = marker < 0xFF30 ? 0 : 2 + rk_be16(s->data + at + 2);
        if (size < 4 || size > s->size - at || (marker == RK_SOT && !part))
            return at;
        add(s->segments, &s->segment_count, at, size, part, marker);
        at += size;
    }
    return at;
}

static void find_all(stream *s)
{
    s->segment_count = s->body_count = s->part_count = 0;
    if (s->size < 4)
        return;
    size_t at = find_segments(s, 2, 0);
    while (s->size - at >= 12 && rk_be16(s->data + at) == RK_SOT) {
        size_t size = rk_be32(s->data + at + 6), left = s->size - at;
        size = size < 14 || size > left ? left : size;
        size_t body = find_segments(s, at + 12, at);
        if (body < at + size)
            add(s->bodies, &s->body_count, body, at + size - body, at, RK_SOD);
        add(s->parts, &s->part_count, at, size, at, RK_SOT);
        at += size;
    }
}

/* Replaces data[at, at + size) by n bytes; false if there is no room. */
static bool splice(stream *s, size_t at, size_t size, const uint8_t *bytes, size_t n)
{
    if (s->size - size + n > s->most)
        return false;
    memmove(s->data + at + n, s->data + at + size, s->size - at - size);
    if (n)
        memcpy(s->data + at, bytes, n);
    s->size += n - size;
    return true;
}

static void mend_part(stream *s, size_t part, size_t before)
{
    if (!part || s->size - part < 12 || draw(s, 8) == 0)
        return;
    uint32_t size = rk_be32(s->data + part + 6);
    if (size == 0)
        return;
    size += (uint32_t)(s->size - before);
    for (int k = 0; k < 4; k++)
        s->data[part + 6 + k] = (uint8_t)(size >> 8 * (3 - k));
}

static void splice_span(stream *s, const span *where, size_t at, size_t size, const uint8_t *bytes,
                        size_t n)
{
    size_t before = s->size;
    if (splice(s, at, size, bytes, n))
        mend_part(s, where->part, before);
}

/* ---- What can be done to a codestream ---------------------------------------------------- */

static void change_field(stream *s)
{
    static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64, 127, 128, 254, 255};
    if (!s->segment_count)
        return;
    const span *g = &s->segments[draw(s, (uint32_t)s->segment_count)];
    for (uint32_t n = 1 + draw(s, 3); n && g->size > 4; n--) {
        size_t at = g->at + 4 + draw(s, (uint32_t)g->size - 4);
        uint8_t *byte = &s->data[at];
        switch (draw(s, 4)) {
        case 0: *byte = values[draw(s, sizeof values)]; break;
        case 1: *byte ^= (uint8_t)(1u << draw(s, 8)); break;
        case 2: *byte = (uint8_t)(*byte + draw(s, 2) * 2 - 1); break;
        default: *byte = (uint8_t)draw(s, 256);
        }
    }
}

/* One of the 32 bit numbers of SIZ: small, or a little more or less. */
static void change_size(stream *s)
{
    if (!s->segment_count || s->segments[0].marker != RK_SIZ || s->segments[0].size < 38)
        return;
    uint8_t *field = s->data + s->segments[0].at + 6 + 4 * draw(s, 8);
    uint32_t value = rk_be32(field);
    switch (draw(s, 5)) {
    case 0: value = draw(s, 100); break;
    case 1: value += draw(s, 9) - 4; break;
    case 2: value = 1u << draw(s, 32); break;
    case 3: value = UINT32_MAX - draw(s, 3); break;
    default: value /= 2;
    }
    for (int k = 0; k < 4; k++)
        field[k] = (uint8_t)(value >> 8 * (3 - k));
}

static void drop_segment(stream *s)
{
    if (!s->segment_count)
        return;
    span g = s->segments[draw(s, (uint32_t)s->segment_count)];
    splice_span(s, &g, g.at, g.size, NULL, 0);
}

/* A copy of a segment in front of another, in the main header or in one of a tile-part. */
static void copy_segment(stream *s)
{
    uint8_t copy[1024];
    if (!s->segment_count)
        return;
    span from = s->segments[draw(s, (uint32_t)s->segment_count)];
    span to = s->segments[draw(s, (uint32_t)s->segment_count)];
    if (s->body_count && draw(s, 2)) {
        to = s->bodies[draw(s, (uint32_t)s->body_count)];
        to.at -= 2; /* before SOD */
    }
    if (from.size > sizeof copy)
        return;
    memcpy(copy, s->data + from.at, from.size);
    splice_span(s, &to, to.at, 0, copy, from.size);
}

/* A segment of a kind that seeds seldom have, with a content that is nearly right. */
static size_t make_segment(stream *s, uint8_t *to)
{
    static const uint16_t kinds[] = {RK_POC, RK_RGN, RK_COC, RK_QCC, RK_PPM, RK_PPT, RK_TLM,
                                     RK_PLT, RK_CAP, RK_CRG, RK_COD, RK_QCD, RK_PLM, 0xFF64};
    unsigned marker = kinds[draw(s, sizeof kinds / sizeof *kinds)];
    size_t n = 0;
    if (marker == RK_POC)
        for (uint32_t k = 1 + draw(s, 4); k; k--) {
            uint8_t entry[7] = {(uint8_t)draw(s, 7), (uint8_t)draw(s, 4), 0,
                                (uint8_t)(1 + draw(s, 9)), (uint8_t)(1 + draw(s, 33)),
                                (uint8_t)draw(s, 5), (uint8_t)draw(s, 5)};
            memcpy(to + 4 + n, entry, sizeof entry);
            n += sizeof entry;
        }
    else if (marker == RK_RGN) {
        uint8_t body[3] = {(uint8_t)draw(s, 3), 0, (uint8_t)draw(s, draw(s, 2) ? 40 : 256)};
        memcpy(to + 4, body, n = sizeof body);
    } else
        for (n = draw(s, FRESH - 4); n && draw(s, 9) == 0;)
            n /= 2;
    if (marker != RK_POC && marker != RK_RGN)
        for (size_t k = 0; k < n; k++)
            to[4 + k] = (uint8_t)draw(s, k < 3 ? 4 : 256);
    to[0] = (uint8_t)(marker >> 8), to[1] = (uint8_t)marker;
    to[2] = (uint8_t)((n + 2) >> 8), to[3] = (uint8_t)(n + 2);
    return n + 4;
}

static void insert_segment(stream *s)
{
    uint8_t fresh[FRESH + 8];
    if (!s->segment_count)
        return;
    span to = s->segments[draw(s, (uint32_t)s->segment_count)];
    if (s->body_count && draw(s, 2)) {
        to = s->bodies[draw(s, (uint32_t)s->body_count)];
        to.at -= 2;
    } else
        to.at += to.size; /* never before SIZ */
    splice_span(s, &to, to.at, 0, fresh, make_segment(s, fresh));
}

static void change_body(stream *s)
{
    static uint8_t body[1 << 16];
    if (!s->body_count)
        return;
    span b = s->bodies[draw(s, (uint32_t)s->body_count)];
    if (b.size > sizeof body)
        return;
    memcpy(body, s->data + b.at, b.size);
    size_t most = b.size + (s->most - s->size), n;
    n = LLVMFuzzerMutate(body, b.size, draw(s, 2) ? b.size : most < sizeof body ? most : sizeof body);
    splice_span(s, &b, b.at, b.size, body, n);
}

/* Tile-parts twice, away, or to the end. */
static void change_parts(stream *s)
{
    static uint8_t copy[1 << 16];
    if (!s->part_count)
        return;
    span p = s->parts[draw(s, (uint32_t)s->part_count)];
    span q = s->parts[draw(s, (uint32_t)s->part_count)];
    if (p.size > sizeof copy)
        return;
    memcpy(copy, s->data + p.at, p.size);
    switch (draw(s, 4)) {
    case 0: (void)splice(s, p.at, p.size, NULL, 0); break;
    case 1: (void)splice(s, q.at, 0, copy, p.size); break;
    case 2: (void)splice(s, q.at, q.size, copy, p.size); break;
    default: /* its tile, its size, its number */
        s->data[p.at + 4 + draw(s, 8)] = (uint8_t)draw(s, 6);
    }
}

static void cut(stream *s)
{
    if (s->size)
        s->size -= draw(s, (uint32_t)s->size) >> draw(s, 8);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static void (*const changes[])(stream *) = {change_field, change_field,   change_size,
                                                drop_segment, copy_segment,   insert_segment,
                                                change_body,  change_body,    change_parts, cut};
    static stream s;
    uint8_t options[RK_FUZZ_OPTIONS];
    if (size < sizeof options || max_size < size || seed % 3 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(options, data + size - sizeof options, sizeof options);
    s.data = data;
    s.size = size - sizeof options;
    s.most = max_size - sizeof options;
    s.state = seed ? seed : 1;
    if (draw(&s, 8) == 0)
        options[draw(&s, sizeof options)] = (uint8_t)draw(&s, 256);
    for (uint32_t n = 1 + draw(&s, 2); n; n--) {
        find_all(&s);
        changes[draw(&s, sizeof changes / sizeof *changes)](&s);
    }
    memcpy(s.data + s.size, options, sizeof options);
    return s.size + sizeof options;
}
