/* Packets and code-blocks of a codestream as tables. */
#include <string.h>

#include "listing.h"
#include "packets.h"

/* Room for one more thing in a table that doubles. */
static rk_status grow(rk_j2k_arena *a, void **table, size_t count, size_t *room, size_t size)
{
    void *grown;
    if (count < *room)
        return rk_j2k_fine();
    size_t more = *room ? 2 * *room : 64;
    RK_TRY(rk_j2k_take_raw(a, &grown, more, size));
    if (count)
        memcpy(grown, *table, count * size);
    *table = grown;
    *room = more;
    return rk_j2k_fine();
}

/* n cells of 2^shift samples from the origin, on the reference grid, within a tile. */
static uint32_t edge(uint64_t n, unsigned shift, uint32_t step, uint32_t low, uint32_t high)
{
    uint64_t at = (n << shift) * step; /* n is at most 2^32 >> precinct exponent: below 2^57 */
    return at < low ? low : at > high ? high : (uint32_t)at;
}

static void set_place(rk_j2k_packet_fact *fact, const rk_j2k_tile *t, const rk_j2k_tilecomp *c,
                      const rk_j2k_component *siz)
{
    const rk_j2k_res *res = &c->res[fact->res];
    unsigned shift = (unsigned)c->coding->style.levels - fact->res;
    uint64_t i = (res->all.x0 >> res->ppx) + fact->precinct % res->cols;
    uint64_t j = (res->all.y0 >> res->ppy) + fact->precinct / res->cols;
    fact->x0 = edge(i, res->ppx + shift, siz->dx, t->all.x0, t->all.x1);
    fact->x1 = edge(i + 1, res->ppx + shift, siz->dx, t->all.x0, t->all.x1);
    fact->y0 = edge(j, res->ppy + shift, siz->dy, t->all.y0, t->all.y1);
    fact->y1 = edge(j + 1, res->ppy + shift, siz->dy, t->all.y0, t->all.y1);
}

rk_status rk_j2k_note_packet(rk_j2k_reader *r, rk_j2k_packet_fact fact)
{
    rk_j2k_listing *l = r->listing;
    const rk_j2k_tile *t = r->tile;
    const rk_j2k_tilecomp *c = &t->comps[fact.comp];
    RK_TRY(grow(&l->arena, (void **)&l->packets, l->packet_count, &l->packet_room,
                sizeof *l->packets));
    fact.tile = t->number;
    fact.part = r->part ? r->part - 1 : 0;
    fact.levels = c->coding->style.levels;
    set_place(&fact, t, c, &t->stream->comps[fact.comp]);
    l->packets[l->packet_count++] = fact;
    return rk_j2k_fine();
}

static rk_status note_block(rk_j2k_listing *l, rk_j2k_block_fact fact, const rk_j2k_block *block)
{
    if (!(block->flags & RK_J2K_INCLUDED))
        return rk_j2k_fine();
    RK_TRY(grow(&l->arena, (void **)&l->blocks, l->block_count, &l->block_room,
                sizeof *l->blocks));
    for (const rk_j2k_bytes *b = block->first; b; b = b->next)
        fact.bytes += b->size;
    fact.passes = block->passes;
    fact.missing = block->zero;
    fact.ht = (block->flags & RK_J2K_IS_HT) != 0;
    l->blocks[l->block_count++] = fact;
    return rk_j2k_fine();
}

static rk_status note_precinct(rk_j2k_listing *l, rk_j2k_block_fact fact,
                               const rk_j2k_precinct *precinct, unsigned bands)
{
    for (unsigned b = 0; b < bands; b++) {
        const rk_j2k_cell *cell = &precinct->cells[b];
        fact.band = (uint8_t)(fact.res ? b + 1 : 0);
        for (uint32_t k = 0; k < cell->cols * cell->rows; k++) {
            fact.x = cell->bx + k % cell->cols;
            fact.y = cell->by + k / cell->cols;
            RK_TRY(note_block(l, fact, &cell->blocks[k]));
        }
    }
    return rk_j2k_fine();
}

static rk_status note_blocks(rk_j2k_listing *l, const rk_j2k_tile *t)
{
    for (uint32_t c = 0; c < t->stream->count; c++)
        for (unsigned r = 0; r <= t->comps[c].coding->style.levels; r++) {
            const rk_j2k_res *res = &t->comps[c].res[r];
            for (uint32_t k = 0; k < res->cols * res->rows; k++) {
                rk_j2k_block_fact fact = {.tile = t->number, .comp = c, .precinct = k,
                                          .res = (uint8_t)r};
                if (res->precincts[k])
                    RK_TRY(note_precinct(l, fact, res->precincts[k], res->band_count));
            }
        }
    return rk_j2k_fine();
}

static rk_status list_tile(rk_j2k_listing *l, rk_j2k_tile *t)
{
    RK_TRY(rk_j2k_read_all_packets(t, l));
    return l->with_blocks ? note_blocks(l, t) : rk_j2k_fine();
}

rk_status rk_j2k_list(rk_j2k_stream *s, rk_j2k_listing *l)
{
    rk_j2k_wish wish = {0, UINT32_MAX, {s->x0, s->y0, s->x1, s->y1}, NULL};
    uint8_t *comps;
    l->arena.budget = &s->budget;
    l->fault = s->fault;
    s->blocks = s->packets = 0;
    RK_TRY(rk_j2k_take(&l->arena, (void **)&comps, s->count, 1));
    memset(comps, 1, s->count);
    wish.comps = comps;
    for (uint32_t number = 0; number < s->across * s->down; number++) {
        rk_j2k_tile tile;
        if (!s->tiles[number].first)
            continue;
        rk_status status = rk_j2k_tile_open(&tile, s, &wish, number);
        if (status.code == RK_OK)
            status = list_tile(l, &tile);
        else if (!s->strict && (status.code == RK_CORRUPT || status.code == RK_TRUNCATED)) {
            tile.fault = status;
            status = rk_j2k_fine();
        }
        if (l->fault.code == RK_OK)
            l->fault = tile.fault;
        rk_j2k_tile_close(&tile);
        RK_TRY(status);
    }
    return rk_j2k_fine();
}

void rk_j2k_listing_end(rk_j2k_listing *l)
{
    rk_j2k_release(&l->arena);
}
