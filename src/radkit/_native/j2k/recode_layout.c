/* The layout of a recoded stream: that of its source, with blocks of the other kind. */
#include "recode.h"
#include "rules.h"

/* ---- components ------------------------------------------------------------------------------ */

/*
 * Flags of blocks of Part 1 that keep their bytes are kept; of others only what HT knows, too, stays.
 * Where both kinds stand side by side, those of Part 1 are made anew if need be.
 */
static uint8_t flags_of(const rk_j2k_recoder *r, unsigned flags)
{
    if (r->task.ht)
        return (uint8_t)((flags & RK_T1_CAUSAL) | RK_J2K_HT);
    return (uint8_t)(flags & RK_J2K_HT ? flags & RK_T1_CAUSAL : flags);
}

/* Says derived steps one by one (E.1.1), which more decoders read, if their exponents allow it. */
static void expound(rk_j2k_quant *q, unsigned levels)
{
    unsigned first = q->steps[0] >> 11;
    if (q->style != 1 || (levels > 1 && first < levels - 1))
        return;
    for (unsigned r = 1; r <= levels; r++)
        for (unsigned kind = 1; kind <= 3; kind++)
            q->steps[rk_j2k_step_index(r, kind)] =
                (uint16_t)((first - (r - 1)) << 11 | (q->steps[0] & 2047));
    q->style = 2;
    q->bands = (uint8_t)(3 * levels + 1);
}

static rk_j2k_coding coding_of(const rk_j2k_recoder *r, const rk_j2k_coding *source)
{
    rk_j2k_coding c = *source;
    if (rk_j2k_recode_unshifts(r, source))
        c.roi = 0;
    c.style.flags = flags_of(r, c.style.flags);
    expound(&c.quant, c.style.levels);
    return c;
}

static bool same_coding(const rk_j2k_coding *a, const rk_j2k_coding *b)
{
    return rk_j2k_same_style(&a->style, &b->style) && rk_j2k_same_quant(&a->quant, &b->quant)
           && a->roi == b->roi;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Layers are kept where blocks keep their bytes: HT blocks are whole in the first one. */
static uint16_t layers_of(const rk_j2k_recoder *r, const rk_j2k_params *p)
{
    for (uint32_t k = 0; k < r->stream->count && !r->task.ht; k++) {
        unsigned flags = p->comps[k].style.flags;
        if (!(flags & RK_J2K_HT) || flags & RK_J2K_MIXED)
            return p->layers;
    }
    return 1;
}

static rk_status copy_codings(rk_j2k_recoder *r, const rk_j2k_params *p, rk_j2k_coding **codings)
{
    RK_TRY(rk_j2k_take_raw(&r->arena, (void **)codings, r->stream->count, sizeof **codings));
    for (uint32_t k = 0; k < r->stream->count; k++)
        (*codings)[k] = coding_of(r, &p->comps[k]);
    return rk_j2k_fine();
}

/* Irreversible coefficients of a region are reconstructed without the half that others get (E.1.1.2). */
static rk_status check_regions(const rk_j2k_recoder *r, const rk_j2k_params *p)
{
    for (uint32_t k = 0; k < r->stream->count; k++)
        if (rk_j2k_recode_unshifts(r, &p->comps[k]) && !p->comps[k].style.reversible)
            return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_ROI, r->stream->start);
    return rk_j2k_fine();
}

/* What a tile has of its own; it shares the codings of the main header where nothing differs. */
static rk_status set_own(rk_j2k_recoder *r, const rk_j2k_params *p, const rk_j2k_coding *main,
                         rk_j2k_own *own)
{
    bool same = true;
    rk_j2k_coding *copy;
    RK_TRY(check_regions(r, p));
    *own = (rk_j2k_own){.comps = main, .layers = layers_of(r, p), .mct = p->mct};
    for (uint32_t k = 0; k < r->stream->count && same; k++) {
        rk_j2k_coding c = coding_of(r, &p->comps[k]);
        same = same_coding(&c, &main[k]);
    }
    if (same)
        return rk_j2k_fine();
    RK_TRY(copy_codings(r, p, &copy));
    own->comps = copy;
    return rk_j2k_fine();
}

static void begin(const rk_j2k_recoder *r, const rk_j2k_coding *main, rk_j2k_layout *l)
{
    const rk_j2k_stream *s = r->stream;
    *l = (rk_j2k_layout){.image = {s->x0, s->y0, s->x1, s->y1},
                         .tx0 = s->tx0,
                         .ty0 = s->ty0,
                         .tw = s->tw,
                         .th = s->th,
                         .comps = (uint16_t)s->count,
                         .style = main->style,
                         .quant = main->quant,
                         .order = r->task.order,
                         .layers = layers_of(r, &s->main),
                         .mct = s->main.mct,
                         .precincts = rk_j2k_has_precincts(&main->style),
                         .split = r->task.split,
                         .tlm = r->task.tlm,
                         .plt = r->task.plt,
                         .comment = r->task.comment,
                         .components = s->comps,
                         .codings = main};
}

rk_status rk_j2k_recode_layout(rk_j2k_recoder *r, rk_j2k_layout *layout)
{
    rk_j2k_coding *main;
    rk_j2k_own *own;
    RK_TRY(copy_codings(r, &r->stream->main, &main));
    RK_TRY(rk_j2k_take_raw(&r->arena, (void **)&own, r->opened, sizeof *own));
    begin(r, main, layout);
    for (uint32_t k = 0; k < r->opened; k++) {
        bool came = r->tiles[k].stream;
        RK_TRY(set_own(r, came ? &r->tiles[k].params : &r->stream->main, main, &own[k]));
    }
    layout->own = r->own = own;
    return rk_j2k_fine();
}

void rk_j2k_recode_layers(rk_j2k_recoder *r, uint16_t layers)
{
    r->writing.layout.layers = layers_of(r, &r->stream->main);
    if (r->writing.layout.layers > layers)
        r->writing.layout.layers = layers;
    for (uint32_t k = 0; k < r->opened; k++) {
        bool came = r->tiles[k].stream;
        uint16_t there = layers_of(r, came ? &r->tiles[k].params : &r->stream->main);
        r->own[k].layers = there < layers ? there : layers;
        r->writing.tiles[k].layers = r->own[k].layers;
    }
}
