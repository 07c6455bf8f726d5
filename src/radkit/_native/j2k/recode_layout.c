/* The layout of a recoded stream: that of its source, as far as write.h can say it. */
#include <string.h>

#include "recode.h"
#include "rules.h"

#define STYLES_KEPT RK_T1_CAUSAL

static rk_status refuse(enum rk_j2k_rule rule)
{
    return rk_j2k_fail(RK_UNSUPPORTED, rule, 0);
}

/* Components of one kind, with a sample at each point of the grid. */
static rk_status check_components(const rk_j2k_stream *s)
{
    for (uint32_t k = 0; k < s->count; k++) {
        const rk_j2k_component *c = &s->comps[k], *first = &s->comps[0];
        if (c->dx != 1 || c->dy != 1)
            return refuse(RK_J2K_SUBSAMPLING);
        if (c->depth != first->depth || c->sign != first->sign)
            return refuse(RK_J2K_DEPTH);
    }
    return rk_j2k_fine();
}

static bool same_style(const rk_j2k_style *a, const rk_j2k_style *b)
{
    return a->levels == b->levels && a->xcb == b->xcb && a->ycb == b->ycb
           && a->reversible == b->reversible
           && (a->flags & STYLES_KEPT) == (b->flags & STYLES_KEPT)
           && memcmp(a->precincts, b->precincts, a->levels + 1u) == 0;
}

/* Exponent and mantissa of a band, derived ones as such (E.1.1). False if they cannot be said. */
static bool step_of(const rk_j2k_quant *q, unsigned r, unsigned kind, uint16_t *step)
{
    if (q->style != 1) {
        *step = q->steps[rk_j2k_step_index(r, kind)];
        return true;
    }
    int exponent = (q->steps[0] >> 11) - (r > 1 ? (int)r - 1 : 0);
    *step = (uint16_t)(exponent << 11 | (q->steps[0] & 2047));
    return exponent >= 0;
}

/* Takes the steps of a component in. Exponents of the reversible path only say how many planes there are. */
static rk_status add_quant(rk_j2k_layout *l, const rk_j2k_quant *q, bool first)
{
    rk_j2k_quant *to = &l->quant;
    if (q->guard > to->guard)
        to->guard = q->guard;
    for (unsigned r = 0; r <= l->style.levels; r++)
        for (unsigned kind = r ? 1 : 0; kind <= (r ? 3u : 0u); kind++) {
            uint16_t *step = &to->steps[rk_j2k_step_index(r, kind)], new;
            if (!step_of(q, r, kind, &new))
                return refuse(RK_J2K_QUANT_STEPS);
            if (first || (l->style.reversible && new > *step))
                *step = new;
            else if (!l->style.reversible && new != *step)
                return refuse(RK_J2K_QUANT_STEPS);
        }
    return rk_j2k_fine();
}

static rk_status add_tile(rk_j2k_layout *l, const rk_j2k_stream *s, const rk_j2k_params *p,
                          bool first)
{
    if (p->mct != l->mct)
        return refuse(RK_J2K_MCT);
    for (uint32_t k = 0; k < s->count; k++) {
        const rk_j2k_coding *c = &p->comps[k];
        if (c->roi)
            return refuse(RK_J2K_ROI);
        if (!same_style(&c->style, &l->style))
            return refuse(RK_J2K_STYLE);
        RK_TRY(add_quant(l, &c->quant, first && k == 0));
    }
    return rk_j2k_fine();
}

static void begin(const rk_j2k_recoder *r, const rk_j2k_params *p, rk_j2k_layout *l)
{
    const rk_j2k_stream *s = r->stream;
    const rk_j2k_style *style = &p->comps[0].style;
    *l = (rk_j2k_layout){.image = {s->x0, s->y0, s->x1, s->y1},
                         .tx0 = s->tx0,
                         .ty0 = s->ty0,
                         .tw = s->tw,
                         .th = s->th,
                         .comps = (uint16_t)s->count,
                         .depth = s->comps[0].depth,
                         .sign = s->comps[0].sign,
                         .style = *style,
                         .order = r->task.order,
                         .layers = 1,
                         .mct = p->mct,
                         .split = r->task.split,
                         .tlm = r->task.tlm,
                         .plt = r->task.plt,
                         .comment = r->task.comment};
    l->style.flags = (uint8_t)((style->flags & STYLES_KEPT) | (r->task.ht ? RK_J2K_HT : 0));
    l->quant.style = style->reversible ? 0 : 2;
    l->quant.bands = (uint8_t)(3 * style->levels + 1);
    for (unsigned k = 0; k <= style->levels; k++)
        l->precincts |= style->precincts[k] != 0xFF;
}

rk_status rk_j2k_recode_layout(const rk_j2k_recoder *r, rk_j2k_layout *layout)
{
    bool first = true;
    RK_TRY(check_components(r->stream));
    for (uint32_t k = 0; k < r->opened; k++) {
        const rk_j2k_params *p = &r->tiles[k].params;
        if (!r->tiles[k].stream)
            continue;
        if (first)
            begin(r, p, layout);
        RK_TRY(add_tile(layout, r->stream, p, first));
        first = false;
    }
    return first ? rk_j2k_fail(RK_TRUNCATED, RK_J2K_NO_SOT, 0) : rk_j2k_fine();
}

rk_status rk_j2k_recode_guard(rk_j2k_recoder *r)
{
    rk_j2k_layout *l = &r->writing.layout;
    for (unsigned n = 0; n <= l->style.levels; n++)
        for (unsigned kind = n ? 1 : 0; kind <= (n ? 3u : 0u); kind++)
            while (rk_j2k_band_planes(l, n, kind) < r->planes[rk_j2k_step_index(n, kind)]) {
                if (l->quant.guard == 7)
                    return refuse(RK_J2K_PLANES);
                l->quant.guard++;
            }
    return rk_j2k_fine();
}
