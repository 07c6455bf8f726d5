/*
 * From the chains of a tile to samples in the caller's array: component transform, level shift, store.
 *
 * The rows of a tile may be cut into parts that are decoded side by side, each by a hand with
 * chains of its own. What the parts have in common, the bytes of the code-blocks, is only read; the
 * few code-blocks that two parts need are decoded twice and judged once.
 */
#include <string.h>

#include "stripes.h"

/* Depth up to which 16 bits are tried for reversible coefficients; and tried if LL is small enough. The
 * planes of a band say little: encoders provide for more than there are. */
#define NARROW_DEPTH 13
#define DOUBTFUL_DEPTH 16
/* A part has at least so many samples: below, a thread costs more than it brings. */
#ifndef PART_SAMPLES
#define PART_SAMPLES 65536
#endif
#define PARTS_MAX 64

/* Planes of a group that are stored together, as pixels: their samples follow each other. */
typedef struct bundle {
    uint32_t plane; /* the first one, in the group */
    uint32_t samples;
    const rk_j2k_output *output;
} bundle;

/* Up to three planes of one grid. */
typedef struct group {
    const rk_j2k_painter *painter;
    rk_j2k_tile *tile;
    rk_j2k_plane *planes;
    size_t n;
    bool mct; /* the component transform is undone */
    bool any;
    rk_mct_range ranges[3];
    bundle bundles[3];
    size_t bundle_count;
    rk_j2k_rect want, all; /* of the tile; of the image */
} group;

/* Rows of a group. */
typedef struct part {
    const group *group;
    uint32_t y0, y1;
    rk_dwt_type type;
    rk_j2k_hand hand;
    rk_j2k_chain chains[3];
    void *copies[3]; /* rows that may be changed */
    rk_status status;
} part;

/* ---- rows to samples ------------------------------------------------------------------------- */

static rk_mct_store_fn *store_of(const rk_j2k_painter *p, rk_dwt_type type)
{
    const rk_mct_table *m = &p->kernels.mct;
    rk_mct_store_fn *const table[4][3] = {
        [RK_DWT_INT16] = {m->i16_8, m->i16_16, m->i16_32},
        [RK_DWT_INT32] = {m->i32_8, m->i32_16, m->i32_32},
        [RK_DWT_INT64] = {m->i64_8, m->i64_16, m->i64_32},
        [RK_DWT_FLOAT] = {m->f32_8, m->f32_16, m->f32_32},
    };
    return table[type][p->request->bits == 8 ? 0 : p->request->bits == 16 ? 1 : 2];
}

static rk_mct_fn *transform_of(const rk_j2k_painter *p, rk_dwt_type type)
{
    const rk_mct_table *m = &p->kernels.mct;
    rk_mct_fn *const table[4] = {
        [RK_DWT_INT16] = m->irct_i16,
        [RK_DWT_INT32] = m->irct_i32,
        [RK_DWT_INT64] = m->irct_i64,
        [RK_DWT_FLOAT] = m->iict,
    };
    return table[type];
}

static void find_bundles(group *g)
{
    const rk_j2k_request *request = g->painter->request;
    size_t bytes = request->bits / 8;
    for (size_t k = 0; k < request->count; k++) {
        const rk_j2k_output *o = &request->outputs[k];
        for (uint32_t j = 0; j < g->n; j++) {
            if (g->planes[j].index != o->comp)
                continue;
            bundle *last = g->bundle_count ? &g->bundles[g->bundle_count - 1] : NULL;
            if (last && last->plane + last->samples == j && last->output->pitch == o->pitch
                && last->output->stride == o->stride && last->samples < o->stride
                && last->output->data + last->samples * bytes == o->data)
                last->samples++;
            else
                g->bundles[g->bundle_count++] = (bundle){j, 1, o};
        }
    }
}

