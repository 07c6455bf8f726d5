/* What is asked for, tile by tile. */
#include <string.h>

#include "stripes.h"

rk_j2k_rect rk_j2k_reduced(rk_j2k_rect r, const rk_j2k_component *c, unsigned reduce)
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
    return rk_j2k_reduced(request->area, &s->comps[comp], request->reduce);
}

/* Components that are stored, or that the component transform needs for one that is. */
static rk_status choose_comps(const rk_j2k_painter *p, uint8_t *wanted)
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

rk_status rk_j2k_decode(rk_j2k_stream *s, const rk_j2k_request *request, rk_j2k_report *report,
                        uint32_t cpu)
{
    rk_j2k_painter p = {.stream = s, .request = request};
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
            rk_j2k_paint_nothing(&p, number);
            report->packets += usual;
            report->missing += usual;
            continue;
        }
        rk_status status = rk_j2k_tile_open(&tile, s, &wish, number);
        if (status.code == RK_OK)
            status = rk_j2k_paint(&p, &tile);
        else if (!s->strict && (status.code == RK_CORRUPT || status.code == RK_TRUNCATED)) {
            tile.fault = status; /* its headers are of no use: nothing of it is painted */
            tile.packets_wanted = 1;
            tile.packets_found = 0;
            status = rk_j2k_fine();
        }
        usual = tile.packets_wanted ? tile.packets_wanted : usual;
        report->blocks += tile.blocks;
        report->damaged += tile.damaged;
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
