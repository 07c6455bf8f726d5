/*
 * A tile through the transforms: rows of samples come in, rows of code-blocks go to the queue.
 *
 * Each component is a chain of wavelet levels, of which each takes its rows from the one above
 * as they are finished. Bands hold one row of code-blocks, or all with `keep`.
 */
#include <string.h>

#include "encode.h"
#include "rules.h"

/* One component of the tile. */
typedef struct chain {
    rk_j2k_outcomp *out;
    rk_fdwt *level;           /* levels, the finest first */
    rk_j2k_strip (*strips)[3]; /* by resolution and band */
    size_t rows;              /* of LL, that are in its strip */
    unsigned number;
} chain;

typedef struct rk_j2k_pass {
    rk_j2k_encoder *e;
    rk_j2k_outtile *tile;
    rk_j2k_arena *arena;
    chain *chains;
    unsigned levels, size; /* size: bytes of a coefficient */
    bool keep;
    uint8_t hold[RK_J2K_LEVELS_MAX + 1]; /* rows of a strip by resolution, as exponents */
    /* Rows of blocks as the block coder takes them, if these are not in the strip. */
    int32_t *indices;
    size_t room, used;
    void *line; /* a row of int32_t on its way to float */
} pass;

/* ---- coding of a row of blocks --------------------------------------------------------------- */

/* Room for n coefficients; if there is too little, those before are coded first. */
static rk_status take_room(pass *p, size_t n, int32_t **to)
{
    *to = NULL;
    if (p->room - p->used < n) {
        RK_TRY(rk_j2k_queue_flush(p->e));
        p->used = 0;
    }
    *to = p->indices + p->used;
    p->used += n;
    return rk_j2k_fine();
}

/* LL with what was taken off the samples beyond the level shift; that goes through 5/3 unchanged. */
static void mend_rows(const pass *p, const uint8_t *data, size_t stride, int32_t *to,
                      uint32_t width, uint32_t height)
{
    const rk_samples_table *t = &p->e->tables.samples;
    int32_t fix = p->e->fix;
    for (uint32_t y = 0; y < height; y++, data += stride * p->size, to += width) {
        if (p->e->type == RK_DWT_INT16)
            t->raise(data, to, width, fix);
        else
            t->w32_i32(data, 1, to, width, (int32_t)(0u - (uint32_t)fix));
    }
}

static void quantise_rows(const pass *p, const uint8_t *data, size_t stride, int32_t *to,
                          uint32_t width, uint32_t height, float scale)
{
    for (uint32_t y = 0; y < height; y++, data += stride * sizeof(float), to += width)
        p->e->tables.samples.index(data, to, width, scale);
}

/* Rows y0 to y1 of a band (absolute; of one row of blocks) are in the strip. */
static rk_status code_rows(pass *p, chain *c, unsigned r, unsigned band, uint32_t y0, uint32_t y1)
{
    rk_j2k_encoder *e = p->e;
    rk_j2k_outres *res = &c->out->res[r];
    const rk_j2k_outband *b = &res->bands[band];
    const rk_j2k_strip *strip = &c->strips[r][band];
    uint32_t width = b->all.x1 - b->all.x0;
    uint32_t row = p->keep ? y0 - b->all.y0 : y0 & ((1u << p->hold[r]) - 1);
    const uint8_t *data = (const uint8_t *)strip->data + row * strip->stride * p->size;
    /* In the differences of the component transform it is gone already. */
    bool differences = e->task.layout.mct && (c->number == 1 || c->number == 2);
    bool fixed = r == 0 && e->fix != 0 && !differences;
    rk_coef format = p->size == 2 ? RK_COEF_INT16 : RK_COEF_INT32;
    int32_t *to;
    if (e->step == 0 && !fixed) {
        RK_TRY(rk_j2k_queue_rows(e, res, r, c->number, band, y0, y1, data, strip->stride,
                                 format));
        return p->keep ? rk_j2k_fine() : rk_j2k_queue_flush(e); /* the strip is written again */
    }
    RK_TRY(take_room(p, (size_t)width * (y1 - y0), &to));
    if (fixed)
        mend_rows(p, data, strip->stride, to, width, y1 - y0);
    else
        quantise_rows(p, data, strip->stride, to, width, y1 - y0,
                      1.0f / e->deltas[rk_j2k_step_index(r, b->kind)]);
    return rk_j2k_queue_rows(e, res, r, c->number, band, y0, y1, to, width, RK_COEF_INT32);
}

