/* Code-blocks to quantised coefficients, many at a time. */
#include "codewords.h"
#include "recode.h"
#include "rules.h"

enum { ROOM = RK_J2K_RECODE_ROOM };

/* Planes that ht.h decodes in 32 bits. */
#define HT_PLANES_INT32 30
#define VALUES ((size_t)RK_BLOCK_AREA * 4)
/* Styles whose blocks have other bytes than those without. */
#define STYLES_CODED (RK_T1_BYPASS | RK_T1_RESET | RK_T1_TERMINATE | RK_T1_SYMBOLS)

rk_status rk_j2k_recode_ready(rk_j2k_recoder *r)
{
    rk_j2k_arena *a = &r->arena;
    rk_j2k_recode_queue *q = &r->queue;
    if (r->task.keep)
        return rk_j2k_fine();
    RK_TRY(rk_j2k_take_raw(a, (void **)&q->jobs, 2 * ROOM, sizeof *q->jobs));
    RK_TRY(rk_j2k_take_raw(a, (void **)&q->t1, ROOM, sizeof *q->t1));
    RK_TRY(rk_j2k_take_raw(a, (void **)&q->ht, ROOM, sizeof *q->ht));
    if (r->task.ht)
        RK_TRY(rk_j2k_take_raw(a, (void **)&q->to_ht, ROOM, sizeof *q->to_ht));
    else {
        RK_TRY(rk_j2k_take_raw(a, (void **)&q->to_t1, ROOM, sizeof *q->to_t1));
        RK_TRY(rk_j2k_take_raw(a, (void **)&q->ends, ROOM * RK_T1_PASSES, sizeof *q->ends));
    }
    return rk_j2k_take_raw(a, (void **)&q->values, 2 * ROOM, VALUES);
}

static rk_status corrupt(const rk_j2k_recode_job *job, enum rk_j2k_rule rule)
{
    return rk_j2k_fail(RK_CORRUPT, rule, job->offset);
}

/* ---- blocks of Part 1 ------------------------------------------------------------------------ */

/* A block that goes on as its packets brought it. */
static rk_status keep_plain(rk_j2k_recoder *r, const rk_j2k_block *block,
                            const rk_j2k_recode_job *job, unsigned planes)
{
    *job->to = (rk_j2k_coded){.chunks = block->first, .planes = (uint8_t)planes};
    for (const rk_j2k_bytes *bytes = block->first; bytes; bytes = bytes->next) {
        r->size += bytes->size;
        r->blocks++;
        r->steps += 1 + (bytes->passes + 2) / 3;
    }
    return rk_j2k_fine();
}

static rk_status queue_plain(rk_j2k_recoder *r, rk_t1_block b, rk_j2k_recode_job job)
{
    rk_j2k_recode_queue *q = &r->queue;
    if (b.planes > RK_COEF_PLANES_INT32 || r->task.keep)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job.offset);
    job.format = b.format = b.planes > RK_COEF_PLANES_INT16 ? RK_COEF_INT32 : RK_COEF_INT16;
    job.plane = (uint8_t)(b.planes - 1 - (b.passes - 1) / 3);
    job.refines = (b.passes - 1) % 3;
    job.values = b.out = q->values + q->t1_count * VALUES;
    for (uint32_t k = 0; k < b.count; k++)
        if (b.segments[k].size > q->longest)
            q->longest = b.segments[k].size;
    q->jobs[q->t1_count] = job;
    q->t1[q->t1_count++] = b;
    return q->t1_count == ROOM ? rk_j2k_recode_flush(r) : rk_j2k_fine();
}

static rk_status add_plain(rk_j2k_recoder *r, unsigned style, unsigned planes,
                           const rk_j2k_block *block, rk_j2k_recode_job job)
{
    const rk_j2k_joiner joiner = {r->stream, &r->bytes};
    uint32_t passes = 0;
    if (block->zero > planes)
        return corrupt(&job, RK_J2K_ZERO_PLANES);
    planes -= block->zero;
    for (const rk_j2k_bytes *bytes = block->first; bytes; bytes = bytes->next)
        passes += bytes->passes;
    if (passes > (planes ? 3 * planes - 2 : 0))
        return corrupt(&job, RK_J2K_PASSES);
    if (!passes)
        return rk_j2k_fine();
    r->cut += passes < 3 * planes - 2;
    if (!r->task.ht && !(style & RK_J2K_HT && style & STYLES_CODED))
        return keep_plain(r, block, &job, planes);
    rk_t1_block b = {.width = job.width,
                     .height = job.height,
                     .band = job.kind,
                     .style = style & 0x3F,
                     .planes = (uint8_t)planes,
                     .stride = job.width};
    RK_TRY(rk_j2k_join_plain(&joiner, block, &b));
    return queue_plain(r, b, job);
}

/* ---- HT blocks ------------------------------------------------------------------------------- */

static rk_status queue_ht(rk_j2k_recoder *r, rk_ht_block b, rk_j2k_recode_job job)
{
    rk_j2k_recode_queue *q = &r->queue;
    bool narrow = b.plane == 0 && b.passes == 1;
    if ((!narrow && b.plane + b.planes > HT_PLANES_INT32) || r->task.keep)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job.offset);
    job.plane = b.plane;
    job.refines = (uint8_t)(b.passes - 1);
    job.format = b.format = narrow ? RK_COEF_INT16 : RK_COEF_INT32;
    job.values = b.out = q->values + (ROOM + q->ht_count) * VALUES;
    q->jobs[ROOM + q->ht_count] = job;
    q->ht[q->ht_count++] = b;
    return q->ht_count == ROOM ? rk_j2k_recode_flush(r) : rk_j2k_fine();
}

