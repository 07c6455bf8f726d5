/* HT code-blocks: every variant gives the coefficients, the result and the peak of the reference. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */

#include "kernels/ht.h"

#include "blocks.h"
#include "kernels/cpu.h"

enum { MOST = 24 }; /* blocks in a call: more than are decoded side by side */

typedef struct job {
    rk_ht_block block;
    size_t bytes;    /* of the output */
    uint8_t suffix;  /* bytes of MEL and VLC in 256ths of the segment; 0: as it comes */
    uint8_t *cleanup, *refine;
} job;

static void describe(rk_fuzz_bytes *in, job *j, const job *before)
{
    rk_ht_block *b = &j->block;
    memset(j, 0, sizeof *j);
    rk_fuzz_shape(in, &b->width, &b->height);
    uint8_t flags = rk_fuzz_next(in);
    if (before && !(flags & 128)) /* most neighbours are of one width, as in a band */
        b->width = before->block.width;
    if (b->width * b->height > RK_BLOCK_AREA)
        b->height = RK_BLOCK_AREA / b->width;
    b->passes = flags & 3;
    b->half = flags & 4;
    b->causal = flags & 8;
    b->stride = b->width + (flags >> 4 & 3);
    b->format = rk_fuzz_next(in) % 3;
    b->plane = rk_fuzz_next(in) % 128;
    b->plane = b->plane & 64 ? b->plane & 63 : b->plane & 7;
    if (b->passes > 1 && b->plane == 0)
        b->plane = 1;
    b->planes = 1 + rk_fuzz_next(in) % 126;
    uint8_t size = rk_fuzz_next(in), refine = rk_fuzz_next(in);
    b->cleanup_size = size & 128 ? (size & 127) * 48u : size;
    b->refine_size = refine & 128 ? (refine & 127) * 17u : refine;
    j->suffix = rk_fuzz_next(in);
    j->bytes = (b->stride * (b->height - 1) + b->width) * rk_fuzz_width_of(b->format);
}

/* The last bytes of a cleanup segment say how long its suffix is; random ones seldom could. */
static void place(rk_fuzz_bytes *in, job *j)
{
    rk_ht_block *b = &j->block;
    j->cleanup = rk_fuzz_piece(in, &b->cleanup_size, 0xFF);
    j->refine = rk_fuzz_piece(in, &b->refine_size, 0x55);
    size_t size = b->cleanup_size, suffix = size * j->suffix >> 8;
    if (j->suffix && size >= 2) {
        suffix = suffix < 2 ? 2 : suffix > 4079 ? 4079 : suffix;
        j->cleanup[size - 1] = (uint8_t)(suffix >> 4);
        j->cleanup[size - 2] = (uint8_t)((j->cleanup[size - 2] & 0xF0) | (suffix & 15));
    }
    b->cleanup = j->cleanup;
    b->refine = b->refine_size ? j->refine : NULL;
}

static void run(rk_ht_decode_fn *decode, const job *jobs, size_t n, rk_ht_block *blocks,
                uint8_t fill)
{
    void *work = rk_fuzz_work(rk_ht_work_size(), fill);
    for (size_t k = 0; k < n; k++) {
        blocks[k] = jobs[k].block;
        blocks[k].out = rk_fuzz_room(jobs[k].bytes);
    }
    decode(blocks, n, work);
    free(work);
}

static void compare(const job *jobs, rk_ht_block *a, rk_ht_block *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        RK_FUZZ_ASSERT(a[k].result == b[k].result);
        RK_FUZZ_ASSERT(a[k].peak == b[k].peak);
        RK_FUZZ_ASSERT(memcmp(a[k].out, b[k].out, jobs[k].bytes) == 0);
        free(a[k].out);
        free(b[k].out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static job jobs[MOST];
    static rk_ht_block a[MOST], b[MOST];
    rk_fuzz_bytes in = {data, data + size};
    rk_ht_table table;
    size_t n = 1 + rk_fuzz_next(&in) % MOST;
    for (size_t k = 0; k < n; k++)
        describe(&in, &jobs[k], k ? &jobs[k - 1] : NULL);
    for (size_t k = 0; k < n; k++)
        place(&in, &jobs[k]);
    rk_ht_table_fill(&table, rk_cpu_detect());
    run(rk_ht_decode_c, jobs, n, a, 0x00);
    run(table.decode, jobs, n, b, 0xFF);
    compare(jobs, a, b, n);
    for (size_t k = 0; k < n; k++) {
        free(jobs[k].cleanup);
        free(jobs[k].refine);
    }
    return 0;
}
