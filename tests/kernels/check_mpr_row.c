/* tests/kernels/check_mpr_row.c: rows of voxels, one by one. */
#include <math.h>
#include <string.h>

#include "checkkernel.h"
#include "kernels/mpr_row.h"

/* ---- inputs ---------------------------------------------------------------------------------- */

/* Voxels; in most cases of a range that fits scaled rows, some of them `padding`. */
static const rk_u16 *voxels(ck_run *run, size_t n, uint16_t base, uint16_t padding)
{
    const rk_u16 *raw = ck_in(run, 2 * n);
    rk_u16 *out, mask = ck_below(run, 4) ? RK_ROW_RANGE - 1 : 0xFFFF;
    if (ck_below(run, 3) == 0)
        return raw;
    out = ck_copy(run, raw, 2 * n);
    for (size_t i = 0; i < n; i++)
        out[i] = ck_below(run, 6) ? (uint16_t)((raw[i] & mask) + base) : padding;
    return ck_in_from(run, out, 2 * n);
}

static int16_t share(ck_run *run)
{
    static const int16_t edges[] = {0, 1, 16384, 32767};
    return ck_below(run, 3) ? (int16_t)ck_below(run, RK_ROW_ONE) : edges[ck_below(run, 4)];
}

/* Numbers of usual size, many of them halves; some that are none. */
static const rk_f32 *floats(ck_run *run, size_t n, bool wild)
{
    const rk_i32 *raw = ck_in(run, 4 * n);
    rk_f32 *out = ck_copy(run, raw, 4 * n);
    for (size_t i = 0; i < n; i++) {
        int32_t x;
        memcpy(&x, (const uint8_t *)raw + 4 * i, 4);
        out[i] = (float)(x >> (wild ? 13 : 15)) / 2;
        if (wild && ck_below(run, 9) == 0)
            out[i] = ck_below(run, 2) ? NAN : -INFINITY;
    }
    return ck_in_from(run, out, 4 * n);
}

/* ---- scaled rows ----------------------------------------------------------------------------- */

static void check_scale(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    uint16_t base = (uint16_t)ck_random(run), padding = (uint16_t)(base - 1 + ck_below(run, 3));
    const rk_u16 *src = voxels(run, n, base, padding);
    rk_i16 *a = ck_out(run, 2 * n), *b = ck_out(run, 2 * n);
    rk_i16 *held_a = ck_out(run, 2 * n), *held_b = ck_out(run, 2 * n);
    bool held = ck_below(run, 2);
    uint16_t x = ((rk_row_scale_fn *)reference)(src, n, base, padding, held ? held_a : NULL, a);
    uint16_t y = ((rk_row_scale_fn *)variant)(src, n, base, padding, held ? held_b : NULL, b);
    uint16_t all = 0;
    ck_true(run, x == y, "all above: %x, %x", x, y);
    ck_equal(run, a, b, 2 * n, "base %u padding %u held %d", base, padding, held);
    ck_equal(run, held_a, held_b, 2 * n, "held");
    for (size_t i = 0; i < n; i++) {
        bool skip = held && src[i] == padding;
        uint16_t above = skip ? 0 : (uint16_t)(src[i] - base);
        all |= above;
        ck_true(run, (uint16_t)b[i] == (uint16_t)(above * 8u), "element %zu", i);
        ck_true(run, !held || held_b[i] == (skip ? -1 : 0), "held %zu", i);
    }
    ck_true(run, y == all, "or of all");
}

/* For neighbours of one range the exact blend is at most one unit of its scale away per axis. */
static void near(ck_run *run, const rk_i16 *const row[4], int16_t y, int16_t z, size_t i,
                 int16_t got)
{
    double fy = y / 32768.0, fz = z / 32768.0, low = 1e9, high = -1e9;
    for (int k = 0; k < 4; k++) {
        low = row[k][i] < low ? row[k][i] : low;
        high = row[k][i] > high ? row[k][i] : high;
    }
    double above = row[0][i] + (row[1][i] - row[0][i]) * fy;
    double below = row[2][i] + (row[3][i] - row[2][i]) * fy;
    if (high - low < 32768)
        ck_true(run, fabs(above + (below - above) * fz - got) <= 1.0, "element %zu: %d", i, got);
}

