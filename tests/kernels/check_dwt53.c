/* tests/kernels/check_dwt53.c: the reversible wavelet, rows and whole levels. */
#include "check_dwt.h"
#include "checkkernel.h"
#include "kernels/dwt53_variants.h"
#include "kernels/words.h"

static const ck_dwt_type i16 = {2, 2, rk_dwt53_join_i16_c, rk_dwt53_split_i16_c};
static const ck_dwt_type i32 = {4, 2, rk_dwt53_join_i32_c, rk_dwt53_split_i32_c};
static const ck_dwt_type i64 = {8, 2, rk_dwt53_join_i64_c, rk_dwt53_split_i64_c};

/* What the forward transform makes of the result is what the result was made of. */
static void is_inverse(ck_run *run, const ck_dwt_type *type, const ck_dwt_row *row)
{
    uint8_t *low = ck_out(run, row->lows * type->size);
    uint8_t *high = ck_out(run, row->highs * type->size);
    if (row->n == 1) /* y / 2 loses the last bit */
        return;
    type->split(low, high, row->samples, row->n, row->odd, row->gain);
    ck_equal(run, row->low, low, row->lows * type->size, "low of the inverse, odd %d", row->odd);
    ck_equal(run, row->high, high, row->highs * type->size, "high of the inverse, odd %d",
             row->odd);
}

#define DWT53_TYPE(name, type)                                                           \
    static void join_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)     \
    {                                                                                    \
        ck_dwt_row row;                                                                  \
        ck_check_join(run, &name, &row, reference, variant, n);                          \
        is_inverse(run, &name, &row);                                                    \
    }                                                                                    \
    static void split_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        ck_check_split(run, &name, reference, variant, n);                               \
    }                                                                                    \
    static void lift_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)     \
    {                                                                                    \
        ck_check_lift(run, &name, reference, variant, n);                                \
    }                                                                                    \
    /* Inverse: with the vertical steps of the variant in a level of the reference. */   \
    static void level_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        rk_dwt53_table t;                                                                \
        rk_dwt_filter f, g;                                                              \
        lift_##name(run, reference, variant, n);                                         \
        rk_dwt53_table_fill(&t, 0);                                                      \
        f = rk_dwt53_inverse(&t, type);                                                  \
        g = f;                                                                           \
        g.lift = (rk_dwt_lift_fn *)variant;                                              \
        ck_check_level(run, &f, &g, n, false);                                            \
    }                                                                                    \
    static void step_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)     \
    {                                                                                    \
        ck_check_step(run, &name, reference, variant, n);                                \
    }                                                                                    \
    static void row_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)      \
    {                                                                                    \
        const void *in = ck_in(run, n * name.size);                                      \
        void *expected = ck_copy(run, in, n * name.size);                                \
        void *got = ck_copy(run, in, n * name.size);                                     \
        ((rk_dwt_row_fn *)reference)(expected, n);                                       \
        ((rk_dwt_row_fn *)variant)(got, n);                                              \
        ck_equal(run, expected, got, n * name.size, "row");                              \
    }                                                                                    \
    static void bench_join_##name(ck_run *run, ck_fn *fn, size_t n)                      \
    {                                                                                    \
        ck_bench_join(run, &name, fn, n);                                                \
    }                                                                                    \
    static void bench_split_##name(ck_run *run, ck_fn *fn, size_t n)                     \
    {                                                                                    \
        ck_bench_split(run, &name, fn, n);                                               \
    }                                                                                    \
    static void bench_lift_##name(ck_run *run, ck_fn *fn, size_t n)                      \
    {                                                                                    \
        ck_bench_lift(run, &name, fn, n);                                                \
    }                                                                                    \
    static void bench_step_##name(ck_run *run, ck_fn *fn, size_t n)                      \
    {                                                                                    \
        ck_bench_step(run, &name, fn, n);                                                \
    }

DWT53_TYPE(i16, RK_DWT_INT16)
DWT53_TYPE(i32, RK_DWT_INT32)
DWT53_TYPE(i64, RK_DWT_INT64)

typedef uint64_t peak_fn(const void *row, size_t n);

