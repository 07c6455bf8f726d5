/* JPEG Lossless (jpegll.h) with AVX2 and BMI. */
#include "jpegll.h"

#include <string.h>

#include "cpu.h"

#if RK_ARCH_X86
#include <immintrin.h>

RK_TARGET_BEGIN(RK_ISA_AVX2)

void rk_jpegll_split_avx2(uint16_t *const *part, const uint16_t *diff, size_t n,
                          size_t components)
{
    size_t i = 0;
    if (components == 3) {
        const __m128i take[3] = {
            _mm_setr_epi8(0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15, 4, 5, 10, 11),
            _mm_setr_epi8(2, 3, 8, 9, 14, 15, 4, 5, 10, 11, 0, 1, 6, 7, 12, 13),
            _mm_setr_epi8(4, 5, 10, 11, 0, 1, 6, 7, 12, 13, 2, 3, 8, 9, 14, 15),
        };
        for (; n - i >= 8; i += 8) {
            const __m128i *from = (const __m128i *)(diff + 3 * i);
            __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
            __m128i c = _mm_loadu_si128(from + 2);
            /* words of component k: 3 j + k; in a, b, c they never share a place mod 8 */
            __m128i x = _mm_blend_epi16(_mm_blend_epi16(a, b, 0x92), c, 0x24);
            __m128i y = _mm_blend_epi16(_mm_blend_epi16(a, b, 0x24), c, 0x49);
            __m128i z = _mm_blend_epi16(_mm_blend_epi16(a, b, 0x49), c, 0x92);
            _mm_storeu_si128((__m128i *)(part[0] + i), _mm_shuffle_epi8(x, take[0]));
            _mm_storeu_si128((__m128i *)(part[1] + i), _mm_shuffle_epi8(y, take[1]));
            _mm_storeu_si128((__m128i *)(part[2] + i), _mm_shuffle_epi8(z, take[2]));
        }
    }
    for (size_t k = 0; k < components; k++)
        for (size_t j = i; j < n; j++)
            part[k][j] = diff[j * components + k];
}

/* row[i] = start + diff[0] + ... + diff[i] */
static void running_sum(uint16_t *row, const uint16_t *diff, size_t n, uint16_t start)
{
    const __m128i last = _mm_set1_epi16(0x0F0E);
    __m128i carry = _mm_set1_epi16((short)start);
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        __m128i x = _mm_loadu_si128((const __m128i *)(diff + i));
        x = _mm_add_epi16(x, _mm_slli_si128(x, 2));
        x = _mm_add_epi16(x, _mm_slli_si128(x, 4));
        x = _mm_add_epi16(x, _mm_slli_si128(x, 8));
        _mm_storeu_si128((__m128i *)(row + i), _mm_add_epi16(x, carry));
        carry = _mm_add_epi16(carry, _mm_shuffle_epi8(x, last));
    }
    uint16_t sum = (uint16_t)_mm_extract_epi16(carry, 0);
    for (; i < n; i++)
        row[i] = sum = (uint16_t)(sum + diff[i]);
}

/* (b - c) >> 1 of unsigned words whose difference has 17 bits. */
static inline __m256i half_difference(__m256i b, __m256i c)
{
    __m256i borrow = _mm256_and_si256(_mm256_andnot_si256(b, c), _mm256_set1_epi16(1));
    __m256i half = _mm256_sub_epi16(_mm256_srli_epi16(b, 1), _mm256_srli_epi16(c, 1));
    return _mm256_sub_epi16(half, borrow);
}

/* What predictors 2 to 5 take from the line above, added to the differences from 1 on. */
static void add_above(uint16_t *row, const uint16_t *above, const uint16_t *diff, size_t n,
                      unsigned predictor)
{
    size_t i = 1;
    for (; n - i >= 16; i += 16) {
        __m256i d = _mm256_loadu_si256((const __m256i *)(diff + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(above + i));
        __m256i c = _mm256_loadu_si256((const __m256i *)(above + i - 1));
        __m256i add = predictor == 2   ? b
                      : predictor == 3 ? c
                      : predictor == 4 ? _mm256_sub_epi16(b, c)
                                       : half_difference(b, c);
        _mm256_storeu_si256((__m256i *)(row + i), _mm256_add_epi16(d, add));
    }
    for (; i < n; i++) {
        int32_t b = above[i], c = above[i - 1];
        int32_t add = predictor == 2 ? b : predictor == 3 ? c : predictor == 4 ? b - c : (b - c) >> 1;
        row[i] = (uint16_t)(diff[i] + add);
    }
}

void rk_jpegll_predict_avx2(uint16_t *row, const uint16_t *above, const uint16_t *diff, size_t n,
                            unsigned predictor, uint16_t start)
{
    if (n == 0)
        return;
    if (predictor == 1)
        running_sum(row, diff, n, start);
    else if (predictor <= 5) {
        row[0] = diff[0];
        add_above(row, above, diff, n, predictor);
        if (predictor >= 4) /* the left neighbour joins as a sum */
            running_sum(row, row, n, start);
        else
            row[0] = (uint16_t)(row[0] + start);
    } else /* each sample waits for the one before */
        rk_jpegll_predict_c(row, above, diff, n, predictor, start);
}

static void store_words(uint8_t *out, const uint16_t *row, size_t n, const rk_jpegll_layout *to)
{
    const __m128i shift = _mm_cvtsi32_si128((int)to->transform);
    const __m256i mask = _mm256_set1_epi16((short)to->mask);
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(row + i));
        x = _mm256_and_si256(_mm256_sll_epi16(x, shift), mask);
        _mm256_storeu_si256((__m256i *)(out + 2 * i), x);
    }
    const uint16_t *rest[1] = {row + i};
    rk_jpegll_store_c(out + 2 * i, rest, n - i, to);
}

