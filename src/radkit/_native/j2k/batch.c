/*
 * Code-blocks of strips: their bytes in one piece, the kernels on many at a time, and what
 * they made in the form of the band.
 */
#include <string.h>

#include "codewords.h"
#include "stripes.h"

/* Blocks that are given to a kernel at once. */
#define BATCH 256
#define PLANES_MAX RK_COEF_PLANES_INT64

static const rk_coef format_of[] = {
    [RK_DWT_INT16] = RK_COEF_INT16,
    [RK_DWT_INT32] = RK_COEF_INT32,
    [RK_DWT_INT64] = RK_COEF_INT64,
    [RK_DWT_FLOAT] = RK_COEF_INT32,
};

/* ---- hands ----------------------------------------------------------------------------------- */

static rk_status take_batch(rk_j2k_hand *h, const rk_j2k_survey *survey)
{
    rk_j2k_arena *a = &h->arena;
    size_t size = 0, t1_size = 0;
    if (survey->ht) {
        RK_TRY(rk_j2k_take_raw(a, (void **)&h->ht, h->room, sizeof *h->ht));
        RK_TRY(rk_j2k_take_raw(a, (void **)&h->ht_places, h->room, sizeof *h->ht_places));
        size = rk_ht_work_size();
    }
    if (survey->plain) {
        uint32_t longest = survey->longest < RK_J2K_SEGMENT_MAX ? survey->longest : RK_J2K_SEGMENT_MAX;
        RK_TRY(rk_j2k_take_raw(a, (void **)&h->t1, h->room, sizeof *h->t1));
        RK_TRY(rk_j2k_take_raw(a, (void **)&h->t1_places, h->room, sizeof *h->t1_places));
        if (!rk_t1_work_size(&t1_size, longest)) {
            h->budget.asked = UINT64_MAX;
            return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
        }
    }
    size = size > t1_size ? size : t1_size;
    return rk_j2k_take_raw(a, &h->work, (uint64_t)size + 4096, 1); /* aligned to 64 */
}

rk_status rk_j2k_hand_open(rk_j2k_hand *h, const rk_j2k_tile *t, const rk_j2k_kernels *kernels,
                           const rk_j2k_survey *survey, size_t memory)
{
    memset(h, 0, sizeof *h);
    h->tile = t;
    h->kernels = kernels;
    h->budget.left = memory;
    h->arena.budget = h->rows.budget = h->bytes.budget = &h->budget;
    h->room = t->blocks < BATCH ? (size_t)t->blocks : BATCH;
    return take_batch(h, survey);
}

