/*
 * Code-blocks of a tile: their bytes in one piece, the kernels on many at a time, and what
 * they made in the form of the band.
 */
#include <string.h>

#include "decode.h"

/* Blocks that are given to a kernel at once. */
#define BATCH 512
/* More than a block can use: 4096 samples, 62 planes, 3 passes, 2 symbols, 15 bits each. */
#define SEGMENT_MAX ((uint32_t)1 << 20)
#define PLANES_MAX RK_COEF_PLANES_INT64

/* Where a block in a batch goes. */
typedef struct place {
    rk_j2k_plane *plane;
    rk_j2k_band *band;
    rk_j2k_block *block;
    size_t at; /* of its first coefficient */
} place;

typedef struct batch {
    rk_j2k_tile *tile;
    const rk_j2k_kernels *kernels;
    rk_j2k_arena arena; /* of this stage */
    rk_t1_block *t1;
    place *t1_places;
    size_t t1_count;
    rk_ht_block *ht;
    place *ht_places;
    size_t ht_count;
    uint32_t most; /* bytes of the longest segment in the batch */
    void *work;
    size_t work_size;
    int64_t *slow; /* coefficients of one block */
    bool widen;    /* 16 bits are not enough somewhere */
} batch;

static const rk_coef format_of[] = {
    [RK_DWT_INT16] = RK_COEF_INT16,
    [RK_DWT_INT32] = RK_COEF_INT32,
    [RK_DWT_INT64] = RK_COEF_INT64,
    [RK_DWT_FLOAT] = RK_COEF_INT32,
};

static rk_status fault_at(const batch *b, rk_code code, enum rk_j2k_rule rule,
                          const rk_j2k_block *block)
{
    const uint8_t *at = block->first ? block->first->data : NULL;
    return rk_j2k_fail(code, rule, at ? (uint64_t)(at - b->tile->stream->data) : 0);
}

/* A block that cannot be decoded as it should: an error, or noted; one that is cut is counted
 * already. */
static rk_status spoil(batch *b, rk_code code, enum rk_j2k_rule rule, const rk_j2k_block *block)
{
    rk_status status = fault_at(b, code, rule, block);
    if (b->tile->stream->strict)
        return status;
    if (!(block->flags & RK_J2K_BLOCK_CUT))
        b->tile->sound_blocks--;
    if (b->tile->fault.code == RK_OK)
        b->tile->fault = status;
    return rk_j2k_fine();
}

/* Bytes of the chunks from `first` on that are of its segment, in one piece with RK_PAD readable
 * bytes behind; *next is set to the chunk after them. */
static rk_status join(batch *b, rk_j2k_bytes *first, rk_j2k_bytes **next, rk_t1_segment *out)
{
    const rk_j2k_stream *s = b->tile->stream;
    uint64_t size = 0, passes = 0;
    rk_j2k_bytes *end = first;
    for (; end && end->segment == first->segment; end = end->next) {
        size += end->size;
        passes += end->passes;
    }
    *next = end;
    out->size = size < SEGMENT_MAX ? (uint32_t)size : SEGMENT_MAX;
    out->passes = (uint32_t)passes;
    out->data = first->data;
    if (first->next == end && first->data + first->size + RK_PAD <= s->data + s->stop)
        return rk_j2k_fine();
    uint8_t *copy;
    RK_TRY(rk_j2k_take(&b->arena, (void **)&copy, (uint64_t)out->size + RK_PAD, 1));
    out->data = copy;
    size_t left = out->size;
    for (rk_j2k_bytes *p = first; p != end && left; p = p->next) {
        size_t n = p->size < left ? p->size : left;
        memcpy(copy, p->data, n);
        copy += n;
        left -= n;
    }
    return rk_j2k_fine();
}

/* The form of what the kernel made into that of the band, if it is another. */
static void convert(const batch *b, const place *p, const void *src, size_t src_stride,
                    bool slow, uint32_t width, uint32_t height)
{
    const rk_quant_table *q = &b->kernels->quant;
    rk_dwt_type type = p->plane->type;
    rk_quant_block job = {.src = src,
                          .src_stride = src_stride,
                          .out = (uint8_t *)p->band->coefs + p->at * rk_j2k_size_of[type],
                          .stride = p->band->stride,
                          .width = width,
                          .height = height,
                          .roi = slow ? p->plane->comp->coding->roi : 0,
                          .scale = p->band->scale};
    if (type == RK_DWT_FLOAT)
        (slow ? q->i64_f32 : q->i32_f32)(&job);
    else if (slow)
        (type == RK_DWT_INT64 ? q->i64_i64 : q->i64_i32)(&job);
}