static void check_blend(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_i16 *row[4];
    rk_i16 *a = ck_out(run, 2 * n), *b = ck_out(run, 2 * n), y = share(run), z = share(run);
    for (int k = 0; k < 4; k++)
        row[k] = (const rk_i16 *)voxels(run, n, 0, 100);
    ((rk_row_blend_fn *)reference)(row, y, z, n, a);
    ((rk_row_blend_fn *)variant)(row, y, z, n, b);
    ck_equal(run, a, b, 2 * n, "y %d z %d", y, z);
    for (size_t i = 0; i < n; i++)
        near(run, row, y, z, i, b[i]);
}

/* Blended, moved and unscaled one after the other. */
static void check_thin(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_i16 *block = (const rk_i16 *)voxels(run, 4 * (n + RK_ROW_SLACK), 0, 100), *row[4];
    rk_u16 *a = ck_out(run, 2 * n), *b = ck_out(run, 2 * n), *c = ck_out(run, 2 * n);
    rk_i16 *whole = ck_out(run, 2 * (n + 1)), *moved = ck_out(run, 2 * n);
    rk_row_shares s = {share(run), share(run), share(run)};
    uint16_t base = (uint16_t)ck_random(run);
    rk_row_table step;
    rk_row_table_fill(&step, 0);
    for (size_t k = 0; k < 4; k++)
        row[k] = block + k * (n + RK_ROW_SLACK);
    ((rk_row_thin_fn *)reference)(row, &s, base, n, a);
    ((rk_row_thin_fn *)variant)(row, &s, base, n, b);
    ck_equal(run, a, b, 2 * n, "x %d y %d z %d base %u", s.x, s.y, s.z, base);
    step.blend(row, s.y, s.z, n + 1, whole);
    step.lerp(whole, whole + 1, s.x, n, moved);
    step.unscale(moved, n, base, c);
    ck_equal(run, c, b, 2 * n, "step by step: x %d y %d z %d", s.x, s.y, s.z);
}

enum { FAN_SAMPLES = 9, FAN_ROWS = 5 };

/* Samples blended one after the other, of which the peak is taken. */
static void check_fan(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, bool low)
{
    const rk_i16 *block = (const rk_i16 *)voxels(run, FAN_ROWS * n, 0, 100);
    const rk_i16 *row[4 * FAN_SAMPLES];
    int16_t y[FAN_SAMPLES], z[FAN_SAMPLES];
    rk_i16 *one = ck_out(run, 2 * n);
    const rk_i16 *start = ck_in(run, 2 * n);
    rk_i16 *a = ck_copy(run, start, 2 * n), *b = ck_copy(run, start, 2 * n);
    rk_i16 *c = ck_copy(run, start, 2 * n);
    rk_row_fan fan = {row, y, z, ck_below(run, FAN_SAMPLES + 1)};
    rk_row_table step;
    rk_row_table_fill(&step, 0);
    for (int k = 0; k < 4 * FAN_SAMPLES; k++)
        row[k] = block + ck_below(run, FAN_ROWS) * n;
    for (int k = 0; k < FAN_SAMPLES; k++) {
        y[k] = share(run);
        z[k] = share(run);
    }
    ((rk_row_fan_fn *)reference)(&fan, n, a);
    ((rk_row_fan_fn *)variant)(&fan, n, b);
    ck_equal(run, a, b, 2 * n, "samples %zu", fan.samples);
    for (size_t k = 0; k < fan.samples; k++) {
        step.blend(row + 4 * k, y[k], z[k], n, one);
        (low ? step.min_16 : step.max_16)(one, n, c);
    }
    ck_equal(run, c, b, 2 * n, "step by step: samples %zu", fan.samples);
}

static void check_fan_max(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_fan(run, reference, variant, n, false);
}

static void check_fan_min(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_fan(run, reference, variant, n, true);
}