void rk_j2k_hand_close(rk_j2k_hand *h)
{
    rk_j2k_release(&h->bytes);
    rk_j2k_release(&h->rows);
    rk_j2k_release(&h->arena);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

void rk_j2k_verdict_add(rk_j2k_verdict *a, const rk_j2k_verdict *b)
{
    bool first = a->fault.code == RK_OK || b->order[0] < a->order[0]
                 || (b->order[0] == a->order[0] && b->order[1] < a->order[1]);
    a->damaged += b->damaged;
    if (b->fault.code != RK_OK && first) {
        a->fault = b->fault;
        a->order[0] = b->order[0];
        a->order[1] = b->order[1];
    }
}

/* Notes a fault of a block, unless one was noted. */
static void spoil(rk_j2k_hand *h, rk_j2k_place *p, enum rk_j2k_rule rule)
{
    const uint8_t *at = p->block->first ? p->block->first->data : h->tile->stream->data;
    if (p->judged)
        return;
    p->judged = true;
    rk_j2k_verdict found = {
        .damaged = 1,
        .fault = rk_j2k_fail(RK_CORRUPT, rule, (uint64_t)(at - h->tile->stream->data)),
        .order = {p->order[0], p->order[1]},
    };
    rk_j2k_verdict_add(&h->new, &found);
}

/* What a kernel said of a block. */
static void judge(rk_j2k_hand *h, rk_j2k_place *p, uint32_t result, uint64_t peak)
{
    if (result & RK_BLOCK_WIDE)
        h->wide = true;
    if (peak > p->strip->peaks[p->band])
        p->strip->peaks[p->band] = peak;
    if (result & (RK_BLOCK_DAMAGED | RK_BLOCK_EXCESS))
        spoil(h, p, RK_J2K_BLOCK);
}

/* ---- coefficients ---------------------------------------------------------------------------- */

/* The form of what the kernel made into that of the band, if it is another. */
static void convert(const rk_j2k_hand *h, const rk_j2k_place *p, const void *src,
                    size_t src_stride, bool slow, uint32_t width, uint32_t height)
{
    const rk_quant_table *q = &h->kernels->quant;
    const rk_j2k_strip *strip = p->strip;
    rk_dwt_type type = strip->type;
    rk_quant_block job = {.src = src,
                          .src_stride = src_stride,
                          .out = p->out,
                          .stride = strip->stride,
                          .width = width,
                          .height = height,
                          .roi = slow ? strip->chain->plane->comp->coding->roi : 0,
                          .scale = strip->res->bands[p->band].scale};
    if (type == RK_DWT_FLOAT)
        (slow ? q->i64_f32 : q->i32_f32)(&job);
    else if (slow)
        (type == RK_DWT_INT64 ? q->i64_i64 : q->i64_i32)(&job);
}

rk_status rk_j2k_batch_flush(rk_j2k_hand *h)
{
    if (rk_j2k_late(h->tile->stream))
        return rk_j2k_too_late(h->tile->stream);
    if (h->t1_count)
        h->kernels->t1.decode(h->t1, h->t1_count, h->work);
    for (size_t k = 0; k < h->t1_count; k++) {
        const rk_t1_block *b = &h->t1[k];
        judge(h, &h->t1_places[k], b->result, b->peak);
        convert(h, &h->t1_places[k], b->out, b->stride, false, b->width, b->height);
    }
    if (h->ht_count)
        h->kernels->ht.decode(h->ht, h->ht_count, h->work);
    for (size_t k = 0; k < h->ht_count; k++) {
        const rk_ht_block *b = &h->ht[k];
        judge(h, &h->ht_places[k], b->result, b->peak);
        convert(h, &h->ht_places[k], b->out, b->stride, false, b->width, b->height);
    }
    h->t1_count = h->ht_count = 0;
    rk_j2k_rewind(&h->bytes);
    return rk_j2k_fine();
}

/* True if the block goes through 64 bits: a ROI, or more planes than its format holds. */
static bool is_slow(const rk_j2k_strip *s, unsigned planes)
{
    static const uint8_t holds[] = {RK_COEF_PLANES_INT16, RK_COEF_PLANES_INT32 - 1,
                                    RK_COEF_PLANES_INT64, RK_COEF_PLANES_INT32 - 2};
    return s->chain->plane->comp->coding->roi || planes > holds[s->type];
}

/* Coefficients that nothing was sent for. */
static void clear(void *out, size_t stride, rk_dwt_type type, size_t width, size_t height)
{
    for (size_t y = 0; y < height; y++)
        memset((uint8_t *)out + y * stride * rk_j2k_size_of[type], 0,
               width * rk_j2k_size_of[type]);
}

static void clear_block(const rk_j2k_place *p, uint32_t width, uint32_t height)
{
    clear(p->out, p->strip->stride, p->strip->type, width, height);
}

static rk_status take_slow(rk_j2k_hand *h)
{
    if (h->slow)
        return rk_j2k_fine();
    return rk_j2k_take_raw(&h->arena, (void **)&h->slow, RK_BLOCK_AREA, sizeof *h->slow);
}

/* ---- blocks of Part 1 ------------------------------------------------------------------------ */

static rk_status add_plain(rk_j2k_hand *h, rk_j2k_place *p, uint32_t width, uint32_t height)
{
    const rk_j2k_strip *s = p->strip;
    const rk_j2k_coding *coding = s->chain->plane->comp->coding;
    const rk_j2k_band *band = &s->res->bands[p->band];
    unsigned planes = band->planes + coding->roi, half = s->type == RK_DWT_FLOAT;
    bool missing = p->block->zero > planes;
    if (missing || planes - p->block->zero + half > PLANES_MAX) {
        clear_block(p, width, height);
        spoil(h, p, missing ? RK_J2K_ZERO_PLANES : RK_J2K_PLANES);
        return rk_j2k_fine();
    }
    planes -= p->block->zero;
    bool slow = is_slow(s, planes);
    if (slow && s->type == RK_DWT_INT16) {
        h->wide = true;
        return rk_j2k_fine();
    }
    rk_t1_block job = {.width = width,
                       .height = height,
                       .band = band->kind,
                       .style = coding->style.flags & 0x3F,
                       .planes = (uint8_t)planes,
                       .format = (uint8_t)format_of[s->type],
                       .half = half,
                       .out = p->out,
                       .stride = s->stride};
    const rk_j2k_joiner joiner = {h->tile->stream, &h->bytes};
    RK_TRY(rk_j2k_join_plain(&joiner, p->block, &job));
    if (job.passes > (planes ? 3 * planes - 2 : 0))
        spoil(h, p, RK_J2K_PASSES);
    if (slow) {
        RK_TRY(take_slow(h));
        job.out = h->slow;
        job.stride = width;
        job.format = RK_COEF_INT64;
        h->kernels->t1.decode(&job, 1, h->work);
        judge(h, p, job.result, job.peak);
        convert(h, p, h->slow, width, true, width, height);
        return rk_j2k_fine();
    }
    h->t1[h->t1_count] = job;
    h->t1_places[h->t1_count++] = *p;
    return h->t1_count == h->room ? rk_j2k_batch_flush(h) : rk_j2k_fine();
}

/* ---- HT blocks ------------------------------------------------------------------------------- */

/* Decodes a block, alone or later with others. */
static rk_status add_job(rk_j2k_hand *h, rk_j2k_place *p, rk_ht_block *job, unsigned planes)
{
    const rk_j2k_strip *s = p->strip;
    if (s->type == RK_DWT_INT16) {
        if (s->chain->plane->comp->coding->roi || job->plane || job->passes > 1) {
            h->wide = true;
            return rk_j2k_fine();
        }
    } else if (is_slow(s, planes)) {
        RK_TRY(take_slow(h));
        job->out = h->slow;
        job->stride = job->width;
        job->format = RK_COEF_INT64;
        h->kernels->ht.decode(job, 1, h->work);
        judge(h, p, job->result, job->peak);
        convert(h, p, h->slow, job->width, true, job->width, job->height);
        return rk_j2k_fine();
    }
    h->ht[h->ht_count] = *job;
    h->ht_places[h->ht_count++] = *p;
    return h->ht_count == h->room ? rk_j2k_batch_flush(h) : rk_j2k_fine();
}

static rk_status add_ht(rk_j2k_hand *h, rk_j2k_place *p, uint32_t width, uint32_t height)
{
    const rk_j2k_strip *s = p->strip;
    const rk_j2k_coding *coding = s->chain->plane->comp->coding;
    const rk_j2k_joiner joiner = {h->tile->stream, &h->bytes};
    rk_j2k_ht_set set;
    unsigned planes = s->res->bands[p->band].planes + coding->roi;
    RK_TRY(rk_j2k_join_ht(&joiner, p->block, &set));
    if (!set.cleanup.size) {
        clear_block(p, width, height);
        return rk_j2k_fine();
    }
    unsigned used = p->block->zero + 1u + set.number; /* planes that the cleanup pass codes */
    unsigned passes = 1 + (set.refine.size ? set.refine.passes : 0), half = s->type == RK_DWT_FLOAT;
    if (used > planes || planes + half > PLANES_MAX - 1 || passes > 3) {
        clear_block(p, width, height);
        spoil(h, p, used > planes ? RK_J2K_ZERO_PLANES : passes > 3 ? RK_J2K_PASSES : RK_J2K_PLANES);
        return rk_j2k_fine();
    }
    if (passes > 1 && used == planes) { /* no plane is left to refine */
        spoil(h, p, RK_J2K_PASSES);
        passes = 1;
    }
    rk_ht_block job = {.width = width,
                       .height = height,
                       .cleanup = set.cleanup.data,
                       .cleanup_size = set.cleanup.size,
                       .refine = set.refine.data,
                       .refine_size = set.refine.size,
                       .passes = (uint8_t)passes,
                       .plane = (uint8_t)(planes - used),
                       .planes = (uint8_t)used,
                       .format = (uint8_t)format_of[s->type],
                       .half = half,
                       .causal = coding->style.flags & RK_T1_CAUSAL,
                       .out = p->out,
                       .stride = s->stride};
    return add_job(h, p, &job, planes);
}

/* ---- strips ---------------------------------------------------------------------------------- */

/* What of a rectangle of a band lies in the strip, and where. */
static rk_j2k_rect in_strip(const rk_j2k_strip *s, unsigned band, rk_j2k_rect r, void **out)
{
    rk_j2k_rect hold = s->window->bands[band].hold;
    uint64_t y1 = (uint64_t)s->to << s->res->ycb;
    r = rk_j2k_meet(r, hold);
    r.y0 = r.y0 > s->y0[band] ? r.y0 : s->y0[band];
    r.y1 = r.y1 < y1 ? r.y1 : (uint32_t)y1;
    if (!rk_j2k_is_void(r))
        *out = (uint8_t *)s->data[band]
               + ((size_t)(r.y0 - s->y0[band]) * s->stride + (r.x0 - hold.x0))
                     * rk_j2k_size_of[s->type];
    return r;
}

/* Cell (i, j) of a grid of 2^x by 2^y. */
static rk_j2k_rect cell_rect(uint64_t i, uint64_t j, unsigned x, unsigned y)
{
    uint64_t x1 = (i + 1) << x, y1 = (j + 1) << y;
    return (rk_j2k_rect){(uint32_t)(i << x), (uint32_t)(j << y),
                         (uint32_t)(x1 < UINT32_MAX ? x1 : UINT32_MAX),
                         (uint32_t)(y1 < UINT32_MAX ? y1 : UINT32_MAX)};
}

static rk_status add_block(rk_j2k_hand *h, rk_j2k_place *p, uint32_t bx, uint32_t by)
{
    const rk_j2k_strip *s = p->strip;
    rk_j2k_rect r = in_strip(s, p->band, cell_rect(bx, by, s->res->xcb, s->res->ycb), &p->out);
    if (rk_j2k_is_void(r))
        return rk_j2k_fine();
    unsigned style = s->chain->plane->comp->coding->style.flags, flags = p->block->flags;
    bool plain = !(style & RK_J2K_HT) || flags & RK_J2K_IS_PLAIN;
    p->judged = flags & RK_J2K_BLOCK_CUT || by < s->judged[p->band];
    if (!p->block->first || !(plain || flags & RK_J2K_IS_HT)) {
        clear_block(p, r.x1 - r.x0, r.y1 - r.y0);
        return rk_j2k_fine();
    }
    return plain ? add_plain(h, p, r.x1 - r.x0, r.y1 - r.y0)
                 : add_ht(h, p, r.x1 - r.x0, r.y1 - r.y0);
}

/* A precinct of which no packet brought anything. */
static void clear_precinct(const rk_j2k_strip *s, uint32_t i, uint32_t j)
{
    const rk_j2k_res *res = s->res;
    unsigned inner = s->r > 0;
    rk_j2k_rect cell = cell_rect((uint64_t)(res->all.x0 >> res->ppx) + i,
                                 (uint64_t)(res->all.y0 >> res->ppy) + j, res->ppx - inner,
                                 res->ppy - inner);
    for (unsigned b = 0; b < res->band_count; b++) {
        void *out;
        rk_j2k_rect r = in_strip(s, b, cell, &out);
        if (!rk_j2k_is_void(r))
            clear(out, s->stride, s->type, r.x1 - r.x0, r.y1 - r.y0);
    }
}

/* The code-blocks of a precinct in the rows of the strip. */
static rk_status add_precinct(rk_j2k_hand *h, rk_j2k_strip *s, uint32_t k)
{
    const rk_j2k_res *res = s->res;
    const rk_j2k_precinct *precinct = res->precincts[k];
    uint64_t order = ((uint64_t)s->chain->plane->index << 6 | s->r) << 20 | k;
    if (!precinct) {
        clear_precinct(s, k % res->cols, k / res->cols);
        return rk_j2k_fine();
    }
    for (unsigned b = 0; b < res->band_count; b++) {
        const rk_j2k_cell *cell = &precinct->cells[b];
        uint64_t end = (uint64_t)cell->by + cell->rows;
        uint32_t y = cell->by > s->from ? cell->by : s->from;
        for (; y < end && y < s->to; y++)
            for (uint32_t x = 0; x < cell->cols; x++) {
                size_t n = (size_t)(y - cell->by) * cell->cols + x;
                rk_j2k_place p = {.strip = s,
                                  .block = &cell->blocks[n],
                                  .order = {order << 2 | b, n},
                                  .band = (uint8_t)b};
                RK_TRY(add_block(h, &p, cell->bx + x, y));
            }
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_batch_add(rk_j2k_hand *h, rk_j2k_strip *s)
{
    const rk_j2k_res *res = s->res;
    if (rk_j2k_is_void(res->hits))
        return rk_j2k_fine();
    unsigned shift = res->ppy - (s->r > 0u) - res->ycb; /* code-block rows of a precinct */
    uint64_t first = res->all.y0 >> res->ppy;           /* number of the first precinct row */
    uint64_t j0 = s->from >> shift, j1 = ((uint64_t)s->to - 1) >> shift;
    j0 = j0 > first + res->hits.y0 ? j0 - first : res->hits.y0;
    j1 = j1 + 1 < first + res->hits.y1 ? j1 + 1 - first : res->hits.y1;
    for (uint64_t j = j0; j < j1; j++)
        for (uint32_t i = res->hits.x0; i < res->hits.x1; i++)
            RK_TRY(add_precinct(h, s, (uint32_t)(j * res->cols + i)));
    return rk_j2k_fine();
}
