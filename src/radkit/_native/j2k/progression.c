/*
 * The order of packets (T.800 B.12).
 *
 * In the three orders by position each resolution of each component is a queue of precincts,
 * sorted by place on the reference grid as they are stored; a heap over the queues gives the
 * next one. So nothing is sorted and nothing is done for precincts that never come.
 */
#include "packets.h"

enum { LRCP, RLCP, RPCL, PCRL, CPRL };

/* The next precinct of one resolution of one component. */
typedef struct cursor {
    uint64_t x, y; /* where it comes, on the reference grid */
    uint32_t comp;
    uint32_t i, j;
    uint8_t res;
} cursor;

/* One packet, unless it was sent before. */
static rk_status visit(rk_j2k_reader *r, uint32_t comp, unsigned res, uint32_t k,
                       uint32_t layer)
{
    rk_j2k_tile *t = r->tile;
    RK_TRY(rk_j2k_spend(r, 1));
    if (t->comps[comp].res[res].layers[k] != layer)
        return rk_j2k_fine();
    return rk_j2k_read_packet(r, comp, res, k, layer);
}

static unsigned res_end(const rk_j2k_tile *t, uint32_t comp, const rk_j2k_order *o)
{
    unsigned levels = t->comps[comp].coding->style.levels;
    return o->res1 < levels + 1 ? o->res1 : levels + 1;
}

/* All precincts of one resolution and layer, components in turn. */
static rk_status walk_layer(rk_j2k_reader *r, const rk_j2k_order *o, unsigned res,
                            uint32_t layer)
{
    rk_j2k_tile *t = r->tile;
    for (uint32_t c = o->comp0; c < o->comp1; c++) {
        RK_TRY(rk_j2k_spend(r, 1));
        if (res >= res_end(t, c, o))
            continue;
        uint32_t n = t->comps[c].res[res].cols * t->comps[c].res[res].rows;
        for (uint32_t k = 0; k < n; k++) {
            RK_TRY(visit(r, c, res, k, layer));
            if (r->stopped)
                return rk_j2k_fine();
        }
    }
    return rk_j2k_fine();
}

/* The place of a precinct: its corner, but not before the tile. No cell lies further out than
 * one beyond 2^32, and none is above 2^47, so the product is below 2^57. */
static uint64_t place(uint32_t first, uint32_t n, unsigned shift, uint32_t step, uint32_t start)
{
    uint64_t at = (((uint64_t)first + n) << shift) * step;
    return at > start ? at : start;
}

static void put_place(const rk_j2k_tile *t, cursor *q)
{
    const rk_j2k_tilecomp *c = &t->comps[q->comp];
    const rk_j2k_res *res = &c->res[q->res];
    const rk_j2k_component *siz = &t->stream->comps[q->comp];
    unsigned shift = (unsigned)c->coding->style.levels - q->res;
    q->x = place(res->all.x0 >> res->ppx, q->i, res->ppx + shift, siz->dx, t->all.x0);
    q->y = place(res->all.y0 >> res->ppy, q->j, res->ppy + shift, siz->dy, t->all.y0);
}

static bool before(const cursor *a, const cursor *b)
{
    if (a->y != b->y)
        return a->y < b->y;
    if (a->x != b->x)
        return a->x < b->x;
    return a->comp != b->comp ? a->comp < b->comp : a->res < b->res;
}

static void sink(cursor *heap, size_t n, size_t at)
{
    cursor moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            break;
        if (child + 1 < n && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* All packets of some resolutions and components by position, all layers of a precinct in turn. */
static rk_status walk_places(rk_j2k_reader *r, const rk_j2k_order *o, cursor *heap)
{
    rk_j2k_tile *t = r->tile;
    size_t n = 0;
    for (uint32_t c = o->comp0; c < o->comp1; c++) {
        unsigned end = res_end(t, c, o);
        RK_TRY(rk_j2k_spend(r, end > o->res0 ? 1 + end - o->res0 : 1));
        for (unsigned res = o->res0; res < end; res++)
            if (t->comps[c].res[res].cols && t->comps[c].res[res].rows) {
                heap[n] = (cursor){.comp = c, .res = (uint8_t)res};
                put_place(t, &heap[n++]);
            }
    }
    for (size_t k = n / 2; k-- > 0;)
        sink(heap, n, k);
    while (n) {
        cursor *q = &heap[0];
        const rk_j2k_res *res = &t->comps[q->comp].res[q->res];
        uint32_t k = q->j * res->cols + q->i;
        for (uint32_t l = res->layers[k]; l < o->layers; l++) {
            RK_TRY(visit(r, q->comp, q->res, k, l));
            if (r->stopped)
                return rk_j2k_fine();
        }
        RK_TRY(rk_j2k_spend(r, 1));
        if (++q->i == res->cols) {
            q->i = 0;
            q->j++;
        }
        if (q->j == res->rows)
            heap[0] = heap[--n];
        else
            put_place(t, q);
        sink(heap, n, 0);
    }
    return rk_j2k_fine();
}

/* Memory for one cursor for each resolution of the components; kept for further progressions. */
static rk_status take_heap(rk_j2k_reader *r, const rk_j2k_order *o, cursor **heap)
{
    rk_j2k_tile *t = r->tile;
    uint64_t n = 0;
    *heap = NULL;
    for (uint32_t c = o->comp0; c < o->comp1; c++)
        n += t->comps[c].coding->style.levels + 1u;
    RK_TRY(rk_j2k_spend(r, o->comp1 - o->comp0));
    return rk_j2k_take(&t->arena, (void **)heap, n, sizeof **heap);
}

rk_status rk_j2k_walk(rk_j2k_reader *r, const rk_j2k_order *order)
{
    rk_j2k_tile *t = r->tile;
    rk_j2k_order o = *order, one;
    cursor *heap = NULL;
    unsigned top = 0;
    if (o.comp1 > t->stream->count)
        o.comp1 = t->stream->count;
    if (o.layers > t->params.layers)
        o.layers = t->params.layers;
    if (o.comp0 >= o.comp1)
        return rk_j2k_fine();
    for (uint32_t c = o.comp0; c < o.comp1; c++)
        if (res_end(t, c, &o) > top)
            top = res_end(t, c, &o);
    o.res1 = (uint8_t)top;
    if (o.kind >= RPCL)
        RK_TRY(take_heap(r, &o, &heap));
    one = o;
    switch (o.kind) {
    case LRCP:
        for (uint32_t l = 0; l < o.layers && !r->stopped; l++)
            for (unsigned res = o.res0; res < top && !r->stopped; res++)
                RK_TRY(walk_layer(r, &o, res, l));
        return rk_j2k_fine();
    case RLCP:
        for (unsigned res = o.res0; res < top && !r->stopped; res++)
            for (uint32_t l = 0; l < o.layers && !r->stopped; l++)
                RK_TRY(walk_layer(r, &o, res, l));
        return rk_j2k_fine();
    case RPCL:
        for (unsigned res = o.res0; res < top && !r->stopped; res++) {
            one.res0 = (uint8_t)res;
            one.res1 = (uint8_t)(res + 1);
            RK_TRY(walk_places(r, &one, heap));
        }
        return rk_j2k_fine();
    case PCRL:
        return walk_places(r, &o, heap);
    default: /* CPRL */
        for (uint32_t c = o.comp0; c < o.comp1 && !r->stopped; c++) {
            one.comp0 = c;
            one.comp1 = c + 1;
            RK_TRY(walk_places(r, &one, heap));
        }
        return rk_j2k_fine();
    }
}
