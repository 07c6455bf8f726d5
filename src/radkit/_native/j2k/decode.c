/* Tiles one after the other: packets, code-blocks, wavelet, component transform, samples. */
#include <string.h>

#include "decode.h"

/* Depth up to which 16 bits are tried for reversible coefficients. The planes of a band say
 * little: encoders provide for more than there are. */
#define NARROW_DEPTH 13

typedef struct painter {
    rk_j2k_stream *stream;
    const rk_j2k_request *request;
    rk_j2k_kernels kernels;
    rk_j2k_tile *tile;
    rk_j2k_plane *planes; /* of the wanted components of the tile, in their order */
    size_t count;
} painter;

static rk_j2k_rect reduced(rk_j2k_rect r, const rk_j2k_component *c, unsigned reduce)
{
    uint64_t dx = c->dx, dy = c->dy;
    return (rk_j2k_rect){rk_j2k_shrink((uint32_t)((r.x0 + dx - 1) / dx), reduce),
                         rk_j2k_shrink((uint32_t)((r.y0 + dy - 1) / dy), reduce),
                         rk_j2k_shrink((uint32_t)((r.x1 + dx - 1) / dx), reduce),
                         rk_j2k_shrink((uint32_t)((r.y1 + dy - 1) / dy), reduce)};
}

rk_j2k_rect rk_j2k_output_rect(const rk_j2k_stream *s, uint32_t comp,
                               const rk_j2k_request *request)
{
    return reduced(request->area, &s->comps[comp], request->reduce);
}

/* The narrowest type that may do for a component; widened later where it does not. */
static rk_dwt_type choose_type(const rk_j2k_stream *s, const rk_j2k_tilecomp *c, uint32_t index)
{
    unsigned planes = 0;
    if (!c->coding->style.reversible)
        return RK_DWT_FLOAT;
    for (unsigned r = 0; r <= c->top; r++)
        for (unsigned n = 0; n < c->res[r].band_count; n++)
            if (c->res[r].bands[n].planes > planes)
                planes = c->res[r].bands[n].planes;
    if (s->comps[index].depth <= NARROW_DEPTH && !c->coding->roi)
        return RK_DWT_INT16;
    /* |LL| grows by at most 1.5 (|HL| + |LH|) + 2.25 |HH| and a little in each level. */
    double most = 1.0 + 5.25 * (double)(c->top + 1);
    return most * (double)((uint64_t)1 << planes) < 0x1p29 ? RK_DWT_INT32 : RK_DWT_INT64;
}

/* Components that are stored, or that the component transform needs for one that is. */
static rk_status choose_comps(const painter *p, uint8_t *wanted)
{
    bool three = false;
    for (size_t k = 0; k < p->request->count; k++) {
        if (wanted[p->request->outputs[k].comp]) /* the binding has made sure of it */
            return rk_j2k_fail(RK_INTERNAL, RK_J2K_IMPOSSIBLE, 0);
        wanted[p->request->outputs[k].comp] = 1;
        three |= p->request->outputs[k].comp < 3;
    }
    if (three && p->stream->mct_seen && p->request->transform && p->stream->count >= 3)
        wanted[0] = wanted[1] = wanted[2] = 1;
    return rk_j2k_fine();
}

static rk_status take_planes(painter *p)
{
    rk_j2k_tile *t = p->tile;
    RK_TRY(rk_j2k_take(&t->arena, (void **)&p->planes, p->stream->count, sizeof *p->planes));
    p->count = 0;
    for (uint32_t k = 0; k < p->stream->count; k++)
        if (t->comps[k].wanted)
            p->planes[p->count++] = (rk_j2k_plane){
                .comp = &t->comps[k],
                .index = k,
                .type = choose_type(p->stream, &t->comps[k], k),
            };
    return rk_j2k_fine();
}

static rk_mct_store_fn *store_of(const painter *p, rk_dwt_type type)
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

static void transform(const painter *p, rk_dwt_type type, void *const *rows, size_t n)
{
    const rk_mct_table *m = &p->kernels.mct;
    rk_mct_fn *const table[4] = {
        [RK_DWT_INT16] = m->irct_i16,
        [RK_DWT_INT32] = m->irct_i32,
        [RK_DWT_INT64] = m->irct_i64,
        [RK_DWT_FLOAT] = m->iict,
    };
    table[type](rows[0], rows[1], rows[2], n);
}

/* Outputs of a group of planes: which plane, and how many follow it in memory as pixels do. */
typedef struct strip {
    uint32_t plane;   /* in the group */
    uint32_t samples; /* stored together */
    const rk_j2k_output *output;
} strip;

