/* mpr/along.c: rows of a plane are sums of rows of the volume, moved along; see along.h. */
#include "mpr/along.h"

#include <math.h>
#include <string.h>

#include "kernels/words.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/lines.h"

enum { BATCH = 32, AHEAD = 2 }; /* rows that are added up at once; rows asked for early */

typedef struct site { /* a row of the volume and its weight in a row of the plane */
    size_t z, y;
    double weight;
} site;

typedef struct spot { /* coordinates of a sample */
    double z, y;
} spot;

typedef struct along {
    const rk_mpr_job *job;
    const rk_row_table *row;
    rk_mpr_volume volume;
    size_t from, cols; /* the outputs */
    rk_mpr_columns columns;
    rk_mpr_lines lines;
    spot *point; /* of the samples of a row that are inside */
    size_t points;
    site *sites;
    size_t site_count, *site_of; /* by slot, + 1 */
    int16_t *blend, *moved, *peak;
    float *sum, *warped, *top;
    bool touched;       /* padding was met in this row of the plane */
    int16_t *any, *all; /* where it is: in any, in all of the rows of the volume */
    bool whole;         /* `all` stands for a row already */
} along;

/* ---- which jobs, and memory ------------------------------------------------------------------ */

bool rk_mpr_along_fits(const rk_mpr_job *job)
{
    const rk_mpr_volume *v = &job->volume;
    const rk_mpr_grid *g = &job->grid;
    bool plain = v->samples == 1 && v->stride[2] == 1 && !g->lines && job->kernel != RK_MPR_NEAREST;
    bool typed = rk_mpr_is_short(v->type) || v->type == RK_MPR_F32;
    return plain && typed && (job->out == v->type || job->out == RK_MPR_F32) &&
           v->side[2] < INT32_MAX / 2 && rk_mpr_along(g->right, 2, g->cols) &&
           fabs(g->down[2]) * (double)(g->rows - 1) < 1e-7 &&
           fabs(g->into[2]) * (double)(g->depth - 1) < 1e-7;
}

rk_mpr_volume rk_mpr_with_possible_padding(const rk_mpr_volume *volume)
{
    rk_mpr_volume v = *volume;
    double kept; /* as an element of the type */
    uint8_t cell[8];
    rk_mpr_store(cell, v.type, 0, v.padding);
    kept = rk_mpr_load(cell, v.type, 0);
    v.has_padding = v.has_padding && kept == v.padding;
    return v;
}

static bool plan(along *a, rk_mpr_layout *layout)
{
    size_t depth = a->job->grid.depth;
    bool inside = rk_mpr_columns_plan(&a->columns, a->job, a->from, a->cols, layout);
    size_t line = a->columns.pitch + 2 * RK_ROW_SLACK, room = a->columns.room;
    rk_mpr_lines_plan(&a->lines, &a->volume, a->row, &a->columns, layout);
    a->point = rk_mpr_take(layout, depth * sizeof *a->point);
    a->sites = rk_mpr_take(layout, depth * RK_MPR_TAPS * RK_MPR_TAPS * sizeof *a->sites);
    a->site_of = rk_mpr_take(layout, RK_MPR_LINES * sizeof *a->site_of);
    a->blend = rk_mpr_take(layout, line * sizeof *a->blend);
    a->sum = rk_mpr_take(layout, line * sizeof *a->sum);
    a->moved = rk_mpr_take(layout, room * sizeof *a->moved);
    a->peak = rk_mpr_take(layout, room * sizeof *a->peak);
    a->warped = rk_mpr_take(layout, room * sizeof *a->warped);
    a->top = rk_mpr_take(layout, room * sizeof *a->top);
    a->any = rk_mpr_take(layout, line * sizeof *a->any);
    a->all = rk_mpr_take(layout, line * sizeof *a->all);
    return inside;
}

size_t rk_mpr_along_work(const rk_mpr_job *job, size_t cols)
{
    rk_mpr_layout layout = {NULL, 0};
    along a = {.job = job, .volume = job->volume, .cols = cols};
    (void)plan(&a, &layout); /* only counts */
    return layout.used;
}

/* ---- padding --------------------------------------------------------------------------------- */

static void begin_marks(along *a)
{
    a->touched = a->whole = false;
}

/* Takes note of the padding of one row of the volume. */
static void mark(along *a, const int16_t *held)
{
    size_t n = a->columns.pitch;
    if (!a->touched && held) {
        a->touched = true;
        memset(a->any, 0, n * sizeof *a->any);
        if (!a->whole) /* the first row of all */
            memcpy(a->all, held, n * sizeof *a->all);
        else
            memset(a->all, 0, n * sizeof *a->all);
    }
    if (held)
        for (size_t i = 0; i < n; i++) {
            a->any[i] |= held[i];
            a->all[i] &= held[i];
        }
    else if (a->touched)
        memset(a->all, 0, n * sizeof *a->all);
    a->whole = true;
}