static rk_status need_work(batch *b, size_t size)
{
    if (size <= b->work_size)
        return rk_j2k_fine();
    b->work_size = 0;
    RK_TRY(rk_j2k_take_raw(&b->arena, &b->work, (uint64_t)size + 4096, 1)); /* aligned to 64 */
    b->work_size = size;
    return rk_j2k_fine();
}

/* Coefficients that nothing was sent for. */
static void clear(rk_j2k_band *band, size_t at, rk_dwt_type type, size_t width, size_t height)
{
    for (size_t y = 0; y < height; y++)
        memset((uint8_t *)band->coefs + (at + y * band->stride) * rk_j2k_size_of[type], 0,
               width * rk_j2k_size_of[type]);
}

/* What a kernel said of a block. */
static rk_status judge(batch *b, const place *p, uint32_t result, uint64_t peak)
{
    if (result & RK_BLOCK_WIDE)
        b->widen = true; /* decoded again with wider coefficients */
    if (peak > p->band->peak)
        p->band->peak = peak;
    if (result & (RK_BLOCK_DAMAGED | RK_BLOCK_EXCESS) && !(p->block->flags & RK_J2K_BLOCK_CUT))
        return spoil(b, RK_CORRUPT, RK_J2K_BLOCK, p->block);
    return rk_j2k_fine();
}

static rk_status run_t1(batch *b, rk_t1_block *blocks, size_t n)
{
    size_t size;
    if (!rk_t1_work_size(&size, b->most)) {
        b->tile->stream->budget.asked = UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
    }
    RK_TRY(need_work(b, size));
    b->kernels->t1.decode(blocks, n, b->work);
    return rk_j2k_fine();
}

static rk_status flush(batch *b)
{
    if (rk_j2k_late(b->tile->stream))
        return rk_j2k_too_late(b->tile->stream);
    if (b->t1_count)
        RK_TRY(run_t1(b, b->t1, b->t1_count));
    for (size_t k = 0; k < b->t1_count; k++) {
        const rk_t1_block *block = &b->t1[k];
        RK_TRY(judge(b, &b->t1_places[k], block->result, block->peak));
        convert(b, &b->t1_places[k], block->out, block->stride, false, block->width,
                block->height);
    }
    if (b->ht_count) {
        RK_TRY(need_work(b, rk_ht_work_size()));
        b->kernels->ht.decode(b->ht, b->ht_count, b->work);
    }
    for (size_t k = 0; k < b->ht_count; k++) {
        const rk_ht_block *block = &b->ht[k];
        RK_TRY(judge(b, &b->ht_places[k], block->result, block->peak));
        convert(b, &b->ht_places[k], block->out, block->stride, false, block->width,
                block->height);
    }
    b->t1_count = b->ht_count = 0;
    b->most = 0;
    return rk_j2k_fine();
}

/* True if the block goes through 64 bits: a ROI, or more planes than its format holds. */
static bool is_slow(const place *p, unsigned planes)
{
    static const uint8_t holds[] = {RK_COEF_PLANES_INT16, RK_COEF_PLANES_INT32 - 1,
                                    RK_COEF_PLANES_INT64, RK_COEF_PLANES_INT32 - 2};
    return p->plane->comp->coding->roi || planes > holds[p->plane->type];
}

static void *out_of(const place *p)
{
    return (uint8_t *)p->band->coefs + p->at * rk_j2k_size_of[p->plane->type];
}