static size_t find_strips(const painter *p, const rk_j2k_plane *group, size_t n, strip *strips)
{
    size_t count = 0, bytes = p->request->bits / 8;
    for (size_t k = 0; k < p->request->count; k++) {
        const rk_j2k_output *o = &p->request->outputs[k];
        for (uint32_t j = 0; j < n; j++) {
            if (group[j].index != o->comp)
                continue;
            strip *last = count ? &strips[count - 1] : NULL;
            if (last && last->plane + last->samples == j && last->output->pitch == o->pitch
                && last->output->stride == o->stride && last->samples < o->stride
                && last->output->data + last->samples * bytes == o->data)
                last->samples++;
            else
                strips[count++] = (strip){j, 1, o};
        }
    }
    return count;
}

/* Rows of up to three planes of one grid. */
static rk_status paint(painter *p, rk_j2k_plane *group, size_t n, bool mct)
{
    rk_j2k_tile *t = p->tile;
    const rk_j2k_tilecomp *c = group[0].comp;
    rk_j2k_rect want = c->res[c->top].want;
    rk_j2k_rect all = rk_j2k_output_rect(p->stream, group[0].index, p->request);
    size_t width = want.x1 - want.x0, bytes = p->request->bits / 8;
    rk_mct_range ranges[3];
    strip strips[3];
    void *blank = NULL, *copies[3] = {NULL, NULL, NULL};
    bool any = false;
    for (size_t k = 0; k < n; k++) {
        const rk_j2k_component *siz = &p->stream->comps[group[k].index];
        ranges[k] = rk_mct_range_of(siz->depth, siz->sign);
        any |= group[k].any;
    }
    size_t count = find_strips(p, group, n, strips);
    if (!count)
        return rk_j2k_fine();
    if (!any)
        RK_TRY(rk_j2k_take(&t->arena, &blank, width, 8));
    for (size_t k = 0; any && k < n; k++)
        RK_TRY(rk_j2k_begin_rows(t, &p->kernels, &group[k], mct));
    rk_dwt_type type = group[0].type; /* one that was widened pulls the others along */
    for (size_t k = 1; k < n; k++)
        type = group[k].type > type ? group[k].type : type;
    for (size_t k = 0; any && k < n; k++)
        if (group[k].type != type || mct)
            RK_TRY(rk_j2k_take(&t->arena, &copies[k], width, 8));
    rk_mct_store_fn *store = store_of(p, type);
    for (uint32_t y = want.y0; y < want.y1; y++) {
        void *rows[3] = {blank, blank, blank};
        for (size_t k = 0; any && k < n; k++) {
            rows[k] = rk_j2k_next_row(&group[k]);
            if (!copies[k])
                continue;
            if (group[k].type != type)
                p->kernels.dwt53.widen(rows[k], copies[k], width);
            else /* the row is a neighbour of the next one and must stay */
                memcpy(copies[k], rows[k], width * rk_j2k_size_of[type]);
            rows[k] = copies[k];
        }
        if (any && mct)
            transform(p, type, rows, width);
        for (size_t k = 0; k < count; k++) {
            const rk_j2k_output *o = strips[k].output;
            const void *const *src = (const void *const *)&rows[strips[k].plane];
            uint8_t *out = o->data + (size_t)(y - all.y0) * o->pitch
                           + (size_t)(want.x0 - all.x0) * o->stride * bytes;
            store(src, &ranges[strips[k].plane], strips[k].samples, out, o->stride, width);
        }
    }
    return rk_j2k_fine();
}

static bool alike(const painter *p, const rk_j2k_plane *a, const rk_j2k_plane *b)
{
    const rk_j2k_component *x = &p->stream->comps[a->index], *y = &p->stream->comps[b->index];
    return x->dx == y->dx && x->dy == y->dy && a->type == b->type;
}

static rk_status paint_all(painter *p)
{
    const rk_j2k_tile *t = p->tile;
    size_t k = 0;
    if (t->params.mct && p->request->transform && p->count >= 3 && p->planes[2].index == 2) {
        RK_TRY(paint(p, p->planes, 3, true));
        k = 3;
    }
    while (k < p->count) {
        size_t n = 1;
        while (n < 3 && k + n < p->count && alike(p, &p->planes[k], &p->planes[k + n]))
            n++;
        RK_TRY(paint(p, &p->planes[k], n, false));
        k += n;
    }
    return rk_j2k_fine();
}

