/* tests/kernels/check_palette.c: indices into three colour tables. */
#include <string.h>

#include "checkkernel.h"
#include "kernels/palette.h"

static void check_palette(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t index,
                          bool is_signed, size_t entry)
{
    static const int64_t firsts[] = {0, 1, -128, 100, -32768, 70000, 1LL << 60};
    rk_palette p;
    p.entries = 1 + ck_below(run, 300);
    p.first = firsts[ck_below(run, 7)];
    p.red = ck_in(run, p.entries * entry);
    p.green = ck_in(run, p.entries * entry);
    p.blue = ck_in(run, p.entries * entry);
    const uint8_t *src = ck_in(run, n * index);
    uint8_t *expected = ck_out(run, 3 * n * entry), *got = ck_out(run, 3 * n * entry);
    ((rk_palette_fn *)reference)(&p, src, expected, n);
    ((rk_palette_fn *)variant)(&p, src, got, n);
    ck_equal(run, expected, got, 3 * n * entry, "entries %zu first %lld", p.entries,
             (long long)p.first);
    for (size_t i = 0; i < n && i < 40; i++) {
        uint64_t x = 0;
        memcpy(&x, src + i * index, index);
        if (is_signed && x >> (8 * index - 1))
            x |= UINT64_MAX << (8 * index);
        int64_t at = (int64_t)x - p.first;
        size_t e = at < 0 ? 0 : (uint64_t)at >= p.entries ? p.entries - 1 : (size_t)at;
        ck_equal(run, (const uint8_t *)p.red + e * entry, got + 3 * i * entry, entry, "red");
        ck_equal(run, (const uint8_t *)p.green + e * entry, got + (3 * i + 1) * entry, entry,
                 "green");
        ck_equal(run, (const uint8_t *)p.blue + e * entry, got + (3 * i + 2) * entry, entry,
                 "blue");
    }
}

#define PALETTE(name, index, is_signed, entry)                                           \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        check_palette(run, reference, variant, n, index, is_signed, entry);              \
    }                                                                                    \
    static void bench_##name(ck_run *run, ck_fn *fn, size_t n)                           \
    {                                                                                    \
        rk_palette p = {ck_in(run, 256 * entry), ck_in(run, 256 * entry),                \
                        ck_in(run, 256 * entry), 256, 0};                                \
        const void *src = ck_in(run, n * index);                                         \
        void *out = ck_out(run, 3 * n * entry);                                          \
        CK_TIME(run, n, ((rk_palette_fn *)fn)(&p, src, out, n));                         \
    }

PALETTE(u8_8, 1, false, 1)
PALETTE(i8_8, 1, true, 1)
PALETTE(u16_8, 2, false, 1)
PALETTE(i16_8, 2, true, 1)
PALETTE(u8_16, 1, false, 2)
PALETTE(i8_16, 1, true, 2)
PALETTE(u16_16, 2, false, 2)
PALETTE(i16_16, 2, true, 2)

#define MEMBER(name) {#name, check_##name, bench_##name}
static const ck_member members[] = {
    MEMBER(u8_8),  MEMBER(i8_8),  MEMBER(u16_8),  MEMBER(i16_8),
    MEMBER(u8_16), MEMBER(i8_16), MEMBER(u16_16), MEMBER(i16_16),
};

CK_STAGE(palette, rk_palette_table, rk_palette_table_fill, members)