static void check_lerp(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_i16 *a = (const rk_i16 *)voxels(run, n, 0, 7);
    const rk_i16 *b = (const rk_i16 *)voxels(run, n, 0, 7);
    const rk_i16 *const rows[4] = {a, b, a, b};
    rk_i16 *x = ck_out(run, 2 * n), *y = ck_out(run, 2 * n), s = share(run);
    ((rk_row_lerp_fn *)reference)(a, b, s, n, x);
    ((rk_row_lerp_fn *)variant)(a, b, s, n, y);
    ck_equal(run, x, y, 2 * n, "share %d", s);
    for (size_t i = 0; i < n; i++)
        near(run, rows, s, 0, i, y[i]);
}

static void check_peak_16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *row = ck_in(run, 2 * n), *start = ck_in(run, 2 * n);
    void *a = ck_copy(run, start, 2 * n), *b = ck_copy(run, start, 2 * n);
    ((rk_row_peak_fn *)reference)(row, n, a);
    ((rk_row_peak_fn *)variant)(row, n, b);
    ck_equal(run, a, b, 2 * n, "peaks");
}

static void check_peak_f32(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *row = floats(run, n, true), *start = floats(run, n, true);
    rk_f32 *a = ck_copy(run, start, 4 * n), *b = ck_copy(run, start, 4 * n);
    ((rk_row_peak_fn *)reference)(row, n, a);
    ((rk_row_peak_fn *)variant)(row, n, b);
    ck_equal(run, a, b, 4 * n, "peaks");
    for (size_t i = 0; i < n; i++)
        ck_true(run, !isnan(((const rk_f32 *)row)[i]) || isnan(b[i]), "element %zu stays none", i);
}

static void check_unscale(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_i16 *row = ck_in(run, 2 * n);
    uint16_t base = (uint16_t)ck_random(run);
    rk_u16 *a = ck_out(run, 2 * n), *b = ck_out(run, 2 * n);
    ((rk_row_unscale_fn *)reference)(row, n, base, a);
    ((rk_row_unscale_fn *)variant)(row, n, base, b);
    ck_equal(run, a, b, 2 * n, "base %u", base);
    for (size_t i = 0; i < n; i++)
        if (row[i] >= 0 && row[i] < 32764)
            ck_true(run, b[i] == (uint16_t)(base + (row[i] + 4) / 8), "element %zu", i);
}

/* ---- along a row ----------------------------------------------------------------------------- */

/* Rows of up to 200 elements; indices that rise or fall by a step, or jump. */
static rk_row_warp warp_of(ck_run *run, size_t n, size_t *length)
{
    static const double steps[] = {0.1, 0.7, 1, 1, 1.3, 2, 2.2, 3.5, 40};
    size_t groups = (n + RK_ROW_GROUP - 1) / RK_ROW_GROUP;
    double step = steps[ck_below(run, 9)] * (ck_below(run, 2) ? 1 : -1);
    double start = (double)ck_below(run, 200);
    rk_i32 *index = ck_out(run, 4 * n);
    rk_i16 *shares = ck_out(run, 2 * n);
    rk_row_warp warp = {.base = ck_out(run, 4 * groups)};
    warp.bytes = ck_out(run, 64 * ((groups + 1) / 2));
    for (size_t i = 0; i < n; i++) {
        double at = fmod(start + (double)i * step, 200);
        index[i] = (int32_t)(at < 0 ? at + 200 : at);
        shares[i] = share(run);
    }
    warp.index = index;
    warp.share = shares;
    *length = 200 + RK_ROW_SLACK;
    rk_row_warp_plan(&warp, n);
    return warp;
}

static void check_warp(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    size_t length;
    rk_row_warp warp = warp_of(run, n, &length);
    const rk_i16 *row = ck_in(run, 2 * length);
    rk_i16 *a = ck_out(run, 2 * n), *b = ck_out(run, 2 * n);
    ((rk_row_warp_fn *)reference)(row, &warp, n, a);
    ((rk_row_warp_fn *)variant)(row, &warp, n, b);
    ck_equal(run, a, b, 2 * n, "reach %zu", warp.reach);
    for (size_t i = 0; i < n; i++)
        if (warp.share[i] == 0)
            ck_true(run, b[i] == row[warp.index[i]], "element %zu is that of the row", i);
}

