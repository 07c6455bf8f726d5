/* Packets: headers, lengths, and where the bytes of code-blocks are (T.800 B.9, B.10). */
#include <string.h>

#include "packets.h"

/* Most missing bit-planes: 7 guard bits, exponent 31, a ROI shift of 255. */
#define ZERO_MAX 254
/* More passes than bit-planes can ever need. */
#define PASSES_MAX 1024
#define TREE_DEPTH 33

/* Stops the reader for good; what was read before stays. */
static void stop(rk_j2k_reader *r, rk_code code, enum rk_j2k_rule rule, const uint8_t *at)
{
    r->stopped = true;
    if (r->fault.code == RK_OK) {
        const rk_j2k_stream *s = r->tile->stream;
        bool inside = at >= s->data && at <= s->data + s->stop; /* PPM and PPT are copies */
        r->fault = rk_j2k_fail(code, rule, inside ? (uint64_t)(at - s->data)
                                                  : (uint64_t)(r->body - s->data));
    }
}

/* The nodes of a tag tree from a leaf to the root (B.10.2); returns their number. */
static size_t tree_path(rk_j2k_node *nodes, uint32_t cols, uint32_t rows, uint32_t x, uint32_t y,
                        rk_j2k_node **path)
{
    size_t depth = 0;
    for (;;) {
        path[depth++] = nodes + (size_t)y * cols + x;
        if (cols == 1 && rows == 1)
            return depth;
        nodes += (size_t)cols * rows;
        cols = (cols + 1) / 2;
        rows = (rows + 1) / 2;
        x /= 2;
        y /= 2;
    }
}

/*
 * Reads what a tag tree says of a leaf, up to `limit`: what is needed to know its value, or that
 * it is not below. Bounds of nodes rise to that of their parent first. Returns the bound of the
 * leaf; its value is known if that is below `limit`.
 */
static unsigned tree_read(rk_j2k_node *nodes, uint32_t cols, uint32_t rows, uint32_t x,
                          uint32_t y, unsigned limit, rk_j2k_bits *bits)
{
    rk_j2k_node *path[TREE_DEPTH];
    size_t depth = tree_path(nodes, cols, rows, x, y, path);
    unsigned bound = 0;
    while (depth--) {
        rk_j2k_node *node = path[depth];
        if (node->bound < bound)
            node->bound = (uint16_t)bound;
        while (!node->known && node->bound < limit) {
            if (rk_j2k_bit(bits))
                node->known = true;
            else if (bits->over)
                return limit;
            else
                node->bound++;
        }
        bound = node->bound;
    }
    return bound;
}

/* B.10.6, table B.4 */
static unsigned read_passes(rk_j2k_bits *b)
{
    unsigned v;
    if (!rk_j2k_bit(b))
        return 1;
    if (!rk_j2k_bit(b))
        return 2;
    if ((v = rk_j2k_bits_get(b, 2)) < 3)
        return 3 + v;
    if ((v = rk_j2k_bits_get(b, 5)) < 31)
        return 6 + v;
    return 37 + rk_j2k_bits_get(b, 7);
}

static unsigned log2_of(unsigned n)
{
    unsigned v = 0;
    while (n >>= 1)
        v++;
    return v;
}

/* The codeword segment that pass `n` of a block belongs to, and how many passes it has room for
 * from there on (table D.9; T.814: a cleanup pass, then its one or two refinement passes). */
static unsigned segment_of(unsigned style, const rk_j2k_block *block, unsigned n, unsigned *room)
{
    if (block->flags & RK_J2K_IS_HT) {
        *room = n % 3 ? 3 - n % 3 : 1;
        return 2 * (n / 3) + (n % 3 != 0);
    }
    if (style & RK_T1_TERMINATE) {
        *room = 1;
        return n;
    }
    *room = PASSES_MAX;
    if (!(style & RK_T1_BYPASS))
        return 0;
    if (n < 10) {
        *room = 10 - n;
        return 0;
    }
    unsigned k = (n - 10) % 3;
    *room = k < 2 ? 2 - k : 1;
    return 1 + 2 * ((n - 10) / 3) + (k == 2);
}

static rk_status add_pending(rk_j2k_reader *r, rk_j2k_pending p)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        rk_j2k_pending *grown;
        RK_TRY(rk_j2k_take(&r->tile->arena, (void **)&grown, room, sizeof *grown));
        if (r->count)
            memcpy(grown, r->pending, r->count * sizeof *grown);
        r->pending = grown;
        r->room = room;
    }
    r->pending[r->count++] = p;
    return rk_j2k_fine();
}

