/*
 * The best picture within a number of bytes, of blocks that keep theirs.
 *
 * A block is taken in steps, each of which ends where a packet header of the source says that bytes and
 * passes end, or where an MQ segment may be cut (recode_cuts.c). What a step is worth is guessed from its bytes and its place: coefficients that take b bits
 * each have about the variance of a Laplacian source of that entropy, in units of the lowest plane that is
 * coded. Layers of the source are kept in their order, within a layer the steeper steps come first.
 */
#include <math.h>
#include <stdlib.h>

#include "encode.h"
#include "recode.h"
#include "rules.h"

/* Styles in which a segment ends as its passes do, or says so. */
#define STYLES_ENDED (RK_T1_BYPASS | RK_T1_TERMINATE | RK_T1_PREDICTABLE)

typedef struct step {
    double slope; /* gain per byte */
    uint64_t bytes;
    uint32_t number; /* as they were found: those of a block stand together */
    uint16_t layer;
    bool follows;    /* the step before it is of the same block */
    rk_j2k_coded *block;
    rk_j2k_coded state; /* of the block, with this step */
} step;

typedef struct fit {
    rk_j2k_recoder *r;
    step *steps;
    uint8_t *taken; /* by number */
    rk_j2k_cuts cuts;
    bool single;    /* blocks of the present component are one segment each, which may be cut */
    size_t count, room;
    double weight;       /* of a squared unit of the present band */
    uint32_t samples;    /* of the present block */
    bool lowest;         /* LL: always taken */
} fit;

/* ---- worth ----------------------------------------------------------------------------------- */

/* Variance of a coefficient, in units of the quantiser, that takes so many bits. */
static double variance_of(double bits)
{
    return (exp2(2 * bits) - 1) / 14.8 + 0.25 * bits;
}

