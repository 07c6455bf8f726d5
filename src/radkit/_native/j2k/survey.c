/* What the code-blocks of a tile are, before any is decoded. */
#include "stripes.h"

/* True if a code-block lies in what is decoded of its band. */
static bool in_hold(const rk_j2k_res *res, rk_j2k_rect hold, uint32_t bx, uint32_t by)
{
    uint64_t x = (uint64_t)bx << res->xcb, y = (uint64_t)by << res->ycb;
    return x < hold.x1 && x + ((uint64_t)1 << res->xcb) > hold.x0 && y < hold.y1
           && y + ((uint64_t)1 << res->ycb) > hold.y0;
}

/* Samples in all passes that one byte of a block pays for; those beyond are work that counts. */
#define SAMPLES_PER_BYTE 8192
#define SAMPLES_PER_STEP 8
/* Blocks in 64 bits take about four times as long. */
#define FAST_PLANES 29

/*
 * Steps for a block of Part 1 whose passes go far beyond its bytes. Encoders come near to that
 * in single blocks of nothing but zeros; a small file with a great many of them asks for minutes.
 */
static uint64_t steps_of(const rk_j2k_plane *plane, unsigned r, unsigned b,
                         const rk_j2k_block *block, uint64_t passes, uint64_t size)
{
    const rk_j2k_res *res = &plane->comp->res[r];
    unsigned roi = plane->comp->coding->roi, planes = res->bands[b].planes + roi;
    if (block->zero >= planes)
        return 0;
    planes -= block->zero;
    passes = passes < 3 * planes - 2 ? passes : 3 * planes - 2;
    uint64_t work = passes << (res->xcb + res->ycb), paid = (size + 4) * SAMPLES_PER_BYTE;
    if (roi || planes > FAST_PLANES)
        work *= 4;
    return work > paid ? (work - paid) / SAMPLES_PER_STEP : 0;
}

static rk_status look_at(rk_j2k_tile *t, rk_j2k_plane *plane, unsigned r, unsigned b,
                         const rk_j2k_block *block, rk_j2k_survey *survey)
{
    unsigned style = plane->comp->coding->style.flags;
    uint64_t size = 0, passes = 0;
    t->blocks++;
    if (block->flags & RK_J2K_BLOCK_CUT)
        t->damaged++;
    if (!block->first)
        return rk_j2k_fine();
    for (const rk_j2k_bytes *bytes = block->first; bytes; bytes = bytes->next) {
        size += bytes->size;
        passes += bytes->passes;
    }
    if (size > survey->longest)
        survey->longest = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    bool plain = !(style & RK_J2K_HT) || block->flags & RK_J2K_IS_PLAIN;
    survey->plain |= plain;
    survey->ht |= !plain;
    plane->any = true;
    if (plain && !rk_j2k_step(&t->stream->budget, steps_of(plane, r, b, block, passes, size))) {
        t->stream->budget.asked = UINT64_MAX;
        return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_WORK, t->stream->start);
    }
    return rk_j2k_fine();
}

static rk_status look_through(rk_j2k_tile *t, rk_j2k_plane *plane, unsigned r,
                              const rk_j2k_precinct *precinct, rk_j2k_survey *survey)
{
    const rk_j2k_res *res = &plane->comp->res[r];
    const rk_j2k_window *window = &plane->comp->windows[r];
    for (unsigned b = 0; precinct && b < res->band_count; b++) {
        const rk_j2k_cell *cell = &precinct->cells[b];
        for (uint32_t y = 0; y < cell->rows; y++)
            for (uint32_t x = 0; x < cell->cols; x++)
                if (in_hold(res, window->bands[b].hold, cell->bx + x, cell->by + y))
                    RK_TRY(look_at(t, plane, r, b, &cell->blocks[(size_t)y * cell->cols + x],
                                   survey));
    }
    return rk_j2k_fine();
}

rk_status rk_j2k_look_through(rk_j2k_tile *t, rk_j2k_plane *planes, size_t n,
                              rk_j2k_survey *survey)
{
    *survey = (rk_j2k_survey){false, false, 0};
    for (size_t k = 0; k < n; k++) {
        planes[k].any = false;
        for (unsigned r = 0; r <= planes[k].comp->top; r++) {
            const rk_j2k_res *res = &planes[k].comp->res[r];
            for (uint32_t j = res->hits.y0; j < res->hits.y1; j++)
                for (uint32_t i = res->hits.x0; i < res->hits.x1; i++)
                    RK_TRY(look_through(t, &planes[k], r,
                                        res->precincts[(size_t)j * res->cols + i], survey));
        }
    }
    return rk_j2k_fine();
}