/* What a block gets in this packet. */
typedef struct contribution {
    rk_j2k_block *block;
    unsigned style;
    unsigned passes; /* left */
    bool keep;
} contribution;

static rk_status add_bytes(rk_j2k_reader *r, contribution *c, unsigned passes, uint32_t size,
                           unsigned segment)
{
    rk_j2k_block *block = c->block;
    RK_TRY(add_pending(r, (rk_j2k_pending){c->keep ? block : NULL, size, (uint16_t)segment,
                                           (uint8_t)passes,
                                           !(block->flags & RK_J2K_IS_HT)}));
    block->passes = (uint16_t)(block->passes + passes);
    c->passes -= passes;
    return rk_j2k_fine();
}

/*
 * The first length of a block that may be HT (T.814 B.3). Until the first cleanup pass has
 * bytes, passes are placeholders without any, and lengths have as many bits as if all of them
 * were one segment of Part 1. In a MIXED set the first length that is not 0 decides what the
 * block is: its top bit is 0 for HT, and Lblock is then above 3.
 */
static rk_status read_first(rk_j2k_reader *r, contribution *c, rk_j2k_bits *bits)
{
    rk_j2k_block *block = c->block;
    bool mixed = c->style & RK_J2K_MIXED;
    unsigned refine = (block->passes + c->passes - 1) % 3;
    unsigned first = c->passes > refine ? c->passes - refine : 0;
    if (first) {
        unsigned wide = block->lblock + log2_of(first);
        uint32_t size = rk_j2k_bits_get(bits, wide);
        if (size && (!mixed || (block->lblock > 3 && size > 1 && size >> (wide - 1) == 0))) {
            block->flags |= RK_J2K_IS_HT;
            if (size < 2) {
                stop(r, RK_CORRUPT, RK_J2K_HT_LENGTH, bits->p);
                return rk_j2k_fine();
            }
            unsigned last = block->passes + first - 1; /* the cleanup pass; the others are void */
            return add_bytes(r, c, first, size, 2 * (last / 3));
        }
        unsigned more = block->lblock + log2_of(c->passes) - wide;
        size = more ? size << more | rk_j2k_bits_get(bits, more) : size;
        if (size && !mixed)
            stop(r, RK_CORRUPT, RK_J2K_HT_LENGTH, bits->p);
        else if (size)
            block->flags |= RK_J2K_IS_PLAIN;
        return add_bytes(r, c, c->passes, size, 0);
    }
    uint32_t size = rk_j2k_bits_get(bits, block->lblock + log2_of(c->passes));
    if (size && !mixed)
        stop(r, RK_CORRUPT, RK_J2K_HT_LENGTH, bits->p);
    else if (size)
        block->flags |= RK_J2K_IS_PLAIN;
    return add_bytes(r, c, c->passes, size, 0);
}

/* Number of passes and lengths of a block that is included (B.10.6, B.10.7). */
static rk_status read_lengths(rk_j2k_reader *r, contribution *c, rk_j2k_bits *bits)
{
    rk_j2k_block *block = c->block;
    c->passes = read_passes(bits);
    if (block->passes + c->passes > PASSES_MAX) {
        stop(r, RK_CORRUPT, RK_J2K_PASSES, bits->p);
        return rk_j2k_fine();
    }
    while (rk_j2k_bit(bits))
        if (++block->lblock > 32) {
            stop(r, RK_CORRUPT, RK_J2K_LBLOCK, bits->p);
            return rk_j2k_fine();
        }
    if (block->lblock + log2_of(c->passes) > 32) {
        stop(r, RK_CORRUPT, RK_J2K_LBLOCK, bits->p);
        return rk_j2k_fine();
    }
    if (c->style & RK_J2K_HT && !(block->flags & (RK_J2K_IS_HT | RK_J2K_IS_PLAIN)))
        RK_TRY(read_first(r, c, bits));
    while (c->passes && !r->stopped && !bits->over) {
        unsigned room, segment = segment_of(c->style, block, block->passes, &room);
        unsigned passes = c->passes < room ? c->passes : room;
        uint32_t size = rk_j2k_bits_get(bits, block->lblock + log2_of(passes));
        RK_TRY(add_bytes(r, c, passes, size, segment));
    }
    return rk_j2k_fine();
}