static void store_bytes(uint8_t *out, const uint16_t *row, size_t n, const rk_jpegll_layout *to)
{
    const __m128i shift = _mm_cvtsi32_si128((int)to->transform);
    const __m256i mask = _mm256_set1_epi16((short)to->mask);
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(row + i));
        __m256i y = _mm256_loadu_si256((const __m256i *)(row + i + 16));
        x = _mm256_and_si256(_mm256_sll_epi16(x, shift), mask);
        y = _mm256_and_si256(_mm256_sll_epi16(y, shift), mask);
        x = _mm256_permute4x64_epi64(_mm256_packus_epi16(x, y), 0xD8);
        _mm256_storeu_si256((__m256i *)(out + i), x);
    }
    const uint16_t *rest[1] = {row + i};
    rk_jpegll_store_c(out + i, rest, n - i, to);
}

/* Sixteen samples of each of three components, one byte each, woven. */
static void store_colour(uint8_t *out, const uint16_t *const *rows, size_t n,
                         const rk_jpegll_layout *to)
{
    const __m128i shift = _mm_cvtsi32_si128((int)to->transform);
    const __m128i mask = _mm_set1_epi16((short)to->mask);
    /* byte j of the 48 is sample j / 3 of component j % 3; 0x80 gives 0 */
    uint8_t take[3][3][16];
    for (int v = 0; v < 3; v++)
        for (int j = 0; j < 16; j++)
            for (int k = 0; k < 3; k++)
                take[v][k][j] = (uint8_t)((16 * v + j) % 3 == k ? (16 * v + j) / 3 : 0x80);
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i bytes[3];
        for (int k = 0; k < 3; k++) {
            __m128i x = _mm_loadu_si128((const __m128i *)(rows[k] + i));
            __m128i y = _mm_loadu_si128((const __m128i *)(rows[k] + i + 8));
            x = _mm_and_si128(_mm_sll_epi16(x, shift), mask);
            y = _mm_and_si128(_mm_sll_epi16(y, shift), mask);
            bytes[k] = _mm_packus_epi16(x, y);
        }
        for (int v = 0; v < 3; v++) {
            __m128i x = _mm_setzero_si128();
            for (int k = 0; k < 3; k++)
                x = _mm_or_si128(x, _mm_shuffle_epi8(bytes[k], _mm_loadu_si128((const __m128i *)
                                                                                   take[v][k])));
            _mm_storeu_si128((__m128i *)(out + 3 * i + 16 * v), x);
        }
    }
    const uint16_t *rest[3] = {rows[0] + i, rows[1] + i, rows[2] + i};
    rk_jpegll_store_c(out + 3 * i, rest, n - i, to);
}

void rk_jpegll_store_avx2(uint8_t *out, const uint16_t *const *rows, size_t n,
                          const rk_jpegll_layout *to)
{
    if (to->components == 1 && to->stride == 1 && to->place[0] == 0) {
        if (to->width == 2)
            store_words(out, rows[0], n, to);
        else
            store_bytes(out, rows[0], n, to);
    } else if (to->components == 3 && to->stride == 3 && to->width == 1 && to->place[0] == 0 &&
               to->place[1] == 1 && to->place[2] == 2)
        store_colour(out, rows, n, to);
    else
        rk_jpegll_store_c(out, rows, n, to);
}

static inline uint32_t category_of(int32_t difference)
{
    uint32_t size = (uint32_t)(difference < 0 ? -difference : difference);
    return 32 - _lzcnt_u32(size);
}

void rk_jpegll_count_avx2(uint64_t *histogram, const uint16_t *diff, size_t n)
{
    /* four tables in turn: equal categories need not wait for each other's sum */
    uint64_t part[4][17] = {{0}};
    size_t i = 0;
    for (; n - i >= 4; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k][category_of((int16_t)diff[i + k])]++;
    for (; i < n; i++)
        part[0][category_of((int16_t)diff[i])]++;
    for (size_t k = 0; k < 4; k++)
        for (size_t s = 0; s < 17; s++)
            histogram[s] += part[k][s];
}

size_t rk_jpegll_emit_avx2(uint8_t *dst, const uint16_t *diff, size_t n,
                           const rk_jpegll_codes *codes)
{
    uint8_t *o = dst;
    uint64_t waiting = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t d = (int16_t)diff[i];
        uint32_t category = category_of(d);
        /* category 16 has no extra bits: its index is masked to 0 */
        uint32_t extra = _bzhi_u32((uint32_t)(d + (d >> 31)), category & 15);
        waiting = waiting << codes->length[category] | codes->code[category] | extra;
        bits += codes->length[category];
        if (bits > 32) { /* at most 31 more fit on top of 32 */
            uint64_t word = __builtin_bswap64(waiting << (64 - bits));
            memcpy(o, &word, 8);
            o += bits >> 3;
            bits &= 7;
        }
    }
    for (; bits >= 8; bits -= 8)
        *o++ = (uint8_t)(waiting >> (bits - 8));
    if (bits)
        *o++ = (uint8_t)(waiting << (8 - bits) | ((1u << (8 - bits)) - 1));
    return (size_t)(o - dst);
}

RK_TARGET_END
#endif
