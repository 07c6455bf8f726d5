/*
 * Code-blocks of one kind into those of the other: a codestream or a typed status. What comes
 * out is sound, takes the bytes that it says and fits no room that is smaller, is the same by both
 * instruction sets, and decodes to the samples that the source decodes to. A source that does
 * not decode gives nothing, unless its blocks are of the wanted kind: these are not looked into and
 * fail in the result as well. One that decodes is refused for its kind or a limit only. Cut to a
 * number of bytes, it has no more than that, and still decodes.
 */
#include "j2k/recode.h"

#include "j2k_run.h"
#include "kernels/cpu.h"
#include "target.h"

/* What a result is asked to be. */
typedef struct wish {
    rk_j2k_recoding task;
    unsigned share; /* of its bytes, in 256ths, that are written at first */
    uint64_t room;  /* for the result; UINT64_MAX: all of it */
} wish;

typedef struct result {
    rk_status status;
    uint8_t *data;
    size_t size;
    bool kept;      /* the source may have blocks of the wanted kind */
    uint32_t comps; /* of the source */
    bool cut;       /* to the room that there was */
} result;

/* Writes into room that is too small, then into what it takes. */
static void write_result(rk_j2k_recoder *r, result *made, unsigned share)
{
    rk_j2k_sink sink = {0};
    made->status = rk_j2k_write(&r->writing, &sink);
    if (made->status.code != RK_LIMIT) {
        RK_FUZZ_ASSERT(made->status.code == RK_UNSUPPORTED);
        return;
    }
    made->size = sink.size;
    const size_t rooms[] = {1, made->size * share >> 8, made->size};
    for (int k = 0; k < 3; k++) {
        free(made->data);
        made->data = rk_fuzz_room(rooms[k]);
        sink = (rk_j2k_sink){rooms[k] ? made->data : NULL, rooms[k], 0};
        made->status = rk_j2k_write(&r->writing, &sink);
        RK_FUZZ_ASSERT(sink.size == made->size);
        RK_FUZZ_ASSERT(made->status.code == (k < 2 ? RK_LIMIT : RK_OK));
    }
}

static void run(rk_j2k_recoder *r, rk_j2k_stream *s, const wish *w, result *made)
{
    uint64_t least = 0;
    made->status = rk_j2k_recoder_open(r, s, &w->task);
    if (made->status.code == RK_OK)
        made->status = rk_j2k_recoder_run(r);
    if (made->status.code == RK_OK && w->task.keep) {
        made->status = rk_j2k_recoder_fit(r, w->room, &least);
        made->cut = true;
        if (least > w->room)
            return;
    }
    if (made->status.code == RK_OK)
        write_result(r, made, w->share);
    if (made->status.code == RK_OK)
        RK_FUZZ_ASSERT(made->size <= w->room);
}

/* Components and tiles may each be of one kind, which `flags_seen` does not tell apart. */
static bool has_wanted_blocks(const rk_j2k_stream *s, bool ht)
{
    bool seen = s->flags_seen & RK_J2K_HT, mixed = s->flags_seen & RK_J2K_MIXED;
    return ht ? seen : !seen || mixed || s->count > 1 || (uint64_t)s->across * s->down > 1;
}

static result recode(const uint8_t *data, size_t size, const wish *w)
{
    static rk_j2k_recoder r;
    rk_j2k_stream s;
    rk_j2k_limits limits = rk_fuzz_j2k_small();
    uint8_t *copy = rk_fuzz_copy(data, size, 0);
    result made = {0};
    made.status = rk_j2k_stream_read(&s, copy, 0, size, &limits, true);
    if (made.status.code == RK_OK && s.sound < 1.0)
        made.status = rk_j2k_fail(RK_TRUNCATED, RK_J2K_NO_SOT, s.end); /* the callers refuse it */
    made.comps = s.count;
    made.kept = has_wanted_blocks(&s, w->task.ht);
    if (made.status.code == RK_OK) {
        run(&r, &s, w, &made);
        rk_j2k_recoder_close(&r);
    }
    RK_FUZZ_ASSERT(made.status.code != RK_INTERNAL);
    rk_j2k_stream_end(&s);
    free(copy);
    return made;
}

