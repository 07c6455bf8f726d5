/*
 * kernels/ht_avx2.c: HT code-blocks, several side by side (AVX2 and BMI2); see ht_avx2.h for the parts.
 *
 * Blocks of equal width in quads, at most 64 x 64, go in groups: up to 32 of them, if the width is even;
 * of other widths, and if there are few, up to four. What is left over is decoded alone. 64-bit coefficients
 * are the reference's.
 */
#include "ht_avx2.h"

#include <immintrin.h>
#include <string.h>

#include "cpu.h"

/* Blocks that are looked at for a group; and fewer than so many are faster without vectors. */
enum { WINDOW = 256, FEWEST = RK_HT_FEW + 1 };

/* What `result` says of a block that is not done: wait for a group, or for the reference. */
static const uint32_t PENDING = 0xFFFFFFFFu, LATER = 0xFFFFFFFEu;

static uint32_t quads_of(const rk_ht_block *b)
{
    return (b->width + 1) / 2;
}

static bool may_group(const rk_ht_block *b)
{
    return b->width <= 64 && b->height <= 64;
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

static __m256i load32(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static __m256i join(const void *low, const void *high)
{
    __m256i v = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)low));
    return _mm256_inserti128_si256(v, _mm_loadu_si128((const __m128i *)high), 1);
}

/* The largest absolute value of each of up to 16 places of a row; pieces may overlap. */
static __m256i most16(__m256i most, const int16_t *p, size_t width)
{
    __m256i tail = _mm256_setzero_si256();
    size_t x = 0;
    for (; x + 16 <= width; x += 16)
        most = _mm256_max_epu16(most, _mm256_abs_epi16(load32(p + x)));
    if (x < width && width >= 16) {
        tail = load32(p + width - 16);
    } else if (width >= 8) {
        tail = join(p, p + width - 8);
    } else if (width >= 4) {
        __m128i low = _mm_loadl_epi64((const __m128i *)(const void *)p);
        __m128i high = _mm_loadl_epi64((const __m128i *)(const void *)(p + width - 4));
        tail = _mm256_castsi128_si256(_mm_unpacklo_epi64(low, high));
    } else {
        tail = _mm256_setr_epi16(p[0], p[width / 2], p[width - 1], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    return _mm256_max_epu16(most, _mm256_abs_epi16(tail));
}

static __m256i most32(__m256i most, const int32_t *p, size_t width)
{
    __m256i tail = _mm256_setzero_si256();
    size_t x = 0;
    for (; x + 8 <= width; x += 8)
        most = _mm256_max_epu32(most, _mm256_abs_epi32(load32(p + x)));
    if (x < width && width >= 8) {
        tail = load32(p + width - 8);
    } else if (width >= 4) {
        tail = join(p, p + width - 4);
    } else {
        tail = _mm256_setr_epi32(p[0], p[width / 2], p[width - 1], 0, 0, 0, 0, 0);
    }
    return _mm256_max_epu32(most, _mm256_abs_epi32(tail));
}

static uint64_t peak_of(const rk_ht_block *b)
{
    __m256i most = _mm256_setzero_si256();
    if (b->format == RK_COEF_INT16) {
        for (size_t y = 0; y < b->height; y++)
            most = most16(most, (const int16_t *)b->out + y * b->stride, b->width);
        most = _mm256_max_epu32(_mm256_srli_epi32(most, 16), _mm256_and_si256(most, _mm256_set1_epi32(0xFFFF)));
    } else {
        for (size_t y = 0; y < b->height; y++)
            most = most32(most, (const int32_t *)b->out + y * b->stride, b->width);
    }
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4E));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(m);
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
    uint32_t result = 0, rows = (b->height + 1) / 2;
    rk_ht_alone *a = s->alone;
    rk_ht_alone_start(a, b, rows);
    rk_ht_values_start(&s->values, b);
    for (uint32_t row = 0; row < rows && !result; row++) {
        rk_ht_alone_row(a, 1, &s->lookups, row, quads_of(b));
        result = rk_ht_values_row_avx2(&s->values, b, a->records + 8, row);
    }
    close_block(s, b, result);
}

/* The records of all rows of a few blocks, as rk_ht_group_avx2 has them of many. */
static void read_few(rk_ht_state *s, rk_ht_block *const *group, size_t n)
{
    uint32_t quads = quads_of(group[0]), rows = 0;
    for (size_t i = 0; i < n; i++)
        rows = (group[i]->height + 1) / 2 > rows ? (group[i]->height + 1) / 2 : rows;
    for (size_t i = 0; i < n; i++)
        rk_ht_alone_start(&s->alone[i], group[i], rows);
    for (uint32_t row = 0; row < rows; row++) {
        rk_ht_alone_row(s->alone, n, &s->lookups, row, quads);
        for (size_t i = 0; i < n; i++)
            for (uint32_t q = 0; q < quads; q += 8)
                memcpy(s->records[i] + RK_HT_GROUP_QUADS * row + q, s->alone[i].records + 8 + q,
                       8 * sizeof(rk_ht_record));
    }
}

static void decode_group(rk_ht_state *s, rk_ht_block **group, size_t n)
{
    if (n >= FEWEST)
        rk_ht_group_avx2(s, (const rk_ht_block *const *)group, n);
    else
        read_few(s, group, n);
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
        if (quads_of(&blocks[i]) % 2 && count > RK_HT_FEW)
            count = RK_HT_FEW;
        if (count > 1)
            decode_group(s, group, count);
        else
            decode_alone(s, &blocks[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (blocks[i].result == LATER)
            rk_ht_decode_one(&blocks[i], work);
}