/* Band `band` has `rows` rows by now; codes its row of blocks if that is complete. */
static rk_status rows_done(pass *p, chain *c, unsigned r, unsigned band, size_t rows)
{
    const rk_j2k_outres *res = &c->out->res[r];
    const rk_j2k_rect *all = &res->bands[band].all;
    uint32_t y1 = all->y0 + (uint32_t)rows, mask = (1u << res->ycb) - 1;
    if (p->keep || all->x0 == all->x1 || ((y1 & mask) && y1 != all->y1))
        return rk_j2k_fine();
    uint32_t y0 = (y1 - 1) & ~mask;
    return code_rows(p, c, r, band, y0 > all->y0 ? y0 : all->y0, y1);
}

/* ---- rows through the wavelet ---------------------------------------------------------------- */

/* Where the next row of the component goes. */
static void *place(pass *p, chain *c)
{
    const rk_j2k_outres *res = &c->out->res[0];
    const rk_j2k_strip *strip = &c->strips[0][0];
    if (p->levels)
        return rk_fdwt_place(&c->level[0]);
    size_t row = res->all.y0 + c->rows;
    row = p->keep ? c->rows : row & (((size_t)1 << p->hold[0]) - 1);
    return (uint8_t *)strip->data + row * strip->stride * p->size;
}

/* Whether the samples of a level are small enough for all sums that the filter forms of them. */
static bool fits(const pass *p, const void *row, size_t n)
{
    const rk_dwt53_table *t = &p->e->tables.dwt53;
    if (p->e->step > 0)
        return true;
    if (p->size == 2)
        return t->peak_i16(row, n) <= RK_J2K_PEAK_INT16;
    return p->e->task.layout.depth < 24 || t->peak_i32(row, n) <= RK_J2K_PEAK_INT32;
}

/* A row lies in the place of level k (0: the finest): takes it through all that can be done now. */
static rk_status push(pass *p, chain *c, unsigned k)
{
    rk_fdwt *d = &c->level[k];
    unsigned r = p->levels - k;
    if (k > 0 && !fits(p, rk_fdwt_place(d), rk_span_size(d->level.x))) {
        p->e->wide = true;
        return rk_j2k_fine();
    }
    rk_fdwt_push(d);
    while (rk_fdwt_write(d) && !p->e->wide) {
        if (!d->low) {
            RK_TRY(rows_done(p, c, r, 1, d->highs));
            RK_TRY(rows_done(p, c, r, 2, d->highs));
            continue;
        }
        if (d->lower)
            RK_TRY(push(p, c, k + 1));
        else
            RK_TRY(rows_done(p, c, 0, 0, d->lows));
        RK_TRY(rows_done(p, c, r, 0, d->lows));
    }
    return rk_j2k_fine();
}

static rk_status next_row(pass *p, chain *c)
{
    if (p->levels)
        return push(p, c, 0);
    c->rows++;
    return rows_done(p, c, 0, 0, c->rows);
}

/* ---- samples --------------------------------------------------------------------------------- */

static rk_samples_fn *loader(const pass *p, bool narrow)
{
    const rk_samples_table *t = &p->e->tables.samples;
    const rk_j2k_task *task = &p->e->task;
    if (task->bits == 8)
        return narrow ? (task->sign ? t->i8_i16 : t->u8_i16)
                      : (task->sign ? t->i8_i32 : t->u8_i32);
    if (task->bits == 16)
        return narrow ? t->w16_i16 : task->sign ? t->i16_i32 : t->u16_i32;
    return narrow ? t->w32_i16 : t->w32_i32;
}

static void load_row(pass *p, unsigned comp, uint32_t y, void *to)
{
    const rk_j2k_task *task = &p->e->task;
    const rk_j2k_source *s = &task->sources[comp];
    const rk_j2k_rect *all = &p->tile->all;
    uint32_t x = all->x0 - task->layout.image.x0, n = all->x1 - all->x0;
    const uint8_t *from = s->data + (y - task->layout.image.y0) * s->pitch +
                          x * s->stride * (task->bits / 8u);
    if (p->e->step > 0) {
        loader(p, false)(from, s->stride, p->line, n, p->e->shift);
        p->e->tables.samples.floats(p->line, to, n);
    } else {
        loader(p, p->size == 2)(from, s->stride, to, n, p->e->shift);
    }
}

