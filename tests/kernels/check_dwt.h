/* tests/kernels/check_dwt.h: what the checks of both wavelet filters share. */
#ifndef CHECK_DWT_H
#define CHECK_DWT_H

#include "checkkernel.h"
#include "kernels/dwt.h"
#include "kernels/words.h"

typedef struct ck_dwt_type {
    size_t size;    /* of an element */
    unsigned steps; /* lifting steps */
    rk_dwt_join_fn *join;
    rk_dwt_split_fn *split;
} ck_dwt_type;

/* A row that was joined. */
typedef struct ck_dwt_row {
    size_t n, lows, highs;
    bool odd;
    float gain[2];
    const void *low, *high, *samples;
} ck_dwt_row;

static inline void ck_random_row(ck_run *run, ck_dwt_row *row, size_t n)
{
    row->n = n;
    row->odd = ck_below(run, 2);
    row->lows = (n + !row->odd) / 2;
    row->highs = n - row->lows;
    for (int i = 0; i < 2; i++)
        row->gain[i] = (float)ck_below(run, 1000) / 300;
}

static inline void ck_check_join(ck_run *run, const ck_dwt_type *type, ck_dwt_row *row,
                                 ck_fn *reference, ck_fn *variant, size_t n)
{
    uint8_t *expected, *got;
    ck_random_row(run, row, n);
    row->low = ck_in(run, row->lows * type->size);
    row->high = ck_in(run, row->highs * type->size);
    expected = ck_out(run, n * type->size);
    got = ck_out(run, n * type->size);
    row->samples = expected;
    ((rk_dwt_join_fn *)reference)(expected, row->low, row->high, n, row->odd, row->gain);
    ((rk_dwt_join_fn *)variant)(got, row->low, row->high, n, row->odd, row->gain);
    ck_equal(run, expected, got, n * type->size, "odd %d", row->odd);
}

static inline void ck_check_split(ck_run *run, const ck_dwt_type *type, ck_fn *reference,
                                  ck_fn *variant, size_t n)
{
    ck_dwt_row row;
    const void *src = ck_in(run, n * type->size);
    uint8_t *low[2], *high[2];
    ck_random_row(run, &row, n);
    for (int i = 0; i < 2; i++) {
        low[i] = ck_out(run, row.lows * type->size);
        high[i] = ck_out(run, row.highs * type->size);
        ((rk_dwt_split_fn *)(i ? variant : reference))(low[i], high[i], src, n, row.odd,
                                                       row.gain);
    }
    ck_equal(run, low[0], low[1], row.lows * type->size, "low, odd %d", row.odd);
    ck_equal(run, high[0], high[1], row.highs * type->size, "high, odd %d", row.odd);
}

static inline void ck_check_lift(ck_run *run, const ck_dwt_type *type, ck_fn *reference,
                                 ck_fn *variant, size_t n)
{
    size_t count = type->steps + 2, pitch = n * type->size;
    const void *in = ck_in(run, count * pitch);
    uint8_t *whole[2] = {ck_copy(run, in, count * pitch), ck_copy(run, in, count * pitch)};
    for (int i = 0; i < 2; i++) {
        void *rows[6];
        for (size_t k = 0; k < count; k++)
            rows[k] = whole[i] + k * pitch;
        ((rk_dwt_lift_fn *)(i ? variant : reference))(rows, n);
    }
    ck_equal(run, whole[0], whole[1], count * pitch, "rows");
    ck_equal(run, in, whole[1], pitch, "the newest row stays");
    ck_equal(run, (const uint8_t *)in + (count - 1) * pitch, whole[1] + (count - 1) * pitch, pitch,
             "the oldest row stays");
}

static inline void ck_check_step(ck_run *run, const ck_dwt_type *type, ck_fn *reference,
                                 ck_fn *variant, size_t n)
{
    size_t bytes = n * type->size;
    const void *row = ck_in(run, bytes), *above = ck_in(run, bytes);
    const void *below = ck_below(run, 3) ? ck_in(run, bytes) : above;
    void *expected = ck_copy(run, row, bytes), *got = ck_copy(run, row, bytes);
    ((rk_dwt_step_fn *)reference)(expected, above, below, n);
    ((rk_dwt_step_fn *)variant)(got, above, below, n);
    ck_equal(run, expected, got, bytes, "row, one neighbour: %d", above == below);
}

/* ---- a whole level ------------------------------------------------------------------------- */

static inline rk_span ck_random_span(ck_run *run, size_t n)
{
    uint32_t start = (uint32_t)ck_below(run, 8);
    return (rk_span){start, start + (uint32_t)n};
}

static inline rk_span ck_random_part(ck_run *run, rk_span s)
{
    uint32_t start = s.start + (uint32_t)ck_below(run, s.stop - s.start);
    return (rk_span){start, start + 1 + (uint32_t)ck_below(run, s.stop - start)};
}

