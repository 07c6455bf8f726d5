/* mpr/along.c: rows of a plane are sums of rows of the volume, moved along; see along.h. */
#include "mpr/along.h"

#include <math.h>
#include <string.h>

#include "kernels/words.h"
#include "mpr/columns.h"
#include "mpr/element.h"
#include "mpr/lines.h"

enum { BATCH = 32, AHEAD = 3 }; /* rows or samples that are added up at once; rows asked for early */

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
    bool slab;         /* a maximum or minimum of samples, whose rows are moved before they blend */
    int16_t *blend, *moved, *peak;
    uint16_t *narrow; /* outputs that are to be 8-bit ones */
    float *sum, *warped, *top;
    bool touched;       /* padding was met in this row of the plane */
    int16_t *any, *all; /* where it is: in any, in all of the rows of the volume */
    bool whole;         /* `all` stands for a row already */
} along;

bool rk_mpr_moves_early(const rk_mpr_job *job, const rk_mpr_columns *columns)
{
    return !columns->shifted && rk_mpr_along(job->grid.down, 1, job->grid.rows);
}

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

/* Whether rows that are made of so many samples can be scaled ones. */
static bool is_scaled(const rk_mpr_job *job, size_t points)
{
    return job->kernel == RK_MPR_LINEAR && rk_mpr_is_short(job->volume.type) &&
           job->out == job->volume.type &&
           (points == 1 || job->project == RK_MPR_MAX || job->project == RK_MPR_MIN);
}

