/* checkkernel: RLE (kernels/rle.h). */
#include <string.h>

#include "checkkernel.h"
#include "kernels/rle.h"

enum { MOST = 1 << 17 };
static uint8_t made[MOST + MOST / 64 + 256];

/* Few values in runs of changing length, so that there is something to pack. */
static const uint8_t *in_runs(ck_run *run, size_t n)
{
    uint64_t values = 1 + ck_below(run, 4), longest = 1 + ck_below(run, 200);
    for (size_t i = 0; i < n;) {
        uint8_t value = (uint8_t)ck_below(run, values);
        size_t length = 1 + (size_t)ck_below(run, longest);
        for (; length && i < n; length--)
            made[i++] = value;
    }
    return ck_in_from(run, made, n);
}

/* A segment: noise, which is a valid one of any tokens, or a packed row, perhaps cut short. */
static const uint8_t *in_segment(ck_run *run, size_t n, size_t *size)
{
    static uint8_t packed[sizeof made];
    if (ck_below(run, 3) == 0) {
        *size = n;
        return ck_in(run, n);
    }
    const uint8_t *row = in_runs(run, n);
    *size = rk_rle_pack_c(packed, row, n);
    if (ck_below(run, 4) == 0)
        *size -= (size_t)ck_below(run, *size);
    return ck_in_from(run, packed, *size);
}

static void check_unpack(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_rle_plane a[3], b[3];
    size_t count = 1 + (size_t)ck_below(run, 3);
    n = n < MOST ? n : MOST;
    for (size_t k = 0; k < count; k++) {
        memset(&a[k], 0, sizeof a[k]);
        a[k].src = in_segment(run, n, &a[k].size);
        a[k].n = ck_below(run, 2) ? n : n + (size_t)ck_below(run, 64);
        b[k] = a[k];
        a[k].dst = ck_out(run, a[k].n);
        b[k].dst = ck_out(run, a[k].n);
    }
    ((rk_rle_unpack_fn *)reference)(a, count);
    ((rk_rle_unpack_fn *)variant)(b, count);
    for (size_t k = 0; k < count; k++) {
        ck_true(run, a[k].done <= a[k].n, "plane %zu: %zu of %zu", k, a[k].done, a[k].n);
        ck_true(run, a[k].done == b[k].done, "plane %zu: %zu and %zu bytes", k, a[k].done,
                b[k].done);
        ck_equal(run, a[k].dst, b[k].dst, a[k].done, "plane %zu of %zu", k, count);
    }
}

static void check_weave(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    uint8_t order[RK_RLE_MAX_SEGMENTS];
    size_t planes = 1 + (size_t)ck_below(run, n < 1000 ? RK_RLE_MAX_SEGMENTS : 4);
    for (size_t k = 0; k < planes; k++)
        order[k] = (uint8_t)k;
    for (size_t k = planes; k-- > 1;) {
        size_t other = (size_t)ck_below(run, k + 1);
        uint8_t kept = order[k];
        order[k] = order[other];
        order[other] = kept;
    }
    const uint8_t *in = ck_in(run, n * planes);
    uint8_t *a = ck_out(run, n * planes), *b = ck_out(run, n * planes);
    ((rk_rle_weave_fn *)reference)(a, in, n, planes, order);
    ((rk_rle_weave_fn *)variant)(b, in, n, planes, order);
    ck_equal(run, a, b, n * planes, "%zu planes", planes);
}

static void check_split(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    size_t stride = 1 + (size_t)ck_below(run, 6);
    const uint8_t *in = ck_in(run, n ? (n - 1) * stride + 1 : 0);
    uint8_t *a = ck_out(run, n), *b = ck_out(run, n);
    ((rk_rle_split_fn *)reference)(a, in, n, stride);
    ((rk_rle_split_fn *)variant)(b, in, n, stride);
    ck_equal(run, a, b, n, "stride %zu", stride);
}

static void check_pack(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    n = n < MOST ? n : MOST;
    const uint8_t *row = ck_below(run, 2) ? in_runs(run, n) : ck_in(run, n);
    uint8_t *a = ck_out(run, RK_RLE_ROW_BOUND(n)), *b = ck_out(run, RK_RLE_ROW_BOUND(n));
    size_t used = ((rk_rle_pack_fn *)reference)(a, row, n);
    size_t got = ((rk_rle_pack_fn *)variant)(b, row, n);
    ck_true(run, used <= RK_RLE_ROW_BOUND(n), "%zu bytes for %zu", used, n);
    ck_true(run, used == got, "%zu and %zu bytes", used, got);
    ck_equal(run, a, b, used, "packed row");
    rk_rle_plane back = {.src = a, .size = used, .dst = made, .n = n, .done = 0};
    rk_rle_unpack_c(&back, 1);
    ck_true(run, back.done == n, "%zu of %zu bytes come back", back.done, n);
    ck_equal(run, row, made, n, "unpacked row");
}

static void bench_unpack(ck_run *run, ck_fn *fn, size_t n)
{
    n = n < MOST ? n : MOST;
    rk_rle_plane p[2];
    memset(p, 0, sizeof p);
    for (size_t k = 0; k < 2; k++) {
        static uint8_t packed[sizeof made];
        const uint8_t *row = in_runs(run, n);
        p[k].size = rk_rle_pack_c(packed, row, n);
        p[k].src = ck_in_from(run, packed, p[k].size);
        p[k].n = n;
        p[k].dst = ck_out(run, n);
    }
    CK_TIME(run, 2 * n, ((rk_rle_unpack_fn *)fn)(p, 2));
}

static void bench_weave(ck_run *run, ck_fn *fn, size_t n)
{
    static const uint8_t order[2] = {1, 0};
    const uint8_t *in = ck_in(run, 2 * n);
    uint8_t *out = ck_out(run, 2 * n);
    CK_TIME(run, n, ((rk_rle_weave_fn *)fn)(out, in, n, 2, order));
}

static void bench_split(ck_run *run, ck_fn *fn, size_t n)
{
    const uint8_t *in = ck_in(run, 2 * n);
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_rle_split_fn *)fn)(out, in, n, 2));
}

static void bench_pack(ck_run *run, ck_fn *fn, size_t n)
{
    n = n < MOST ? n : MOST;
    const uint8_t *row = in_runs(run, n);
    uint8_t *out = ck_out(run, RK_RLE_ROW_BOUND(n));
    CK_TIME(run, n, ((rk_rle_pack_fn *)fn)(out, row, n));
}

static const ck_member members[] = {
    {"unpack", check_unpack, bench_unpack},
    {"weave", check_weave, bench_weave},
    {"split", check_split, bench_split},
    {"pack", check_pack, bench_pack},
};

CK_STAGE(rle, rk_rle_table, rk_rle_table_fill, members)