/* `real`: floats of usual size, because the bits of what is not a number may differ. */
static inline rk_dwt_band ck_band(ck_run *run, rk_span y, rk_span x, size_t size, bool real)
{
    size_t rows = rk_span_size(y), cols = rk_span_size(x), stride = cols + ck_below(run, 3);
    size_t count = rows && cols ? (rows - 1) * stride + cols : 0;
    const void *in = ck_in(run, count * size);
    rk_f32 *floats;
    if (!real)
        return (rk_dwt_band){(void *)(uintptr_t)in, stride};
    floats = ck_copy(run, in, count * size);
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)((const rk_i32 *)in)[i] / 65536;
    return (rk_dwt_band){floats, stride};
}

/*
 * A part of a level, out of buffers of exact size: the plane equals the rows that are given one
 * by one; the same comes from `f` and from the filter `g` of another variant.
 */
static inline void ck_check_level(ck_run *run, const rk_dwt_filter *f, const rk_dwt_filter *g,
                                  size_t n, bool real)
{
    rk_dwt_level v;
    rk_idwt lines;
    size_t bytes, width, stride, count, row = 0;
    uint8_t *out[2], *scratch;
    const void *line;
    if (n == 0 || n > 130 || ck_below(run, 3))
        return;
    v.x = ck_random_span(run, n);
    v.y = ck_random_span(run, 1 + ck_below(run, 14));
    v.cols = ck_below(run, 2) ? v.x : ck_random_part(run, v.x);
    v.rows = ck_below(run, 2) ? v.y : ck_random_part(run, v.y);
    v.x = rk_span_window(v.cols, v.x, f->steps);
    v.y = rk_span_window(v.rows, v.y, f->steps);
    v.ll = ck_band(run, rk_span_low(v.y), rk_span_low(v.x), f->size, real);
    v.hl = ck_band(run, rk_span_low(v.y), rk_span_high(v.x), f->size, real);
    v.lh = ck_band(run, rk_span_high(v.y), rk_span_low(v.x), f->size, real);
    v.hh = ck_band(run, rk_span_high(v.y), rk_span_high(v.x), f->size, real);
    width = rk_span_size(v.cols);
    stride = width + ck_below(run, 3);
    count = (rk_span_size(v.rows) - 1) * stride + width;
    if (!rk_dwt_scratch(&bytes, f, &v))
        ck_true(run, false, "the size of the scratch is known");
    scratch = ck_out(run, bytes);
    for (int i = 0; i < 2; i++) {
        out[i] = ck_out(run, count * f->size);
        rk_idwt_plane(i ? g : f, &v, out[i], stride, scratch);
    }
    ck_equal(run, out[0], out[1], count * f->size, "level of %zu rows", rk_span_size(v.y));
    rk_idwt_begin(&lines, g, &v, NULL, scratch);
    while ((line = rk_idwt_next(&lines)) != NULL)
        ck_equal(run, out[0] + row++ * stride * f->size, line, width * f->size, "line");
    ck_true(run, row == rk_span_size(v.rows), "every row is given");
}

/* ---- timing: floats get no bits that are slow ---------------------------------------------- */

static inline void *ck_dwt_zeros(ck_run *run, size_t bytes)
{
    uint8_t *p = ck_out(run, bytes);
    for (size_t i = 0; i < bytes; i++)
        p[i] = 0;
    return p;
}

static inline void ck_bench_join(ck_run *run, const ck_dwt_type *type, ck_fn *fn, size_t n)
{
    static const float gain[2] = {1.5f, 0.75f};
    void *low = ck_dwt_zeros(run, n * type->size), *high = ck_dwt_zeros(run, n * type->size);
    void *out = ck_dwt_zeros(run, n * type->size);
    CK_TIME(run, n, ((rk_dwt_join_fn *)fn)(out, low, high, n, false, gain));
}

static inline void ck_bench_split(ck_run *run, const ck_dwt_type *type, ck_fn *fn, size_t n)
{
    static const float gain[2] = {1.5f, 0.75f};
    void *low = ck_dwt_zeros(run, n * type->size), *high = ck_dwt_zeros(run, n * type->size);
    void *src = ck_dwt_zeros(run, n * type->size);
    CK_TIME(run, n, ((rk_dwt_split_fn *)fn)(low, high, src, n, false, gain));
}

static inline void ck_bench_lift(ck_run *run, const ck_dwt_type *type, ck_fn *fn, size_t n)
{
    void *rows[6];
    for (size_t k = 0; k < type->steps + 2u; k++)
        rows[k] = ck_dwt_zeros(run, n * type->size);
    CK_TIME(run, n, ((rk_dwt_lift_fn *)fn)(rows, n));
}

static inline void ck_bench_step(ck_run *run, const ck_dwt_type *type, ck_fn *fn, size_t n)
{
    void *row = ck_dwt_zeros(run, n * type->size), *above = ck_dwt_zeros(run, n * type->size);
    void *below = ck_dwt_zeros(run, n * type->size);
    CK_TIME(run, n, ((rk_dwt_step_fn *)fn)(row, above, below, n));
}

#endif /* CHECK_DWT_H */