static void same_samples(const rk_fuzz_j2k_picture *a, const rk_fuzz_j2k_picture *b)
{
    RK_FUZZ_ASSERT(a->count == b->count && a->bits == b->bits);
    for (uint32_t k = 0; k < a->count; k++) {
        RK_FUZZ_ASSERT(memcmp(&a->rects[k], &b->rects[k], sizeof a->rects[k]) == 0);
        RK_FUZZ_ASSERT(a->size[k] == b->size[k]);
        RK_FUZZ_ASSERT(memcmp(a->room[k], b->room[k], a->size[k]) == 0);
    }
}

/* Limits that no result of a source within the small ones is above. */
static rk_j2k_limits large(void)
{
    return (rk_j2k_limits){.pixels = 1u << 24,
                           .tiles = 65535,
                           .blocks = 1u << 24,
                           .packets = 1u << 24,
                           .memory = (size_t)1 << 30};
}

/* What only shows when a block is decoded. */
static bool is_bad_block(const rk_status *status)
{
    return status->code == RK_CORRUPT
           && (status->rule == RK_J2K_BLOCK || status->rule == RK_J2K_PLANES);
}

/* The samples of the source, unless the result is cut. */
static void compare(const uint8_t *data, size_t size, const result *made)
{
    rk_fuzz_j2k_wish wish = {.layers = 65535, .threads = 1, .strict = true, .cpu = rk_cpu_detect()};
    rk_j2k_limits limits = large();
    rk_fuzz_j2k_picture before, after;
    rk_fuzz_j2k_decode(&before, data, size, &wish, &limits);
    bool sound = before.status.code == RK_OK && before.sound >= 1.0;
    if (made->size) {
        rk_fuzz_j2k_decode(&after, made->data, made->size, &wish, &limits);
        RK_FUZZ_ASSERT(after.sound >= 1.0 && after.end == made->size);
        if (sound)
            RK_FUZZ_ASSERT(after.status.code == RK_OK && after.count == before.count);
        else
            RK_FUZZ_ASSERT(made->kept && is_bad_block(&before.status));
        if (!sound && !made->cut)
            RK_FUZZ_ASSERT(is_bad_block(&after.status));
        else if (sound && before.decoded && !made->cut)
            same_samples(&before, &after);
        rk_fuzz_j2k_free(&after);
    } else if (sound && before.decoded && before.count == made->comps && !made->cut)
        RK_FUZZ_ASSERT(made->status.code == RK_UNSUPPORTED || made->status.code == RK_LIMIT);
    rk_fuzz_j2k_free(&before);
}

static wish wish_of(const uint8_t *option, size_t size)
{
    wish w = {.task = {.ht = option[0] & 1,
                       .keep = option[3] & 1,
                       .split = option[0] & 2,
                       .tlm = option[0] & 4,
                       .plt = option[0] & 8,
                       .order = option[1] % 5,
                       .comment = option[0] & 16 ? "made" : NULL,
                       .cpu = rk_cpu_detect()},
              .share = option[2],
              .room = UINT64_MAX};
    if (w.task.keep)
        w.room = size * option[4] / 200 + option[5];
    return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RK_FUZZ_J2K_OPTIONS)
        return 0;
    size -= RK_FUZZ_J2K_OPTIONS;
    const uint8_t *option = data + size;
    wish w = wish_of(option, size);
    result made = recode(data, size, &w);
    if (option[7] % 4 == 0) { /* the reference is slow */
        w.task.cpu = 0;
        result other = recode(data, size, &w);
        RK_FUZZ_ASSERT(made.status.code == other.status.code && made.size == other.size);
        RK_FUZZ_ASSERT(!made.size || memcmp(made.data, other.data, made.size) == 0);
        free(other.data);
    }
    compare(data, size, &made);
    free(made.data);
    return 0;
}
