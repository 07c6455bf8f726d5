/* tests/kernels/check_pack.c: cells into values, other widths, planes into pixels, ranges. */
#include <string.h>

#include "checkkernel.h"
#include "kernels/pack.h"

static rk_cell random_cell(ck_run *run, unsigned width)
{
    rk_cell cell;
    cell.bits = (uint8_t)(1 + ck_below(run, width));
    cell.shift = (uint8_t)ck_below(run, width - cell.bits + 1);
    cell.is_signed = ck_below(run, 2);
    cell.swap = ck_below(run, 2);
    return cell;
}

#define CELL_FORMAT "shift %d bits %d signed %d swap %d"
#define CELL_VALUES(c) c.shift, c.bits, c.is_signed, c.swap

/* One cell bit by bit, as the standard says it. */
static void cell_by_bits(const uint8_t *cell, uint8_t *value, unsigned width, rk_cell c)
{
    unsigned bytes = width / 8;
    memset(value, 0, bytes);
    for (unsigned bit = 0; bit < width; bit++) {
        unsigned from = c.shift + bit;
        if (bit >= c.bits)
            from = c.shift + c.bits - 1u; /* the sign */
        unsigned byte = c.swap ? bytes - 1 - from / 8 : from / 8;
        unsigned set = bit >= c.bits && !c.is_signed ? 0 : cell[byte] >> (from % 8) & 1u;
        value[bit / 8] |= (uint8_t)(set << (bit % 8));
    }
}

static void check_finish(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n,
                         unsigned width)
{
    size_t size = n * width / 8;
    rk_cell cell = random_cell(run, width);
    const uint8_t *src = ck_in(run, size);
    uint8_t *expected = ck_out(run, size), *got = ck_out(run, size);
    uint8_t *in_place = ck_copy(run, src, size), value[8];
    ((rk_pack_finish_fn *)reference)(src, expected, n, cell);
    ((rk_pack_finish_fn *)variant)(src, got, n, cell);
    ((rk_pack_finish_fn *)variant)(in_place, in_place, n, cell);
    ck_equal(run, expected, got, size, CELL_FORMAT, CELL_VALUES(cell));
    ck_equal(run, expected, in_place, size, "in place " CELL_FORMAT, CELL_VALUES(cell));
    for (size_t i = 0; i < n && i < 40; i++) {
        cell_by_bits(src + i * (width / 8), value, width, cell);
        ck_equal(run, value, got + i * (width / 8), width / 8, "by bits " CELL_FORMAT,
                 CELL_VALUES(cell));
    }
}

/* Half of the arrays are clean but for at most one bit, the hard case. */
static void check_outside(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n,
                          unsigned width)
{
    size_t size = n * width / 8;
    rk_cell cell = random_cell(run, width);
    uint64_t mask = rk_pack_mask(cell, width);
    bool clean = ck_below(run, 2), expected = false;
    uint8_t *words = ck_copy(run, ck_in(run, size), size);
    for (size_t i = 0; i < size && clean; i++)
        words[i] &= (uint8_t)(mask >> (8 * (i % (width / 8))));
    if (clean && size && ck_below(run, 2))
        words[ck_below(run, size)] ^= (uint8_t)(1u << ck_below(run, 8));
    const uint8_t *src = ck_in_from(run, words, size);
    for (size_t i = 0; i < size; i++)
        expected |= (src[i] & ~(mask >> (8 * (i % (width / 8)))) & 0xFF) != 0;
    bool a = ((rk_pack_outside_fn *)reference)(src, n, cell);
    bool b = ((rk_pack_outside_fn *)variant)(src, n, cell);
    ck_true(run, a == expected && b == expected, "reference %d variant %d for " CELL_FORMAT, a, b,
            CELL_VALUES(cell));
}

static void check_convert(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n,
                          unsigned from, unsigned to)
{
    unsigned bits = 1 + (unsigned)ck_below(run, from);
    bool is_signed = ck_below(run, 2);
    const uint8_t *src = ck_in(run, n * from / 8);
    uint8_t *expected = ck_out(run, n * to / 8), *got = ck_out(run, n * to / 8);
    ((rk_pack_convert_fn *)reference)(src, expected, n, bits, is_signed);
    ((rk_pack_convert_fn *)variant)(src, got, n, bits, is_signed);
    ck_equal(run, expected, got, n * to / 8, "bits %d signed %d", bits, is_signed);
    for (size_t i = 0; i < n && i < 40; i++) {
        uint64_t x = 0, y = 0;
        memcpy(&x, src + i * from / 8, from / 8); /* little-endian, as all machines here */
        memcpy(&y, got + i * to / 8, to / 8);
        x &= ((uint64_t)1 << bits) - 1;
        if (is_signed && x >> (bits - 1))
            x |= UINT64_MAX << bits;
        ck_true(run, y == (x & (((uint64_t)1 << to) - 1)), "value %d: bits %d signed %d", (int)i,
                bits, is_signed);
    }
}

static void check_interleave(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n,
                             unsigned width)
{
    size_t samples = ck_below(run, 2) ? 3 : 1 + ck_below(run, 5);
    size_t size = n * samples * width / 8, cell = width / 8;
    const uint8_t *src = ck_in(run, size);
    uint8_t *expected = ck_out(run, size), *got = ck_out(run, size);
    ((rk_pack_interleave_fn *)reference)(src, expected, n, samples);
    ((rk_pack_interleave_fn *)variant)(src, got, n, samples);
    ck_equal(run, expected, got, size, "samples %d", (int)samples);
    for (size_t i = 0; i < n && i < 40; i++)
        for (size_t s = 0; s < samples; s++)
            ck_equal(run, src + (s * n + i) * cell, got + (i * samples + s) * cell, cell,
                     "pixel %d sample %d of %d", (int)i, (int)s, (int)samples);
}