static rk_status add_ht(rk_j2k_recoder *r, unsigned style, unsigned planes,
                        const rk_j2k_block *block, rk_j2k_recode_job job)
{
    const rk_j2k_joiner joiner = {r->stream, &r->bytes};
    rk_j2k_ht_set set;
    RK_TRY(rk_j2k_join_ht(&joiner, block, &set));
    if (!set.cleanup.size)
        return rk_j2k_fine();
    unsigned used = block->zero + 1u + set.number; /* planes that the cleanup pass codes */
    unsigned passes = 1 + (set.refine.size ? set.refine.passes : 0);
    if (used > planes)
        return corrupt(&job, RK_J2K_ZERO_PLANES);
    if (passes > 3 || (passes > 1 && used == planes))
        return corrupt(&job, RK_J2K_PASSES);
    rk_ht_block b = {.width = job.width,
                     .height = job.height,
                     .cleanup = set.cleanup.data,
                     .cleanup_size = set.cleanup.size,
                     .refine = set.refine.data,
                     .refine_size = set.refine.size,
                     .passes = (uint8_t)passes,
                     .plane = (uint8_t)(planes - used),
                     .planes = (uint8_t)used,
                     .causal = style & RK_T1_CAUSAL,
                     .stride = job.width};
    r->cut += b.plane > 0;
    if (!r->task.ht)
        return queue_ht(r, b, job);
    rk_j2k_coded coded = {.size = set.cleanup.size,
                          .refine = passes > 1 ? set.refine.size : 0,
                          .passes = (uint16_t)passes,
                          .planes = (uint8_t)(b.plane + 1)};
    return rk_j2k_recode_keep(r, &job, coded, set.cleanup.data, set.refine.data);
}

/* ---- batches --------------------------------------------------------------------------------- */

rk_status rk_j2k_recode_block(rk_j2k_recoder *r, const rk_j2k_tilecomp *c,
                              const rk_j2k_band *band, const rk_j2k_block *block,
                              rk_j2k_recode_job job)
{
    unsigned style = c->coding->style.flags, flags = block->flags;
    bool plain = !(style & RK_J2K_HT) || flags & RK_J2K_IS_PLAIN;
    unsigned planes = band->planes + c->coding->roi;
    job.most = (uint8_t)(planes < UINT8_MAX ? planes : UINT8_MAX);
    job.roi = rk_j2k_recode_unshifts(r, c->coding) ? c->coding->roi : 0;
    job.causal = style & RK_T1_CAUSAL;
    job.offset = (uint64_t)(block->first->data - r->stream->data);
    if (!plain && !(flags & RK_J2K_IS_HT))
        return rk_j2k_fine();
    return plain ? add_plain(r, style, planes, block, job) : add_ht(r, style, planes, block, job);
}

static rk_status weigh_result(rk_j2k_recode_job *job, uint32_t result, uint64_t peak)
{
    job->peak = peak;
    if (result & RK_BLOCK_WIDE)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job->offset);
    if (result & (RK_BLOCK_DAMAGED | RK_BLOCK_EXCESS))
        return corrupt(job, RK_J2K_BLOCK);
    return rk_j2k_fine();
}

static rk_status decode_t1(rk_j2k_recoder *r)
{
    rk_j2k_recode_queue *q = &r->queue;
    void *work;
    size_t size;
    if (!q->t1_count)
        return rk_j2k_fine();
    if (!rk_t1_work_size(&size, q->longest)) {
        r->stream->budget.asked = UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
    }
    RK_TRY(rk_j2k_take_raw(&r->bytes, &work, (uint64_t)size + 4096, 1)); /* aligned to 64 */
    r->t1.decode(q->t1, q->t1_count, work);
    for (size_t k = 0; k < q->t1_count; k++) {
        RK_TRY(weigh_result(&q->jobs[k], q->t1[k].result, q->t1[k].peak));
        RK_TRY(rk_j2k_recode_unshift(&q->jobs[k]));
    }
    return rk_j2k_fine();
}

static rk_status decode_ht(rk_j2k_recoder *r)
{
    rk_j2k_recode_queue *q = &r->queue;
    void *work;
    if (!q->ht_count)
        return rk_j2k_fine();
    RK_TRY(rk_j2k_take_raw(&r->bytes, &work, (uint64_t)rk_ht_work_size() + 4096, 1));
    r->ht.decode(q->ht, q->ht_count, work);
    for (size_t k = 0; k < q->ht_count; k++) {
        rk_ht_block *b = &q->ht[k];
        rk_j2k_recode_job *job = &q->jobs[ROOM + k];
        if (b->result & RK_BLOCK_WIDE && b->format == RK_COEF_INT16) {
            job->format = b->format = RK_COEF_INT32;
            r->ht.decode(b, 1, work);
        }
        RK_TRY(weigh_result(job, b->result, b->peak));
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_recode_flush(rk_j2k_recoder *r)
{
    rk_j2k_recode_queue *q = &r->queue;
    if (rk_j2k_late(r->stream))
        return rk_j2k_too_late(r->stream);
    if (r->task.keep) /* there is no queue */
        return rk_j2k_fine();
    RK_TRY(decode_t1(r));
    RK_TRY(decode_ht(r));
    RK_TRY(rk_j2k_recode_encode(r, q->jobs, q->t1_count));
    RK_TRY(rk_j2k_recode_encode(r, q->jobs + ROOM, q->ht_count));
    q->t1_count = q->ht_count = 0;
    q->longest = 0;
    rk_j2k_rewind(&r->bytes);
    return rk_j2k_fine();
}
