/* mpr/reference.c: every job, in plain C and double arithmetic; what all other kernels are held to. */
#include "mpr/element.h"

#include "mpr/taps.h"

#include <string.h>

/* The slice index that belongs to an even-grid index, for slices at uneven positions. */
static double slice_of(const rk_mpr_volume *v, double even)
{
    size_t low = 0, high = v->side[0] - 1;
    const double *at = v->position;
    if (high == 0 || !(even == even))
        return even;
    while (high - low > 1) { /* beyond the ends the first and the last gap go on */
        size_t middle = low + (high - low) / 2;
        if (at[middle] <= even)
            low = middle;
        else
            high = middle;
    }
    return (double)low + (even - at[low]) / (at[high] - at[low]);
}

bool rk_mpr_place_of(const rk_mpr_volume *v, const double at[3], rk_mpr_place *place)
{
    for (int axis = 0; axis < 3; axis++) {
        double p = axis == 0 && v->position ? slice_of(v, at[0]) : at[axis];
        double last = (double)(v->side[axis] - 1);
        if (!(p >= -0.5 - RK_MPR_SNAP && p < last + 0.5 - RK_MPR_SNAP))
            return false;
        double near = floor(p + 0.5 + RK_MPR_SNAP);
        near = near < 0 ? 0 : near > last ? last : near;
        p = fabs(p - near) < RK_MPR_SNAP ? near : p;
        place->at[axis] = p < 0 ? 0 : p > last ? last : p;
        place->near[axis] = (size_t)near;
    }
    return true;
}

static ptrdiff_t offset_of(const rk_mpr_volume *v, const size_t index[3])
{
    return (ptrdiff_t)index[0] * v->stride[0] + (ptrdiff_t)index[1] * v->stride[1] +
           (ptrdiff_t)index[2] * v->stride[2];
}

/* A voxel of colour is padding only if all of its samples are. */
static bool is_padding(const rk_mpr_volume *v, ptrdiff_t offset)
{
    for (unsigned s = 0; s < v->samples; s++)
        if (rk_mpr_load(v->data, v->type, offset + (ptrdiff_t)s) != v->padding)
            return false;
    return true;
}

/* Blends 8 corners (z, y, x); exact where a share is 0. */
static double blend(const double corner[8], const double share[3])
{
    double row[4], column[2];
    for (int i = 0; i < 4; i++)
        row[i] = corner[2 * i] + (corner[2 * i + 1] - corner[2 * i]) * share[2];
    for (int i = 0; i < 2; i++)
        column[i] = row[2 * i] + (row[2 * i + 1] - row[2 * i]) * share[1];
    return column[0] + (column[1] - column[0]) * share[0];
}

static void linear(const rk_mpr_volume *v, const rk_mpr_place *place, double *out)
{
    double share[3], corner[8], held[8], weight = 1;
    ptrdiff_t base = 0, up[3], offset[8];
    bool gaps = false;
    for (int axis = 0; axis < 3; axis++) {
        size_t last = v->side[axis] - 1, low = (size_t)place->at[axis];
        low = last == 0 ? 0 : low < last ? low : last - 1;
        share[axis] = place->at[axis] - (double)low;
        base += (ptrdiff_t)low * v->stride[axis];
        up[axis] = last ? v->stride[axis] : 0;
    }
    for (int i = 0; i < 8; i++) {
        offset[i] = base + (i & 4 ? up[0] : 0) + (i & 2 ? up[1] : 0) + (i & 1 ? up[2] : 0);
        held[i] = !(v->has_padding && is_padding(v, offset[i]));
        gaps = gaps || held[i] == 0;
    }
    if (gaps) /* the nearest voxel has data and weighs at least 1/8 */
        weight = blend(held, share);
    for (unsigned s = 0; s < v->samples; s++) {
        for (int i = 0; i < 8; i++)
            corner[i] = held[i] != 0 ? rk_mpr_load(v->data, v->type, offset[i] + (ptrdiff_t)s) : 0;
        out[s] = gaps ? blend(corner, share) / weight : blend(corner, share);
    }
}

/* Cubic or Lanczos; false, if there is padding among the voxels that have a weight. */
static bool separable(const rk_mpr_volume *v, const rk_mpr_place *place, rk_mpr_kernel kernel,
                      double *out)
{
    rk_mpr_taps taps[3];
    for (int axis = 0; axis < 3; axis++)
        rk_mpr_taps_of(&taps[axis], kernel, place->at[axis], v->side[axis], v->stride[axis]);
    memset(out, 0, v->samples * sizeof *out);
    for (int z = 0; z < taps[0].count; z++) {
        double plane[RK_MPR_SAMPLES] = {0};
        for (int y = 0; y < taps[1].count; y++) {
            double row[RK_MPR_SAMPLES] = {0};
            for (int x = 0; x < taps[2].count; x++) {
                ptrdiff_t at = taps[0].offset[z] + taps[1].offset[y] + taps[2].offset[x];
                if (taps[0].weight[z] * taps[1].weight[y] * taps[2].weight[x] == 0)
                    continue; /* on the grid no neighbour counts, whatever it is */
                if (v->has_padding && is_padding(v, at))
                    return false;
                for (unsigned s = 0; s < v->samples; s++)
                    row[s] += taps[2].weight[x] * rk_mpr_load(v->data, v->type, at + (ptrdiff_t)s);
            }
            for (unsigned s = 0; s < v->samples; s++)
                plane[s] += taps[1].weight[y] * row[s];
        }
        for (unsigned s = 0; s < v->samples; s++)
            out[s] += taps[0].weight[z] * plane[s];
    }
    return true;
}

