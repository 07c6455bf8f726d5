/* check_jpegscan.c: the walk over a JPEG scan stays inside its input, whatever that holds,
 * counts what a small encoder of its own wrote, and finds the same by leaps as symbol by
 * symbol. */
#include "kernels/jpegscan.h"

#include "checkkernel.h"

#include <string.h>

typedef rk_status walk_fn(const rk_jpegscan_plan *, const uint8_t *, size_t, uint64_t *,
                          uint64_t *);
typedef struct walk_table {
    ck_fn *walk, *marker;
} walk_table;

static void fill(walk_table *t, uint32_t cpu)
{
    (void)cpu;
    t->walk = (ck_fn *)rk_jpegscan_walk;
    t->marker = (ck_fn *)rk_jpegscan_marker;
}

/* DC: 00 -> 0, 01 -> 3, 10 -> 11; AC: 00 -> end of block, 01 -> 0/1, 10 -> 15/0, 110 -> 3/4. */
static const uint8_t dc_counts[16] = {0, 3}, dc_symbols[] = {0, 3, 11};
static const uint8_t ac_counts[16] = {0, 3, 1}, ac_symbols[] = {0x00, 0x01, 0xF0, 0x34};

static void put(uint8_t *out, size_t *bits, uint32_t value, int n)
{
    for (int i = n - 1; i >= 0; i--, (*bits)++)
        out[*bits / 8] = (uint8_t)(out[*bits / 8] | (value >> i & 1) << (7 - *bits % 8));
}

/* Writes `mcus` blocks and stuffs them; returns the bytes. */
static size_t write_scan(ck_run *run, uint8_t *out, uint64_t mcus)
{
    static uint8_t raw[1 << 14];
    size_t bits = 0, size = 0;
    memset(raw, 0, sizeof raw);
    for (uint64_t i = 0; i < mcus; i++) {
        put(raw, &bits, 1, 2);
        put(raw, &bits, (uint32_t)ck_below(run, 8), 3);
        for (uint64_t k = ck_below(run, 6); k > 0; k--) {
            put(raw, &bits, 1, 2);
            put(raw, &bits, (uint32_t)ck_below(run, 2), 1);
            put(raw, &bits, 6, 3);
            put(raw, &bits, (uint32_t)ck_below(run, 16), 4);
        }
        put(raw, &bits, 0, 2);
    }
    put(raw, &bits, 0x7F, (int)(-bits & 7));
    for (size_t i = 0; i < bits / 8; i++) {
        out[size++] = raw[i];
        if (raw[i] == 0xFF)
            out[size++] = 0;
    }
    return size;
}

/* Walks both ways and demands one answer. */
static rk_status both(ck_run *run, walk_fn *walk, rk_jpegscan_plan *plan, const uint8_t *data,
                      size_t size, uint64_t *whole, uint64_t *spare)
{
    const rk_jpegscan_leaps *leaps = plan->leaps[0];
    uint64_t one_whole, one_spare;
    plan->leaps[0] = NULL;
    rk_status one = walk(plan, data, size, &one_whole, &one_spare);
    plan->leaps[0] = leaps;
    rk_status status = walk(plan, data, size, whole, spare);
    ck_true(run, status.code == one.code && status.rule == one.rule && *whole == one_whole,
            "leaps: %d, rule %d, %d blocks; steps: %d, rule %d, %d", status.code, status.rule,
            (int)*whole, one.code, one.rule, (int)one_whole);
    return status;
}

static void check_walk(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    static rk_jpegscan_huff dc, ac;
    static rk_jpegscan_leaps leaps;
    static uint8_t made[1 << 15];
    walk_fn *walk = (walk_fn *)variant;
    uint64_t whole, spare, mcus = n < 1000 ? n : 1000;
    (void)reference;
    ck_true(run, rk_jpegscan_table(&dc, dc_counts, dc_symbols, 3), "DC table");
    ck_true(run, rk_jpegscan_table(&ac, ac_counts, ac_symbols, 4), "AC table");
    rk_jpegscan_plan plan = {.blocks = 1, .mcus = mcus};
    plan.dc[0] = &dc;
    plan.ac[0] = &ac;
    rk_jpegscan_leap(&leaps, &ac);
    plan.leaps[0] = &leaps;

    size_t size = write_scan(run, made, mcus);
    const uint8_t *scan = ck_in_from(run, made, size);
    rk_status status = both(run, walk, &plan, scan, size, &whole, &spare);
    ck_true(run, status.code == RK_OK && whole == mcus && spare == 0, "%d: %d of %d", status.code,
            (int)whole, (int)mcus);

    /* Every block needs at least 7 bits, so a cut of 2 whole bytes or more loses one. */
    size_t cut = size < 2 ? 0 : 2 + (size_t)ck_below(run, size - 1);
    if (cut) {
        const uint8_t *shorter = ck_in_from(run, made, size - cut);
        status = both(run, walk, &plan, shorter, size - cut, &whole, &spare);
        ck_true(run, status.code == RK_TRUNCATED && whole < mcus, "cut %zu: %d", cut, status.code);
    }

    plan.restart = (uint32_t)ck_below(run, 4);
    plan.mcus = 1 + ck_below(run, 4 * n + 1);
    const uint8_t *noise = ck_in(run, n);
    status = both(run, walk, &plan, noise, n, &whole, &spare);
    ck_true(run, whole <= plan.mcus && status.offset <= n, "noise of %zu", n);
}

/* The marker is the first FF run before a byte that is neither stuffing nor RST. */
static void check_marker(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    uint8_t some[256];
    size_t size = n < sizeof some ? n : sizeof some;
    (void)reference;
    (void)variant;
    for (size_t i = 0; i < size; i++) {
        static const uint8_t often[] = {0xFF, 0xFF, 0x00, 0x7F, 0x80, 0xD0, 0xD7, 0xD8, 0xD9};
        some[i] = often[ck_below(run, sizeof often)];
    }
    const uint8_t *data = ck_in_from(run, some, size);
    for (int jpegls = 0; jpegls < 2; jpegls++) {
        size_t from = (size_t)ck_below(run, size + 1), want = size;
        for (size_t i = from; i + 1 < size && want == size; i++) {
            uint8_t next = data[i + 1];
            bool ends = next != 0xFF && !(next >= 0xD0 && next <= 0xD7) &&
                        (jpegls ? next >= 0x80 : next != 0);
            if (data[i] == 0xFF && ends)
                for (want = i; want > from && data[want - 1] == 0xFF;)
                    want--;
        }
        size_t found = rk_jpegscan_marker(data, size, from, jpegls);
        ck_true(run, found == want, "marker from %zu of %zu: %zu, not %zu", from, size, found,
                want);
    }
}

static const ck_member members[] = {{"walk", check_walk, NULL}, {"marker", check_marker, NULL}};

CK_STAGE(jpegscan, walk_table, fill, members)