static void transform(const pass *p, void **rows, size_t n)
{
    const rk_mct_table *t = &p->e->tables.mct;
    if (p->e->step > 0)
        t->fict(rows[0], rows[1], rows[2], n);
    else if (p->size == 2)
        t->frct_i16(rows[0], rows[1], rows[2], n);
    else
        t->frct_i32(rows[0], rows[1], rows[2], n);
}

static rk_status all_rows(pass *p)
{
    const rk_j2k_rect *all = &p->tile->all;
    unsigned comps = p->e->task.layout.comps, first = 0;
    void *rows[3];
    for (uint32_t y = all->y0; y < all->y1; y++) {
        if (p->e->task.layout.mct) {
            for (unsigned k = 0; k < 3; k++)
                load_row(p, k, y, rows[k] = place(p, &p->chains[k]));
            transform(p, rows, all->x1 - all->x0);
            for (unsigned k = 0; k < 3; k++)
                RK_TRY(next_row(p, &p->chains[k]));
            first = 3;
        }
        for (unsigned k = first; k < comps; k++) {
            load_row(p, k, y, place(p, &p->chains[k]));
            RK_TRY(next_row(p, &p->chains[k]));
        }
        if (p->e->wide)
            return rk_j2k_fine();
    }
    return rk_j2k_fine();
}

/* ---- setting up ------------------------------------------------------------------------------ */

static rk_status open_strip(pass *p, unsigned r, const rk_j2k_rect *all, rk_j2k_strip *strip)
{
    /* If rows keep their place in the block, all rows of one must have it. */
    uint64_t rows = p->keep ? all->y1 - all->y0 : (uint64_t)1 << p->hold[r];
    strip->stride = ((size_t)(all->x1 - all->x0) + 31) / 32 * 32;
    return rk_j2k_take_raw(p->arena, &strip->data, rows * strip->stride + 32, p->size);
}

static rk_status open_chain(pass *p, chain *c, unsigned number)
{
    const rk_j2k_encoder *e = p->e;
    *c = (chain){.out = &p->tile->comps[number], .number = number};
    RK_TRY(rk_j2k_take(p->arena, (void **)&c->level, p->levels + 1u, sizeof *c->level));
    RK_TRY(rk_j2k_take(p->arena, (void **)&c->strips, p->levels + 1u, sizeof *c->strips));
    for (unsigned r = 0; r <= p->levels; r++)
        for (unsigned b = 0; b < c->out->res[r].band_count; b++)
            RK_TRY(open_strip(p, r, &c->out->res[r].bands[b].all, &c->strips[r][b]));
    for (unsigned k = p->levels; k-- > 0;) {
        unsigned r = p->levels - k;
        const rk_j2k_outres *res = &c->out->res[r];
        rk_j2k_strip *s = c->strips[r], *ll = &c->strips[0][0];
        rk_fdwt *lower = k + 1 < p->levels ? &c->level[k + 1] : NULL;
        rk_dwt_level level = {.x = {res->all.x0, res->all.x1},
                              .y = {res->all.y0, res->all.y1},
                              .ll = {ll->data, ll->stride},
                              .hl = {s[0].data, s[0].stride},
                              .lh = {s[1].data, s[1].stride},
                              .hh = {s[2].data, s[2].stride}};
        level.cols = level.x;
        level.rows = level.y;
        size_t size;
        void *scratch;
        if (!rk_dwt_scratch(&size, &e->filter, &level))
            return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_MEMORY, 0);
        RK_TRY(rk_j2k_take_raw(p->arena, &scratch, (uint64_t)size + 64, 1));
        scratch = (void *)(((uintptr_t)scratch + 63) / 64 * 64);
        rk_fdwt_begin(&c->level[k], &e->filter, &level, lower, scratch);
        if (!p->keep) {
            c->level[k].first[0] = res->bands[0].all.y0;
            c->level[k].first[1] = res->bands[1].all.y0;
            c->level[k].mask = ((size_t)1 << p->hold[r]) - 1;
        }
    }
    return rk_j2k_fine();
}