static void check_taps(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    size_t length;
    rk_row_warp warp = warp_of(run, n, &length);
    const rk_f32 *row = floats(run, length, false);
    rk_f32 *a = ck_out(run, 4 * n), *b = ck_out(run, 4 * n);
    warp.taps = 1 + ck_below(run, 6);
    warp.pitch = n + ck_below(run, 3);
    warp.weight = floats(run, warp.taps * warp.pitch, false);
    ((rk_row_taps_fn *)reference)(row, &warp, n, a);
    ((rk_row_taps_fn *)variant)(row, &warp, n, b);
    ck_equal(run, a, b, 4 * n, "reach %zu taps %zu", warp.reach, warp.taps);
}

/* ---- float rows ------------------------------------------------------------------------------ */

static void check_widen(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *src = ck_in(run, 2 * n);
    void *a = ck_out(run, 4 * n), *b = ck_out(run, 4 * n);
    ((rk_row_widen_fn *)reference)(src, n, a);
    ((rk_row_widen_fn *)variant)(src, n, b);
    ck_equal(run, a, b, 4 * n, "floats");
}

static void check_sum(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_f32 *row[3], *some[20], *weight = floats(run, 20, false);
    rk_f32 *a = ck_out(run, 4 * n), *b = ck_out(run, 4 * n);
    size_t count = 1 + ck_below(run, 20);
    bool add = ck_below(run, 2);
    for (int k = 0; k < 3; k++)
        row[k] = floats(run, n, false);
    for (size_t k = 0; k < 20; k++)
        some[k] = row[ck_below(run, 3)];
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] = (float)i;
    ((rk_row_sum_fn *)reference)(some, weight, count, add, n, a);
    ((rk_row_sum_fn *)variant)(some, weight, count, add, n, b);
    ck_equal(run, a, b, 4 * n, "rows %zu add %d", count, add);
}

static void check_sum_voxels(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *row[3], *some[20];
    const rk_f32 *weight = floats(run, 20, false);
    rk_f32 *a = ck_out(run, 4 * n), *b = ck_out(run, 4 * n);
    size_t count = 1 + ck_below(run, 20);
    bool add = ck_below(run, 2);
    for (int k = 0; k < 3; k++)
        row[k] = ck_in(run, 2 * n);
    for (size_t k = 0; k < 20; k++)
        some[k] = row[ck_below(run, 3)];
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] = (float)i;
    ((rk_row_voxels_fn *)reference)(some, weight, count, add, n, a);
    ((rk_row_voxels_fn *)variant)(some, weight, count, add, n, b);
    ck_equal(run, a, b, 4 * n, "rows %zu add %d", count, add);
}

static void check_round(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, double low)
{
    const rk_f32 *row = floats(run, n, true);
    rk_u16 *a = ck_out(run, 2 * n), *b = ck_out(run, 2 * n);
    ((rk_row_round_fn *)reference)(row, n, a);
    ((rk_row_round_fn *)variant)(row, n, b);
    ck_equal(run, a, b, 2 * n, "rounded");
    for (size_t i = 0; i < n; i++) {
        double x = row[i] >= low ? nearbyint(row[i]) : low;
        x = x > low + 65535 ? low + 65535 : x;
        ck_true(run, b[i] == (uint16_t)(int32_t)x, "element %zu: %g", i, (double)row[i]);
    }
}

static void check_round_i16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_round(run, reference, variant, n, -32768);
}

static void check_round_u16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_round(run, reference, variant, n, 0);
}

/* ---- across rows ----------------------------------------------------------------------------- */

/* Value of an element by the type's letter. */
static double element(const void *src, ptrdiff_t at, char type)
{
    switch (type) {
    case 's': return ((const rk_i16 *)src)[at];
    case 'u': return ((const rk_u16 *)src)[at];
    case 'b': return ((const uint8_t *)src)[at];
    case 'c': return ((const int8_t *)src)[at];
    default: return (double)((const rk_f32 *)src)[at];
    }
}

