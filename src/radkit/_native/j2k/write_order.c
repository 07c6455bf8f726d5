/*
 * The order of the packets that are written (T.800 B.12).
 *
 * The precincts of a tile are sorted once; the layers come in by how the list is walked:
 * again and again (LRCP), each resolution as often as there are layers (RLCP), or each precinct so.
 */
#include <stdlib.h>

#include "rules.h"
#include "write.h"

enum { LRCP, RLCP, RPCL, PCRL, CPRL };

/* The place of a precinct: its corner on the reference grid, but not before the tile. */
static uint64_t place(uint32_t start, uint32_t first, uint64_t n, unsigned shift, unsigned step)
{
    uint64_t at = ((first + n) << shift) * step;
    return at > start ? at : start;
}

static void set_key(const rk_j2k_writing *w, const rk_j2k_outtile *t, rk_j2k_turn *turn)
{
    const rk_j2k_outres *res = turn->res;
    unsigned comp = turn->comp;
    uint32_t k = turn->precinct;
    const rk_j2k_component *own = w->layout.components ? &w->layout.components[comp] : NULL;
    unsigned r = turn->number, shift = (unsigned)rk_j2k_out_style(w, t, comp)->levels - r;
    unsigned dx = own ? own->dx : 1, dy = own ? own->dy : 1;
    uint64_t x = place(t->all.x0, res->all.x0 >> res->ppx, k % res->cols, res->ppx + shift, dx);
    uint64_t y = place(t->all.y0, res->all.y0 >> res->ppy, k / res->cols, res->ppy + shift, dy);
    const uint64_t keys[][4] = {
        [LRCP] = {r, comp, k, 0}, [RLCP] = {r, comp, k, 0},  [RPCL] = {r, y, x, comp},
        [PCRL] = {y, x, comp, r}, [CPRL] = {comp, y, x, r},
    };
    for (unsigned i = 0; i < 4; i++)
        turn->key[i] = keys[w->layout.order][i];
}

static int compare(const void *a, const void *b)
{
    const rk_j2k_turn *one = a, *other = b;
    for (unsigned i = 0; i < 4; i++)
        if (one->key[i] != other->key[i])
            return one->key[i] < other->key[i] ? -1 : 1;
    return 0;
}

/* Tile-parts of the tile: runs of one resolution, if these are few enough to be worth a part. */
uint16_t rk_j2k_count_parts(const rk_j2k_writing *w, const rk_j2k_outtile *t)
{
    uint64_t runs = 0, passes = w->layout.order == LRCP ? rk_j2k_out_layers(w, t) : 1;
    if (!t->turn_count)
        return 0;
    if (!w->layout.split)
        return 1;
    for (size_t k = 0; k < t->turn_count; k++)
        runs += k == 0 || t->turns[k].number != t->turns[k - 1].number;
    unsigned most = (w->levels + 1u) * w->layout.comps;
    return runs < 2 || runs > most || runs * passes > RK_J2K_PARTS_MAX ? 1 : (uint16_t)(runs * passes);
}

rk_status rk_j2k_set_turns(rk_j2k_writing *w, rk_j2k_outtile *t)
{
    uint64_t n = 0;
    for (unsigned c = 0; c < w->layout.comps; c++)
        for (unsigned r = 0; r <= rk_j2k_out_style(w, t, c)->levels; r++)
            n += (uint64_t)t->comps[c].res[r].cols * t->comps[c].res[r].rows;
    RK_TRY(rk_j2k_take(w->arena, (void **)&t->turns, n, sizeof *t->turns));
    for (unsigned c = 0; c < w->layout.comps; c++)
        for (unsigned r = 0; r <= rk_j2k_out_style(w, t, c)->levels; r++) {
            rk_j2k_outres *res = &t->comps[c].res[r];
            for (uint32_t k = 0; k < res->cols * res->rows; k++) {
                rk_j2k_turn *turn = &t->turns[t->turn_count++];
                *turn = (rk_j2k_turn){.res = res, .precinct = k, .comp = (uint16_t)c,
                                      .number = (uint8_t)r};
                set_key(w, t, turn);
            }
        }
    qsort(t->turns, t->turn_count, sizeof *t->turns, compare);
    t->parts = rk_j2k_count_parts(w, t);
    return rk_j2k_fine();
}

const rk_j2k_turn *rk_j2k_turn_now(const rk_j2k_writing *w, const rk_j2k_outtile *t)
{
    (void)w;
    return t->at < t->turn_count ? &t->turns[t->at] : NULL;
}

void rk_j2k_turn_next(const rk_j2k_writing *w, rk_j2k_outtile *t)
{
    bool last = t->layer + 1u == rk_j2k_out_layers(w, t);
    if (w->layout.order >= RPCL) {
        t->layer = last ? 0 : (uint16_t)(t->layer + 1);
        t->at += last;
        return;
    }
    t->at++;
    bool ends = t->at == t->turn_count;
    if (w->layout.order == RLCP && !ends)
        ends = t->turns[t->at].number != t->turns[t->first].number;
    if (!ends)
        return;
    if (last) {
        t->layer = 0;
        t->first = t->at;
    } else {
        t->layer++;
        t->at = t->first;
    }
}