/* One row of blocks has room, with Part 1 a queue full of them: its coder takes several at a time. */
static rk_status take_indices(pass *p)
{
    uint64_t most = 0;
    uint32_t width = p->tile->all.x1 - p->tile->all.x0;
    bool ht = p->e->task.layout.style.flags & RK_J2K_HT;
    for (unsigned r = 0; r <= p->levels; r++) {
        const rk_j2k_outres *res = &p->tile->comps[0].res[r];
        uint64_t size = (uint64_t)(res->all.x1 - res->all.x0) << res->ycb;
        most = size > most ? size : most;
    }
    if (!ht && most < RK_J2K_QUEUE * RK_BLOCK_AREA)
        most = RK_J2K_QUEUE * RK_BLOCK_AREA;
    if (p->e->step > 0)
        RK_TRY(rk_j2k_take_raw(p->arena, &p->line, width, sizeof(int32_t)));
    if (p->e->step > 0 || p->e->fix) {
        RK_TRY(rk_j2k_take_raw(p->arena, (void **)&p->indices, most, sizeof(int32_t)));
        p->room = (size_t)most;
    }
    return rk_j2k_fine();
}

/* All kept rows, band by band. */
static rk_status code_kept(pass *p)
{
    for (unsigned k = 0; k < p->e->task.layout.comps; k++)
        for (unsigned r = 0; r <= p->levels; r++) {
            const rk_j2k_outres *res = &p->chains[k].out->res[r];
            for (unsigned b = 0; b < res->band_count; b++) {
                const rk_j2k_rect *all = &res->bands[b].all;
                uint64_t step = (uint64_t)1 << res->ycb, y1;
                for (uint64_t y = all->y0; y < all->y1 && all->x0 < all->x1; y = y1) {
                    y1 = (y / step + 1) * step < all->y1 ? (y / step + 1) * step : all->y1;
                    RK_TRY(code_rows(p, &p->chains[k], r, b, (uint32_t)y, (uint32_t)y1));
                }
            }
        }
    return rk_j2k_queue_flush(p->e);
}

static void set_hold(pass *p)
{
    const rk_j2k_outres *res = p->tile->comps[0].res;
    for (unsigned r = 0; r <= p->levels; r++)
        p->hold[r] = res[r].ycb;
    if (p->levels && p->hold[0] < p->hold[1]) /* LL comes out of the level of resolution 1 */
        p->hold[0] = p->hold[1];
    if (p->levels)
        p->hold[1] = p->hold[0];
}

static rk_status open_pass(pass *p)
{
    unsigned comps = p->e->task.layout.comps;
    set_hold(p);
    RK_TRY(rk_j2k_take(p->arena, (void **)&p->chains, comps, sizeof *p->chains));
    for (unsigned k = 0; k < comps; k++)
        RK_TRY(open_chain(p, &p->chains[k], k));
    return take_indices(p);
}

static rk_status run(pass *p)
{
    RK_TRY(open_pass(p));
    RK_TRY(all_rows(p));
    if (p->e->wide)
        return rk_j2k_fine();
    return p->keep ? code_kept(p) : rk_j2k_queue_flush(p->e);
}

static pass make_pass(rk_j2k_encoder *e, uint32_t number, rk_j2k_arena *arena)
{
    return (pass){.e = e,
                  .tile = &e->writing.tiles[number],
                  .arena = arena,
                  .levels = e->task.layout.style.levels,
                  .size = e->filter.size,
                  .keep = true};
}

rk_status rk_j2k_keep_tile(rk_j2k_encoder *e, uint32_t number)
{
    pass *kept;
    if (e->passes[number])
        return rk_j2k_fine();
    RK_TRY(rk_j2k_take(&e->arena, (void **)&kept, 1, sizeof *kept));
    *kept = make_pass(e, number, &e->arena);
    RK_TRY(open_pass(kept));
    RK_TRY(all_rows(kept));
    e->passes[number] = kept;
    return rk_j2k_fine();
}

const rk_j2k_strip *rk_j2k_kept_strip(const rk_j2k_encoder *e, uint32_t number, unsigned comp,
                                      unsigned r, unsigned band)
{
    return &e->passes[number]->chains[comp].strips[r][band];
}

/* Irreversibly, with coefficients that stay for the next step. */
static rk_status encode_again(rk_j2k_encoder *e, uint32_t number)
{
    RK_TRY(rk_j2k_keep_tile(e, number));
    e->passes[number]->used = 0;
    return code_kept(e->passes[number]);
}

rk_status rk_j2k_encode_tile(rk_j2k_encoder *e, uint32_t number)
{
    rk_j2k_arena arena = {.budget = &e->budget};
    if (e->task.keep && e->step > 0)
        return encode_again(e, number);
    pass p = make_pass(e, number, &arena);
    p.keep = !(e->task.layout.style.flags & RK_J2K_HT);
    rk_status status = run(&p);
    rk_j2k_release(&arena);
    return status;
}