static rk_status add_plain(batch *b, const place *p, uint32_t width, uint32_t height)
{
    const rk_j2k_coding *coding = p->plane->comp->coding;
    rk_j2k_block *block = p->block;
    unsigned planes = p->band->planes + coding->roi, passes = 0, count = 0;
    if (block->zero > planes || planes - block->zero > PLANES_MAX) {
        clear(p->band, p->at, p->plane->type, width, height);
        return spoil(b, RK_CORRUPT, RK_J2K_ZERO_PLANES, block);
    }
    planes -= block->zero;
    for (rk_j2k_bytes *bytes = block->first; bytes; bytes = bytes->next) {
        passes += bytes->passes;
        count++;
    }
    if (passes > (planes ? 3 * planes - 2 : 0)) {
        RK_TRY(spoil(b, RK_CORRUPT, RK_J2K_PASSES, block));
        block->flags |= RK_J2K_BLOCK_CUT; /* it counts once */
    }
    rk_t1_segment *segments;
    RK_TRY(rk_j2k_take(&b->arena, (void **)&segments, count, sizeof *segments));
    size_t n = 0;
    for (rk_j2k_bytes *bytes = block->first; bytes; n++) {
        RK_TRY(join(b, bytes, &bytes, &segments[n]));
        if (segments[n].size > b->most)
            b->most = segments[n].size;
    }
    bool slow = is_slow(p, planes);
    rk_t1_block job = {.width = width,
                       .height = height,
                       .band = p->band->kind,
                       .style = coding->style.flags & 0x3F,
                       .planes = (uint8_t)planes,
                       .format = (uint8_t)format_of[p->plane->type],
                       .half = p->plane->type == RK_DWT_FLOAT,
                       .passes = passes,
                       .segments = segments,
                       .count = (uint32_t)n,
                       .out = out_of(p),
                       .stride = p->band->stride};
    if (slow && p->plane->type == RK_DWT_INT16) {
        b->widen = true;
        return rk_j2k_fine();
    }
    if (slow) {
        job.out = b->slow;
        job.stride = width;
        job.format = RK_COEF_INT64;
        RK_TRY(run_t1(b, &job, 1));
        RK_TRY(judge(b, p, job.result, job.peak));
        convert(b, p, b->slow, width, true, width, height);
        return rk_j2k_fine();
    }
    b->t1[b->t1_count] = job;
    b->t1_places[b->t1_count++] = *p;
    return b->t1_count == BATCH ? flush(b) : rk_j2k_fine();
}

/* The last HT set whose cleanup pass is there; its refinement passes as far as they go. */
static rk_status find_set(batch *b, const rk_j2k_block *block, rk_t1_segment *cleanup,
                          rk_t1_segment *refine, unsigned *set)
{
    cleanup->data = refine->data = NULL;
    cleanup->size = refine->size = cleanup->passes = refine->passes = 0;
    for (rk_j2k_bytes *bytes = block->first; bytes;) {
        rk_t1_segment segment;
        unsigned number = bytes->segment;
        RK_TRY(join(b, bytes, &bytes, &segment));
        if (segment.size == 0)
            continue;
        if (number % 2 == 0) {
            *cleanup = segment;
            refine->size = refine->passes = 0;
            *set = number / 2;
        } else if (number / 2 == *set)
            *refine = segment;
    }
    return rk_j2k_fine();
}

static rk_status add_ht(batch *b, const place *p, uint32_t width, uint32_t height)
{
    const rk_j2k_coding *coding = p->plane->comp->coding;
    rk_j2k_block *block = p->block;
    rk_t1_segment cleanup, refine;
    unsigned set = 0, planes = p->band->planes + coding->roi;
    RK_TRY(find_set(b, block, &cleanup, &refine, &set));
    if (!cleanup.size) {
        clear(p->band, p->at, p->plane->type, width, height);
        return rk_j2k_fine();
    }
    unsigned used = block->zero + 1u + set; /* planes that the cleanup pass codes */
    unsigned passes = 1 + (refine.size ? refine.passes : 0);
    if (used > planes || planes > PLANES_MAX - 1 || passes > 3) {
        clear(p->band, p->at, p->plane->type, width, height);
        return spoil(b, RK_CORRUPT, RK_J2K_ZERO_PLANES, block);
    }
    if (passes > 1 && used == planes) { /* no plane is left to refine */
        RK_TRY(spoil(b, RK_CORRUPT, RK_J2K_PASSES, block));
        block->flags |= RK_J2K_BLOCK_CUT;
        passes = 1;
    }
    rk_ht_block job = {.width = width,
                       .height = height,
                       .cleanup = cleanup.data,
                       .cleanup_size = cleanup.size,
                       .refine = refine.data,
                       .refine_size = refine.size,
                       .passes = (uint8_t)passes,
                       .plane = (uint8_t)(planes - used),
                       .planes = (uint8_t)used,
                       .format = (uint8_t)format_of[p->plane->type],
                       .half = p->plane->type == RK_DWT_FLOAT,
                       .causal = coding->style.flags & RK_T1_CAUSAL,
                       .out = out_of(p),
                       .stride = p->band->stride};
    if (p->plane->type == RK_DWT_INT16) {
        if (coding->roi || job.plane || passes > 1) {
            b->widen = true;
            return rk_j2k_fine();
        }
    } else if (is_slow(p, planes)) {
        job.out = b->slow;
        job.stride = width;
        job.format = RK_COEF_INT64;
        RK_TRY(need_work(b, rk_ht_work_size()));
        b->kernels->ht.decode(&job, 1, b->work);
        RK_TRY(judge(b, p, job.result, job.peak));
        convert(b, p, b->slow, width, true, width, height);
        return rk_j2k_fine();
    }
    b->ht[b->ht_count] = job;
    b->ht_places[b->ht_count++] = *p;
    return b->ht_count == BATCH ? flush(b) : rk_j2k_fine();
}

