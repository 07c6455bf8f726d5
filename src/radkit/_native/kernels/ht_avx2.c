/*
 * kernels/ht_avx2.c: HT code-blocks, several side by side (AVX2 and BMI2); see ht_avx2.h for the parts.
 *
 * Blocks go in groups of equal, even width in quads, at most 64 x 64, up to 32 of them; what is left over
 * or of another shape is decoded alone. 64-bit coefficients are the reference's.
 */
#include "ht_avx2.h"

#include <immintrin.h>
#include <string.h>

#include "cpu.h"

/* Blocks that are looked at for a group; and fewer than so many are faster one by one. */
enum { WINDOW = 256, FEWEST = 4 };

/* What `result` says of a block that is not done: wait for a group, or for the reference. */
static const uint32_t PENDING = 0xFFFFFFFFu, LATER = 0xFFFFFFFEu;

static uint32_t quads_of(const rk_ht_block *b)
{
    return (b->width + 1) / 2;
}

static bool may_group(const rk_ht_block *b)
{
    return b->width <= 64 && b->height <= 64 && quads_of(b) % 2 == 0;
}

/* The first block and those behind it that may be decoded with it. */
static size_t collect(rk_ht_block **group, rk_ht_block *blocks, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n && i < WINDOW && count < RK_HT_GROUP; i++)
        if (blocks[i].result == PENDING && may_group(&blocks[i]) && quads_of(&blocks[i]) == quads_of(blocks))
            group[count++] = &blocks[i];
    return count;
}

RK_TARGET_BEGIN(RK_ISA_AVX2)

static uint64_t peak_of(const rk_ht_block *b)
{
    _Alignas(32) uint16_t narrow[16];
    _Alignas(32) uint32_t wide[8];
    __m256i most16 = _mm256_setzero_si256(), most32 = most16;
    uint32_t peak = 0;
    for (size_t y = 0; y < b->height; y++) {
        const int16_t *p = (const int16_t *)b->out + y * b->stride;
        const int32_t *q = (const int32_t *)b->out + y * b->stride;
        size_t x = 0;
        for (; b->format == RK_COEF_INT16 && x + 16 <= b->width; x += 16) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + x));
            most16 = _mm256_max_epu16(most16, _mm256_abs_epi16(v));
        }
        for (; b->format == RK_COEF_INT32 && x + 8 <= b->width; x += 8) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(q + x));
            most32 = _mm256_max_epu32(most32, _mm256_abs_epi32(v));
        }
        for (; x < b->width; x++) {
            int32_t v = b->format == RK_COEF_INT16 ? p[x] : q[x];
            uint32_t size = (uint32_t)(v < 0 ? -v : v);
            peak = size > peak ? size : peak;
        }
    }
    _mm256_store_si256((__m256i *)(void *)narrow, most16);
    _mm256_store_si256((__m256i *)(void *)wide, most32);
    for (int k = 0; k < 16; k++)
        peak = narrow[k] > peak ? narrow[k] : peak;
    for (int k = 0; k < 8; k++)
        peak = wide[k] > peak ? wide[k] : peak;
    return peak;
}

RK_TARGET_END

static void close_block(rk_ht_state *s, rk_ht_block *b, uint32_t result)
{
    b->result = result == RK_HT_TOO_WIDE ? LATER : result;
    b->peak = 0;
    if (result) {
        rk_ht_clear(b);
        return;
    }
    if (b->passes > 1)
        rk_ht_refine(b, &s->refinement);
    b->peak = peak_of(b);
}

static void decode_alone(rk_ht_state *s, rk_ht_block *b)
{
    uint32_t result = 0;
    rk_ht_alone_start(&s->alone, b);
    rk_ht_values_start(&s->values, b);
    for (uint32_t row = 0; row < (b->height + 1) / 2 && !result; row++) {
        rk_ht_alone_row(&s->alone, &s->lookups, row, quads_of(b));
        result = rk_ht_values_row_avx2(&s->values, b, s->alone.records + 8, row);
    }
    close_block(s, b, result);
}

static void decode_group(rk_ht_state *s, rk_ht_block **group, size_t n)
{
    rk_ht_group_avx2(s, (const rk_ht_block *const *)group, n);
    for (size_t i = 0; i < n; i++) {
        rk_ht_block *b = group[i];
        uint32_t result = 0;
        rk_ht_values_start(&s->values, b);
        for (uint32_t row = 0; row < (b->height + 1) / 2 && !result; row++)
            result = rk_ht_values_row_avx2(&s->values, b, s->records[i] + RK_HT_GROUP_QUADS * row, row);
        close_block(s, b, result);
    }
}

void rk_ht_decode_avx2(rk_ht_block *blocks, size_t n, void *work)
{
    rk_ht_state *s = work;
    for (size_t i = 0; i < n; i++) {
        const rk_ht_block *b = &blocks[i];
        bool ordinary = b->passes >= 1 && b->format != RK_COEF_INT64 && !rk_ht_refused(b);
        blocks[i].result = ordinary ? PENDING : LATER;
    }
    rk_ht_lookups_make(&s->lookups);
    for (size_t i = 0; i < n; i++) {
        rk_ht_block *group[RK_HT_GROUP];
        if (blocks[i].result != PENDING)
            continue;
        size_t count = may_group(&blocks[i]) ? collect(group, &blocks[i], n - i) : 0;
        if (count >= FEWEST)
            decode_group(s, group, count);
        else
            decode_alone(s, &blocks[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (blocks[i].result == LATER)
            rk_ht_decode_one(&blocks[i], work);
}