static void check_path(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, char type)
{
    enum { SIDE = 40 };
    const void *src = type == 'f' ? (const void *)floats(run, SIDE * SIDE, false)
                                  : ck_copy(run, ck_in(run, 2 * SIDE * SIDE), 2 * SIDE * SIDE);
    rk_i32 *offset = ck_out(run, 4 * n);
    rk_f32 *x = ck_out(run, 4 * n), *y = ck_out(run, 4 * n);
    rk_f32 *a = ck_out(run, 4 * n), *b = ck_out(run, 4 * n);
    rk_row_path path = {offset, x, y, ck_below(run, 4) ? SIDE : 0, ck_below(run, 2) ? 16 : 0};
    for (size_t i = 0; i < n; i++) {
        offset[i] = (int32_t)(ck_below(run, SIDE - 1) * SIDE + ck_below(run, SIDE - 1));
        x[i] = (float)share(run) / 32767;
        y[i] = (float)share(run) / 32767;
    }
    ((rk_row_path_fn *)reference)(src, &path, n, a);
    ((rk_row_path_fn *)variant)(src, &path, n, b);
    ck_equal(run, a, b, 4 * n, "stride %td ahead %zu", path.stride, path.ahead);
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t p = offset[i], q = p + path.stride;
        double l = element(src, p, type), r = element(src, p + 1, type);
        l += (element(src, q, type) - l) * (double)y[i];
        r += (element(src, q + 1, type) - r) * (double)y[i];
        ck_true(run, fabs(l + (r - l) * (double)x[i] - (double)b[i]) <= 0.02, "element %zu: %g", i,
                (double)b[i]);
    }
}

#define PATH(name, type)                                                                 \
    static void check_path_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n) \
    {                                                                                    \
        check_path(run, reference, variant, n, type);                                    \
    }

PATH(i16, 's')
PATH(u16, 'u')
PATH(u8, 'b')
PATH(i8, 'c')
PATH(f32, 'f')

static void check_turn(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    size_t rows = ck_below(run, 20), cols = n > 600 ? n % 600 : n;
    size_t stride = cols + ck_below(run, 3), out_stride = rows + ck_below(run, 3);
    size_t count = rows ? (rows - 1) * stride + cols : 0;
    size_t out_count = cols ? (cols - 1) * out_stride + rows : 0;
    const rk_u16 *src = ck_in(run, 2 * count);
    rk_u16 *a = ck_out(run, 2 * out_count), *b = ck_out(run, 2 * out_count);
    ((rk_row_turn_fn *)reference)(src, stride, rows, cols, a, out_stride);
    ((rk_row_turn_fn *)variant)(src, stride, rows, cols, b, out_stride);
    ck_equal(run, a, b, 2 * out_count, "rows %zu cols %zu", rows, cols);
    for (size_t i = 0; i < rows * cols; i++)
        ck_true(run, b[i % cols * out_stride + i / cols] == src[i / cols * stride + i % cols],
                "element %zu", i);
}

enum { RAY_SAMPLES = 12 };

typedef struct ray {
    rk_row_ray ray;
    const rk_i16 *at[RAY_SAMPLES];
    int16_t x[RAY_SAMPLES], y[RAY_SAMPLES];
} ray;

/* In a block of 4 x 4 columns. */
static void ray_of(ck_run *run, ray *r, size_t n)
{
    const rk_i16 *block = ck_in(run, 2 * 16 * n);
    for (int k = 0; k < RAY_SAMPLES; k++) {
        r->at[k] = block + (ck_below(run, 3) * 4 + ck_below(run, 3)) * n;
        r->x[k] = share(run);
        r->y[k] = share(run);
    }
    r->ray = (rk_row_ray){r->at, r->x, r->y, ck_below(run, RAY_SAMPLES + 1), (ptrdiff_t)n,
                          4 * (ptrdiff_t)n};
}

static void check_ray(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    ray r;
    const void *start = ck_in(run, 2 * n);
    rk_i16 *a = ck_copy(run, start, 2 * n), *b = ck_copy(run, start, 2 * n);
    ray_of(run, &r, n);
    ((rk_row_ray_fn *)reference)(&r.ray, n, a);
    ((rk_row_ray_fn *)variant)(&r.ray, n, b);
    ck_equal(run, a, b, 2 * n, "samples %zu", r.ray.samples);
}