static void check_peak(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size)
{
    const uint8_t *in = ck_in(run, n * size);
    uint64_t expected = ((peak_fn *)reference)(in, n), got = ((peak_fn *)variant)(in, n);
    uint64_t most = 0;
    ck_equal(run, &expected, &got, 8, "peak");
    for (size_t i = 0; i < n; i++) {
        int32_t x = size == 2 ? ((const rk_i16 *)in)[i] : ((const rk_i32 *)in)[i];
        uint64_t magnitude = (uint64_t)(x < 0 ? -(int64_t)x : x);
        most = magnitude > most ? magnitude : most;
    }
    ck_true(run, most == got, "the peak is the largest magnitude");
}

static void check_peak_i16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_peak(run, reference, variant, n, 2);
}

static void check_peak_i32(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_peak(run, reference, variant, n, 4);
}

static void bench_peak(ck_run *run, ck_fn *fn, size_t n)
{
    const void *in = ck_in(run, n * 4);
    CK_TIME(run, n, ((peak_fn *)fn)(in, n));
}

typedef void convert_fn(const void *src, void *out, size_t n);

static void check_narrow(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_i32 *in = ck_in(run, 4 * n);
    rk_i16 *expected = ck_out(run, 2 * n), *got = ck_out(run, 2 * n);
    ((convert_fn *)reference)(in, expected, n);
    ((convert_fn *)variant)(in, got, n);
    ck_equal(run, expected, got, 2 * n, "narrow");
    for (size_t i = 0; i < n; i++)
        ck_true(run, got[i] == (int16_t)(in[i] & 0xFFFF), "low bits of element %zu", i);
}

static void check_widen(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const rk_i16 *in = ck_in(run, 2 * n);
    rk_i32 *expected = ck_out(run, 4 * n), *got = ck_out(run, 4 * n);
    ((convert_fn *)reference)(in, expected, n);
    ((convert_fn *)variant)(in, got, n);
    ck_equal(run, expected, got, 4 * n, "widen");
    for (size_t i = 0; i < n; i++)
        ck_true(run, got[i] == in[i], "element %zu", i);
}

static void bench_convert(ck_run *run, ck_fn *fn, size_t n)
{
    const void *in = ck_in(run, 4 * n);
    void *out = ck_out(run, 4 * n);
    CK_TIME(run, n, ((convert_fn *)fn)(in, out, n));
}

static const ck_member members[] = {
    {"join_i16", join_i16, bench_join_i16},
    {"join_i32", join_i32, bench_join_i32},
    {"join_i64", join_i64, bench_join_i64},
    {"split_i16", split_i16, bench_split_i16},
    {"split_i32", split_i32, bench_split_i32},
    {"split_i64", split_i64, bench_split_i64},
    {"ilift_i16", level_i16, bench_lift_i16},
    {"ilift_i32", level_i32, bench_lift_i32},
    {"ilift_i64", level_i64, bench_lift_i64},
    {"flift_i16", lift_i16, bench_lift_i16},
    {"flift_i32", lift_i32, bench_lift_i32},
    {"flift_i64", lift_i64, bench_lift_i64},
    {"ieven_i16", step_i16, bench_step_i16},
    {"ieven_i32", step_i32, bench_step_i32},
    {"ieven_i64", step_i64, bench_step_i64},
    {"iodd_i16", step_i16, bench_step_i16},
    {"iodd_i32", step_i32, bench_step_i32},
    {"iodd_i64", step_i64, bench_step_i64},
    {"fodd_i16", step_i16, bench_step_i16},
    {"fodd_i32", step_i32, bench_step_i32},
    {"fodd_i64", step_i64, bench_step_i64},
    {"feven_i16", step_i16, bench_step_i16},
    {"feven_i32", step_i32, bench_step_i32},
    {"feven_i64", step_i64, bench_step_i64},
    {"halve_i16", row_i16, NULL},
    {"halve_i32", row_i32, NULL},
    {"halve_i64", row_i64, NULL},
    {"twice_i16", row_i16, NULL},
    {"twice_i32", row_i32, NULL},
    {"twice_i64", row_i64, NULL},
    {"peak_i16", check_peak_i16, bench_peak},
    {"peak_i32", check_peak_i32, bench_peak},
    {"narrow", check_narrow, bench_convert},
    {"widen", check_widen, bench_convert},
};

CK_STAGE(dwt53, rk_dwt53_table, rk_dwt53_table_fill, members)
