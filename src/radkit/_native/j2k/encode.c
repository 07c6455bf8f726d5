/* From opening to writing: which arithmetic an image needs, and runs over its tiles. */
#include <string.h>

#include "encode.h"
#include "rules.h"

static void fill_tables(rk_j2k_tables *t, uint32_t cpu)
{
    rk_samples_table_fill(&t->samples, cpu);
    rk_mct_table_fill(&t->mct, cpu);
    rk_dwt53_table_fill(&t->dwt53, cpu);
    rk_dwt97_table_fill(&t->dwt97, cpu);
    rk_ht_encode_table_fill(&t->ht, cpu);
    rk_t1_encode_table_fill(&t->t1, cpu);
}

rk_status rk_j2k_encoder_open(rk_j2k_encoder *e, const rk_j2k_task *task)
{
    *e = (rk_j2k_encoder){.task = *task, .budget = {.left = task->memory, .steps = UINT64_MAX}};
    e->arena.budget = &e->budget;
    fill_tables(&e->tables, task->cpu);
    RK_TRY(rk_j2k_queue_open(e));
    RK_TRY(rk_j2k_writing_open(&e->writing, &task->layout, &e->arena));
    return rk_j2k_take(&e->arena, (void **)&e->passes,
                       (uint64_t)e->writing.across * e->writing.down, sizeof *e->passes);
}

static bool is_lone(uint32_t start, uint32_t stop)
{
    return stop - start == 1 && (start & 1);
}

/* Whether some level has a single row or column that is high-pass, which then holds its mean (F.4.6). */
static bool has_lone(const rk_j2k_writing *w)
{
    for (uint32_t k = 0; k < w->across * w->down; k++)
        for (unsigned r = 1; r <= w->layout.style.levels; r++) {
            const rk_j2k_rect *all = &w->tiles[k].comps[0].res[r].all;
            if (is_lone(all->x0, all->x1) || is_lone(all->y0, all->y1))
                return true;
        }
    return false;
}

/*
 * The reversible transforms move a constant into LL alone, so samples are taken around the middle
 * of their own range, not of that of their depth: then narrow ranges fit 16 bits at any depth.
 */
static rk_status set_range(rk_j2k_encoder *e)
{
    const rk_j2k_task *t = &e->task;
    int64_t level = t->layout.sign ? 0 : (int64_t)1 << (t->layout.depth - 1);
    int64_t middle = has_lone(&e->writing) ? level : t->low + (t->high - t->low) / 2;
    int64_t up = t->high - middle, down = middle - t->low, peak = up > down ? up : down;
    if (t->layout.mct) /* of differences, too */
        peak = t->high - t->low > peak ? t->high - t->low : peak;
    e->type = peak <= RK_J2K_PEAK_INT16 && !e->wide ? RK_DWT_INT16 : RK_DWT_INT32;
    e->shift = (int32_t)(uint32_t)(uint64_t)middle;
    e->fix = (int32_t)(uint32_t)(uint64_t)(middle - level);
    e->filter = rk_dwt53_forward(&e->tables.dwt53, e->type);
    if (peak > RK_J2K_PEAK_INT32 || middle - level < INT32_MIN || middle - level > INT32_MAX)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_DEPTH, 0);
    return rk_j2k_fine();
}

static rk_status set_floats(rk_j2k_encoder *e)
{
    const rk_j2k_layout *l = &e->task.layout;
    if (l->depth > 16)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_DEPTH, 0);
    e->type = RK_DWT_FLOAT;
    e->shift = l->sign ? 0 : (int32_t)1 << (l->depth - 1);
    e->fix = 0;
    e->filter = rk_dwt97_forward(&e->tables.dwt97);
    return rk_j2k_fine();
}

static rk_status all_tiles(rk_j2k_encoder *e)
{
    e->hunk = e->hunks;
    if (e->hunk)
        e->hunk->used = 0;
    e->bytes = e->blocks = e->queue->count = 0;
    e->rated = NULL;
    for (uint32_t k = 0; k < e->writing.across * e->writing.down && !e->wide; k++)
        RK_TRY(rk_j2k_encode_tile(e, k));
    return rk_j2k_fine();
}

rk_status rk_j2k_encoder_run(rk_j2k_encoder *e, double step)
{
    rk_j2k_set_steps(e, step);
    e->wide = false;
    RK_TRY(step > 0 ? set_floats(e) : set_range(e));
    RK_TRY(all_tiles(e));
    if (e->wide && e->type == RK_DWT_INT16) {
        rk_j2k_set_steps(e, step);
        RK_TRY(set_range(e)); /* looks at `wide` */
        e->wide = false;
        RK_TRY(all_tiles(e));
    }
    if (e->wide)
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_DEPTH, 0);
    return rk_j2k_raise_guard(e);
}

/* Transforms, once. */
static rk_status keep_tiles(rk_j2k_encoder *e, double step)
{
    rk_j2k_set_steps(e, step);
    RK_TRY(set_floats(e));
    for (uint32_t k = 0; k < e->writing.across * e->writing.down; k++)
        RK_TRY(rk_j2k_keep_tile(e, k));
    return rk_j2k_fine();
}

/* Transforms and counts, once. */
static rk_status count_kept(rk_j2k_encoder *e)
{
    if (e->counts.quads)
        return rk_j2k_fine();
    RK_TRY(keep_tiles(e, 1.0));
    return rk_j2k_count(e);
}

rk_status rk_j2k_encoder_squares_at(rk_j2k_encoder *e, double step, double *squares)
{
    RK_TRY(keep_tiles(e, step));
    *squares = rk_j2k_squares(e);
    return rk_j2k_fine();
}

rk_status rk_j2k_encoder_step_for(rk_j2k_encoder *e, uint64_t bytes, double *step)
{
    RK_TRY(count_kept(e));
    *step = rk_ht_size_step(&e->counts, (double)bytes);
    return rk_j2k_fine();
}

rk_status rk_j2k_encoder_bytes_at(rk_j2k_encoder *e, double step, double *bytes)
{
    RK_TRY(count_kept(e));
    *bytes = rk_ht_size(&e->counts, step);
    return rk_j2k_fine();
}

/* Main header and tile-parts, and some bytes for the header of each packet and block. */
uint64_t rk_j2k_encoder_estimate(const rk_j2k_encoder *e)
{
    const rk_j2k_writing *w = &e->writing;
    uint64_t size = e->bytes + e->blocks * 6 + 512;
    for (uint32_t k = 0; k < w->across * w->down; k++)
        size += w->tiles[k].parts * 32u + w->tiles[k].turn_count * w->layout.layers * 8u;
    return size;
}

void rk_j2k_encoder_close(rk_j2k_encoder *e)
{
    rk_j2k_release(&e->arena);
}