/* Pixels made of padding have no data; those with some in them are left to the reference. */
static size_t mend(const along *a, size_t row, uint8_t *out, uint8_t *outside)
{
    const rk_row_warp *w = &a->columns.warp;
    size_t bytes = rk_mpr_bytes(a->job->out), empty = 0;
    for (size_t col = a->columns.first; a->touched && col < a->columns.end; col++) {
        size_t i = col - a->columns.first, at = col - a->from, taps = w->taps;
        const int16_t *any = a->any + w->index[i], *all = a->all + w->index[i];
        int16_t some = 0, none = -1;
        if (taps == 2 && w->weight[w->pitch + i] == 0)
            taps = 1;
        for (size_t t = 0; t < taps; t++) {
            some |= any[t];
            none &= all[t];
        }
        if (none)
            rk_mpr_leave(a->job, out, outside, at, at + 1);
        else if (some)
            outside[at] = !rk_mpr_pixel_c(a->job, row, col, out + at * bytes);
        empty += outside[at];
    }
    return empty;
}

/* ---- scaled rows ----------------------------------------------------------------------------- */

/* The row of the volume's columns at a point; NULL if its rows do not fit the range. */
static const int16_t *blended(along *a, const spot *at)
{
    rk_mpr_knots z, y;
    const int16_t *row[4], *held;
    int count = 0;
    rk_mpr_knots_of(&z, RK_MPR_LINEAR, at->z, a->volume.side[0], false);
    rk_mpr_knots_of(&y, RK_MPR_LINEAR, at->y, a->volume.side[1], false);
    for (int i = 0; i < z.count; i++)
        for (int j = 0; j < y.count; j++) {
            row[count] = rk_mpr_lines_scaled(&a->lines, z.index[i], y.index[j], &held);
            if (!row[count++])
                return NULL;
            mark(a, held);
        }
    if (count == 1)
        return row[0];
    if (count == 2)
        a->row->lerp(row[0], row[1], rk_mpr_share_of(z.count > 1 ? &z : &y), a->columns.pitch,
                     a->blend);
    else
        a->row->blend(row, rk_mpr_share_of(&y), rk_mpr_share_of(&z), a->columns.pitch, a->blend);
    return a->blend;
}

/* `base`, so that all rows of this row of the plane fit; false if none does it. */
static bool rebase(along *a)
{
    uint32_t lowest = UINT32_MAX, highest = 0;
    for (size_t k = 0; k < a->points; k++) {
        rk_mpr_knots z, y;
        rk_mpr_knots_of(&z, RK_MPR_LINEAR, a->point[k].z, a->volume.side[0], false);
        rk_mpr_knots_of(&y, RK_MPR_LINEAR, a->point[k].y, a->volume.side[1], false);
        for (int i = 0; i < z.count; i++)
            for (int j = 0; j < y.count; j++)
                rk_mpr_lines_span(&a->lines, z.index[i], y.index[j], &lowest, &highest);
    }
    return rk_mpr_lines_rebase(&a->lines, lowest, highest);
}

/* Scaled values of the outputs, or NULL: some row does not fit. */
static const int16_t *peak_of_samples(along *a)
{
    const int16_t *found = NULL;
    rk_row_peak_fn *peak = a->job->project == RK_MPR_MIN ? a->row->min_16 : a->row->max_16;
    begin_marks(a);
    for (size_t k = 0; k < a->points; k++) {
        const int16_t *line = blended(a, &a->point[k]);
        if (!line)
            return NULL;
        found = rk_mpr_columns_move(&a->columns, a->row, line, a->moved);
        if (a->points == 1)
            break;
        if (k == 0)
            memcpy(a->peak, found, a->columns.room * sizeof *a->peak);
        else
            peak(found, a->columns.room, a->peak);
        found = a->peak;
    }
    return found;
}

/* `out` is that of the first column inside. */
static bool scaled_row(along *a, uint8_t *out)
{
    size_t n = a->columns.end - a->columns.first;
    const int16_t *found = peak_of_samples(a);
    if (!found && !(rebase(a) && (found = peak_of_samples(a))))
        return false;
    if (rk_mpr_bytes(a->job->out) == 2) {
        a->row->unscale(found, n, a->lines.base, out);
        return true;
    }
    a->row->unscale(found, n, a->lines.base, a->peak);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)a->peak[i];
    return true;
}

/* ---- float rows ------------------------------------------------------------------------------ */