static double weight_of(const rk_j2k_recoder *r, const rk_j2k_tile *t, uint32_t comp, unsigned n,
                        const rk_j2k_band *band)
{
    static const double rct[3] = {3, 0.6875, 0.6875}, ict[3] = {3, 3.2584, 2.4755}; /* G.2, G.3 */
    const rk_j2k_component *c = &r->stream->comps[comp];
    const rk_j2k_style *style = &t->comps[comp].coding->style;
    unsigned level = style->levels - (n ? n - 1u : 0);
    double norm = rk_j2k_band_norm(style->reversible, level, band->kind);
    double delta = style->reversible ? 1 : 2 * (double)band->scale;
    double mix = !t->params.mct || comp > 2 ? 1 : style->reversible ? rct[comp] : ict[comp];
    return norm * norm * delta * delta * mix * c->dx * c->dy;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/*
 * What bytes are worth that take a block from plane `before` down to `plane`, in units of its coefficients. At
 * first all of its energy; then the error within a step, of as many coefficients as the bits are enough for.
 */
static double gain_of(const fit *f, double bytes, double before, double plane)
{
    double bits = 8 * bytes / f->samples;
    if (before < 0)
        return exp2(2 * plane) * variance_of(bits);
    double gain = (exp2(2 * before) - exp2(2 * plane)) / 12;
    return bits < before - plane ? gain * bits / (before - plane) : gain;
}

/* A step of a block: so many bytes, after which it is known down to `plane`; `before`: the plane that it was
 * known to, or less than 0 if it is the first step. */
static rk_status add_step(fit *f, rk_j2k_coded *block, rk_j2k_coded state, uint64_t bytes,
                          double before, double plane, uint16_t layer)
{
    if (f->count == f->room || f->count >= UINT32_MAX)
        return rk_j2k_fail(RK_INTERNAL, RK_J2K_IMPOSSIBLE, 0);
    double size = bytes ? (double)bytes : 1;
    step *s = &f->steps[f->count];
    *s = (step){.slope = f->weight * f->samples * gain_of(f, size, before, plane) / size,
                .bytes = bytes,
                .number = (uint32_t)f->count,
                .layer = layer,
                .follows = before >= 0,
                .block = block,
                .state = state};
    if (f->lowest && layer == 0)
        s->slope = HUGE_VAL;
    else if (s->follows && s[-1].layer == layer && s->slope > s[-1].slope)
        s->slope = s[-1].slope;
    f->count++;
    return rk_j2k_fine();
}

/* Where a block of so many planes is after some passes: between two planes if the lower one is not complete. */
static double plane_after(unsigned planes, unsigned passes)
{
    double plane = planes - (passes + 2) / 3.0;
    return plane > 0 ? plane : 0;
}

/* A block of one chunk in steps that end behind a cleanup pass each. */
static rk_status add_cuts(fit *f, rk_j2k_coded *block, unsigned planes, double *before)
{
    const rk_j2k_bytes *whole = block->chunks;
    uint32_t ends[RK_J2K_CUTS], last = 0;
    size_t n = rk_j2k_cuts_of(&f->cuts, f->samples, whole->size, whole->passes, ends);
    for (size_t k = 0; k < n; k++) {
        rk_j2k_coded state = *block;
        rk_j2k_bytes *part;
        uint32_t size = ends[k];
        while (size && whole->data[size - 1] == 0xFF) /* no segment ends so */
            size--;
        if (size <= last || size >= whole->size)
            continue;
        RK_TRY(rk_j2k_take_raw(&f->r->arena, (void **)&part, 1, sizeof *part));
        *part = *whole;
        part->next = NULL;
        part->size = size;
        part->passes = (uint8_t)(3 * k + 1);
        state.chunks = part;
        double plane = plane_after(planes, part->passes);
        RK_TRY(add_step(f, block, state, size - last, *before, plane, whole->layer));
        *before = plane;
        last = size;
    }
    double plane = plane_after(planes, whole->passes);
    return add_step(f, block, *block, whole->size - last, *before, plane, whole->layer);
}

/* One step for the packets of each layer. */
static rk_status add_chunks(fit *f, rk_j2k_coded *block, unsigned planes)
{
    unsigned passes = 0;
    double before = -1;
    if (f->single && !block->chunks->next)
        return add_cuts(f, block, planes, &before);
    for (const rk_j2k_bytes *c = block->chunks; c;) {
        rk_j2k_coded state = *block;
        uint16_t layer = c->layer;
        uint64_t bytes = 0;
        for (; c && c->layer == layer; c = c->next) {
            bytes += c->size;
            passes += c->passes;
        }
        double plane = plane_after(planes, passes);
        state.stop = c;
        RK_TRY(add_step(f, block, state, bytes, before, plane, layer));
        before = plane;
    }
    return rk_j2k_fine();
}

/* The cleanup pass of an HT block, then what refines it. */
static rk_status add_passes(fit *f, rk_j2k_coded *block)
{
    rk_j2k_coded state = *block;
    int plane = block->planes - 1;
    state.refine = 0;
    state.passes = 1;
    RK_TRY(add_step(f, block, state, block->size, -1, plane, 0));
    if (block->passes < 2)
        return rk_j2k_fine();
    return add_step(f, block, *block, block->refine, plane, plane > 0 ? plane - 1 : 0, 0);
}

static rk_status add_band(fit *f, const rk_j2k_outres *res, const rk_j2k_outband *band)
{
    for (uint32_t y = 0; y < band->down; y++)
        for (uint32_t x = 0; x < band->across; x++) {
            rk_j2k_coded *block = &band->blocks[(size_t)y * band->across + x];
            uint64_t x0 = (uint64_t)(band->bx + x) << res->xcb;
            uint64_t y0 = (uint64_t)(band->by + y) << res->ycb;
            uint64_t x1 = x0 + ((uint64_t)1 << res->xcb), y1 = y0 + ((uint64_t)1 << res->ycb);
            x1 = x1 < band->all.x1 ? x1 : band->all.x1;
            y1 = y1 < band->all.y1 ? y1 : band->all.y1;
            x0 = x0 > band->all.x0 ? x0 : band->all.x0;
            y0 = y0 > band->all.y0 ? y0 : band->all.y0;
            f->samples = (uint32_t)((x1 - x0) * (y1 - y0));
            if (block->chunks)
                RK_TRY(add_chunks(f, block, block->planes));
            else if (block->passes)
                RK_TRY(add_passes(f, block));
        }
    return rk_j2k_fine();
}

static rk_status add_tile(fit *f, uint32_t number)
{
    const rk_j2k_tile *t = &f->r->tiles[number];
    for (uint32_t k = 0; k < f->r->stream->count; k++) {
        const rk_j2k_outcomp *to = &f->r->writing.tiles[number].comps[k];
        f->single = !(t->comps[k].coding->style.flags & STYLES_ENDED);
        for (unsigned n = 0; n <= t->comps[k].coding->style.levels; n++)
            for (unsigned b = 0; b < to->res[n].band_count; b++) {
                f->weight = weight_of(f->r, t, k, n, &t->comps[k].res[n].bands[b]);
                f->lowest = n == 0;
                RK_TRY(add_band(f, &to->res[n], &to->res[n].bands[b]));
            }
    }
    return rk_j2k_fine();
}

/* Layer by layer, the steepest first. */
static int compare(const void *one, const void *other)
{
    const step *a = one, *b = other;
    if (a->layer != b->layer)
        return a->layer < b->layer ? -1 : 1;
    if (a->slope > b->slope || a->slope < b->slope)
        return a->slope > b->slope ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* Blocks have the first n steps; layers of which nothing is taken go. */
static void pick_first(const fit *f, size_t n)
{
    uint16_t layers = 1;
    for (size_t k = 0; k < f->count; k++) {
        f->steps[k].block->chunks = NULL;
        f->steps[k].block->passes = 0;
    }
    for (size_t k = 0; k < n; k++) {
        *f->steps[k].block = f->steps[k].state;
        layers = (uint16_t)(f->steps[k].layer + 1);
    }
    rk_j2k_recode_layers(f->r, layers);
}

/* Beside the first n steps, those of the same layer that fit into what is left, with some bytes of header. */
static void fill(fit *f, size_t n, uint64_t left)
{
    enum { HEADER = 12 };
    for (size_t k = 0; k < n; k++)
        f->taken[f->steps[k].number] = 1;
    for (size_t k = n; n && k < f->count && f->steps[k].layer == f->steps[n - 1].layer; k++) {
        const step *s = &f->steps[k];
        if (s->bytes + HEADER > left || (s->follows && !f->taken[s->number - 1]))
            continue;
        f->taken[s->number] = 1;
        *s->block = s->state;
        left -= s->bytes + HEADER;
    }
}

static rk_status measure(const fit *f, uint64_t *size)
{
    rk_j2k_sink sink = {0};
    rk_status status = rk_j2k_write(&f->r->writing, &sink);
    *size = sink.size;
    return status.code == RK_LIMIT && sink.size ? rk_j2k_fine() : status;
}

/*
 * The most steps that may fit into `left` bytes beside the first n, by their own bytes; *likely is how many
 * fit with the bytes that headers of packets take of most.
 */
static size_t bound(const fit *f, size_t n, uint64_t left, size_t *likely)
{
    enum { HEADER = 4 };
    uint64_t bytes = 0;
    size_t k = n;
    for (*likely = n; k < f->count; k++) {
        bytes += f->steps[k].bytes;
        if (bytes > left)
            break;
        if (bytes + (k + 1 - n) * HEADER <= left)
            *likely = k + 1;
    }
    return k;
}

rk_status rk_j2k_recoder_fit(rk_j2k_recoder *r, uint64_t room, uint64_t *least)
{
    fit f = {.r = r, .room = (size_t)r->steps};
    uint64_t size;
    size_t low = 0, high;
    RK_TRY(rk_j2k_take_raw(&r->arena, (void **)&f.steps, r->steps + 1, sizeof *f.steps));
    RK_TRY(rk_j2k_take(&r->arena, (void **)&f.taken, r->steps + 1, 1));
    rk_j2k_cuts_fill(&f.cuts);
    for (uint32_t k = 0; k < r->opened; k++)
        if (r->tiles[k].stream)
            RK_TRY(add_tile(&f, k));
    qsort(f.steps, f.count, sizeof *f.steps, compare);
    while (low < f.count && f.steps[low].slope == HUGE_VAL)
        low++;
    pick_first(&f, low);
    RK_TRY(measure(&f, least));
    uint64_t held = *least;
    if (*least > room)
        return rk_j2k_fine();
    size_t likely;
    high = bound(&f, low, room - held, &likely);
    for (bool first = likely > low; low < high && room - held > room / 1000; first = false) {
        size_t middle = first ? likely : low + (high - low + 1) / 2;
        if (rk_j2k_late(r->stream))
            return rk_j2k_too_late(r->stream);
        pick_first(&f, middle);
        RK_TRY(measure(&f, &size));
        if (size <= room) {
            low = middle;
            held = size;
        } else
            high = middle - 1;
    }
    pick_first(&f, low);
    fill(&f, low, room - held);
    RK_TRY(measure(&f, &size));
    if (size > room) {
        pick_first(&f, low);
        size = held;
    }
    r->fitted = size;
    return rk_j2k_fine();
}
