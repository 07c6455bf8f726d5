/* Rows of code-blocks through the block coders. */
#include <string.h>

#include "encode.h"
#include "rules.h"

#define HUNK ((size_t)1 << 18)
#define HUNK_HEAD 64

/* Room for `size` bytes of blocks, which are counted as used. */
static rk_status take_bytes(rk_j2k_encoder *e, size_t size, size_t align, void **to)
{
    *to = NULL;
    size_t at = e->hunk ? (e->hunk->used + align - 1) / align * align : 0;
    while (e->hunk && (at > e->hunk->size || e->hunk->size - at < size) && e->hunk->next) {
        e->hunk = e->hunk->next;
        e->hunk->used = at = 0;
    }
    if (!e->hunk || at > e->hunk->size || e->hunk->size - at < size) {
        rk_j2k_hunk *hunk;
        size_t room = size > HUNK ? size : HUNK;
        RK_TRY(rk_j2k_take_raw(&e->arena, (void **)&hunk, room + HUNK_HEAD, 1));
        *hunk = (rk_j2k_hunk){.size = room};
        if (e->hunk)
            e->hunk->next = hunk;
        else
            e->hunks = hunk;
        e->hunk = hunk;
        at = 0;
    }
    *to = (uint8_t *)e->hunk + HUNK_HEAD + at;
    e->hunk->used = at + size;
    return rk_j2k_fine();
}

/* ---- queue ----------------------------------------------------------------------------------- */

static rk_status take_work(rk_j2k_encoder *e, size_t size)
{
    RK_TRY(rk_j2k_take_raw(&e->arena, &e->queue->work, (uint64_t)size + 64, 1));
    e->queue->work = (void *)(((uintptr_t)e->queue->work + 63) / 64 * 64);
    return rk_j2k_fine();
}

rk_status rk_j2k_queue_open(rk_j2k_encoder *e)
{
    const rk_j2k_style *style = &e->task.layout.style;
    uint32_t width = 1u << style->xcb, height = 1u << style->ycb;
    bool ht = style->flags & RK_J2K_HT;
    rk_j2k_queue *q;
    size_t work;
    RK_TRY(rk_j2k_take(&e->arena, (void **)&q, 1, sizeof *q));
    e->queue = q;
    if (ht)
        q->slot_size = rk_ht_encode_bound(width, height, RK_HT_ENCODE_PLANES);
    else
        q->slot_size = rk_t1_encode_capacity(width, height, RK_COEF_PLANES_INT32);
    q->slot_size = (q->slot_size + 63) / 64 * 64;
    RK_TRY(rk_j2k_take_raw(&e->arena, (void **)&q->stage, RK_J2K_QUEUE, q->slot_size));
    if (ht) {
        RK_TRY(rk_j2k_take(&e->arena, (void **)&q->ht, RK_J2K_QUEUE, sizeof *q->ht));
        return take_work(e, rk_ht_encode_work_size());
    }
    RK_TRY(rk_j2k_take(&e->arena, (void **)&q->t1, RK_J2K_QUEUE, sizeof *q->t1));
    RK_TRY(rk_j2k_take_raw(&e->arena, (void **)&q->ends, RK_J2K_QUEUE * RK_T1_PASSES,
                           sizeof *q->ends));
    if (!rk_t1_encode_work(&work, q->slot_size))
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
    return take_work(e, work);
}

/* Keeps the bytes of a block. */
static rk_status keep_code(rk_j2k_encoder *e, size_t k, rk_j2k_coded coded, const uint8_t *from,
                       uint32_t planes)
{
    rk_j2k_queue *q = e->queue;
    void *bytes;
    RK_TRY(take_bytes(e, coded.size, 1, &bytes));
    memcpy(bytes, from, coded.size);
    coded.data = bytes;
    *q->to[k] = coded;
    e->bytes += coded.size;
    e->blocks++;
    if (planes > *q->planes[k])
        *q->planes[k] = (uint8_t)planes;
    if (e->most && e->bytes > e->most)
        return rk_j2k_fail(RK_LIMIT, RK_J2K_ENOUGH, 0);
    return rk_j2k_fine();
}

