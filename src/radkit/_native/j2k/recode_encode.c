/* Quantised coefficients to code-blocks, many at a time. */
#include <string.h>

#include "recode.h"
#include "rules.h"

rk_status rk_j2k_recode_keep(rk_j2k_recoder *r, const rk_j2k_recode_job *job, rk_j2k_coded coded,
                             const uint8_t *first, const uint8_t *second)
{
    uint64_t size = (uint64_t)coded.size + coded.refine;
    const uint8_t *source = r->stream->data;
    bool there = first >= source && first < source + r->stream->stop
                 && (!coded.refine || second == first + coded.size);
    uint8_t *bytes;
    coded.data = first;
    if (!there) {
        RK_TRY(rk_j2k_take_raw(&r->arena, (void **)&bytes, size + 1, 1));
        if (coded.size)
            memcpy(bytes, first, coded.size);
        if (coded.refine)
            memcpy(bytes + coded.size, second, coded.refine);
        coded.data = bytes;
    }
    *job->to = coded;
    r->steps += coded.refine ? 2 : 1;
    r->size += size;
    r->blocks++;
    return rk_j2k_fine();
}

static unsigned bits_of(uint64_t n)
{
    unsigned bits = 0;
    for (; n; n >>= 1)
        bits++;
    return bits;
}

/* Room for the bytes of a block; the largest so far goes to *most. */
static rk_status take_out(rk_j2k_recoder *r, size_t capacity, uint8_t **out, size_t *most)
{
    *out = NULL;
    if (capacity > *most)
        *most = capacity;
    return rk_j2k_take_raw(&r->bytes, (void **)out, capacity, 1);
}

/* ---- HT -------------------------------------------------------------------------------------- */

static rk_status keep_ht(rk_j2k_recoder *r, const rk_j2k_recode_job *job,
                         const rk_ht_encode_block *b)
{
    uint8_t refine[RK_J2K_REFINE_ROOM];
    rk_j2k_coded coded = {.size = b->size, .passes = 1, .planes = (uint8_t)(job->plane + 1)};
    if (b->result)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job->offset);
    if (!b->size)
        return rk_j2k_fine();
    if (job->refines)
        coded.refine = (uint32_t)rk_j2k_recode_refine(job, job->causal, refine);
    if (coded.refine)
        coded.passes = 1 + job->refines;
    return rk_j2k_recode_keep(r, job, coded, b->out, refine);
}

static rk_status encode_ht(rk_j2k_recoder *r, const rk_j2k_recode_job *jobs, size_t n)
{
    rk_ht_encode_block *to = r->queue.to_ht;
    size_t most = 0;
    void *work;
    for (size_t k = 0; k < n; k++) {
        const rk_j2k_recode_job *job = &jobs[k];
        unsigned planes = bits_of(job->peak >> job->plane);
        uint8_t *out;
        if (planes > RK_HT_ENCODE_PLANES)
            return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job->offset);
        size_t capacity = rk_ht_encode_bound(job->width, job->height, planes);
        RK_TRY(take_out(r, capacity, &out, &most));
        to[k] = (rk_ht_encode_block){.width = job->width,
                                     .height = job->height,
                                     .values = job->values,
                                     .stride = job->width,
                                     .format = job->format,
                                     .plane = job->plane,
                                     .out = out,
                                     .capacity = capacity};
    }
    RK_TRY(rk_j2k_take_raw(&r->bytes, &work, (uint64_t)rk_ht_encode_work_size() + 4096, 1));
    r->to_ht.encode(to, n, work);
    for (size_t k = 0; k < n; k++)
        RK_TRY(keep_ht(r, &jobs[k], &to[k]));
    return rk_j2k_fine();
}

/* ---- Part 1 ---------------------------------------------------------------------------------- */

/* All passes down to the plane of the job's cleanup pass, and those of refinement below. */
static rk_status keep_t1(rk_j2k_recoder *r, const rk_j2k_recode_job *job, const rk_t1_source *b)
{
    if (b->result || b->planes > job->most)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job->offset);
    if (!b->passes)
        return rk_j2k_fine();
    uint32_t passes = 3 * (b->planes - job->plane) - 2 + job->refines;
    if (b->planes <= job->plane || passes > b->passes)
        return rk_j2k_fail(RK_INTERNAL, RK_J2K_IMPOSSIBLE, job->offset);
    rk_j2k_coded coded = {.size = b->ends[passes - 1].length,
                          .passes = (uint16_t)passes,
                          .planes = (uint8_t)b->planes};
    return rk_j2k_recode_keep(r, job, coded, b->out, NULL);
}

static rk_status encode_t1(rk_j2k_recoder *r, const rk_j2k_recode_job *jobs, size_t n)
{
    rk_j2k_recode_queue *q = &r->queue;
    size_t most = 0, size;
    void *work;
    for (size_t k = 0; k < n; k++) {
        const rk_j2k_recode_job *job = &jobs[k];
        unsigned planes = bits_of(job->peak);
        uint8_t *out;
        if (planes > RK_COEF_PLANES_INT32)
            return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, job->offset);
        size_t capacity = rk_t1_encode_capacity(job->width, job->height, planes);
        RK_TRY(take_out(r, capacity, &out, &most));
        q->to_t1[k] = (rk_t1_source){.width = job->width,
                                     .height = job->height,
                                     .band = job->kind,
                                     .style = job->causal ? RK_T1_CAUSAL : 0,
                                     .format = job->format,
                                     .floor = job->plane - (job->refines > 0),
                                     .values = job->values,
                                     .stride = job->width,
                                     .out = out,
                                     .capacity = capacity,
                                     .ends = q->ends + k * RK_T1_PASSES};
    }
    if (!rk_t1_encode_work(&size, most)) {
        r->stream->budget.asked = UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
    }
    RK_TRY(rk_j2k_take_raw(&r->bytes, &work, (uint64_t)size + 4096, 1)); /* aligned to 64 */
    r->to_t1.encode(q->to_t1, n, work);
    for (size_t k = 0; k < n; k++)
        RK_TRY(keep_t1(r, &jobs[k], &q->to_t1[k]));
    return rk_j2k_fine();
}

rk_status rk_j2k_recode_encode(rk_j2k_recoder *r, const rk_j2k_recode_job *jobs, size_t n)
{
    if (!n)
        return rk_j2k_fine();
    return r->task.ht ? encode_ht(r, jobs, n) : encode_t1(r, jobs, n);
}
