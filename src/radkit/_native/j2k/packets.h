/* j2k/packets.h: what packet reading and progression share. */
#ifndef RK_J2K_PACKETS_H
#define RK_J2K_PACKETS_H

#include "bits.h"
#include "listing.h"
#include "tile.h"

/* Lengths of a packet, until its header is read and the body begins. */
typedef struct rk_j2k_pending {
    rk_j2k_block *block; /* NULL: the bytes are stepped over */
    uint32_t size;
    uint16_t segment;
    uint8_t passes;
    bool plain; /* Part 1: a cut segment is of use up to the cut */
} rk_j2k_pending;

typedef struct rk_j2k_reader {
    rk_j2k_tile *tile;
    uint32_t part;               /* number + 1 of the tile-part that is read, 0 = none is left */
    const uint8_t *body, *end;   /* packets of that part */
    const uint8_t *head, *head_end; /* packed packet headers, if `packed` */
    bool packed;
    uint32_t layer;              /* of the packet that is read */
    bool stopped;                /* nothing more is to be read */
    rk_status fault;             /* why, if it is a fault */
    rk_j2k_pending *pending;
    size_t count, room;
    uint64_t unclocked;          /* steps since the clock was looked at */
    rk_j2k_listing *listing;     /* NULL, or all packets are read and noted there */
} rk_j2k_reader;

/* Counts n steps of work; once in a while it looks at the clock. */
RK_MUST_CHECK static inline rk_status rk_j2k_spend(rk_j2k_reader *r, uint64_t n)
{
    rk_j2k_stream *s = r->tile->stream;
    if (!rk_j2k_step(&s->budget, n)) {
        s->budget.asked = UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_WORK, s->start);
    }
    r->unclocked += n;
    if (r->unclocked < 4096)
        return rk_j2k_fine();
    r->unclocked = 0;
    return rk_j2k_late(s) ? rk_j2k_too_late(s) : rk_j2k_fine();
}

/* Reads all packets of a tile that has all components, resolutions and layers wanted, and notes
 * them in a table. */
RK_MUST_CHECK rk_status rk_j2k_read_all_packets(rk_j2k_tile *t, rk_j2k_listing *listing);

/* listing.c: adds a packet that was read; place and tile are filled in there. */
RK_MUST_CHECK rk_status rk_j2k_note_packet(rk_j2k_reader *r, rk_j2k_packet_fact fact);

/* Reads one packet. Sets r->stopped when the data end or are damaged. Returns faults of the
 * machine and of limits only. */
RK_MUST_CHECK rk_status rk_j2k_read_packet(rk_j2k_reader *r, uint32_t comp, unsigned res,
                                           uint32_t k, uint32_t layer);

/* Calls it for all packets of one progression, in its order, until the reader stops. */
RK_MUST_CHECK rk_status rk_j2k_walk(rk_j2k_reader *r, const rk_j2k_order *order);

#endif /* RK_J2K_PACKETS_H */