/* One code-block in a packet header: inclusion, missing bit-planes, lengths. */
static rk_status read_block(rk_j2k_reader *r, rk_j2k_cell *cell, uint32_t x, uint32_t y,
                            uint32_t layer, contribution c, rk_j2k_bits *bits)
{
    rk_j2k_block *block = c.block;
    if (block->flags & RK_J2K_INCLUDED) {
        if (!rk_j2k_bit(bits))
            return rk_j2k_fine();
    } else {
        if (tree_read(cell->inclusion, cell->cols, cell->rows, x, y, layer + 1, bits) > layer)
            return rk_j2k_fine();
        unsigned zero = tree_read(cell->zero, cell->cols, cell->rows, x, y, ZERO_MAX + 1, bits);
        if (bits->over)
            return rk_j2k_fine();
        if (zero > ZERO_MAX) {
            stop(r, RK_CORRUPT, RK_J2K_ZERO_PLANES, bits->p);
            return rk_j2k_fine();
        }
        block->zero = (uint8_t)zero;
        block->lblock = 3;
        block->flags |= RK_J2K_INCLUDED;
    }
    return read_lengths(r, &c, bits);
}

/* True if a code-block lies in what is decoded of its band. */
static bool in_hold(const rk_j2k_res *res, rk_j2k_rect hold, uint32_t bx, uint32_t by)
{
    uint64_t x = (uint64_t)bx << res->xcb, y = (uint64_t)by << res->ycb;
    return x < hold.x1 && x + ((uint64_t)1 << res->xcb) > hold.x0 && y < hold.y1
           && y + ((uint64_t)1 << res->ycb) > hold.y0;
}

static rk_status read_header(rk_j2k_reader *r, rk_j2k_tilecomp *c, unsigned res_number,
                             uint32_t k, uint32_t layer, bool keep, rk_j2k_bits *bits)
{
    rk_j2k_res *res = &c->res[res_number];
    if (!res->precincts[k])
        RK_TRY(rk_j2k_precinct_make(r->tile, c, res_number, k));
    for (unsigned b = 0; b < res->band_count; b++) {
        rk_j2k_cell *cell = &res->precincts[k]->cells[b];
        for (uint32_t y = 0; y < cell->rows; y++) {
            RK_TRY(rk_j2k_spend(r, cell->cols));
            for (uint32_t x = 0; x < cell->cols; x++) {
                contribution part = {&cell->blocks[(size_t)y * cell->cols + x],
                                     c->coding->style.flags, 0,
                                     keep && in_hold(res, c->windows[res_number].bands[b].hold,
                                                     cell->bx + x, cell->by + y)};
                RK_TRY(read_block(r, cell, x, y, layer, part, bits));
                if (r->stopped || bits->over)
                    return rk_j2k_fine();
            }
        }
    }
    return rk_j2k_fine();
}

/* A segment's bytes for a block. One that is cut is of use if it is of Part 1: its passes end where
 * the bytes do. */
static rk_status give(rk_j2k_reader *r, const rk_j2k_pending *p, size_t there)
{
    rk_j2k_block *block = p->block;
    rk_j2k_bytes *bytes;
    if (block->flags & RK_J2K_BLOCK_CUT)
        return rk_j2k_fine();
    if (there < p->size) {
        block->flags |= RK_J2K_BLOCK_CUT;
        if (!p->plain || !there)
            return rk_j2k_fine();
        block->flags |= RK_J2K_SEGMENT_CUT;
    }
    RK_TRY(rk_j2k_take(&r->tile->arena, (void **)&bytes, 1, sizeof *bytes));
    bytes->data = r->body;
    bytes->size = (uint32_t)(there < p->size ? there : p->size);
    bytes->segment = p->segment;
    bytes->layer = (uint16_t)r->layer;
    bytes->passes = (uint8_t)p->passes;
    if (block->last)
        block->last->next = bytes;
    else
        block->first = bytes;
    block->last = bytes;
    return rk_j2k_fine();
}

static rk_status read_body(rk_j2k_reader *r)
{
    for (size_t k = 0; k < r->count; k++) {
        const rk_j2k_pending *p = &r->pending[k];
        size_t there = (size_t)(r->end - r->body);
        if (p->block)
            RK_TRY(give(r, p, there));
        if (there < p->size) {
            stop(r, RK_TRUNCATED, RK_J2K_PACKET_BODY, r->end);
            r->body = r->end;
            while (++k < r->count)
                if (r->pending[k].block)
                    r->pending[k].block->flags |= RK_J2K_BLOCK_CUT;
            return rk_j2k_fine();
        }
        r->body += p->size;
    }
    return rk_j2k_fine();
}

/* Goes on to the next tile-part while the present one has nothing left. */
static void next_part(rk_j2k_reader *r)
{
    rk_j2k_tile *t = r->tile;
    const rk_j2k_stream *s = t->stream;
    while (r->body == r->end && r->part) {
        const rk_j2k_part *part = &s->parts[r->part - 1];
        bool header_left = r->packed && s->packed_main && r->head < r->head_end;
        if (header_left)
            return; /* packets without bodies */
        r->part = part->next;
        if (!r->part)
            return;
        part = &s->parts[r->part - 1];
        r->body = s->data + part->body;
        r->end = s->data + part->end;
        if (s->packed_main) {
            r->head = s->ppm + part->packed;
            r->head_end = r->head + part->packed_size;
        }
    }
}