static int64_t value_at(const uint8_t *p, unsigned width, bool is_signed)
{
    uint64_t x = 0;
    memcpy(&x, p, width / 8);
    if (is_signed && x >> (width - 1))
        x |= UINT64_MAX << width;
    return (int64_t)x;
}

static void check_range(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, unsigned width,
                        bool is_signed)
{
    int64_t a[2] = {7, 7}, b[2] = {7, 7}, expected[2] = {7, 7};
    const uint8_t *src = ck_in(run, n * width / 8);
    for (size_t i = 0; i < n; i++) {
        int64_t x = value_at(src + i * width / 8, width, is_signed);
        expected[0] = i == 0 || x < expected[0] ? x : expected[0];
        expected[1] = i == 0 || x > expected[1] ? x : expected[1];
    }
    ((rk_pack_range_fn *)reference)(src, n, &a[0], &a[1]);
    ((rk_pack_range_fn *)variant)(src, n, &b[0], &b[1]);
    ck_equal(run, expected, a, sizeof a, "reference");
    ck_equal(run, expected, b, sizeof b, "variant");
}

static void bench_finish(ck_run *run, ck_fn *fn, size_t n, unsigned width)
{
    rk_cell cell = {2, (uint8_t)(width - 4), true, width > 8};
    const void *src = ck_in(run, n * width / 8);
    void *out = ck_out(run, n * width / 8);
    CK_TIME(run, n, ((rk_pack_finish_fn *)fn)(src, out, n, cell));
}

static void bench_outside(ck_run *run, ck_fn *fn, size_t n, unsigned width)
{
    rk_cell cell = {0, (uint8_t)width, false, false};
    const void *src = ck_in(run, n * width / 8);
    CK_TIME(run, n, ((rk_pack_outside_fn *)fn)(src, n, cell));
}

static void bench_convert(ck_run *run, ck_fn *fn, size_t n, unsigned from, unsigned to)
{
    const void *src = ck_in(run, n * from / 8);
    void *out = ck_out(run, n * to / 8);
    CK_TIME(run, n, ((rk_pack_convert_fn *)fn)(src, out, n, from - 1, true));
}

static void bench_interleave(ck_run *run, ck_fn *fn, size_t n, unsigned width)
{
    const void *src = ck_in(run, n * 3 * width / 8);
    void *out = ck_out(run, n * 3 * width / 8);
    CK_TIME(run, n, ((rk_pack_interleave_fn *)fn)(src, out, n, 3));
}

static void bench_range(ck_run *run, ck_fn *fn, size_t n, unsigned width)
{
    int64_t low, high;
    const void *src = ck_in(run, n * width / 8);
    CK_TIME(run, n, ((rk_pack_range_fn *)fn)(src, n, &low, &high));
}

/* The functions above, with their widths fixed. */
#define WITH(name, ...)                                                                  \
    static void check_##name(ck_run *run, ck_fn *a, ck_fn *b, size_t n)                  \
    {                                                                                    \
        CHECK(run, a, b, n, __VA_ARGS__);                                                \
    }                                                                                    \
    static void bench_##name(ck_run *run, ck_fn *fn, size_t n)                           \
    {                                                                                    \
        BENCH(run, fn, n, __VA_ARGS__);                                                  \
    }

#define CHECK check_finish
#define BENCH bench_finish
WITH(finish8, 8)
WITH(finish16, 16)
WITH(finish32, 32)
WITH(finish64, 64)
#undef CHECK
#undef BENCH
#define CHECK check_outside
#define BENCH bench_outside
WITH(outside8, 8)
WITH(outside16, 16)
WITH(outside32, 32)
WITH(outside64, 64)
#undef CHECK
#undef BENCH
#define CHECK check_convert
#define BENCH bench_convert
WITH(convert8to16, 8, 16)
WITH(convert8to32, 8, 32)
WITH(convert16to8, 16, 8)
WITH(convert16to32, 16, 32)
WITH(convert32to8, 32, 8)
WITH(convert32to16, 32, 16)
#undef CHECK
#undef BENCH
#define CHECK check_interleave
#define BENCH bench_interleave
WITH(interleave8, 8)
WITH(interleave16, 16)
WITH(interleave32, 32)
#undef CHECK
#undef BENCH
#define CHECK check_range
#define BENCH(run, fn, n, width, is_signed) bench_range(run, fn, n, width)
WITH(range_u8, 8, false)
WITH(range_i8, 8, true)
WITH(range_u16, 16, false)
WITH(range_i16, 16, true)
WITH(range_u32, 32, false)
WITH(range_i32, 32, true)

#define MEMBER(name) {#name, check_##name, bench_##name}
static const ck_member members[] = {
    MEMBER(finish8),      MEMBER(finish16),      MEMBER(finish32),      MEMBER(finish64),
    MEMBER(outside8),     MEMBER(outside16),     MEMBER(outside32),     MEMBER(outside64),
    MEMBER(convert8to16), MEMBER(convert8to32),  MEMBER(convert16to8),  MEMBER(convert16to32),
    MEMBER(convert32to8), MEMBER(convert32to16), MEMBER(interleave8),   MEMBER(interleave16),
    MEMBER(interleave32), MEMBER(range_u8),      MEMBER(range_i8),      MEMBER(range_u16),
    MEMBER(range_i16),    MEMBER(range_u32),     MEMBER(range_i32),
};

CK_STAGE(pack, rk_pack_table, rk_pack_table_fill, members)
