/*
 * kernels/t1_encode.c: the frame of the Part 1 code-block encoder: the order of passes (T.800 D.4, D.6),
 * segments, lengths and gains; and the table of variants.
 */
#include "t1_encode.h"

#include "cpu.h"
#include "t1_encode_work.h"

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

/* Ends the open segment behind the present pass. */
static bool close_segment(rk_t1_job *job)
{
    rk_t1_source *b = job->b;
    uint32_t lengths[RK_T1_PASSES], count = job->index + 1 - job->first;
    bool predictable = b->style & RK_T1_PREDICTABLE;
    if (!rk_mq_encode_finish(&job->mq, job->points, count, predictable, b->out + b->size, b->capacity - b->size,
                             lengths))
        return false;
    for (uint32_t i = 0; i < count; i++)
        b->ends[job->first + i].length = (uint32_t)b->size + lengths[i];
    b->ends[job->index].closed = true;
    b->size += lengths[count - 1];
    job->first = job->index + 1;
    return true;
}

/* Notes the end of the pass that was coded. */
static void note_end(rk_t1_job *job, const rk_t1_tally *tally)
{
    rk_t1_source *b = job->b;
    rk_t1_end *end = &b->ends[job->index];
    if (job->pass.kind == RK_T1_CLEANUP && b->style & RK_T1_SYMBOLS) /* D.5 */
        for (unsigned i = 0; i < 4; i++)
            rk_mq_encode_symbol(&job->mq, RK_MQ_UNIFORM, ~i & 1);
    job->points[job->index - job->first] = rk_mq_encode_point(&job->mq);
    end->gain = job->pass.measured ? gain_of(b, &job->pass, tally) : 0;
    end->closed = false;
    if (b->style & RK_T1_RESET)
        rk_mq_encode_reset(&job->mq);
}

/* Makes the coder ready for the pass. */
static void begin_pass(rk_t1_job *job)
{
    rk_t1_pass *pass = &job->pass;
    pass->raw = job->b->style & RK_T1_BYPASS && job->index >= 10 && pass->kind != RK_T1_CLEANUP;
    if (job->index == job->first)
        rk_mq_encode_start(&job->mq, pass->raw);
}

static bool give_up(rk_t1_job *job)
{
    job->b->result = RK_BLOCK_FULL;
    job->b->passes = 0;
    job->b->size = 0;
    return false;
}

bool rk_t1_next(rk_t1_job *job, const rk_t1_tally *tally)
{
    rk_t1_pass *pass = &job->pass;
    note_end(job, tally);
    bool last = pass->kind == RK_T1_CLEANUP && pass->plane == job->b->floor;
    if (rk_mq_encode_full(&job->mq))
        return give_up(job);
    if ((last || closes(job->b, job->index, pass->kind)) && !close_segment(job))
        return give_up(job);
    job->b->passes = ++job->index;
    if (last)
        return false;
    if (pass->kind == RK_T1_CLEANUP) {
        pass->kind = RK_T1_SIGNIFICANCE;
        pass->plane--;
    } else {
        pass->kind++;
    }
    begin_pass(job);
    return true;
}

bool rk_t1_begin(rk_t1_job *job, rk_t1_source *b, unsigned planes, uint8_t *string)
{
    b->result = planes > 31 ? RK_BLOCK_WIDE : 0;
    b->planes = planes > 31 ? 0 : planes;
    b->passes = 0;
    b->size = 0;
    if (b->planes <= b->floor)
        return false;
    job->b = b;
    job->mq.string = string;
    job->mq.limit = string + b->capacity + RK_MQ_SLACK;
    job->index = 0;
    job->first = 0;
    job->pass = (rk_t1_pass){RK_T1_CLEANUP, b->planes - 1, false, b->weight > 0};
    rk_mq_encode_reset(&job->mq);
    begin_pass(job);
    return true;
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
    size_t lane;
    return rk_add_size(&lane, capacity, RK_T1_ENCODE_STATE + RK_T1_ENCODE_SPARE) &&
           rk_mul_size(size, lane, RK_T1_ENCODE_LANES);
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
