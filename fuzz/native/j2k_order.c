/*
 * Progressions and their changes (T.800 A.6.6, B.12) and nothing else: an input describes the
 * grids and the POC entries of a small codestream, which is built here, and holds its packets.
 * The order in which packets are read is held against the loops of B.12, place by place.
 */
#include "blocks.h"
#include "j2k/packets.h"
#include "j2k_run.h"
#include "kernels/cpu.h"

enum { VISITS = 1 << 17 };

typedef struct writer {
    uint8_t bytes[1 << 17];
    size_t size;
} writer;

/* The linker gives calls of the decoder to the first of these; the second is the decoder's own. */
rk_status __wrap_rk_j2k_read_packet(rk_j2k_reader *r, uint32_t comp, unsigned res, uint32_t k,
                                    uint32_t layer);
rk_status __real_rk_j2k_read_packet(rk_j2k_reader *r, uint32_t comp, unsigned res, uint32_t k,
                                    uint32_t layer);

typedef struct visit {
    uint32_t k;
    uint16_t layer;
    uint8_t comp, res;
} visit;

static struct {
    visit list[VISITS];
    size_t count, at;
    uint64_t tile; /* number + 1 of the tile that the list is of, 0: none */
    uint16_t *next[4][RK_J2K_LEVELS_MAX + 1];
} expected;

static void forget(void)
{
    for (int c = 0; c < 4; c++)
        for (int r = 0; r <= RK_J2K_LEVELS_MAX; r++) {
            free(expected.next[c][r]);
            expected.next[c][r] = NULL;
        }
    expected.count = expected.at = 0;
    expected.tile = 0;
}

static void expect(uint32_t comp, unsigned res, uint32_t k, uint32_t layer)
{
    if (expected.next[comp][res][k] != layer || expected.count == VISITS)
        return;
    expected.next[comp][res][k]++;
    expected.list[expected.count++] = (visit){k, (uint16_t)layer, (uint8_t)comp, (uint8_t)res};
}

/* B.12.1.3: is there a precinct of this component and resolution at (x, y)? */
static bool precinct_at(const rk_j2k_tile *t, uint32_t comp, unsigned r, uint64_t x, uint64_t y,
                        uint32_t *k)
{
    const rk_j2k_tilecomp *c = &t->comps[comp];
    const rk_j2k_res *res = &c->res[r];
    const rk_j2k_component *siz = &t->stream->comps[comp];
    unsigned shift = c->coding->style.levels - r;
    uint64_t high = (uint64_t)1 << (res->ppy + shift), wide = (uint64_t)1 << (res->ppx + shift);
    if (!res->cols || !res->rows)
        return false;
    if (y % (siz->dy * high) &&
        !(y == t->all.y0 && ((uint64_t)res->all.y0 << shift) % high))
        return false;
    if (x % (siz->dx * wide) &&
        !(x == t->all.x0 && ((uint64_t)res->all.x0 << shift) % wide))
        return false;
    uint64_t dx = (uint64_t)siz->dx << shift, dy = (uint64_t)siz->dy << shift;
    uint64_t i = (((x + dx - 1) / dx) >> res->ppx) - (res->all.x0 >> res->ppx);
    uint64_t j = (((y + dy - 1) / dy) >> res->ppy) - (res->all.y0 >> res->ppy);
    *k = (uint32_t)(i + j * res->cols);
    return i < res->cols && j < res->rows;
}

static bool has_res(const rk_j2k_tile *t, uint32_t comp, unsigned res)
{
    return res <= t->comps[comp].coding->style.levels;
}

static void expect_place(const rk_j2k_tile *t, const rk_j2k_order *o, uint32_t comp, unsigned res,
                         uint64_t x, uint64_t y)
{
    uint32_t k;
    if (has_res(t, comp, res) && precinct_at(t, comp, res, x, y, &k))
        for (uint32_t l = 0; l < o->layers; l++)
            expect(comp, res, k, l);
}

static void expect_all(const rk_j2k_tile *t, uint32_t comp, unsigned res, uint32_t layer)
{
    if (has_res(t, comp, res))
        for (uint32_t k = 0; k < t->comps[comp].res[res].cols * t->comps[comp].res[res].rows; k++)
            expect(comp, res, k, layer);
}

#define EACH_RES(o) for (unsigned r = (o)->res0; r < (o)->res1; r++)
#define EACH_COMP(o) for (uint32_t c = (o)->comp0; c < (o)->comp1; c++)
#define EACH_LAYER(o) for (uint32_t l = 0; l < (o)->layers; l++)
#define EACH_PLACE(t) \
    for (uint64_t y = (t)->all.y0; y < (t)->all.y1; y++) \
        for (uint64_t x = (t)->all.x0; x < (t)->all.x1; x++)

