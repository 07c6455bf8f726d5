/* tests/kernels/check_quant_forward.c: bands into words of sign and magnitude. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "checkkernel.h"
#include "kernels/quant.h"
#include "kernels/words.h"

enum { I16, I32, F32 };
static const size_t SIZES[3] = {2, 4, 4};

/* What quant.h says of element i, in other words. */
static uint32_t expected(const void *src, size_t i, int kind, float scale)
{
    double index;
    if (kind == I16) {
        index = ((const rk_i16 *)src)[i];
    } else if (kind == I32) {
        index = ((const rk_i32 *)src)[i];
        index = fmax(index, -(double)RK_QUANT_LARGEST);
    } else {
        float product = ((const rk_f32 *)src)[i] * scale;
        index = isnan(product) ? 0 : trunc((double)product);
        index = fmin(fmax(index, -(double)RK_QUANT_LARGEST_F32), RK_QUANT_LARGEST_F32);
    }
    return index < 0 ? (uint32_t)-index | RK_QUANT_NEGATIVE : (uint32_t)index;
}

/* Floats of any exponent are nearly all too large or too small: most are drawn about the limits. */
static const void *draw_source(ck_run *run, size_t count, int kind)
{
    static const float special[] = {0, -0.0f, NAN, -NAN, INFINITY, -INFINITY, FLT_MIN / 2, -FLT_MAX,
                                    0x1p31f, -0x1p31f, 0x1.fffffep30f, 1, -1, 0x1.fffffep-1f};
    const rk_f32 *in = ck_in(run, count * SIZES[kind]);
    if (kind != F32 || ck_below(run, 4) == 0)
        return in;
    rk_f32 *made = ck_copy(run, in, count * sizeof *in);
    for (size_t i = 0; i < count; i++) {
        uint64_t word = ck_random(run);
        float size = (float)(word >> 40) * ldexpf(1, (int)(word & 15) - 12);
        made[i] = word & 16 ? -size : size;
        if (ck_below(run, 16) == 0)
            made[i] = special[ck_below(run, sizeof special / sizeof special[0])];
    }
    return made;
}

static void check(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, int kind)
{
    static const float scales[] = {1, 0.75f, 3, 1.0f / 3, 0, 0x1p-20f, 0x1p20f};
    rk_quant_forward_block a = {.width = (uint32_t)n,
                                .height = n > 1000 ? 1 : (uint32_t)ck_below(run, 4)};
    a.stride = n + ck_below(run, 5);
    a.src_stride = n + ck_below(run, 5);
    size_t bytes = a.height ? ((a.height - 1) * a.stride + n) * 4 : 0;
    uint32_t seen = 0;
    a.scale = scales[ck_below(run, sizeof scales / sizeof scales[0])];
    a.src = draw_source(run, a.height ? (a.height - 1) * a.src_stride + n : 0, kind);
    rk_quant_forward_block b = a;
    a.out = ck_out(run, bytes);
    b.out = ck_out(run, bytes);
    a.seen = b.seen = (uint32_t)ck_random(run);
    ((rk_quant_forward_fn *)reference)(&a);
    ((rk_quant_forward_fn *)variant)(&b);
    ck_equal(run, a.out, b.out, bytes, "height %u scale %g", a.height, (double)a.scale);
    for (size_t row = 0; row < a.height; row++)
        for (size_t i = 0; i < n; i++) {
            uint32_t want = expected(a.src, row * a.src_stride + i, kind, a.scale);
            uint32_t got = ((const rk_u32 *)b.out)[row * a.stride + i];
            seen |= want & RK_QUANT_LARGEST;
            ck_true(run, want == got, "row %zu element %zu: %x instead of %x, scale %g", row, i, got,
                    want, (double)a.scale);
        }
    ck_true(run, a.seen == seen && b.seen == seen, "seen: %x and %x instead of %x", a.seen, b.seen,
            seen);
}

#define FORWARD(name, kind)                                                              \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        check(run, reference, variant, n, kind);                                         \
    }

FORWARD(i16, I16)
FORWARD(i32, I32)
FORWARD(f32, F32)

/* Blocks of 64 columns. */
static void bench(ck_run *run, ck_fn *fn, size_t n)
{
    rk_quant_forward_block b = {.src = ck_in(run, 4 * n),
                                .src_stride = 64,
                                .out = ck_out(run, 4 * n),
                                .stride = 64,
                                .width = 64,
                                .height = (uint32_t)(n / 64),
                                .scale = 0.5f};
    CK_TIME(run, n, ((rk_quant_forward_fn *)fn)(&b));
}

static const ck_member members[] = {
    {"i16", check_i16, bench}, {"i32", check_i32, bench}, {"f32", check_f32, bench}};

CK_STAGE(quant_forward, rk_quant_forward_table, rk_quant_forward_table_fill, members)