static void skip_marker(const uint8_t **p, const uint8_t *end, unsigned marker, size_t size)
{
    if ((size_t)(end - *p) >= size && rk_be16(*p) == marker)
        *p += size;
}

rk_status rk_j2k_read_packet(rk_j2k_reader *r, uint32_t comp, unsigned res, uint32_t k,
                             uint32_t layer)
{
    rk_j2k_tile *t = r->tile;
    rk_j2k_tilecomp *c = &t->comps[comp];
    next_part(r);
    const uint8_t *begin = r->body, *head = r->head;
    skip_marker(&r->body, r->end, RK_SOP, 6);
    rk_j2k_bits bits = {.p = r->packed ? r->head : r->body,
                        .end = r->packed ? r->head_end : r->end};
    if (bits.p == bits.end) {
        stop(r, RK_TRUNCATED, RK_J2K_PACKET_ENDS, r->body);
        return rk_j2k_fine();
    }
    bool wanted = c->wanted && res <= c->top && rk_j2k_hits(&c->res[res], k);
    wanted = r->listing || (wanted && layer < t->wish->layers);
    r->count = 0;
    r->layer = layer;
    if (rk_j2k_bit(&bits))
        RK_TRY(read_header(r, c, res, k, layer, wanted && c->wanted, &bits));
    rk_j2k_bits_close(&bits);
    if (bits.over)
        stop(r, RK_TRUNCATED, RK_J2K_PACKET_HEADER, bits.end);
    if (r->stopped)
        return rk_j2k_fine();
    skip_marker(&bits.p, bits.end, RK_EPH, 2);
    if (r->packed)
        r->head = bits.p;
    else
        r->body = bits.p;
    rk_j2k_packet_fact fact = {.offset = (uint64_t)(begin - t->stream->data), .comp = comp,
                               .precinct = k, .layer = (uint16_t)layer, .res = (uint8_t)res,
                               .header = (uint32_t)(r->body - begin),
                               .packed = (uint32_t)(r->packed ? r->head - head : 0)};
    const uint8_t *body = r->body;
    RK_TRY(read_body(r));
    if (r->stopped)
        return rk_j2k_fine();
    fact.body = (uint64_t)(r->body - body);
    if (r->listing)
        RK_TRY(rk_j2k_note_packet(r, fact));
    c->res[res].layers[k]++;
    if (wanted) {
        t->packets_found++;
        r->stopped = --t->wanted == 0;
    }
    return rk_j2k_fine();
}

static rk_status read_all(rk_j2k_tile *t, rk_j2k_listing *listing)
{
    rk_j2k_stream *s = t->stream;
    rk_j2k_reader r = {.tile = t, .part = s->tiles[t->number].first, .listing = listing};
    if (rk_j2k_late(s))
        return rk_j2k_too_late(s);
    if (t->wanted == 0 || !r.part)
        return rk_j2k_fine();
    const rk_j2k_part *part = &s->parts[r.part - 1];
    r.body = s->data + part->body;
    r.end = s->data + part->end;
    r.packed = s->packed_main || t->ppt_size;
    if (s->packed_main) {
        r.head = s->ppm + part->packed;
        r.head_end = r.head + part->packed_size;
    } else if (r.packed) {
        r.head = t->ppt;
        r.head_end = r.head + t->ppt_size;
    }
    rk_j2k_order whole = {0, s->count, t->params.layers, 0, RK_J2K_LEVELS_MAX + 1,
                          t->params.progression};
    if (t->params.order_count == 0)
        RK_TRY(rk_j2k_walk(&r, &whole));
    for (size_t k = 0; k < t->params.order_count && !r.stopped; k++)
        RK_TRY(rk_j2k_walk(&r, &t->params.orders[k]));
    if (!r.stopped) /* A.6.6: all packets have a place in some progression */
        stop(&r, RK_CORRUPT, RK_J2K_POC, r.body);
    t->fault = r.fault;
    return t->stream->strict ? r.fault : rk_j2k_fine();
}

rk_status rk_j2k_read_packets(rk_j2k_tile *t)
{
    return read_all(t, NULL);
}

rk_status rk_j2k_read_all_packets(rk_j2k_tile *t, rk_j2k_listing *listing)
{
    t->wanted = t->packets; /* also those of precincts without samples */
    return read_all(t, listing);
}
