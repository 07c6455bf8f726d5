/*
 * kernels/t1_encode.c: the frame of the Part 1 code-block encoder: the order of passes (T.800 D.4, D.6),
 * segments, lengths and gains; and the table of variants.
 */
#include "t1_encode.h"

#include "cpu.h"
#include "t1_encode_work.h"

/* Segments that are still open have at most all passes. */
typedef struct progress {
    rk_mq_encoder mq;
    rk_mq_point points[RK_T1_PASSES]; /* of the open segment */
    size_t bits[RK_T1_PASSES];        /* spent by each pass */
    uint32_t first;                   /* pass of the open segment */
    size_t spent;                     /* bits of the open segment so far */
} progress;

/* Squared error that a pass takes away. In half units of plane 0 a magnitude m is v = 2 m (+ 1 with `half`),
 * and what a decoder makes of its bits down to plane p is 2 (m - m % 2^p) + 2^p, or v in plane 0. */
static double gain_of(const rk_t1_source *b, const rk_t1_pass *pass, const rk_t1_tally *t)
{
    int64_t one = (int64_t)1 << pass->plane, ones = (int64_t)t->ones, zeros = (int64_t)t->zeros;
    int64_t half = b->half ? 1 : 0;
    double quarter;
    if (pass->plane == 0 && !b->half) {
        quarter = pass->kind == RK_T1_REFINEMENT ? 4.0 * (double)zeros : 4.0 * (double)ones;
    } else if (pass->kind == RK_T1_REFINEMENT) {
        /* from the middle, at a distance e = |v - middle|, to one 2^p away from it: 2 e 2^p - 2^2p */
        int64_t e = 2 * t->below + half * (ones - zeros) + 2 * one * zeros;
        quarter = (double)one * (double)(2 * e - one * (ones + zeros));
    } else {
        /* from 0 to 3 2^p: v^2 - (v - 3 2^p)^2 */
        int64_t v = 2 * t->below + (2 * one + half) * ones;
        quarter = (double)(3 * one) * (double)(2 * v - 3 * one * ones);
    }
    return 0.25 * quarter * b->weight;
}

/* Table D.9: does a segment end behind this pass, whatever follows? */
static bool closes(const rk_t1_source *b, uint32_t pass, rk_t1_kind kind)
{
    if (b->style & RK_T1_TERMINATE)
        return true;
    return b->style & RK_T1_BYPASS && pass >= 9 && kind != RK_T1_SIGNIFICANCE;
}

static bool pays(const rk_t1_source *b, const progress *p, uint32_t pass)
{
    double gain = 0, bits = 0;
    if (!(b->slope > 0))
        return true;
    for (uint32_t i = pass < 2 ? 0 : pass - 2; i <= pass; i++) {
        gain += b->ends[i].gain;
        bits += (double)p->bits[i];
    }
    return gain * 8 >= b->slope * bits;
}

/* Ends the open segment behind `pass`. */
static bool close_segment(rk_t1_source *b, progress *p, uint32_t pass)
{
    uint32_t lengths[RK_T1_PASSES], count = pass + 1 - p->first;
    bool predictable = b->style & RK_T1_PREDICTABLE;
    if (!rk_mq_encode_finish(&p->mq, p->points, count, predictable, b->out + b->size, b->capacity - b->size,
                             lengths))
        return false;
    for (uint32_t i = 0; i < count; i++)
        b->ends[p->first + i].length = (uint32_t)b->size + lengths[i];
    b->ends[pass].closed = true;
    b->size += lengths[count - 1];
    p->first = pass + 1;
    return true;
}

