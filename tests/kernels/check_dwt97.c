/* tests/kernels/check_dwt97.c: the irreversible wavelet; variants give the same bits. */
#include <math.h>

#include "check_dwt.h"
#include "kernels/dwt97_variants.h"
#include "kernels/words.h"

static const ck_dwt_type f32 = {4, 4, rk_dwt97_join_c, rk_dwt97_split_c};

/*
 * The patterns of the frame are any bits at all, so not-a-numbers, infinities and denormals;
 * of the former only that they are there is compared, for the sign and the payload of a sum of
 * two depend on the order of operands. Half of the cases are usual numbers instead.
 */
static const void *floats(ck_run *run, size_t n)
{
    const uint8_t *in = ck_in(run, 4 * n);
    rk_f32 *out = ck_copy(run, in, 4 * n);
    if (ck_below(run, 2))
        for (size_t i = 0; i < n; i++)
            out[i] = (float)((const rk_i32 *)in)[i] / 65536;
    return out;
}

static void same(ck_run *run, const void *expected, void *got, size_t n, bool odd)
{
    const rk_f32 *a = expected;
    rk_f32 *b = got;
    for (size_t i = 0; i < n; i++)
        if (isnan(a[i]) && isnan(b[i]))
            b[i] = a[i];
    ck_equal(run, expected, got, 4 * n, "odd %d", odd);
}

static void check_join(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    ck_dwt_row row;
    ck_random_row(run, &row, n);
    const void *low = floats(run, row.lows), *high = floats(run, row.highs);
    void *expected = ck_out(run, 4 * n), *got = ck_out(run, 4 * n);
    ((rk_dwt_join_fn *)reference)(expected, low, high, n, row.odd, row.gain);
    ((rk_dwt_join_fn *)variant)(got, low, high, n, row.odd, row.gain);
    same(run, expected, got, n, row.odd);
}

/* The inverse of the result is the row again, nearly. */
static void is_inverse(ck_run *run, const ck_dwt_row *row, const rk_f32 *src, const void *low,
                       const void *high)
{
    const float back[2] = {1 / row->gain[0], 1 / row->gain[1]};
    rk_f32 *out = ck_out(run, 4 * row->n);
    float most = 1e-30f;
    if (row->gain[0] < 0.1f || row->gain[1] < 0.1f)
        return;
    rk_dwt97_join_c(out, low, high, row->n, row->odd, back);
    for (size_t i = 0; i < row->n; i++) {
        if (!(fabsf(src[i]) < 1e30f))
            return;
        most = fmaxf(most, fabsf(src[i]));
    }
    for (size_t i = 0; i < row->n; i++)
        ck_true(run, fabsf(out[i] - src[i]) <= 4e-6f * most, "sample %zu comes back, odd %d", i,
                row->odd);
}

static void check_split(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    ck_dwt_row row;
    void *low[2], *high[2];
    const void *src = floats(run, n);
    ck_random_row(run, &row, n);
    for (int i = 0; i < 2; i++) {
        low[i] = ck_out(run, row.lows * 4);
        high[i] = ck_out(run, row.highs * 4);
        ((rk_dwt_split_fn *)(i ? variant : reference))(low[i], high[i], src, n, row.odd,
                                                       row.gain);
    }
    is_inverse(run, &row, src, low[0], high[0]);
    same(run, low[0], low[1], row.lows, row.odd);
    same(run, high[0], high[1], row.highs, row.odd);
}

static void check_lift(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *in = floats(run, 6 * n);
    uint8_t *whole[2] = {ck_copy(run, in, 24 * n), ck_copy(run, in, 24 * n)};
    for (int i = 0; i < 2; i++) {
        void *rows[6];
        for (size_t k = 0; k < 6; k++)
            rows[k] = whole[i] + k * n * 4;
        ((rk_dwt_lift_fn *)(i ? variant : reference))(rows, n);
    }
    same(run, whole[0], whole[1], 6 * n, false);
}

static void check_level(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_dwt97_table t;
    rk_dwt_filter f, g;
    check_lift(run, reference, variant, n);
    rk_dwt97_table_fill(&t, 0);
    f = rk_dwt97_inverse(&t);
    g = f;
    g.lift = (rk_dwt_lift_fn *)variant;
    ck_check_level(run, &f, &g, n, true);
}

static void check_step(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *row = floats(run, n), *above = floats(run, n);
    const void *below = ck_below(run, 3) ? floats(run, n) : above;
    void *expected = ck_copy(run, row, 4 * n), *got = ck_copy(run, row, 4 * n);
    ((rk_dwt_step_fn *)reference)(expected, above, below, n);
    ((rk_dwt_step_fn *)variant)(got, above, below, n);
    same(run, expected, got, n, false);
}

static void bench_join(ck_run *run, ck_fn *fn, size_t n)
{
    ck_bench_join(run, &f32, fn, n);
}

static void bench_split(ck_run *run, ck_fn *fn, size_t n)
{
    ck_bench_split(run, &f32, fn, n);
}

static void bench_lift(ck_run *run, ck_fn *fn, size_t n)
{
    ck_bench_lift(run, &f32, fn, n);
}

static void bench_step(ck_run *run, ck_fn *fn, size_t n)
{
    ck_bench_step(run, &f32, fn, n);
}

static const ck_member members[] = {
    {"join", check_join, bench_join},     {"split", check_split, bench_split},
    {"ilift", check_level, bench_lift},    {"flift", check_lift, bench_lift},
    {"istep0", check_step, bench_step},   {"istep1", check_step, bench_step},
    {"istep2", check_step, bench_step},   {"istep3", check_step, bench_step},
    {"fstep0", check_step, bench_step},   {"fstep1", check_step, bench_step},
    {"fstep2", check_step, bench_step},   {"fstep3", check_step, bench_step},
};

CK_STAGE(dwt97, rk_dwt97_table, rk_dwt97_table_fill, members)
