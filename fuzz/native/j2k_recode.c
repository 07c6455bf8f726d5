/*
 * Code-blocks of one kind into those of the other: a codestream or a typed status. What comes
 * out is sound, takes the bytes that it says and fits no room that is smaller, is the same by both
 * instruction sets, and decodes to the samples that the source decodes to. A source that does
 * not decode gives nothing, unless its blocks are of the wanted kind: these are not looked into and
 * fail in the result as well. One that decodes is refused for its kind or a limit only.
 */
#include "j2k/recode.h"

#include "j2k_run.h"
#include "kernels/cpu.h"
#include "target.h"

typedef struct result {
    rk_status status;
    uint8_t *data;
    size_t size;
    bool kept;      /* the source has blocks of the wanted kind */
    uint32_t comps; /* of the source */
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

static result recode(const uint8_t *data, size_t size, const rk_j2k_recoding *task, unsigned share)
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
    made.kept = task->ht ? s.flags_seen & RK_J2K_HT
                         : (s.flags_seen & (RK_J2K_HT | RK_J2K_MIXED)) != RK_J2K_HT;
    if (made.status.code == RK_OK) {
        made.status = rk_j2k_recoder_open(&r, &s, task);
        if (made.status.code == RK_OK)
            made.status = rk_j2k_recoder_run(&r);
        if (made.status.code == RK_OK)
            write_result(&r, &made, share);
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

static bool is_bad_block(const rk_status *status)
{
    return status->code == RK_CORRUPT && status->rule == RK_J2K_BLOCK;
}

static void compare(const uint8_t *data, size_t size, const result *made)
{
    rk_fuzz_j2k_wish wish = {.layers = 65535, .threads = 1, .strict = true, .cpu = rk_cpu_detect()};
    rk_j2k_limits limits = large();
    rk_fuzz_j2k_picture before, after;
    rk_fuzz_j2k_decode(&before, data, size, &wish, &limits);
    bool sound = before.status.code == RK_OK && before.sound >= 1.0;
    if (made->status.code == RK_OK) {
        rk_fuzz_j2k_decode(&after, made->data, made->size, &wish, &limits);
        RK_FUZZ_ASSERT(after.sound >= 1.0 && after.end == made->size);
        RK_FUZZ_ASSERT(sound ? after.status.code == RK_OK : made->kept);
        if (!sound)
            RK_FUZZ_ASSERT(is_bad_block(&before.status) && is_bad_block(&after.status));
        else if (before.decoded)
            same_samples(&before, &after);
        rk_fuzz_j2k_free(&after);
    } else if (sound && before.decoded && before.count == made->comps)
        RK_FUZZ_ASSERT(made->status.code == RK_UNSUPPORTED || made->status.code == RK_LIMIT);
    rk_fuzz_j2k_free(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RK_FUZZ_J2K_OPTIONS)
        return 0;
    size -= RK_FUZZ_J2K_OPTIONS;
    const uint8_t *option = data + size;
    rk_j2k_recoding task = {.ht = option[0] & 1,
                            .split = option[0] & 2,
                            .tlm = option[0] & 4,
                            .plt = option[0] & 8,
                            .order = option[1] % 5,
                            .comment = option[0] & 16 ? "made" : NULL,
                            .cpu = rk_cpu_detect()};
    result made = recode(data, size, &task, option[2]);
    if (option[7] % 4 == 0) { /* the reference is slow */
        task.cpu = 0;
        result other = recode(data, size, &task, option[2]);
        RK_FUZZ_ASSERT(made.status.code == other.status.code && made.size == other.size);
        RK_FUZZ_ASSERT(!made.size || memcmp(made.data, other.data, made.size) == 0);
        free(other.data);
    }
    compare(data, size, &made);
    free(made.data);
    return 0;
}
