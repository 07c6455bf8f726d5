/*
 * The packets of a codestream without decoding (inspect with deep): tables or a typed status;
 * every packet and its bytes lie inside the data, and blocks have no more bytes than bodies.
 */
#include "j2k/listing.h"

#include "j2k_run.h"
#include "target.h"

static void check(const rk_j2k_stream *s, const rk_j2k_listing *l, size_t size)
{
    uint64_t bodies = 0, blocks = 0;
    for (size_t k = 0; k < l->packet_count; k++) {
        const rk_j2k_packet_fact *p = &l->packets[k];
        RK_FUZZ_ASSERT(p->offset <= size && p->header <= size - p->offset);
        RK_FUZZ_ASSERT(p->body <= size - p->offset - p->header);
        RK_FUZZ_ASSERT(p->tile < s->across * s->down && p->part < s->part_count);
        RK_FUZZ_ASSERT(p->comp < s->count && p->res <= p->levels);
        RK_FUZZ_ASSERT(p->x0 <= p->x1 && p->y0 <= p->y1);
        bodies += p->body;
    }
    for (size_t k = 0; k < l->block_count; k++) {
        RK_FUZZ_ASSERT(l->blocks[k].tile < s->across * s->down && l->blocks[k].comp < s->count);
        RK_FUZZ_ASSERT(l->blocks[k].band <= 3);
        blocks += l->blocks[k].bytes;
    }
    /* A packet that is cut is not listed, but its blocks have what is there. */
    RK_FUZZ_ASSERT(bodies <= size && blocks <= (l->fault.code == RK_OK ? bodies : size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RK_FUZZ_J2K_OPTIONS)
        return 0;
    size -= RK_FUZZ_J2K_OPTIONS;
    uint8_t option = data[size + 7];
    rk_j2k_limits limits = rk_fuzz_j2k_small();
    rk_j2k_listing listing = {.with_blocks = option & 1};
    rk_j2k_stream s;
    uint8_t *copy = rk_fuzz_copy(data, size, 0);
    rk_status status = rk_j2k_stream_read(&s, copy, 0, size, &limits, option & 2);
    RK_FUZZ_ASSERT(status.code != RK_INTERNAL);
    if (status.code == RK_OK) {
        status = rk_j2k_list(&s, &listing);
        RK_FUZZ_ASSERT(status.code != RK_INTERNAL);
        if (status.code == RK_OK) {
            RK_FUZZ_ASSERT(listing.fault.code == RK_OK || !s.strict);
            check(&s, &listing, size);
        }
        rk_j2k_listing_end(&listing);
    }
    rk_j2k_stream_end(&s);
    free(copy);
    return 0;
}