static rk_status decode_tile(painter *p)
{
    rk_j2k_tile *t = p->tile;
    RK_TRY(take_planes(p));
    if (!p->count)
        return rk_j2k_fine();
    RK_TRY(rk_j2k_read_packets(t));
    if (t->params.mct && p->request->transform && p->count >= 3 && p->planes[2].index == 2) {
        rk_dwt_type type = p->planes[0].type;
        for (size_t k = 1; k < 3; k++)
            type = p->planes[k].type > type ? p->planes[k].type : type;
        for (size_t k = 0; k < 3; k++)
            p->planes[k].type = type;
    }
    RK_TRY(rk_j2k_decode_blocks(t, &p->kernels, p->planes, p->count));
    return paint_all(p);
}

/* A tile that never came: coefficients are 0. Its parameters do not matter, so nothing of it is
 * set up, and a grid of many tiles costs no more than its pixels. */
static rk_status paint_nothing(painter *p, uint32_t number)
{
    const rk_j2k_request *request = p->request;
    rk_j2k_rect tile = rk_j2k_meet(rk_j2k_tile_rect(p->stream, number), request->area);
    size_t bytes = request->bits / 8;
    static const int32_t zeros[256];
    rk_mct_store_fn *store = store_of(p, RK_DWT_INT32);
    if (rk_j2k_is_void(tile))
        return rk_j2k_fine();
    for (size_t k = 0; k < request->count; k++) {
        const rk_j2k_output *o = &request->outputs[k];
        const rk_j2k_component *siz = &p->stream->comps[o->comp];
        rk_j2k_rect want = reduced(tile, siz, request->reduce);
        rk_j2k_rect all = rk_j2k_output_rect(p->stream, o->comp, request);
        rk_mct_range range = rk_mct_range_of(siz->depth, siz->sign);
        const void *src = zeros;
        for (uint32_t y = want.y0; y < want.y1; y++)
            for (uint64_t x = want.x0; x < want.x1; x += 256) /* may pass 2^32 */
                store(&src, &range, 1, o->data + (size_t)(y - all.y0) * o->pitch
                                           + (size_t)(x - all.x0) * o->stride * bytes,
                      o->stride, want.x1 - x < 256 ? (size_t)(want.x1 - x) : 256);
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_decode(rk_j2k_stream *s, const rk_j2k_request *request, rk_j2k_report *report,
                        uint32_t cpu)
{
    painter p = {.stream = s, .request = request};
    rk_j2k_wish wish = {request->reduce, request->layers, request->area, NULL};
    uint8_t *comps;
    memset(report, 0, sizeof *report);
    rk_t1_table_fill(&p.kernels.t1, cpu);
    rk_ht_table_fill(&p.kernels.ht, cpu);
    rk_dwt53_table_fill(&p.kernels.dwt53, cpu);
    rk_dwt97_table_fill(&p.kernels.dwt97, cpu);
    rk_mct_table_fill(&p.kernels.mct, cpu);
    rk_quant_table_fill(&p.kernels.quant, cpu);
    RK_TRY(rk_j2k_take(&s->arena, (void **)&comps, s->count, 1));
    RK_TRY(choose_comps(&p, comps));
    wish.comps = comps;
    report->fault = s->fault;
    uint64_t usual = 1; /* packets of a tile */
    for (uint32_t number = 0; number < s->across * s->down; number++) {
        rk_j2k_tile tile;
        if (!s->tiles[number].first && rk_j2k_is_empty(s, number))
            continue;
        if (!s->tiles[number].first) {
            RK_TRY(paint_nothing(&p, number));
            report->packets += usual;
            report->missing += usual;
            continue;
        }
        p.tile = &tile;
        rk_status status = rk_j2k_tile_open(&tile, s, &wish, number);
        if (status.code == RK_OK)
            status = decode_tile(&p);
        else if (!s->strict && (status.code == RK_CORRUPT || status.code == RK_TRUNCATED)) {
            tile.fault = status; /* its headers are of no use: nothing of it is painted */
            tile.packets_wanted = 1;
            tile.packets_found = 0;
            status = rk_j2k_fine();
        }
        usual = tile.packets_wanted ? tile.packets_wanted : usual;
        report->blocks += tile.blocks;
        report->damaged += tile.blocks - tile.sound_blocks;
        report->packets += tile.packets_wanted;
        report->missing += tile.packets_wanted - tile.packets_found;
        if (report->fault.code == RK_OK)
            report->fault = tile.fault;
        rk_j2k_tile_close(&tile);
        if (status.code != RK_OK)
            return status;
    }
    return rk_j2k_fine();
}