/* Codes one pass and notes its end. */
static void code_pass(const rk_t1_engine *engine, rk_t1_source *b, void *work, progress *p, uint32_t index,
                      const rk_t1_pass *pass)
{
    rk_t1_tally tally = {0, 0, 0};
    if (index == p->first) {
        rk_mq_encode_start(&p->mq, pass->raw);
        p->spent = 0;
    }
    engine->code(work, &p->mq, pass, &tally);
    if (pass->kind == RK_T1_CLEANUP && b->style & RK_T1_SYMBOLS) /* D.5 */
        for (unsigned i = 0; i < 4; i++)
            rk_mq_encode_symbol(&p->mq, RK_MQ_UNIFORM, ~i & 1);
    size_t bits = rk_mq_encode_bits(&p->mq);
    p->points[index - p->first] = rk_mq_encode_point(&p->mq);
    p->bits[index] = bits - p->spent;
    p->spent = bits;
    b->ends[index].gain = pass->measured ? gain_of(b, pass, &tally) : 0;
    b->ends[index].closed = false;
    if (b->style & RK_T1_RESET)
        rk_mq_encode_reset(&p->mq);
}

/* All passes from the first plane to the floor; false if the capacity does not do. */
static bool code_passes(const rk_t1_engine *engine, rk_t1_source *b, void *work, progress *p)
{
    rk_t1_pass pass = {RK_T1_CLEANUP, b->planes - 1, false, b->weight > 0};
    for (uint32_t i = 0;; i++) {
        pass.raw = b->style & RK_T1_BYPASS && i >= 10 && pass.kind != RK_T1_CLEANUP;
        code_pass(engine, b, work, p, i, &pass);
        bool last = (pass.kind == RK_T1_CLEANUP && pass.plane == b->floor) || !pays(b, p, i);
        if (rk_mq_encode_full(&p->mq))
            return false;
        if ((last || closes(b, i, pass.kind)) && !close_segment(b, p, i))
            return false;
        b->passes = i + 1;
        if (last)
            return true;
        if (pass.kind == RK_T1_CLEANUP)
            pass.plane--;
        pass.kind = pass.kind == RK_T1_CLEANUP ? RK_T1_SIGNIFICANCE : pass.kind + 1;
    }
}

void rk_t1_encode_one(const rk_t1_engine *engine, rk_t1_source *b, void *work)
{
    progress p;
    b->result = 0;
    b->passes = 0;
    b->size = 0;
    b->planes = engine->enter(work, b);
    if (b->planes > 31) {
        b->result = RK_BLOCK_WIDE;
        b->planes = 0;
        return;
    }
    if (b->planes <= b->floor)
        return;
    p.mq.string = (uint8_t *)work + RK_T1_ENCODE_STATE;
    p.mq.limit = p.mq.string + b->capacity + RK_MQ_SLACK;
    p.first = 0;
    rk_mq_encode_reset(&p.mq);
    if (!code_passes(engine, b, work, &p)) {
        b->result = RK_BLOCK_FULL;
        b->passes = 0;
        b->size = 0;
    }
}

/*
 * A sample has one symbol in each plane, one for its sign, and the first in a column that a run ends at
 * brings two more, once. No cycle through table C.2 takes more than 6 bits per symbol, however the
 * interval lies: the worst is an LPS of 16 bits in state 45 and the way back, by two of at most 1.
 * A 7th bit is for stuffing. Contexts begin far from the worst; they and ends add a few bytes.
 */
size_t rk_t1_encode_capacity(uint32_t width, uint32_t height, uint32_t planes)
{
    size_t n = (size_t)width * height;
    return (n * (2 * (size_t)planes + 3) + 1) / 2 * 7 / 8 + 32 * (size_t)planes + 64;
}

bool rk_t1_encode_work(size_t *size, size_t capacity)
{
    return rk_add_size(size, capacity, RK_T1_ENCODE_STATE + 3 * RK_MQ_SLACK + 64);
}

void rk_t1_encode_table_fill(rk_t1_encode_table *t, uint32_t cpu)
{
    t->encode = rk_t1_encode_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        t->encode = rk_t1_encode_avx2;
#else
    (void)cpu;
#endif
}
