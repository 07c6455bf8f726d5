/* Part 1 code-blocks: every variant gives the coefficients, the result and the peak of the reference. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */

#include "kernels/t1.h"

#include "blocks.h"
#include "kernels/cpu.h"

enum { MOST = 6, SEGMENTS = 24 }; /* blocks in a call, segments of a block */

typedef struct job {
    rk_t1_block block;
    rk_t1_segment segments[SEGMENTS];
    size_t bytes; /* of the output */
} job;

static void describe(rk_fuzz_bytes *in, job *j)
{
    rk_t1_block *b = &j->block;
    memset(j, 0, sizeof *j);
    rk_fuzz_shape(in, &b->width, &b->height);
    uint8_t flags = rk_fuzz_next(in), style = rk_fuzz_next(in), form = rk_fuzz_next(in);
    b->band = flags & 3;
    b->half = flags & 4;
    b->cut = flags & 64;
    b->stride = b->width + (flags >> 3 & 3);
    b->style = style & 63;
    b->format = form % 3;
    b->planes = form / 3 % 16 + (flags & 32 ? 47 : 0);
    b->passes = rk_fuzz_next(in);
    if (!(flags & 32))
        b->passes %= 64;
    b->count = 1 + rk_fuzz_next(in) % SEGMENTS;
    if (!(style & 64)) { /* one segment for all */
        b->count = 1;
        j->segments[0].passes = b->passes;
    }
    for (uint32_t k = 0; k < b->count; k++) {
        uint8_t size = rk_fuzz_next(in);
        j->segments[k].size = size & 128 ? (size & 127) * 32u : size;
        if (style & 64)
            j->segments[k].passes = style & 128 ? rk_fuzz_next(in) & 15 : 1;
    }
    b->segments = j->segments;
    j->bytes = (b->stride * (b->height - 1) + b->width) * rk_fuzz_width_of(b->format);
}

static void run(rk_t1_decode_fn *decode, const job *jobs, size_t n, rk_t1_block *blocks,
                size_t size, uint8_t fill)
{
    void *work = rk_fuzz_work(size, fill);
    for (size_t k = 0; k < n; k++) {
        blocks[k] = jobs[k].block;
        blocks[k].out = rk_fuzz_room(jobs[k].bytes);
    }
    decode(blocks, n, work);
    free(work);
}

static void compare(const job *jobs, rk_t1_block *a, rk_t1_block *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        RK_FUZZ_ASSERT(a[k].result == b[k].result);
        if (!(a[k].result & RK_BLOCK_WIDE)) {
            RK_FUZZ_ASSERT(a[k].peak == b[k].peak);
            RK_FUZZ_ASSERT(memcmp(a[k].out, b[k].out, jobs[k].bytes) == 0);
        }
        free(a[k].out);
        free(b[k].out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static job jobs[MOST];
    static rk_t1_block a[MOST], b[MOST];
    rk_fuzz_bytes in = {data, data + size};
    rk_t1_table table;
    uint32_t largest = 0;
    size_t n = 1 + rk_fuzz_next(&in) % MOST, need;
    for (size_t k = 0; k < n; k++)
        describe(&in, &jobs[k]);
    for (size_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < jobs[k].block.count; i++) {
            rk_t1_segment *s = &jobs[k].segments[i];
            s->data = rk_fuzz_piece(&in, &s->size, (uint8_t)(i * 85));
            largest = s->size > largest ? s->size : largest;
        }
    RK_FUZZ_ASSERT(rk_t1_work_size(&need, largest));
    rk_t1_table_fill(&table, rk_cpu_detect());
    run(rk_t1_decode_c, jobs, n, a, need, 0x00);
    run(table.decode, jobs, n, b, need, 0xFF);
    compare(jobs, a, b, n);
    for (size_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < jobs[k].block.count; i++)
            free((void *)(uintptr_t)jobs[k].segments[i].data);
    return 0;
}
