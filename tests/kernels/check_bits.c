/* tests/kernels/check_bits.c: unpacking and packing of one-bit pixels. */
#include "checkkernel.h"
#include "kernels/bits.h"

static size_t bytes_for(uint64_t start, size_t n)
{
    return (size_t)((start % 8 + n + 7) / 8);
}

/* The stream begins at the byte that holds bit `start`; the kernel gets a pointer that many
 * bytes lower only if there are some, so `start` stays small here. */
static void check_unpack(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    uint64_t start = ck_below(run, 8);
    const uint8_t *src = ck_in(run, bytes_for(start, n));
    uint8_t *expected = ck_out(run, n), *got = ck_out(run, n);
    ((rk_bits_unpack_fn *)reference)(src, start, expected, n);
    ((rk_bits_unpack_fn *)variant)(src, start, got, n);
    ck_equal(run, expected, got, n, "start %d", (int)start);
    for (size_t i = 0; i < n; i++)
        if (got[i] != ((src[(start + i) / 8] >> ((start + i) % 8)) & 1))
            ck_true(run, false, "start %d: pixel %zu has the value of its bit", (int)start, i);
}

/* A frame far inside of a stream: all but the last bytes lie before it. */
static void check_pack(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    uint64_t start = ck_below(run, 40);
    size_t size = (size_t)((start + n + 7) / 8);
    const uint8_t *values = ck_in(run, n);
    uint8_t *expected = ck_out(run, size), *got = ck_out(run, size);
    ((rk_bits_pack_fn *)reference)(values, n, expected, start);
    ((rk_bits_pack_fn *)variant)(values, n, got, start);
    ck_equal(run, expected, got, size, "start %d", (int)start);
    for (size_t i = 0; i < n; i++)
        if ((values[i] != 0) != ((got[(start + i) / 8] >> ((start + i) % 8)) & 1))
            ck_true(run, false, "start %d: bit %zu has its value", (int)start, i);
}

static void bench_unpack(ck_run *run, ck_fn *fn, size_t n)
{
    const uint8_t *src = ck_in(run, n / 8 + 1);
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_bits_unpack_fn *)fn)(src, 0, out, n));
}

static void bench_pack(ck_run *run, ck_fn *fn, size_t n)
{
    const uint8_t *values = ck_in(run, n);
    uint8_t *out = ck_out(run, n / 8 + 1);
    CK_TIME(run, n, ((rk_bits_pack_fn *)fn)(values, n, out, 0));
}

static const ck_member members[] = {
    {"unpack", check_unpack, bench_unpack},
    {"pack", check_pack, bench_pack},
};

CK_STAGE(bits, rk_bits_table, rk_bits_table_fill, members)
