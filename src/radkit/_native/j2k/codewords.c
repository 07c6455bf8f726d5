/* Codeword segments in one piece each. */
#include <string.h>

#include "codewords.h"

/* The chunks from `first` on that are of its segment; *next is set to the chunk after them. */
static rk_status join(const rk_j2k_joiner *j, const rk_j2k_bytes *first,
                      const rk_j2k_bytes **next, rk_t1_segment *out)
{
    const rk_j2k_stream *s = j->stream;
    uint64_t size = 0, passes = 0;
    const rk_j2k_bytes *end = first;
    for (; end && end->segment == first->segment; end = end->next) {
        size += end->size;
        passes += end->passes;
    }
    *next = end;
    out->size = size < RK_J2K_SEGMENT_MAX ? (uint32_t)size : RK_J2K_SEGMENT_MAX;
    out->passes = (uint32_t)passes;
    out->data = first->data;
    if (first->next == end && (size_t)(s->data + s->stop - first->data) >= first->size + RK_PAD)
        return rk_j2k_fine();
    uint8_t *copy;
    RK_TRY(rk_j2k_take_raw(j->arena, (void **)&copy, (uint64_t)out->size + RK_PAD, 1));
    out->data = copy;
    size_t left = out->size;
    for (const rk_j2k_bytes *p = first; p != end && left; p = p->next) {
        size_t n = p->size < left ? p->size : left;
        memcpy(copy, p->data, n);
        copy += n;
        left -= n;
    }
    memset(copy, 0, RK_PAD);
    return rk_j2k_fine();
}

rk_status rk_j2k_join_plain(const rk_j2k_joiner *j, const rk_j2k_block *block, rk_t1_block *to)
{
    rk_t1_segment *segments;
    size_t count = 0, n = 0;
    for (const rk_j2k_bytes *bytes = block->first; bytes; bytes = bytes->next) {
        to->passes += bytes->passes;
        count++;
    }
    RK_TRY(rk_j2k_take_raw(j->arena, (void **)&segments, count, sizeof *segments));
    for (const rk_j2k_bytes *bytes = block->first; bytes; n++)
        RK_TRY(join(j, bytes, &bytes, &segments[n]));
    to->segments = segments;
    to->count = (uint32_t)n;
    to->cut = block->flags & RK_J2K_SEGMENT_CUT;
    return rk_j2k_fine();
}

rk_status rk_j2k_join_ht(const rk_j2k_joiner *j, const rk_j2k_block *block, rk_j2k_ht_set *to)
{
    *to = (rk_j2k_ht_set){.number = 0};
    for (const rk_j2k_bytes *bytes = block->first; bytes;) {
        rk_t1_segment segment;
        unsigned number = bytes->segment;
        RK_TRY(join(j, bytes, &bytes, &segment));
        if (segment.size == 0)
            continue;
        if (number % 2 == 0) {
            to->cleanup = segment;
            to->refine.size = to->refine.passes = 0;
            to->number = number / 2;
        } else if (number / 2 == to->number)
            to->refine = segment;
    }
    return rk_j2k_fine();
}
