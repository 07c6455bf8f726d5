/* What the code-blocks of a tile are, before any is decoded. */
#include "stripes.h"

/* True if a code-block lies in what is decoded of its band. */
static bool in_hold(const rk_j2k_res *res, rk_j2k_rect hold, uint32_t bx, uint32_t by)
{
    uint64_t x = (uint64_t)bx << res->xcb, y = (uint64_t)by << res->ycb;
    return x < hold.x1 && x + ((uint64_t)1 << res->xcb) > hold.x0 && y < hold.y1
           && y + ((uint64_t)1 << res->ycb) > hold.y0;
}

static void look_at(rk_j2k_tile *t, rk_j2k_plane *plane, const rk_j2k_block *block,
                    rk_j2k_survey *survey)
{
    unsigned style = plane->comp->coding->style.flags;
    uint64_t size = 0;
    t->blocks++;
    if (block->flags & RK_J2K_BLOCK_CUT)
        t->damaged++;
    if (!block->first)
        return;
    for (const rk_j2k_bytes *bytes = block->first; bytes; bytes = bytes->next)
        size += bytes->size;
    if (size > survey->longest)
        survey->longest = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    bool plain = !(style & RK_J2K_HT) || block->flags & RK_J2K_IS_PLAIN;
    survey->plain |= plain;
    survey->ht |= !plain;
    plane->any = true;
}

static void look_through(rk_j2k_tile *t, rk_j2k_plane *plane, unsigned r,
                         const rk_j2k_precinct *precinct, rk_j2k_survey *survey)
{
    const rk_j2k_res *res = &plane->comp->res[r];
    const rk_j2k_window *window = &plane->comp->windows[r];
    for (unsigned b = 0; precinct && b < res->band_count; b++) {
        const rk_j2k_cell *cell = &precinct->cells[b];
        for (uint32_t y = 0; y < cell->rows; y++)
            for (uint32_t x = 0; x < cell->cols; x++)
                if (in_hold(res, window->bands[b].hold, cell->bx + x, cell->by + y))
                    look_at(t, plane, &cell->blocks[(size_t)y * cell->cols + x], survey);
    }
}

void rk_j2k_look_through(rk_j2k_tile *t, rk_j2k_plane *planes, size_t n, rk_j2k_survey *survey)
{
    *survey = (rk_j2k_survey){false, false, 0};
    for (size_t k = 0; k < n; k++) {
        planes[k].any = false;
        for (unsigned r = 0; r <= planes[k].comp->top; r++) {
            const rk_j2k_res *res = &planes[k].comp->res[r];
            for (uint32_t j = res->hits.y0; j < res->hits.y1; j++)
                for (uint32_t i = res->hits.x0; i < res->hits.x1; i++)
                    look_through(t, &planes[k], r, res->precincts[(size_t)j * res->cols + i],
                                 survey);
        }
    }
}