static void check_ray_sum(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    ray r;
    const void *start = ck_in(run, 4 * n);
    rk_i32 *a = ck_copy(run, start, 4 * n), *b = ck_copy(run, start, 4 * n);
    ray_of(run, &r, n);
    ((rk_row_ray_sum_fn *)reference)(&r.ray, n, a);
    ((rk_row_ray_sum_fn *)variant)(&r.ray, n, b);
    ck_equal(run, a, b, 4 * n, "samples %zu", r.ray.samples);
}

/* ---- timing ---------------------------------------------------------------------------------- */

static void bench_blend(ck_run *run, ck_fn *fn, size_t n)
{
    const rk_i16 *a = ck_in(run, 2 * n), *const row[4] = {a, a, a, a};
    rk_i16 *out = ck_out(run, 2 * n);
    CK_TIME(run, n, ((rk_row_blend_fn *)fn)(row, 1000, 2000, n, out));
}

static void bench_thin(ck_run *run, ck_fn *fn, size_t n)
{
    const rk_i16 *a = ck_in(run, 2 * (n + RK_ROW_SLACK)), *const row[4] = {a, a, a, a};
    const rk_row_shares share = {1000, 2000, 3000};
    rk_i16 *out = ck_out(run, 2 * n);
    CK_TIME(run, n, ((rk_row_thin_fn *)fn)(row, &share, 0, n, out));
}

static void bench_warp(ck_run *run, ck_fn *fn, size_t n)
{
    rk_i32 *index = ck_out(run, 4 * n);
    rk_row_warp warp = {.index = index, .share = ck_in(run, 2 * n)};
    warp.base = ck_out(run, 4 * n);
    warp.bytes = ck_out(run, 32 * n);
    for (size_t i = 0; i < n; i++)
        index[i] = (int32_t)(i * 3 / 4);
    rk_row_warp_plan(&warp, n);
    const rk_i16 *row = ck_in(run, 2 * n + 2 * RK_ROW_SLACK);
    rk_i16 *out = ck_out(run, 2 * n);
    CK_TIME(run, n, ((rk_row_warp_fn *)fn)(row, &warp, n, out));
}

static void bench_sum(ck_run *run, ck_fn *fn, size_t n)
{
    rk_f32 *a = memset(ck_out(run, 4 * n), 0, 4 * n), *out = ck_out(run, 4 * n), weight[16] = {0};
    const rk_f32 *row[16];
    for (int k = 0; k < 16; k++)
        row[k] = a;
    CK_TIME(run, n, ((rk_row_sum_fn *)fn)(row, weight, 16, false, n, out));
}

static const ck_member members[] = {
    {"scale", check_scale, NULL},
    {"lerp", check_lerp, NULL},
    {"blend", check_blend, bench_blend},
    {"thin", check_thin, bench_thin},
    {"fan_max", check_fan_max, NULL},
    {"fan_min", check_fan_min, NULL},
    {"max_16", check_peak_16, NULL},
    {"min_16", check_peak_16, NULL},
    {"max_f32", check_peak_f32, NULL},
    {"min_f32", check_peak_f32, NULL},
    {"unscale", check_unscale, NULL},
    {"warp", check_warp, bench_warp},
    {"taps", check_taps, NULL},
    {"widen_i16", check_widen, NULL},
    {"widen_u16", check_widen, NULL},
    {"sum", check_sum, bench_sum},
    {"sum_i16", check_sum_voxels, NULL},
    {"sum_u16", check_sum_voxels, NULL},
    {"round_i16", check_round_i16, NULL},
    {"round_u16", check_round_u16, NULL},
    {"path_i16", check_path_i16, NULL},
    {"path_u16", check_path_u16, NULL},
    {"path_u8", check_path_u8, NULL},
    {"path_i8", check_path_i8, NULL},
    {"path_f32", check_path_f32, NULL},
    {"turn", check_turn, NULL},
    {"ray_max", check_ray, NULL},
    {"ray_min", check_ray, NULL},
    {"ray_sum", check_ray_sum, NULL},
};

CK_STAGE(mpr_row, rk_row_table, rk_row_table_fill, members)
