/* Tile-parts (T.800 A.4.2), and the codestream as a whole. */
#include <string.h>

#include "rules.h"
#include "write.h"

/* ---- packet lengths -------------------------------------------------------------------------- */

enum { PLT_ROOM = 65000 };

/* PLT segments are made aside, since they stand before the packets that they tell of (A.7.3). */
typedef struct lengths {
    rk_j2k_sink *sink;
    size_t segment; /* where the open one begins; its length is set when it is full */
    uint8_t number;
    bool open, over; /* over: more than 256 segments */
} lengths;

static void close_segment(lengths *p)
{
    size_t size = p->sink->size - p->segment - 2;
    if (p->segment + 4 <= p->sink->capacity) {
        p->sink->data[p->segment + 2] = (uint8_t)(size >> 8);
        p->sink->data[p->segment + 3] = (uint8_t)size;
    }
    p->open = false;
}

static void put_length(lengths *p, size_t size)
{
    if (p->open && p->sink->size - p->segment > PLT_ROOM)
        close_segment(p);
    if (!p->open) {
        p->segment = p->sink->size;
        p->open = true;
        p->over |= p->sink->size > 0 && p->number == 0;
        rk_j2k_put16(p->sink, RK_PLT);
        rk_j2k_put16(p->sink, 0);
        rk_j2k_put8(p->sink, p->number++);
    }
    unsigned shift = 0;
    while (size >> shift >= 128)
        shift += 7;
    for (; shift; shift -= 7)
        rk_j2k_put8(p->sink, (uint32_t)(size >> shift & 127) | 128);
    rk_j2k_put8(p->sink, size & 127);
}

/* Shifts what was written from `at` on by the bytes of `from`, and puts these there. */
static void insert(rk_j2k_sink *sink, size_t at, const rk_j2k_sink *from)
{
    size_t size = sink->size + from->size;
    if (size <= sink->capacity && from->size <= from->capacity) {
        memmove(sink->data + at + from->size, sink->data + at, sink->size - at);
        memcpy(sink->data + at, from->data, from->size);
    }
    sink->size = size;
}

/* ---- tile-parts ------------------------------------------------------------------------------ */

typedef struct parts {
    rk_j2k_writing *w;
    rk_j2k_sink *sink, *plt;
    size_t tlm, written;
} parts;

/* The packets of one part: up to the next change of resolution if parts are split. */
static rk_status put_packets(parts *p, rk_j2k_outtile *t)
{
    const rk_j2k_turn *turn = rk_j2k_turn_now(p->w, t), *before = turn;
    lengths lengths = {.sink = p->plt};
    p->plt->size = 0;
    while (turn && (t->parts == 1 || turn->number == before->number)) {
        size_t at = p->sink->size;
        rk_j2k_write_packet(p->w, t, turn, p->sink);
        if (p->w->layout.plt)
            put_length(&lengths, p->sink->size - at);
        rk_j2k_turn_next(p->w, t);
        before = turn;
        turn = rk_j2k_turn_now(p->w, t);
    }
    if (lengths.open)
        close_segment(&lengths);
    return lengths.over ? rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_MAX_PACKETS, 0) : rk_j2k_fine();
}

static rk_status put_part(parts *p, uint32_t number)
{
    rk_j2k_outtile *t = &p->w->tiles[number];
    size_t sot = p->sink->size;
    rk_j2k_put16(p->sink, RK_SOT);
    rk_j2k_put16(p->sink, 10);
    rk_j2k_put16(p->sink, number);
    rk_j2k_put32(p->sink, 0);
    rk_j2k_put8(p->sink, t->part);
    rk_j2k_put8(p->sink, t->parts);
    if (t->part++ == 0)
        rk_j2k_write_own(p->w, number, p->sink);
    size_t header = p->sink->size;
    rk_j2k_put16(p->sink, RK_SOD);
    RK_TRY(put_packets(p, t));
    if (p->w->layout.plt)
        insert(p->sink, header, p->plt);
    uint64_t size = p->sink->size - sot;
    if (size > UINT32_MAX)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PSOT, 0);
    if (sot + 10 <= p->sink->capacity) {
        rk_j2k_sink psot = {p->sink->data + sot + 6, 4, 0};
        rk_j2k_put32(&psot, (uint32_t)size);
    }
    if (p->w->layout.tlm)
        rk_j2k_set_tlm(p->w, p->sink, p->tlm, p->written, number, (uint32_t)size);
    p->written++;
    return rk_j2k_fine();
}

/*
 * Resolution by resolution over all tiles, so that a part of the codestream from its start is the
 * whole image in less detail; tile by tile if the order of packets is another.
 */
static rk_status put_parts(parts *p)
{
    uint32_t tiles = p->w->across * p->w->down;
    unsigned rounds = p->w->layout.order == 1 || p->w->layout.order == 2
                          ? p->w->levels + 1u
                          : 0;
    for (unsigned r = 0; r < rounds; r++)
        for (uint32_t k = 0; k < tiles; k++) {
            rk_j2k_outtile *t = &p->w->tiles[k];
            const rk_j2k_turn *turn = rk_j2k_turn_now(p->w, t);
            if (t->parts > 1 && turn && turn->number == r)
                RK_TRY(put_part(p, k));
        }
    for (uint32_t k = 0; k < tiles; k++)
        while (rk_j2k_turn_now(p->w, &p->w->tiles[k]))
            RK_TRY(put_part(p, k));
    return rk_j2k_fine();
}

/* Room for the PLT segments of any part: packets take at most five bytes each. */
static rk_status take_lengths(rk_j2k_writing *w, rk_j2k_arena *arena, rk_j2k_sink *plt)
{
    uint64_t most = 0;
    if (!w->layout.plt)
        return rk_j2k_fine();
    for (uint32_t k = 0; k < w->across * w->down; k++) {
        const rk_j2k_outtile *t = &w->tiles[k];
        uint64_t packets = (uint64_t)t->turn_count * rk_j2k_out_layers(w, t);
        most = packets > most ? packets : most;
    }
    most *= 5;
    most += (most / PLT_ROOM + 1) * 8;
    RK_TRY(rk_j2k_take_raw(arena, (void **)&plt->data, most, 1));
    plt->capacity = (size_t)most;
    return rk_j2k_fine();
}

rk_status rk_j2k_write(rk_j2k_writing *w, rk_j2k_sink *sink)
{
    rk_j2k_sink plt = {0};
    rk_j2k_arena arena = {.budget = w->arena->budget};
    parts p = {.w = w, .sink = sink, .plt = &plt};
    size_t count = 0;
    sink->size = 0;
    for (uint32_t k = 0; k < w->across * w->down; k++) {
        rk_j2k_unwrite(w, &w->tiles[k]);
        count += w->tiles[k].parts;
    }
    if (w->layout.tlm && !rk_j2k_tlm_holds(w, count))
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_TLM, 0);
    RK_TRY(take_lengths(w, &arena, &plt));
    rk_j2k_write_main(w, sink, count, &p.tlm);
    rk_status status = put_parts(&p);
    rk_j2k_put16(sink, RK_EOC);
    rk_j2k_release(&arena);
    if (status.code == RK_OK && sink->size > sink->capacity)
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
    return status;
}
