/* Lines of JPEG Lossless by predictor 1 (jpegll.h) with AVX2: sums along the line, masked, stored. */
#include "jpegll.h"

#include <string.h>

#include "cpu.h"

#if RK_ARCH_X86
#include <immintrin.h>

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* Pixels from `i` on, with care. */
static void rest(uint8_t *out, const uint16_t *diff, size_t i, size_t n, uint16_t *sum,
                 const rk_jpegll_layout *to)
{
    size_t c = to->components;
    rk_jpegll_line_c(out + i * c * to->width, diff + i * c, n - i, sum, to);
}

static void line_words(uint8_t *out, const uint16_t *diff, size_t n, uint16_t *first,
                       const rk_jpegll_layout *to)
{
    const __m128i shift = _mm_cvtsi32_si128((int)to->transform);
    const __m256i mask = _mm256_set1_epi16((short)to->mask);
    const __m256i seventh = _mm256_set1_epi16(0x0F0E);
    __m256i carry = _mm256_set1_epi16((short)*first);
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(diff + i));
        x = _mm256_sll_epi16(x, shift);
        x = _mm256_add_epi16(x, _mm256_slli_si256(x, 2));
        x = _mm256_add_epi16(x, _mm256_slli_si256(x, 4));
        x = _mm256_add_epi16(x, _mm256_slli_si256(x, 8));
        /* the sums of the halves; the upper half goes on from the lower one's */
        __m256i sums = _mm256_shuffle_epi8(x, seventh);
        __m256i low = _mm256_permute2x128_si256(sums, sums, 0x08);
        x = _mm256_add_epi16(_mm256_add_epi16(x, low), carry);
        _mm256_storeu_si256((__m256i *)(out + 2 * i), _mm256_and_si256(x, mask));
        carry = _mm256_add_epi16(
            carry, _mm256_add_epi16(sums, _mm256_permute4x64_epi64(sums, 0x4E)));
    }
    uint16_t sum = (uint16_t)_mm256_extract_epi16(carry, 0);
    *first = (uint16_t)(*first + ((uint32_t)diff[0] << to->transform));
    rest(out, diff, i, n, &sum, to);
}

/*
 * Samples of one byte count modulo 2^8, so bytes are summed, those of one and of three components
 * alike: by steps of `step` bytes.
 */
static inline __m128i sum_bytes(__m128i x, int step)
{
    if (step == 1) {
        x = _mm_add_epi8(x, _mm_slli_si128(x, 1));
        x = _mm_add_epi8(x, _mm_slli_si128(x, 2));
        x = _mm_add_epi8(x, _mm_slli_si128(x, 4));
        return _mm_add_epi8(x, _mm_slli_si128(x, 8));
    }
    x = _mm_add_epi8(x, _mm_slli_si128(x, 3));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 6));
    return _mm_add_epi8(x, _mm_slli_si128(x, 12));
}

static inline void line_bytes(uint8_t *out, const uint16_t *diff, size_t n, uint16_t *first,
                              const rk_jpegll_layout *to, int step)
{
    const __m128i shift = _mm_cvtsi32_si128((int)to->transform);
    const __m128i low = _mm_set1_epi16(0xFF), mask = _mm_set1_epi8((char)to->mask);
    size_t bytes = n * (size_t)step, i = 0;
    uint16_t sum[3];
    uint8_t turn[16], before[16];
    for (int j = 0; j < 16; j++) { /* the sample before byte j is that many bytes on in the last 16 */
        turn[j] = (uint8_t)(16 - step + j % step);
        before[j] = (uint8_t)first[j % step];
    }
    const __m128i last = _mm_loadu_si128((const __m128i *)turn);
    __m128i carry = _mm_loadu_si128((const __m128i *)before);
    for (; bytes - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(diff + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(diff + i + 8));
        x = _mm_and_si128(_mm_sll_epi16(x, shift), low);
        y = _mm_and_si128(_mm_sll_epi16(y, shift), low);
        x = _mm_add_epi8(sum_bytes(_mm_packus_epi16(x, y), step), carry);
        carry = _mm_shuffle_epi8(x, last);
        _mm_storeu_si128((__m128i *)(out + i), _mm_and_si128(x, mask));
    }
    _mm_storeu_si128((__m128i *)before, carry);
    for (size_t k = 0; k < (size_t)step; k++) {
        sum[k] = before[k];
        first[k] = (uint16_t)(first[k] + ((uint32_t)diff[k] << to->transform));
    }
    for (size_t k = 0; i < bytes; i++, k = k + 1 < (size_t)step ? k + 1 : 0) {
        sum[k] = (uint16_t)(sum[k] + ((uint32_t)diff[i] << to->transform));
        out[i] = (uint8_t)(sum[k] & to->mask);
    }
}

void rk_jpegll_line_avx2(uint8_t *out, const uint16_t *diff, size_t n, uint16_t *first,
                         const rk_jpegll_layout *to)
{
    if (n == 0)
        return;
    if (to->width == 2 && to->components == 1)
        line_words(out, diff, n, first, to);
    else if (to->width == 1 && to->components == 1)
        line_bytes(out, diff, n, first, to, 1);
    else if (to->width == 1 && to->components == 3)
        line_bytes(out, diff, n, first, to, 3);
    else
        rk_jpegll_line_c(out, diff, n, first, to);
}

RK_TARGET_END
#endif
