/*
 * mpr/radial.c: see radial.h. All rows of the plane take the same path through their slices, so
 * that each slice is sampled once, and rows are blends of two such paths.
 */
#include "mpr/radial.h"

#include <math.h>
#include <string.h>

#include "kernels/words.h"
#include "mpr/along.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/lines.h"

enum { AHEAD = 16, HELD_ANY = 1, HELD_ALL = 2 };

typedef struct radial {
    const rk_mpr_job *job;
    const rk_row_table *row;
    rk_mpr_volume volume;
    size_t from, cols;
    size_t first, end; /* columns inside, of `cols` */
    int32_t *offset;   /* of the path, from column `first` on */
    float *x, *y;
    rk_row_path path;
    float *line[2]; /* the path through slices of even and of odd index */
    size_t slice[2];
    uint8_t *held[2]; /* HELD_ANY, HELD_ALL for each point of it */
    float *sum;
} radial;

bool rk_mpr_radial_fits(const rk_mpr_job *job)
{
    const rk_mpr_volume *v = &job->volume;
    const rk_mpr_grid *g = &job->grid;
    bool typed = rk_mpr_is_short(v->type) || v->type == RK_MPR_F32;
    double reach = (double)v->side[1] * fabs((double)v->stride[1]) + (double)v->side[2];
    return job->kernel == RK_MPR_LINEAR && g->depth == 1 && !g->lines && v->samples == 1 && typed &&
           (job->out == v->type || job->out == RK_MPR_F32) && v->stride[2] == 1 &&
           v->side[2] > 1 && reach < INT32_MAX && fabs(g->right[0]) * (double)g->cols < 1e-7 &&
           rk_mpr_along(g->down, 0, g->rows);
}

static void layout_of(radial *r, rk_mpr_layout *layout)
{
    size_t room = (r->cols + 31) & ~(size_t)31;
    r->offset = rk_mpr_take(layout, room * sizeof *r->offset);
    r->x = rk_mpr_take(layout, room * sizeof *r->x);
    r->y = rk_mpr_take(layout, room * sizeof *r->y);
    r->sum = rk_mpr_take(layout, room * sizeof *r->sum);
    for (int k = 0; k < 2; k++) {
        r->line[k] = rk_mpr_take(layout, room * sizeof *r->line[k]);
        r->held[k] = rk_mpr_take(layout, r->volume.has_padding ? room : 0);
        r->slice[k] = SIZE_MAX;
    }
}

size_t rk_mpr_radial_work(const rk_mpr_job *job, size_t cols)
{
    rk_mpr_layout layout = {NULL, 0};
    radial r = {.volume = job->volume, .cols = cols};
    layout_of(&r, &layout);
    return layout.used;
}

/* Path and columns inside, which follow each other. */
static void plan(radial *r)
{
    const rk_mpr_volume *v = &r->volume;
    const rk_mpr_grid *g = &r->job->grid;
    r->first = r->end = 0;
    for (size_t i = 0; i < r->cols; i++) {
        double col = (double)(r->from + i);
        const double at[3] = {0, g->origin[1] + col * g->right[1],
                              g->origin[2] + col * g->right[2]};
        rk_mpr_place place;
        if (!rk_mpr_place_of(v, at, &place))
            continue;
        r->first = r->end == 0 ? i : r->first;
        size_t y = (size_t)place.at[1], x = (size_t)place.at[2], k = i - r->first;
        y = y + 1 < v->side[1] || y == 0 ? y : y - 1;
        x = x + 1 < v->side[2] ? x : x - 1;
        r->offset[k] = (int32_t)((ptrdiff_t)y * v->stride[1] + (ptrdiff_t)x);
        r->y[k] = (float)(place.at[1] - (double)y);
        r->x[k] = (float)(place.at[2] - (double)x);
        r->end = i + 1;
    }
    r->path = (rk_row_path){r->offset, r->x, r->y, v->side[1] > 1 ? v->stride[1] : 0, AHEAD};
}

static rk_row_path_fn *sampler(const radial *r)
{
    switch (r->volume.type) {
    case RK_MPR_I16: return r->row->path_i16;
    case RK_MPR_U16: return r->row->path_u16;
    case RK_MPR_U8: return r->row->path_u8;
    case RK_MPR_I8: return r->row->path_i8;
    default: return r->row->path_f32;
    }
}

