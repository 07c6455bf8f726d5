/* From the packets of one codestream to the blocks of another: tile by tile. */
#include <string.h>

#include "recode.h"
#include "rules.h"

/* ---- the source ------------------------------------------------------------------------------ */

/* All that a tile has, with every packet. */
static rk_status open_tile(rk_j2k_recoder *r, const rk_j2k_wish *wish, uint32_t number)
{
    rk_j2k_stream *s = r->stream;
    rk_j2k_tile *t = &r->tiles[number];
    if (!s->tiles[number].first)
        return rk_j2k_is_empty(s, number) ? rk_j2k_fine()
                                          : rk_j2k_fail(RK_TRUNCATED, RK_J2K_NO_SOT, s->end);
    RK_TRY(rk_j2k_tile_open(t, s, wish, number)); /* close is due even if this fails */
    RK_TRY(rk_j2k_read_packets(t));
    return t->packets_found == t->packets_wanted
               ? rk_j2k_fine()
               : rk_j2k_fail(RK_TRUNCATED, RK_J2K_PACKET_ENDS, s->end);
}

static rk_status open_tiles(rk_j2k_recoder *r)
{
    rk_j2k_stream *s = r->stream;
    rk_j2k_wish *wish;
    uint8_t *comps;
    uint32_t count = s->across * s->down;
    RK_TRY(rk_j2k_take(&r->arena, (void **)&comps, s->count, 1));
    RK_TRY(rk_j2k_take(&r->arena, (void **)&wish, 1, sizeof *wish));
    RK_TRY(rk_j2k_take(&r->arena, (void **)&r->tiles, count, sizeof *r->tiles));
    memset(comps, 1, s->count);
    *wish = (rk_j2k_wish){0, UINT16_MAX, {s->x0, s->y0, s->x1, s->y1}, comps};
    for (uint32_t k = 0; k < count; k++) {
        r->opened = k + 1;
        RK_TRY(open_tile(r, wish, k));
    }
    return rk_j2k_fine();
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Where the result has the block (bx, by) of a band, and how large it is. */
static rk_j2k_recode_job job_of(const rk_j2k_res *res, const rk_j2k_outband *band, uint32_t bx,
                                uint32_t by)
{
    uint64_t x0 = (uint64_t)bx << res->xcb, x1 = x0 + ((uint64_t)1 << res->xcb);
    uint64_t y0 = (uint64_t)by << res->ycb, y1 = y0 + ((uint64_t)1 << res->ycb);
    x0 = x0 > band->all.x0 ? x0 : band->all.x0;
    y0 = y0 > band->all.y0 ? y0 : band->all.y0;
    x1 = x1 < band->all.x1 ? x1 : band->all.x1;
    y1 = y1 < band->all.y1 ? y1 : band->all.y1;
    return (rk_j2k_recode_job){
        .to = &band->blocks[(size_t)(by - band->by) * band->across + bx - band->bx],
        .width = (uint32_t)(x1 - x0),
        .height = (uint32_t)(y1 - y0),
        .kind = band->kind,
    };
}

static rk_status visit_cell(rk_j2k_recoder *r, const rk_j2k_tilecomp *c, unsigned n, unsigned b,
                            const rk_j2k_cell *cell, rk_j2k_outband *to)
{
    const rk_j2k_res *res = &c->res[n];
    for (uint32_t y = 0; y < cell->rows; y++)
        for (uint32_t x = 0; x < cell->cols; x++) {
            const rk_j2k_block *block = &cell->blocks[(size_t)y * cell->cols + x];
            if (!block->first)
                continue;
            rk_j2k_recode_job job = job_of(res, to, cell->bx + x, cell->by + y);
            RK_TRY(rk_j2k_recode_block(r, c, &res->bands[b], block, job));
        }
    return rk_j2k_fine();
}

static rk_status visit_tile(rk_j2k_recoder *r, uint32_t number)
{
    const rk_j2k_tile *t = &r->tiles[number];
    for (uint32_t k = 0; k < r->stream->count; k++) {
        const rk_j2k_tilecomp *c = &t->comps[k];
        for (unsigned n = 0; n <= c->coding->style.levels; n++) {
            const rk_j2k_res *res = &c->res[n];
            rk_j2k_outres *to = &r->writing.tiles[number].comps[k].res[n];
            for (uint64_t p = 0; p < (uint64_t)res->cols * res->rows; p++)
                for (unsigned b = 0; res->precincts[p] && b < res->band_count; b++)
                    RK_TRY(visit_cell(r, c, n, b, &res->precincts[p]->cells[b], &to->bands[b]));
        }
    }
    return rk_j2k_fine();
}

/* ---- outside --------------------------------------------------------------------------------- */

rk_status rk_j2k_recoder_open(rk_j2k_recoder *r, rk_j2k_stream *s, const rk_j2k_recoding *task)
{
    rk_j2k_layout layout;
    *r = (rk_j2k_recoder){.stream = s, .task = *task};
    r->arena.budget = r->bytes.budget = &s->budget;
    rk_t1_table_fill(&r->t1, task->cpu);
    rk_ht_table_fill(&r->ht, task->cpu);
    rk_t1_encode_table_fill(&r->to_t1, task->cpu);
    rk_ht_encode_table_fill(&r->to_ht, task->cpu);
    RK_TRY(open_tiles(r));
    RK_TRY(rk_j2k_recode_layout(r, &layout));
    RK_TRY(rk_j2k_writing_open(&r->writing, &layout, &r->arena));
    return rk_j2k_recode_ready(r);
}

rk_status rk_j2k_recoder_run(rk_j2k_recoder *r)
{
    for (uint32_t k = 0; k < r->opened; k++)
        if (r->tiles[k].stream)
            RK_TRY(visit_tile(r, k));
    return rk_j2k_recode_flush(r);
}

/* Main header and tile-parts, and some bytes for the header of each packet and block. */
uint64_t rk_j2k_recoder_estimate(const rk_j2k_recoder *r)
{
    const rk_j2k_writing *w = &r->writing;
    if (r->fitted)
        return r->fitted;
    uint64_t size = r->size + r->blocks * 6 + 512 + 6u * w->layout.comps;
    for (uint32_t k = 0; k < w->across * w->down; k++)
        size += w->tiles[k].parts * 32u
                + (uint64_t)w->tiles[k].turn_count * rk_j2k_out_layers(w, &w->tiles[k]) * 8u;
    return size;
}

void rk_j2k_recoder_close(rk_j2k_recoder *r)
{
    for (uint32_t k = 0; k < r->opened; k++)
        if (r->tiles[k].stream)
            rk_j2k_tile_close(&r->tiles[k]);
    r->opened = 0;
    rk_j2k_release(&r->bytes);
    rk_j2k_release(&r->arena);
}