/* Adds a row of the volume to those of a row of the plane; one that is there gets more weight. */
static void add_site(along *a, size_t z, size_t y, double weight)
{
    size_t *slot = a->site_of + rk_mpr_lines_slot(z, y);
    site *known = *slot ? &a->sites[*slot - 1] : NULL;
    if (known && known->z == z && known->y == y) {
        known->weight += weight;
        return;
    }
    a->sites[a->site_count++] = (site){z, y, weight};
    *slot = a->site_count;
}

static void add_sites(along *a, const spot *at, double weight)
{
    rk_mpr_knots z, y;
    bool idle = a->volume.has_padding;
    rk_mpr_knots_of(&z, a->job->kernel, at->z, a->volume.side[0], idle);
    rk_mpr_knots_of(&y, a->job->kernel, at->y, a->volume.side[1], idle);
    for (int i = 0; i < z.count; i++)
        for (int j = 0; j < y.count; j++)
            add_site(a, z.index[i], y.index[j], z.weight[i] * y.weight[j] * weight);
}

static void clear_sites(along *a)
{
    a->site_count = 0;
    memset(a->site_of, 0, RK_MPR_LINES * sizeof *a->site_of);
}

/* The sum of the sites, straight out of the volume. */
static void sum_voxels(along *a, rk_row_voxels_fn *sum)
{
    const void *row[BATCH];
    float weight[BATCH];
    for (size_t first = 0; first < a->site_count; first += BATCH) {
        size_t left = a->site_count - first, count = left < BATCH ? left : BATCH;
        for (size_t i = 0; i < count; i++) {
            const site *s = &a->sites[first + i];
            row[i] = rk_mpr_lines_words(&a->lines, s->z, s->y);
            weight[i] = (float)s->weight;
        }
        sum(row, weight, count, first > 0, a->lines.count, a->sum + RK_MPR_MARGIN);
    }
    rk_mpr_lines_repeat(&a->lines, a->sum);
}

/* The sum of the sites, in batches of rows that can be held at the same time. */
static void sum_sites(along *a)
{
    const float *row[BATCH];
    float weight[BATCH];
    size_t count = 0;
    bool add = false, taken[RK_MPR_LINES] = {false};
    if (!a->volume.has_padding && a->volume.type == RK_MPR_I16) {
        sum_voxels(a, a->row->sum_i16);
        return;
    }
    if (!a->volume.has_padding && a->volume.type == RK_MPR_U16) {
        sum_voxels(a, a->row->sum_u16);
        return;
    }
    for (size_t i = 0; i < a->site_count; i++) {
        const site *s = &a->sites[i];
        size_t slot = rk_mpr_lines_slot(s->z, s->y);
        const int16_t *held;
        if (count == BATCH || taken[slot]) {
            a->row->sum(row, weight, count, add, a->columns.pitch, a->sum);
            memset(taken, 0, sizeof taken);
            add = true;
            count = 0;
        }
        taken[slot] = true;
        row[count] = rk_mpr_lines_wide(&a->lines, s->z, s->y, &held);
        weight[count++] = (float)s->weight;
        mark(a, held);
    }
    a->row->sum(row, weight, count, add, a->columns.pitch, a->sum);
}

static void warp_sum(along *a)
{
    const rk_mpr_columns *c = &a->columns;
    const float *row[RK_MPR_TAPS];
    float weight[RK_MPR_TAPS];
    size_t count = 0;
    if (!c->shifted) {
        a->row->taps(a->sum, &c->warp, c->room, a->warped);
        return;
    }
    for (size_t t = 0; t < c->warp.taps; t++) {
        weight[count] = c->warp.weight[t * c->warp.pitch];
        row[count] = a->sum + c->warp.index[0] + t;
        count += weight[count] != 0;
    }
    a->row->sum(row, weight, count, false, c->room, a->warped);
}

static void store_wide(const along *a, const float *found, uint8_t *out)
{
    size_t n = a->columns.end - a->columns.first;
    rk_mpr_type type = a->job->out;
    if (type == RK_MPR_I16)
        a->row->round_i16(found, n, out);
    else if (type == RK_MPR_U16)
        a->row->round_u16(found, n, out);
    else if (type == RK_MPR_F32)
        memcpy(out, found, n * sizeof *found);
    else
        for (size_t i = 0; i < n; i++)
            rk_mpr_store(out, type, i, (double)found[i]);
}