/* One code-block, if it lies in what is decoded. */
static rk_status add_block(batch *b, place p, const rk_j2k_res *res, const rk_j2k_cell *cell,
                           uint32_t x, uint32_t y)
{
    rk_j2k_band *band = p.band;
    rk_j2k_rect all = band->hold;
    uint64_t bx = (uint64_t)(cell->bx + x) << res->xcb, by = (uint64_t)(cell->by + y) << res->ycb;
    uint64_t x1 = bx + ((uint64_t)1 << res->xcb), y1 = by + ((uint64_t)1 << res->ycb);
    bx = bx > all.x0 ? bx : all.x0; /* `hold` ends at code-blocks, or where the band does */
    by = by > all.y0 ? by : all.y0;
    x1 = x1 < all.x1 ? x1 : all.x1;
    y1 = y1 < all.y1 ? y1 : all.y1;
    if (bx >= x1 || by >= y1)
        return rk_j2k_fine();
    b->tile->blocks++;
    b->tile->sound_blocks++;
    if (p.block->flags & RK_J2K_BLOCK_CUT)
        b->tile->sound_blocks--;
    p.at = (size_t)(by - all.y0) * band->stride + (size_t)(bx - all.x0);
    uint32_t width = (uint32_t)(x1 - bx), height = (uint32_t)(y1 - by);
    unsigned style = p.plane->comp->coding->style.flags;
    bool plain = !(style & RK_J2K_HT) || p.block->flags & RK_J2K_IS_PLAIN;
    if (!p.block->first || !(plain || p.block->flags & RK_J2K_IS_HT)) {
        clear(band, p.at, p.plane->type, width, height);
        return rk_j2k_fine();
    }
    p.plane->any = true;
    return plain ? add_plain(b, &p, width, height) : add_ht(b, &p, width, height);
}

/* A precinct of which no packet brought anything. */
static void clear_precinct(rk_j2k_plane *plane, unsigned r, uint32_t i, uint32_t j)
{
    rk_j2k_res *res = &plane->comp->res[r];
    unsigned px = res->ppx - (r > 0), py = res->ppy - (r > 0);
    for (unsigned n = 0; n < res->band_count; n++) {
        rk_j2k_band *band = &res->bands[n];
        uint64_t x0 = (uint64_t)((res->all.x0 >> res->ppx) + i) << px;
        uint64_t y0 = (uint64_t)((res->all.y0 >> res->ppy) + j) << py;
        uint64_t x1 = x0 + ((uint64_t)1 << px), y1 = y0 + ((uint64_t)1 << py);
        x0 = x0 > band->hold.x0 ? x0 : band->hold.x0;
        y0 = y0 > band->hold.y0 ? y0 : band->hold.y0;
        x1 = x1 < band->hold.x1 ? x1 : band->hold.x1;
        y1 = y1 < band->hold.y1 ? y1 : band->hold.y1;
        if (x0 < x1 && y0 < y1)
            clear(band, (size_t)(y0 - band->hold.y0) * band->stride + (size_t)(x0 - band->hold.x0),
                  plane->type, (size_t)(x1 - x0), (size_t)(y1 - y0));
    }
}