/* B.12.1.1 to B.12.1.5, as they are written. */
static void expect_order(const rk_j2k_tile *t, const rk_j2k_order *o)
{
    switch (o->kind) {
    case 0:
        EACH_LAYER(o) EACH_RES(o) EACH_COMP(o) expect_all(t, c, r, l);
        break;
    case 1:
        EACH_RES(o) EACH_LAYER(o) EACH_COMP(o) expect_all(t, c, r, l);
        break;
    case 2:
        EACH_RES(o) EACH_PLACE(t) EACH_COMP(o) expect_place(t, o, c, r, x, y);
        break;
    case 3:
        EACH_PLACE(t) EACH_COMP(o) EACH_RES(o) expect_place(t, o, c, r, x, y);
        break;
    default:
        EACH_COMP(o) EACH_PLACE(t) EACH_RES(o) expect_place(t, o, c, r, x, y);
    }
}

static void expect_tile(const rk_j2k_tile *t)
{
    forget();
    expected.tile = (uint64_t)t->number + 1;
    for (uint32_t c = 0; c < t->stream->count; c++)
        for (unsigned r = 0; r <= t->comps[c].coding->style.levels; r++) {
            size_t n = (size_t)t->comps[c].res[r].cols * t->comps[c].res[r].rows;
            expected.next[c][r] = calloc(n ? n : 1, sizeof(uint16_t));
            RK_FUZZ_ASSERT(expected.next[c][r] != NULL);
        }
    rk_j2k_order whole = {0, t->stream->count, t->params.layers, 0, RK_J2K_LEVELS_MAX + 1,
                          t->params.progression};
    const rk_j2k_order *orders = t->params.order_count ? t->params.orders : &whole;
    for (size_t k = 0; k < (t->params.order_count ? t->params.order_count : 1); k++) {
        rk_j2k_order o = orders[k];
        o.comp1 = o.comp1 < t->stream->count ? o.comp1 : t->stream->count;
        o.res1 = o.res1 < RK_J2K_LEVELS_MAX + 1 ? o.res1 : RK_J2K_LEVELS_MAX + 1;
        o.layers = o.layers < t->params.layers ? o.layers : t->params.layers;
        expect_order(t, &o);
    }
}

rk_status __wrap_rk_j2k_read_packet(rk_j2k_reader *r, uint32_t comp, unsigned res, uint32_t k,
                                    uint32_t layer)
{
    if (expected.tile != (uint64_t)r->tile->number + 1)
        expect_tile(r->tile);
    if (expected.at < VISITS) {
        const visit *v = &expected.list[expected.at++];
        RK_FUZZ_ASSERT(expected.at <= expected.count);
        RK_FUZZ_ASSERT(v->comp == comp && v->res == res && v->k == k && v->layer == layer);
    }
    return __real_rk_j2k_read_packet(r, comp, res, k, layer);
}

/* ---- The codestream ------------------------------------------------------------------ */

static void put(writer *w, uint64_t value, unsigned bytes)
{
    while (bytes--)
        w->bytes[w->size++] = (uint8_t)(value >> 8 * bytes);
}

static void put_siz(writer *w, rk_fuzz_bytes *in, unsigned comps)
{
    uint32_t x0 = rk_fuzz_next(in) & 31, y0 = rk_fuzz_next(in) & 31;
    uint32_t width = 1 + (rk_fuzz_next(in) & 63), height = 1 + (rk_fuzz_next(in) & 63);
    uint8_t tile = rk_fuzz_next(in), origin = rk_fuzz_next(in);
    uint32_t tw = tile & 7 ? 8u * (tile & 7) + 5 : 128, th = tile >> 3 & 7 ? 8u * (tile >> 3 & 7) : 128;
    uint32_t tx0 = x0 * (origin & 15) >> 4, ty0 = y0 * (origin >> 4) >> 4;
    put(w, 0xFF4FFF51, 4);
    put(w, 38 + 3 * comps, 2);
    put(w, 0, 2);
    put(w, x0 + width, 4), put(w, y0 + height, 4), put(w, x0, 4), put(w, y0, 4);
    put(w, tw, 4), put(w, th, 4), put(w, tx0, 4), put(w, ty0, 4);
    put(w, comps, 2);
    for (unsigned c = 0; c < comps; c++) {
        uint8_t steps = rk_fuzz_next(in);
        put(w, 7, 1), put(w, 1 + (steps & 3), 1), put(w, 1 + (steps >> 2 & 3), 1);
    }
}

/* Levels, code-blocks, transform, precincts. */
static unsigned put_style(writer *w, rk_fuzz_bytes *in, bool *precincts)
{
    unsigned levels = rk_fuzz_next(in) % 5, sides = rk_fuzz_next(in);
    put(w, levels, 1), put(w, sides & 3, 1), put(w, sides >> 2 & 3, 1), put(w, 0, 1), put(w, 1, 1);
    *precincts = sides & 16;
    for (unsigned r = 0; *precincts && r <= levels; r++) {
        uint8_t side = rk_fuzz_next(in);
        unsigned ppx = (side & 7) % 6, ppy = (side >> 4 & 7) % 6;
        put(w, (ppy + (r && !ppy)) << 4 | (ppx + (r && !ppx)), 1);
    }
    return levels;
}