static void wide_row(along *a, uint8_t *out)
{
    rk_mpr_project project = a->job->project;
    bool peaks = project == RK_MPR_MAX || project == RK_MPR_MIN;
    rk_row_peak_fn *peak = project == RK_MPR_MIN ? a->row->min_f32 : a->row->max_f32;
    double weight = project == RK_MPR_MEAN ? 1 / (double)a->points : 1;
    begin_marks(a);
    clear_sites(a);
    for (size_t k = 0; k < a->points; k++) {
        add_sites(a, &a->point[k], weight);
        if (!peaks)
            continue;
        sum_sites(a);
        warp_sum(a);
        clear_sites(a);
        if (k == 0)
            memcpy(a->top, a->warped, a->columns.room * sizeof *a->top);
        else
            peak(a->warped, a->columns.room, a->top);
    }
    if (!peaks) {
        sum_sites(a);
        warp_sum(a);
    }
    store_wide(a, peaks ? a->top : a->warped, out);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* False outside. */
static bool spot_of(const along *a, size_t row, size_t k, spot *at)
{
    rk_mpr_line line = rk_mpr_line_of(&a->job->grid, row, k);
    return rk_mpr_spot_of(line.start[1], a->volume.side[1], &at->y) &&
           rk_mpr_slice_spot_of(&a->volume, line.start[0], &at->z);
}

/* Places of the samples of a row of the plane. */
static void place_points(along *a, size_t row)
{
    a->points = 0;
    for (size_t k = 0; k < a->job->grid.depth; k++)
        a->points += spot_of(a, row, k, &a->point[a->points]);
}

/* Rows of the volume that a thin row of the plane will take. */
static void expect(const along *a, size_t row)
{
    rk_mpr_knots z, y;
    spot at;
    if (a->job->grid.depth > 1 || !spot_of(a, row, 0, &at))
        return;
    rk_mpr_knots_of(&z, a->job->kernel, at.z, a->volume.side[0], false);
    rk_mpr_knots_of(&y, a->job->kernel, at.y, a->volume.side[1], false);
    for (int i = 0; i < z.count; i++)
        for (int j = 0; j < y.count; j++)
            rk_mpr_lines_expect(&a->lines, z.index[i], y.index[j]);
}

/* A row on the grid is a copy. */
static bool copied_row(const along *a, uint8_t *out)
{
    const rk_mpr_columns *c = &a->columns;
    const rk_mpr_volume *v = &a->volume;
    double z = a->point[0].z, y = a->point[0].y;
    size_t bytes = rk_mpr_bytes(v->type);
    bool still = c->shifted && c->warp.weight[c->warp.pitch * (c->warp.taps / 2 - 1)] == 1;
    if (a->points != 1 || !still || v->has_padding || a->job->out != v->type ||
        z != (double)(size_t)z || y != (double)(size_t)y)
        return false;
    ptrdiff_t start = (ptrdiff_t)z * v->stride[0] + (ptrdiff_t)y * v->stride[1];
    size_t first = c->low + (size_t)c->warp.index[0] + c->warp.taps / 2 - 1 - RK_MPR_MARGIN;
    memcpy(out, (const uint8_t *)v->data + (start + (ptrdiff_t)first) * (ptrdiff_t)bytes,
           (c->end - c->first) * bytes);
    return true;
}

static void inner_row(along *a, uint8_t *out)
{
    const rk_mpr_job *job = a->job;
    bool scaled = job->kernel == RK_MPR_LINEAR && rk_mpr_is_short(job->volume.type) &&
                  job->out == job->volume.type &&
                  (a->points == 1 || job->project == RK_MPR_MAX || job->project == RK_MPR_MIN);
    begin_marks(a);
    if (!copied_row(a, out) && !(scaled && scaled_row(a, out)))
        wide_row(a, out);
}

size_t rk_mpr_along_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part,
                         size_t from, size_t cols)
{
    rk_mpr_layout layout = {part->work, 0};
    along a = {.job = job, .row = row, .from = from, .cols = cols};
    size_t bytes = rk_mpr_bytes(job->out), empty = 0;
    a.volume = rk_mpr_with_possible_padding(&job->volume);
    bool inside = plan(&a, &layout);
    for (size_t i = 0; i < part->count; i++) {
        uint8_t *out = (uint8_t *)part->out + i * cols * bytes, *outside = part->outside + i * cols;
        size_t first = a.columns.first - from, end = a.columns.end - from;
        place_points(&a, part->first + i);
        if (inside && i + AHEAD < part->count)
            expect(&a, part->first + i + AHEAD);
        if (!inside || a.points == 0)
            first = end = cols;
        else
            inner_row(&a, out + first * bytes);
        rk_mpr_leave(job, out, outside, 0, first);
        rk_mpr_leave(job, out, outside, end, cols);
        memset(outside + first, 0, end - first);
        empty += first + cols - end;
        if (first < end)
            empty += mend(&a, part->first + i, out, outside);
    }
    return empty;
}