static rk_status add_plane(batch *b, rk_j2k_plane *plane)
{
    for (unsigned r = 0; r <= plane->comp->top; r++) {
        rk_j2k_res *res = &plane->comp->res[r];
        for (uint32_t j = res->hits.y0; j < res->hits.y1; j++)
            for (uint32_t i = res->hits.x0; i < res->hits.x1; i++) {
                rk_j2k_precinct *precinct = res->precincts[(size_t)j * res->cols + i];
                if (!precinct)
                    clear_precinct(plane, r, i, j);
                for (unsigned n = 0; precinct && n < res->band_count; n++) {
                    const rk_j2k_cell *cell = &precinct->cells[n];
                    for (uint32_t y = 0; y < cell->rows; y++)
                        for (uint32_t x = 0; x < cell->cols; x++) {
                            place p = {plane, &res->bands[n],
                                       &cell->blocks[(size_t)y * cell->cols + x], 0};
                            RK_TRY(add_block(b, p, res, cell, x, y));
                        }
                }
            }
    }
    return rk_j2k_fine();
}

/* Memory for the coefficients, rows a multiple of 64 bytes apart. */
static rk_status take_bands(rk_j2k_tile *t, rk_j2k_plane *plane)
{
    size_t size = rk_j2k_size_of[plane->type], unit = 64 / size;
    for (unsigned r = 0; r <= plane->comp->top; r++)
        for (unsigned n = 0; n < plane->comp->res[r].band_count; n++) {
            rk_j2k_band *band = &plane->comp->res[r].bands[n];
            rk_j2k_rect hold = band->hold;
            band->coefs = NULL;
            band->peak = 0;
            if (rk_j2k_is_void(hold))
                continue;
            band->stride = ((size_t)(hold.x1 - hold.x0) + unit - 1) / unit * unit;
            size_t rows;
            if (!rk_mul_size(&rows, band->stride * size, hold.y1 - hold.y0))
                rows = SIZE_MAX;
            RK_TRY(rk_j2k_take_raw(&t->arena, &band->coefs, rows, 1));
            band->bytes = rows;
        }
    return rk_j2k_fine();
}

static rk_status run(batch *b, rk_j2k_plane *planes, size_t n)
{
    RK_TRY(rk_j2k_take_raw(&b->arena, (void **)&b->t1, BATCH, sizeof *b->t1));
    RK_TRY(rk_j2k_take_raw(&b->arena, (void **)&b->t1_places, BATCH, sizeof *b->t1_places));
    RK_TRY(rk_j2k_take_raw(&b->arena, (void **)&b->ht, BATCH, sizeof *b->ht));
    RK_TRY(rk_j2k_take_raw(&b->arena, (void **)&b->ht_places, BATCH, sizeof *b->ht_places));
    RK_TRY(rk_j2k_take_raw(&b->arena, (void **)&b->slow, RK_BLOCK_AREA, sizeof *b->slow));
    for (size_t k = 0; k < n; k++) {
        planes[k].any = false;
        RK_TRY(take_bands(b->tile, &planes[k]));
        RK_TRY(add_plane(b, &planes[k]));
    }
    return flush(b);
}

rk_status rk_j2k_decode_blocks(rk_j2k_tile *t, const rk_j2k_kernels *kernels,
                               rk_j2k_plane *planes, size_t n)
{
    for (;;) {
        batch b = {.tile = t, .kernels = kernels, .arena = {.budget = t->arena.budget}};
        uint64_t blocks = t->blocks, sound = t->sound_blocks;
        rk_status status = run(&b, planes, n);
        rk_j2k_release(&b.arena);
        if (status.code != RK_OK || !b.widen)
            return status;
        bool narrow = false;
        for (size_t k = 0; k < n; k++)
            if (planes[k].type == RK_DWT_INT16) {
                planes[k].type = RK_DWT_INT32;
                narrow = true;
            }
        if (!narrow)
            return rk_j2k_fail(RK_INTERNAL, RK_J2K_IMPOSSIBLE, 0);
        t->blocks = blocks;
        t->sound_blocks = sound;
    }
}