static bool plan(along *a, rk_mpr_reach reach, rk_mpr_layout *layout)
{
    size_t depth = a->job->grid.depth;
    bool inside = rk_mpr_columns_plan(&a->columns, a->job, a->from, a->cols, layout);
    size_t line = a->columns.pitch + 2 * RK_ROW_SLACK, room = a->columns.room;
    a->slab = depth > 1 && is_scaled(a->job, depth);
    rk_mpr_lines_plan(&a->lines, &a->volume, a->row, &a->columns, reach, a->slab, layout);
    a->point = rk_mpr_take(layout, depth * sizeof *a->point);
    a->sites = rk_mpr_take(layout, depth * RK_MPR_TAPS * RK_MPR_TAPS * sizeof *a->sites);
    a->site_of = rk_mpr_take(layout, RK_MPR_LINES * sizeof *a->site_of);
    a->blend = rk_mpr_take(layout, line * sizeof *a->blend);
    a->sum = rk_mpr_take(layout, line * sizeof *a->sum);
    a->moved = rk_mpr_take(layout, room * sizeof *a->moved);
    a->peak = rk_mpr_take(layout, room * sizeof *a->peak);
    a->narrow = rk_mpr_take(layout, room * sizeof *a->narrow);
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
    (void)plan(&a, rk_mpr_reach_of(job), &layout); /* only counts */
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

/* A row of the volume that a row of the plane takes; NULL if it does not fit the range. */
static const int16_t *taken(along *a, size_t z, size_t y)
{
    const int16_t *held, *row = rk_mpr_lines_scaled(&a->lines, z, y, &held);
    if (row)
        mark(a, held);
    return row;
}

/* The four rows around a point, those of no weight the same as others, and their shares. */
static bool corners(along *a, const spot *at, const int16_t *row[4], rk_row_shares *share)
{
    size_t z = (size_t)at->z, y = (size_t)at->y;
    double fz = at->z - (double)z, fy = at->y - (double)y;
    row[0] = taken(a, z, y);
    row[1] = fy == 0 ? row[0] : taken(a, z, y + 1);
    row[2] = fz == 0 ? row[0] : taken(a, z + 1, y);
    row[3] = fz == 0 ? row[1] : fy == 0 ? row[2] : taken(a, z + 1, y + 1);
    *share = (rk_row_shares){0, rk_mpr_share(fy), rk_mpr_share(fz)};
    return row[0] && row[1] && row[2] && row[3];
}

/* Whether two points lie between the same rows. */
static bool same_rows(const spot *a, const spot *b)
{
    double z = (double)(size_t)a->z, y = (double)(size_t)a->y;
    return a->z > z && a->y > y && b->z > z && b->y > y && b->z < z + 1 && b->y < y + 1;
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

/* The outputs of one sample as 16-bit voxels; false: some row does not fit. */
static bool thin_row(along *a, void *out)
{
    const rk_mpr_columns *c = &a->columns;
    const int16_t *row[4];
    rk_row_shares share;
    size_t n = c->end - c->first;
    begin_marks(a);
    if (!corners(a, &a->point[0], row, &share))
        return false;
    if (c->shifted) {
        share.x = c->warp.share[0];
        for (int k = 0; k < 4; k++)
            row[k] += c->warp.index[0];
        a->row->thin(row, &share, a->lines.base, n, out);
        return true;
    }
    if (rk_mpr_moves_early(a->job, c)) {
        a->row->lerp(row[0], row[1], share.y, c->pitch, a->blend);
        a->row->warp(a->blend, &c->warp, c->room, a->moved);
        if (share.z) {
            a->row->lerp(row[2], row[3], share.y, c->pitch, a->blend);
            a->row->warp(a->blend, &c->warp, c->room, a->peak);
            a->row->lerp(a->moved, a->peak, share.z, c->room, a->moved);
        }
    } else {
        a->row->blend(row, share.y, share.z, c->pitch, a->blend);
        a->row->warp(a->blend, &c->warp, c->room, a->moved);
    }
    a->row->unscale(a->moved, n, a->lines.base, out);
    return true;
}

/* How many samples from the k-th on take rows that the table holds at the same time. */
static size_t batch_from(const along *a, size_t k)
{
    const spot *first = &a->point[k];
    double z = (double)(a->lines.reach.z - 2), y = (double)(a->lines.reach.y - 2);
    size_t count = 1;
    while (count < BATCH && k + count < a->points && fabs(first[count].z - first->z) <= z &&
           fabs(first[count].y - first->y) <= y)
        count++;
    return count;
}

/* Rows and shares of a sample; `follows`: row[-4] is the first of those of the sample before. */
static bool sample(along *a, size_t k, bool follows, const int16_t **row, int16_t *y, int16_t *z)
{
    const spot *at = &a->point[k];
    rk_row_shares share;
    if (follows && same_rows(at - 1, at)) {
        memcpy(row, row - 4, 4 * sizeof *row);
        *y = rk_mpr_share(at->y - (double)(size_t)at->y);
        *z = rk_mpr_share(at->z - (double)(size_t)at->z);
        return true;
    }
    bool found = corners(a, at, row, &share);
    *y = share.y;
    *z = share.z;
    return found;
}

/* The same of a slab. */
static bool slab_row(along *a, void *out)
{
    const rk_mpr_columns *c = &a->columns;
    bool low = a->job->project == RK_MPR_MIN;
    const int16_t *row[4 * BATCH];
    int16_t y[BATCH], z[BATCH];
    begin_marks(a);
    for (size_t i = 0; i < c->room; i++)
        a->peak[i] = low ? INT16_MAX : INT16_MIN;
    for (size_t k = 0; k < a->points;) {
        rk_row_fan fan = {row, y, z, batch_from(a, k)};
        for (size_t i = 0; i < fan.samples; i++, k++)
            if (!sample(a, k, i > 0, row + 4 * i, &y[i], &z[i]))
                return false;
        (low ? a->row->fan_min : a->row->fan_max)(&fan, c->room, a->peak);
    }
    a->row->unscale(a->peak, c->end - c->first, a->lines.base, out);
    return true;
}

/* `out` is that of the first column inside. */
static bool scaled_row(along *a, uint8_t *out)
{
    bool (*make)(along *, void *) = a->slab ? slab_row : thin_row;
    void *to = rk_mpr_bytes(a->job->out) == 2 ? (void *)out : a->narrow;
    if (!make(a, to) && !(rebase(a) && make(a, to)))
        return false;
    if (to != out)
        for (size_t i = 0; i < a->columns.end - a->columns.first; i++)
            out[i] = (uint8_t)a->narrow[i];
    return true;
}

/* ---- float rows ------------------------------------------------------------------------------ */

/* Adds a row of the volume to those of a row of the plane; one that is there gets more weight. */
static void add_site(along *a, size_t z, size_t y, double weight)
{
    size_t *slot = a->site_of + rk_mpr_lines_slot(&a->lines, z, y);
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
    if (rk_mpr_lines_direct(&a->volume)) {
        sum_voxels(a, a->volume.type == RK_MPR_I16 ? a->row->sum_i16 : a->row->sum_u16);
        return;
    }
    for (size_t i = 0; i < a->site_count; i++) {
        const site *s = &a->sites[i];
        size_t slot = rk_mpr_lines_slot(&a->lines, s->z, s->y);
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

/* Places of the samples of a row of the plane that are inside, and how many there are. */
static size_t place(const along *a, size_t row, spot *point)
{
    const rk_mpr_grid *g = &a->job->grid;
    rk_mpr_line line = rk_mpr_line_of(g, row, 0);
    size_t count = 0;
    for (size_t k = 0; k < g->depth; k++) {
        double z = line.start[0] + (double)k * g->into[0];
        double y = line.start[1] + (double)k * g->into[1];
        count += rk_mpr_spot_of(y, a->volume.side[1], &point[count].y) &&
                 rk_mpr_slice_spot_of(&a->volume, z, &point[count].z);
    }
    return count;
}

/* The voxels of an axis that a point may take. */
static void field_of(double at, size_t side, rk_mpr_kernel kernel, size_t field[2])
{
    size_t here = (size_t)at, behind = kernel == RK_MPR_LINEAR ? 0 : kernel == RK_MPR_CUBIC ? 1 : 2;
    size_t end = here + behind + 1 + (at != (double)here || behind);
    field[0] = here > behind ? here - behind : 0;
    field[1] = end < side ? end : side;
}

/* Asks for the rows of the volume that a row of a thin plane will take. */
static void expect(along *a, size_t row)
{
    size_t z[2], y[2];
    spot at;
    if (place(a, row, &at) == 0)
        return;
    field_of(at.z, a->volume.side[0], a->job->kernel, z);
    field_of(at.y, a->volume.side[1], a->job->kernel, y);
    for (size_t i = z[0]; i < z[1]; i++)
        for (size_t j = y[0]; j < y[1]; j++)
            rk_mpr_lines_expect(&a->lines, i, j);
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
    bool scaled = is_scaled(job, job->grid.depth);
    begin_marks(a);
    if (!copied_row(a, out) && !(scaled && scaled_row(a, out)))
        wide_row(a, out);
}

/* A row of a plane: outputs from ... from + cols - 1; returns how many of them have no data. */
static size_t do_row(along *a, size_t row, bool inside, uint8_t *out, uint8_t *outside)
{
    size_t first = a->columns.first - a->from, end = a->columns.end - a->from;
    a->points = place(a, row, a->point);
    if (!inside || a->points == 0)
        first = end = a->cols;
    else
        inner_row(a, out + first * rk_mpr_bytes(a->job->out));
    rk_mpr_leave(a->job, out, outside, 0, first);
    rk_mpr_leave(a->job, out, outside, end, a->cols);
    memset(outside + first, 0, end - first);
    return first + a->cols - end + (first < end ? mend(a, row, out, outside) : 0);
}

size_t rk_mpr_along_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part,
                         size_t from, size_t cols)
{
    rk_mpr_layout layout = {part->work, 0};
    along a = {.job = job, .row = row, .from = from, .cols = cols};
    size_t bytes = rk_mpr_bytes(job->out), empty = 0;
    a.volume = rk_mpr_with_possible_padding(&job->volume);
    bool inside = plan(&a, rk_mpr_reach_of(job), &layout);
    for (size_t i = 0; i < part->count; i++) {
        if (inside && job->grid.depth == 1 && i + AHEAD < part->count)
            expect(&a, part->first + i + AHEAD);
        empty += do_row(&a, part->first + i, inside, (uint8_t *)part->out + i * cols * bytes,
                        part->outside + i * cols);
    }
    return empty;
}

/* ---- planes side by side --------------------------------------------------------------------- */

/* Of a row of each plane: two slices, and as many rows of them as there are planes at a time. */
static const rk_mpr_reach side_by_side = {2, 2 * RK_MPR_SIDE_BY_SIDE};

size_t rk_mpr_along_planes_work(const rk_mpr_job *job)
{
    rk_mpr_layout layout = {NULL, 0};
    along a = {.job = job, .volume = job->volume, .cols = job->grid.cols};
    (void)plan(&a, side_by_side, &layout);
    return layout.used;
}

size_t rk_mpr_along_planes(const rk_row_table *row, const rk_mpr_job *job, const double *origin,
                           size_t planes, const rk_mpr_part *part)
{
    rk_mpr_job one = *job;
    rk_mpr_layout layout = {part->work, 0};
    along a = {.job = &one, .row = row, .cols = job->grid.cols};
    size_t pixels = job->grid.rows * job->grid.cols, empty = 0;
    a.volume = rk_mpr_with_possible_padding(&job->volume);
    bool inside = plan(&a, side_by_side, &layout);
    for (size_t i = 0; i < part->count; i++)
        for (size_t k = 0; k < planes; k++) {
            size_t at = k * pixels + i * job->grid.cols;
            memcpy(one.grid.origin, origin + 3 * k, sizeof one.grid.origin);
            empty += do_row(&a, part->first + i, inside,
                            (uint8_t *)part->out + at * rk_mpr_bytes(job->out), part->outside + at);
        }
    return empty;
}