/* The value at a point; false if there is none. */
static bool sample(const rk_mpr_volume *v, rk_mpr_kernel kernel, const double at[3], double *out)
{
    rk_mpr_place place;
    if (!rk_mpr_place_of(v, at, &place))
        return false;
    ptrdiff_t near = offset_of(v, place.near);
    if (v->has_padding && is_padding(v, near))
        return false;
    if (kernel == RK_MPR_NEAREST) {
        for (unsigned s = 0; s < v->samples; s++)
            out[s] = rk_mpr_load(v->data, v->type, near + (ptrdiff_t)s);
        return true;
    }
    /* Negative weights cannot be shared out among the voxels that are left. */
    if (kernel == RK_MPR_LINEAR || !separable(v, &place, kernel, out))
        linear(v, &place, out);
    return true;
}

static void project_sample(rk_mpr_project project, size_t seen, double *sum, double value)
{
    if (seen == 0)
        *sum = value;
    else if (project == RK_MPR_MAX)
        *sum = value > *sum || value != value ? value : *sum; /* what is no number stays, as in NumPy */
    else if (project == RK_MPR_MIN)
        *sum = value < *sum || value != value ? value : *sum;
    else
        *sum += value;
}

bool rk_mpr_pixel_c(const rk_mpr_job *job, size_t row, size_t col, void *out)
{
    double sum[RK_MPR_SAMPLES] = {0}, value[RK_MPR_SAMPLES], at[3];
    unsigned samples = job->volume.samples;
    size_t seen = 0;
    for (size_t k = 0; k < job->grid.depth; k++) {
        rk_mpr_line line = rk_mpr_line_of(&job->grid, row, k);
        for (int axis = 0; axis < 3; axis++)
            at[axis] = line.start[axis] + (double)col * line.step[axis];
        if (!sample(&job->volume, job->kernel, at, value))
            continue;
        for (unsigned s = 0; s < samples; s++)
            project_sample(job->project, seen, &sum[s], value[s]);
        seen++;
    }
    double divisor = job->project == RK_MPR_MEAN && seen ? (double)seen : 1;
    for (unsigned s = 0; s < samples; s++)
        rk_mpr_store(out, job->out, s, seen ? sum[s] / divisor : job->fill);
    return seen > 0;
}

size_t rk_mpr_rows_c(const rk_mpr_job *job, const rk_mpr_part *part)
{
    size_t cols = job->grid.cols, empty = 0;
    size_t bytes = rk_mpr_bytes(job->out) * job->volume.samples;
    for (size_t i = 0; i < part->count; i++)
        for (size_t col = 0; col < cols; col++) {
            size_t pixel = i * cols + col;
            void *out = (uint8_t *)part->out + pixel * bytes;
            bool there = rk_mpr_pixel_c(job, part->first + i, col, out);
            part->outside[pixel] = !there;
            empty += !there;
        }
    return empty;
}

size_t rk_mpr_points_c(const rk_mpr_job *job, const double *index, size_t n, double *out,
                       uint8_t *outside)
{
    unsigned samples = job->volume.samples;
    size_t empty = 0;
    for (size_t i = 0; i < n; i++, index += 3, out += samples) {
        bool there = sample(&job->volume, job->kernel, index, out);
        if (!there)
            memset(out, 0, samples * sizeof *out);
        outside[i] = !there;
        empty += !there;
    }
    return empty;
}

void rk_mpr_samples_c(const rk_mpr_job *job, size_t first, size_t count, double *out, uint8_t *there)
{
    const rk_mpr_grid *grid = &job->grid;
    unsigned samples = job->volume.samples;
    double value[RK_MPR_SAMPLES], at[3];
    for (size_t k = 0; k < grid->depth; k++)
        for (size_t i = 0; i < count; i++) {
            rk_mpr_line line = rk_mpr_line_of(grid, first + i, k);
            for (size_t col = 0; col < grid->cols; col++) {
                size_t pixel = i * grid->cols + col;
                for (int axis = 0; axis < 3; axis++)
                    at[axis] = line.start[axis] + (double)col * line.step[axis];
                bool here = sample(&job->volume, job->kernel, at, value);
                there[pixel * grid->depth + k] = here;
                for (unsigned s = 0; s < samples; s++)
                    out[(pixel * samples + s) * grid->depth + k] = here ? value[s] : 0;
            }
        }
}