static rk_status flush_ht(rk_j2k_encoder *e)
{
    rk_j2k_queue *q = e->queue;
    e->tables.ht.encode(q->ht, q->count, q->work);
    for (size_t k = 0; k < q->count; k++) {
        const rk_ht_encode_block *b = &q->ht[k];
        if (b->result)
            return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, 0);
        /* One pass of plane 0, whose header calls for all planes but one to be missing. */
        rk_j2k_coded coded = {.size = b->size, .passes = b->size > 0, .planes = b->size > 0};
        RK_TRY(keep_code(e, k, coded, b->out, b->planes));
    }
    return rk_j2k_fine();
}

static rk_status keep_ends(rk_j2k_encoder *e, rk_j2k_coded *block, const rk_t1_source *b)
{
    rk_j2k_rated *rated;
    rk_t1_end *ends;
    RK_TRY(take_bytes(e, sizeof *rated, 16, (void **)&rated));
    RK_TRY(take_bytes(e, b->passes * sizeof *ends, 16, (void **)&ends));
    memcpy(ends, b->ends, b->passes * sizeof *ends);
    *rated = (rk_j2k_rated){e->rated, block, ends, b->passes};
    e->rated = rated;
    return rk_j2k_fine();
}

static rk_status flush_t1(rk_j2k_encoder *e)
{
    rk_j2k_queue *q = e->queue;
    e->tables.t1.encode(q->t1, q->count, q->work);
    for (size_t k = 0; k < q->count; k++) {
        const rk_t1_source *b = &q->t1[k];
        if (b->result || b->size > UINT32_MAX)
            return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_PLANES, 0);
        rk_j2k_coded coded = {.size = (uint32_t)b->size,
                              .passes = (uint16_t)b->passes,
                              .planes = (uint8_t)b->planes};
        RK_TRY(keep_code(e, k, coded, b->out, b->planes));
        if (e->task.rated && b->passes)
            RK_TRY(keep_ends(e, q->to[k], b));
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_queue_flush(rk_j2k_encoder *e)
{
    RK_TRY(e->queue->ht ? flush_ht(e) : flush_t1(e));
    e->queue->count = 0;
    return rk_j2k_fine();
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* What the blocks of a row have in common. */
typedef struct row {
    double weight;
    size_t stride;
    uint32_t height;
    uint8_t kind, format;
} row;

static void queue_block(rk_j2k_encoder *e, const row *r, const void *values, uint32_t width)
{
    rk_j2k_queue *q = e->queue;
    uint8_t *out = q->stage + q->count * q->slot_size;
    if (q->ht)
        q->ht[q->count] = (rk_ht_encode_block){.width = width,
                                               .height = r->height,
                                               .values = values,
                                               .stride = r->stride,
                                               .format = r->format,
                                               .out = out,
                                               .capacity = q->slot_size};
    else
        q->t1[q->count] = (rk_t1_source){.width = width,
                                         .height = r->height,
                                         .band = r->kind,
                                         .format = r->format,
                                         .half = e->step > 0,
                                         .weight = r->weight,
                                         .values = values,
                                         .stride = r->stride,
                                         .out = out,
                                         .capacity = q->slot_size,
                                         .ends = q->ends + q->count * RK_T1_PASSES};
    q->count++;
}

rk_status rk_j2k_queue_rows(rk_j2k_encoder *e, rk_j2k_outres *res, unsigned r, unsigned comp,
                            unsigned band, uint32_t y0, uint32_t y1, const void *data,
                            size_t stride, rk_coef format)
{
    rk_j2k_queue *q = e->queue;
    rk_j2k_outband *b = &res->bands[band];
    size_t size = format == RK_COEF_INT16 ? 2 : 4;
    row row = {.weight = e->task.rated ? rk_j2k_weight(e, comp, r, b->kind) : 0,
               .stride = stride,
               .height = y1 - y0,
               .kind = b->kind,
               .format = (uint8_t)format};
    rk_j2k_coded *blocks = &b->blocks[(size_t)((y0 >> res->ycb) - b->by) * b->across];
    for (uint32_t i = 0, x0 = b->all.x0, x1; i < b->across; i++, x0 = x1) {
        uint64_t edge = (uint64_t)(b->bx + i + 1) << res->xcb;
        x1 = edge < b->all.x1 ? (uint32_t)edge : b->all.x1;
        if (q->count == RK_J2K_QUEUE)
            RK_TRY(rk_j2k_queue_flush(e));
        q->to[q->count] = &blocks[i];
        q->planes[q->count] = &e->planes[rk_j2k_step_index(r, b->kind)];
        queue_block(e, &row, (const uint8_t *)data + (size_t)(x0 - b->all.x0) * size, x1 - x0);
    }
    return rk_j2k_fine();
}