static void put_steps(writer *w, unsigned levels)
{
    put(w, 2 << 5, 1);
    for (unsigned k = 0; k < 3 * levels + 1; k++)
        put(w, 9 << 3, 1);
}

/* COD, and COC for component 1 if the input says so; with the quantisation of each. */
static void put_coding(writer *w, rk_fuzz_bytes *in, unsigned comps)
{
    bool precincts;
    unsigned layers = 1 + rk_fuzz_next(in) % 6, order = rk_fuzz_next(in);
    put(w, 0xFF52, 2);
    size_t at = w->size;
    put(w, 0, 2), put(w, 0, 1), put(w, order % 5, 1), put(w, layers, 2), put(w, 0, 1);
    unsigned levels = put_style(w, in, &precincts);
    w->bytes[at + 1] = (uint8_t)(w->size - at);
    w->bytes[at + 2] = precincts;
    put(w, 0xFF5C, 2), put(w, 3 * levels + 4, 2);
    put_steps(w, levels);
    if (comps < 2 || !(order & 128))
        return;
    put(w, 0xFF53, 2);
    at = w->size;
    put(w, 0, 2), put(w, 1, 1), put(w, 0, 1);
    levels = put_style(w, in, &precincts);
    w->bytes[at + 1] = (uint8_t)(w->size - at);
    w->bytes[at + 3] = precincts;
    put(w, 0xFF5D, 2), put(w, 3 * levels + 5, 2), put(w, 1, 1);
    put_steps(w, levels);
}

static void put_poc(writer *w, rk_fuzz_bytes *in, unsigned entries)
{
    if (!entries)
        return;
    put(w, 0xFF5F, 2), put(w, 2 + 7 * entries, 2);
    for (unsigned k = 0; k < entries; k++) {
        uint8_t first = rk_fuzz_next(in), last = rk_fuzz_next(in), more = rk_fuzz_next(in);
        put(w, first & 7, 1), put(w, first >> 3 & 3, 1), put(w, 1 + (more & 7), 2);
        put(w, 1 + (last & 7), 1), put(w, last >> 3 & 7, 1), put(w, (more >> 3) % 5, 1);
    }
}

/* A tile-part with POC entries of its own, if any, and some of the packets. */
static void put_part(writer *w, rk_fuzz_bytes *in, unsigned tile, unsigned part, size_t packets)
{
    size_t sot = w->size, left = (size_t)(in->end - in->at);
    uint8_t form = part ? 0 : rk_fuzz_next(in);
    put(w, 0xFF90000A, 4), put(w, tile, 2), put(w, 0, 4), put(w, part, 1), put(w, 0, 1);
    put_poc(w, in, form & 128 ? 1 + (form & 7) : 0);
    put(w, 0xFF93, 2);
    packets = packets < left ? packets : left;
    while (packets--)
        put(w, rk_fuzz_next(in), 1);
    uint64_t size = w->size - sot;
    for (int k = 0; k < 4; k++)
        w->bytes[sot + 6 + k] = (uint8_t)(size >> 8 * (3 - k));
}

static void build(writer *w, rk_fuzz_bytes *in)
{
    unsigned form = rk_fuzz_next(in), comps = 1 + (form & 3);
    w->size = 0;
    put_siz(w, in, comps);
    put_coding(w, in, comps);
    put_poc(w, in, form >> 2 & 7);
    unsigned parts[4] = {0}, empty = form >> 5; /* empty packets behind the given ones */
    while (in->at < in->end && w->size < sizeof w->bytes / 4) {
        uint8_t where = rk_fuzz_next(in), size = rk_fuzz_next(in);
        put_part(w, in, where & 3, parts[where & 3]++, size & 128 ? (size & 127) * 64u : size);
    }
    put(w, 0xFF90000A, 4), put(w, 0, 2), put(w, 14 + 4096 * empty, 4), put(w, parts[0], 1);
    put(w, 0, 1), put(w, 0xFF93, 2);
    memset(w->bytes + w->size, 0, 4096 * empty);
    w->size += 4096 * empty;
    put(w, 0xFFD9, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static writer w;
    if (size < 16 || size > 1 << 14)
        return 0;
    rk_fuzz_bytes in = {data, data + size};
    build(&w, &in);
    rk_fuzz_j2k_wish wish = {.layers = 65535, .cpu = rk_cpu_detect()};
    rk_j2k_limits limits = rk_fuzz_j2k_small();
    rk_fuzz_j2k_picture p;
    forget();
    rk_fuzz_j2k_decode(&p, w.bytes, w.size, &wish, &limits);
    forget();
    rk_fuzz_j2k_free(&p);
    return 0;
}