/* Which points of the path have padding among the voxels that weigh. */
static void find_held(const radial *r, ptrdiff_t start, uint8_t *held)
{
    const rk_mpr_volume *v = &r->volume;
    for (size_t k = 0; k < r->end - r->first; k++) {
        int count = 0, padding = 0;
        for (int corner = 0; corner < 4; corner++) {
            float x = corner & 1 ? r->x[k] : 1 - r->x[k], y = corner & 2 ? r->y[k] : 1 - r->y[k];
            ptrdiff_t at = start + r->offset[k] + (corner & 1) + (corner & 2 ? r->path.stride : 0);
            if (x == 0 || y == 0)
                continue;
            count++;
            padding += rk_mpr_load(v->data, v->type, at) == v->padding;
        }
        held[k] = (uint8_t)((padding ? HELD_ANY : 0) | (padding == count ? HELD_ALL : 0));
    }
}

/* The slot of a slice that has been sampled. */
static int sampled(radial *r, size_t z)
{
    const rk_mpr_volume *v = &r->volume;
    int slot = (int)(z & 1);
    if (r->slice[slot] != z) {
        ptrdiff_t start = (ptrdiff_t)z * v->stride[0];
        const uint8_t *src = (const uint8_t *)v->data + start * (ptrdiff_t)rk_mpr_bytes(v->type);
        sampler(r)(src, &r->path, r->end - r->first, r->line[slot]);
        if (v->has_padding)
            find_held(r, start, r->held[slot]);
        r->slice[slot] = z;
    }
    return slot;
}

static void store(const radial *r, const float *found, uint8_t *out)
{
    size_t n = r->end - r->first;
    rk_mpr_type type = r->job->out;
    if (type == RK_MPR_I16)
        r->row->round_i16(found, n, out);
    else if (type == RK_MPR_U16)
        r->row->round_u16(found, n, out);
    else if (type == RK_MPR_F32)
        memcpy(out, found, n * sizeof *found);
    else
        for (size_t i = 0; i < n; i++)
            rk_mpr_store(out, type, i, (double)found[i]);
}

/* Pixels made of padding have no data; those with some in them are left to the reference. */
static size_t mend(const radial *r, const int slot[2], int slots, size_t row, uint8_t *out,
                   uint8_t *outside)
{
    size_t bytes = rk_mpr_bytes(r->job->out), empty = 0;
    for (size_t i = r->first; i < r->end; i++) {
        uint8_t one = r->held[slot[0]][i - r->first];
        uint8_t other = r->held[slot[slots - 1]][i - r->first];
        if (one & other & HELD_ALL)
            rk_mpr_leave(r->job, out, outside, i, i + 1);
        else if ((one | other) & HELD_ANY)
            outside[i] = !rk_mpr_pixel_c(r->job, row, r->from + i, out + i * bytes);
        empty += outside[i];
    }
    return empty;
}

static size_t inner_row(radial *r, const rk_mpr_place *place, size_t row, uint8_t *out,
                        uint8_t *outside)
{
    const float *line[2], *found;
    float weight[2];
    int slot[2];
    rk_mpr_knots z;
    rk_mpr_knots_of(&z, RK_MPR_LINEAR, place->at[0], r->volume.side[0], false);
    for (int i = 0; i < z.count; i++) {
        slot[i] = sampled(r, z.index[i]);
        line[i] = r->line[slot[i]];
        weight[i] = (float)z.weight[i];
    }
    found = z.count > 1 ? r->sum : line[0];
    if (z.count > 1)
        r->row->sum(line, weight, 2, false, r->end - r->first, r->sum);
    store(r, found, out + r->first * rk_mpr_bytes(r->job->out));
    return r->volume.has_padding ? mend(r, slot, z.count, row, out, outside) : 0;
}

size_t rk_mpr_radial_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part,
                          size_t from, size_t cols)
{
    rk_mpr_layout layout = {part->work, 0};
    radial r = {.job = job, .row = row, .from = from, .cols = cols};
    size_t bytes = rk_mpr_bytes(job->out), empty = 0;
    r.volume = job->volume;
    layout_of(&r, &layout);
    r.volume = rk_mpr_with_possible_padding(&job->volume);
    plan(&r);
    for (size_t i = 0; i < part->count; i++) {
        uint8_t *out = (uint8_t *)part->out + i * cols * bytes, *outside = part->outside + i * cols;
        rk_mpr_line line = rk_mpr_line_of(&job->grid, part->first + i, 0);
        const double at[3] = {line.start[0], 0, 0};
        rk_mpr_place place;
        bool inside = rk_mpr_place_of(&r.volume, at, &place) && r.first < r.end;
        size_t first = inside ? r.first : cols, end = inside ? r.end : cols;
        rk_mpr_leave(job, out, outside, 0, first);
        rk_mpr_leave(job, out, outside, end, cols);
        memset(outside + first, 0, end - first);
        empty += first + cols - end;
        if (inside)
            empty += inner_row(&r, &place, part->first + i, out, outside);
    }
    return empty;
}