static void store_row(const group *g, rk_mct_store_fn *store, const rk_mct_range *ranges,
                      const void *const *rows, uint32_t y)
{
    size_t bytes = g->painter->request->bits / 8;
    for (size_t k = 0; k < g->bundle_count; k++) {
        const bundle *b = &g->bundles[k];
        const rk_j2k_output *o = b->output;
        uint8_t *out = o->data + (size_t)(y - g->all.y0) * o->pitch
                       + (size_t)(g->want.x0 - g->all.x0) * o->stride * bytes;
        store(&rows[b->plane], &ranges[b->plane], b->samples, out, o->stride,
              g->want.x1 - g->want.x0);
    }
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The range of a plane whose samples in 16 bits have its offset. */
static rk_mct_range shifted(rk_mct_range range, int32_t offset)
{
    int64_t low = (int64_t)range.low + offset, high = (int64_t)range.high + offset;
    return (rk_mct_range){.low = (int32_t)(low > INT16_MIN ? low : INT16_MIN),
                          .high = (int32_t)(high < INT16_MAX ? high : INT16_MAX),
                          .add = range.add - (uint32_t)offset};
}

/* Rows of the chains until they end or do not go on; returns the row that comes next. */
static uint32_t paint_rows(part *p, uint32_t y)
{
    const group *g = p->group;
    rk_mct_store_fn *store = store_of(g->painter, p->type);
    rk_mct_fn *transform = transform_of(g->painter, p->type);
    size_t width = g->want.x1 - g->want.x0;
    rk_mct_range ranges[3];
    for (size_t k = 0; k < g->n; k++)
        ranges[k] = p->type == RK_DWT_INT16 && g->planes[k].doubtful
                        ? shifted(g->ranges[k], g->planes[k].offset)
                        : g->ranges[k];
    for (; y < p->y1; y++) {
        const void *rows[3];
        for (size_t k = 0; k < g->n; k++)
            rows[k] = rk_j2k_chain_next(&p->chains[k]);
        if (p->hand.wide || p->hand.status.code != RK_OK)
            return y;
        for (size_t k = 0; g->mct && k < g->n; k++) {
            /* the row is a neighbour of the next one and must stay */
            memcpy(p->copies[k], rows[k], width * rk_j2k_size_of[p->type]);
            rows[k] = p->copies[k];
        }
        if (g->mct)
            transform(p->copies[0], p->copies[1], p->copies[2], width);
        store_row(g, store, ranges, rows, y);
    }
    return y;
}

/* Rows are right until 16 bits are found not to be enough; from there on the chains begin again
 * with 32. */
static rk_status paint_part(part *p)
{
    const group *g = p->group;
    for (size_t k = 0; g->mct && k < g->n; k++)
        RK_TRY(rk_j2k_take_raw(&p->hand.arena, &p->copies[k], g->want.x1 - g->want.x0, 8));
    for (uint32_t y = p->y0; y < p->y1;) {
        for (size_t k = 0; k < g->n; k++) {
            p->chains[k].type = p->type;
            RK_TRY(rk_j2k_chain_begin(&p->chains[k], y, p->y1));
        }
        rk_j2k_chains_fill(&p->hand, p->chains, g->n);
        if (!p->hand.wide && p->hand.status.code == RK_OK)
            y = paint_rows(p, y);
        RK_TRY(p->hand.status);
        if (y == p->y1)
            break;
        if (p->type != RK_DWT_INT16)
            return rk_j2k_fail(RK_INTERNAL, RK_J2K_IMPOSSIBLE, 0);
        p->type = RK_DWT_INT32;
        p->hand.wide = false;
        rk_j2k_release(&p->hand.rows);
    }
    return rk_j2k_fine();
}

static void work(void *context, size_t number)
{
    part *p = (part *)context + number;
    if (p->status.code == RK_OK)
        p->status = paint_part(p);
}

/* Rows are cut where code-blocks of the highest bands end. Returns the number of parts. */
static size_t cut(const group *g, uint32_t *ends)
{
    const rk_j2k_tilecomp *c = g->planes[0].comp;
    uint64_t rows = g->want.y1 - g->want.y0, width = g->want.x1 - g->want.x0;
    uint64_t n = g->painter->request->threads, most = rows * width * g->n / PART_SAMPLES;
    unsigned shift = c->res[c->top].ycb + (c->top > 0u);
    size_t count = 0;
    n = n < most ? n : most;
    n = n < PARTS_MAX ? n : PARTS_MAX;
    for (uint64_t k = 1; k < n; k++) {
        uint64_t y = (g->want.y0 + rows * k / n + (1u << shift) / 2) >> shift << shift;
        if (y > (count ? ends[count - 1] : g->want.y0) && y < g->want.y1)
            ends[count++] = (uint32_t)y;
    }
    ends[count++] = g->want.y1;
    return count;
}

/* Blocks that an earlier part decodes too are judged there. */
static void share_blocks(part *parts, size_t count)
{
    const group *g = parts[0].group;
    for (size_t n = 1; n < count; n++)
        for (size_t k = 0; k < g->n; k++) {
            rk_j2k_chain *before = &parts[n - 1].chains[k], *c = &parts[n].chains[k];
            for (unsigned r = 0; r <= c->plane->comp->top; r++)
                for (unsigned b = 0; b < c->plane->comp->res[r].band_count; b++) {
                    rk_j2k_rect hold = before->windows[r].bands[b].hold;
                    uint32_t end = before->strips[r].judged[b];
                    uint32_t mine = rk_j2k_shrink(hold.y1, c->plane->comp->res[r].ycb);
                    bool some = !rk_j2k_is_void(hold) && mine > end;
                    c->strips[r].judged[b] = some ? mine : end;
                }
        }
}

static rk_status open_parts(part *parts, size_t count, const uint32_t *ends, const group *g,
                            const rk_j2k_survey *survey)
{
    rk_dwt_type type = g->planes[0].type;
    for (size_t k = 1; k < g->n; k++)
        type = g->planes[k].type > type ? g->planes[k].type : type;
    for (size_t n = 0; n < count; n++) {
        part *p = &parts[n];
        *p = (part){.group = g,
                    .y0 = n ? ends[n - 1] : g->want.y0,
                    .y1 = ends[n],
                    .type = type};
    }
    for (size_t n = 0; n < count; n++) {
        part *p = &parts[n];
        size_t memory = g->painter->stream->budget.left / count;
        RK_TRY(rk_j2k_hand_open(&p->hand, g->tile, &g->painter->kernels, survey, memory));
        for (size_t k = 0; k < g->n; k++) {
            p->chains[k] = (rk_j2k_chain){.hand = &p->hand,
                                          .plane = &g->planes[k],
                                          .transformed = g->mct};
            RK_TRY(rk_j2k_chain_open(&p->chains[k], p->y0, p->y1));
        }
    }
    share_blocks(parts, count);
    return rk_j2k_fine();
}

/* What the parts found, in an order that does not depend on how many there are. */
static rk_status close_parts(part *parts, size_t count, rk_j2k_verdict *verdict)
{
    rk_j2k_budget *budget = &parts[0].group->painter->stream->budget;
    rk_status status = rk_j2k_fine();
    for (size_t n = 0; n < count; n++) {
        part *p = &parts[n];
        if (status.code == RK_OK && p->status.code != RK_OK) {
            status = p->status;
            budget->asked = p->hand.budget.asked;
        }
        rk_j2k_verdict_add(verdict, &p->hand.verdict);
        rk_j2k_hand_close(&p->hand);
    }
    return status;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Nothing was sent for any plane: all coefficients are 0. */
static rk_status paint_blank(const group *g)
{
    void *row;
    RK_TRY(rk_j2k_take(&g->tile->arena, &row, g->want.x1 - g->want.x0, sizeof(int32_t)));
    const void *rows[3] = {row, row, row};
    for (uint32_t y = g->want.y0; y < g->want.y1; y++)
        store_row(g, store_of(g->painter, RK_DWT_INT32), g->ranges, rows, y);
    return rk_j2k_fine();
}

static rk_status paint_parts(const group *g, const rk_j2k_survey *survey, rk_j2k_verdict *verdict)
{
    uint32_t ends[PARTS_MAX];
    size_t count = cut(g, ends);
    part *parts;
    RK_TRY(rk_j2k_take(&g->tile->arena, (void **)&parts, count, sizeof *parts));
    rk_status status = open_parts(parts, count, ends, g, survey);
    if (status.code == RK_OK)
        rk_j2k_team(work, parts, count);
    else
        parts[0].status = status;
    return close_parts(parts, count, verdict);
}

static rk_status paint_group(const rk_j2k_painter *p, rk_j2k_tile *t, rk_j2k_plane *planes,
                             size_t n, bool mct, const rk_j2k_survey *survey,
                             rk_j2k_verdict *verdict)
{
    group g = {.painter = p, .tile = t, .planes = planes, .n = n, .mct = mct};
    g.want = planes[0].comp->windows[planes[0].comp->top].want;
    g.all = rk_j2k_output_rect(p->stream, planes[0].index, p->request);
    for (size_t k = 0; k < n; k++) {
        const rk_j2k_component *siz = &p->stream->comps[planes[k].index];
        if (siz->depth <= 32) /* others are not stored, but may be needed for one that is */
            g.ranges[k] = rk_mct_range_of(siz->depth, siz->sign);
        g.any |= planes[k].any;
    }
    find_bundles(&g);
    if (!g.bundle_count)
        return rk_j2k_fine();
    return g.any ? paint_parts(&g, survey, verdict) : paint_blank(&g);
}

static unsigned most_planes(const rk_j2k_tilecomp *c)
{
    unsigned planes = 0;
    for (unsigned r = 0; r <= c->top; r++)
        for (unsigned n = 0; n < c->res[r].band_count; n++)
            if (c->res[r].bands[n].planes > planes)
                planes = c->res[r].bands[n].planes;
    return planes;
}

/*
 * The narrowest type that may do for a component. 12-bit values are often sent as 16-bit ones;
 * then the level shift alone needs 16 bits. It is undone in LL: the lifting steps of 5/3 add to every
 * sample what was added to all of LL, unless there is a resolution without any LL.
 */
static void choose_type(const rk_j2k_stream *s, rk_j2k_plane *plane, bool mct)
{
    const rk_j2k_tilecomp *c = plane->comp;
    const rk_j2k_component *siz = &s->comps[plane->index];
    /* |LL| grows by at most 1.5 (|HL| + |LH|) + 2.25 |HH| and a little in each level. */
    double most = (1.0 + 5.25 * (c->top + 1)) * (double)((uint64_t)1 << most_planes(c));
    plane->type = most < 0x1p29 ? RK_DWT_INT32 : RK_DWT_INT64;
    if (!c->coding->style.reversible)
        plane->type = RK_DWT_FLOAT;
    else if (siz->depth <= NARROW_DEPTH && !c->coding->roi)
        plane->type = RK_DWT_INT16;
    else if (siz->depth <= DOUBTFUL_DEPTH && !c->coding->roi && c->top && !mct
             && plane->type == RK_DWT_INT32 && !rk_j2k_is_void(c->res[0].all)) {
        plane->type = RK_DWT_INT16;
        plane->doubtful = true;
        plane->offset = siz->sign ? 0 : (int32_t)1 << (siz->depth - 1);
    }
}

static bool alike(const rk_j2k_painter *p, const rk_j2k_plane *a, const rk_j2k_plane *b)
{
    const rk_j2k_component *x = &p->stream->comps[a->index], *y = &p->stream->comps[b->index];
    return x->dx == y->dx && x->dy == y->dy && a->type == b->type;
}

static rk_status paint_groups(const rk_j2k_painter *p, rk_j2k_tile *t, rk_j2k_plane *planes,
                              size_t count, rk_j2k_verdict *verdict)
{
    rk_j2k_survey survey;
    size_t k = 0;
    RK_TRY(rk_j2k_look_through(t, planes, count, &survey));
    if (t->params.mct && p->request->transform && count >= 3 && planes[2].index == 2) {
        RK_TRY(paint_group(p, t, planes, 3, true, &survey, verdict));
        k = 3;
    }
    while (k < count) {
        size_t n = 1;
        while (n < 3 && k + n < count && alike(p, &planes[k], &planes[k + n]))
            n++;
        RK_TRY(paint_group(p, t, &planes[k], n, false, &survey, verdict));
        k += n;
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_paint(rk_j2k_painter *p, rk_j2k_tile *t)
{
    rk_j2k_verdict verdict = {.damaged = 0};
    rk_j2k_plane *planes;
    size_t count = 0;
    RK_TRY(rk_j2k_take(&t->arena, (void **)&planes, p->stream->count, sizeof *planes));
    for (uint32_t k = 0; k < p->stream->count; k++)
        if (t->comps[k].wanted)
            planes[count++] = (rk_j2k_plane){.comp = &t->comps[k], .index = k};
    for (size_t k = 0; k < count; k++)
        choose_type(p->stream, &planes[k], t->params.mct && planes[k].index < 3);
    if (!count)
        return rk_j2k_fine();
    RK_TRY(rk_j2k_read_packets(t));
    RK_TRY(paint_groups(p, t, planes, count, &verdict));
    t->damaged += verdict.damaged;
    if (t->fault.code == RK_OK)
        t->fault = verdict.fault;
    return p->stream->strict ? verdict.fault : rk_j2k_fine();
}

/* ---- no tile --------------------------------------------------------------------------------- */

void rk_j2k_paint_nothing(const rk_j2k_painter *p, uint32_t number)
{
    const rk_j2k_request *request = p->request;
    rk_j2k_rect tile = rk_j2k_meet(rk_j2k_tile_rect(p->stream, number), request->area);
    size_t bytes = request->bits / 8;
    static const int32_t zeros[256];
    rk_mct_store_fn *store = store_of(p, RK_DWT_INT32);
    if (rk_j2k_is_void(tile))
        return;
    for (size_t k = 0; k < request->count; k++) {
        const rk_j2k_output *o = &request->outputs[k];
        const rk_j2k_component *siz = &p->stream->comps[o->comp];
        rk_j2k_rect want = rk_j2k_reduced(tile, siz, request->reduce);
        rk_j2k_rect all = rk_j2k_output_rect(p->stream, o->comp, request);
        rk_mct_range range = rk_mct_range_of(siz->depth, siz->sign);
        const void *src = zeros;
        for (uint32_t y = want.y0; y < want.y1; y++)
            for (uint64_t x = want.x0; x < want.x1; x += 256) /* may pass 2^32 */
                store(&src, &range, 1, o->data + (size_t)(y - all.y0) * o->pitch
                                           + (size_t)(x - all.x0) * o->stride * bytes,
                      o->stride, want.x1 - x < 256 ? (size_t)(want.x1 - x) : 256);
    }
}
