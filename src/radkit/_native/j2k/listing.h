/* j2k/listing.h: where packets are and what they bring, without decoding any code-block. */
#ifndef RK_J2K_LISTING_H
#define RK_J2K_LISTING_H

#include "stream.h"

/* Fields without holes, so that a table of them can be handed out as it is. */
typedef struct rk_j2k_packet_fact {
    uint64_t offset; /* of SOP or the header; of the body if the header is packed elsewhere */
    uint64_t body;   /* bytes */
    uint32_t header; /* bytes before the body, SOP and EPH among them */
    uint32_t packed; /* bytes of a header in PPM or PPT */
    uint32_t tile, part, comp, precinct; /* part: number of the tile-part in the stream */
    uint32_t x0, y0, x1, y1; /* of the precinct on the reference grid, within the tile */
    uint16_t layer;
    uint8_t res, levels;
    uint32_t zero;
} rk_j2k_packet_fact; /* 64 bytes */

typedef struct rk_j2k_block_fact {
    uint64_t bytes;
    uint32_t tile, comp, precinct;
    uint32_t x, y; /* in the grid of code-blocks of the band */
    uint16_t passes;
    uint8_t res, band; /* band: 0 LL, 1 HL, 2 LH, 3 HH */
    uint8_t missing;   /* bit-planes */
    uint8_t ht, zero[6];
} rk_j2k_block_fact; /* 40 bytes */

typedef struct rk_j2k_listing {
    rk_j2k_arena arena;
    rk_j2k_packet_fact *packets;
    size_t packet_count, packet_room;
    rk_j2k_block_fact *blocks; /* that bring something */
    size_t block_count, block_room;
    bool with_blocks;
    rk_status fault; /* the first, if not strict */
} rk_j2k_listing;

/* Lists the packets of all tiles, in the order of each tile. rk_j2k_listing_end gives the memory
 * back, whatever is returned. `l` is zeroed but for with_blocks. */
RK_MUST_CHECK rk_status rk_j2k_list(rk_j2k_stream *s, rk_j2k_listing *l);
void rk_j2k_listing_end(rk_j2k_listing *l);

#endif /* RK_J2K_LISTING_H */
