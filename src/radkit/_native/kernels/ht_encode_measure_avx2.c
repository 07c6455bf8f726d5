/*
 * kernels/ht_encode_measure_avx2.c: bins of eight columns of a quad-row in vectors, counts one by one. Four quads
 * that are all in bin 0, of which a lossy picture has many, are counted together.
 */
#include "ht_encode_measure.h"

#include <immintrin.h>
#include <stdbool.h>

#include "cpu.h"
#include "words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

INLINE __m256i bins(__m256 v, __m256 scale)
{
    const __m256i least = _mm256_set1_epi32((127 + RK_HT_BIN_OCTAVE) << 3), last = _mm256_set1_epi32(RK_HT_BINS - 1);
    __m256i bits = _mm256_slli_epi32(_mm256_castps_si256(_mm256_mul_ps(v, scale)), 1);
    __m256i bin = _mm256_sub_epi32(_mm256_srli_epi32(bits, 21), least);
    return _mm256_min_epi32(_mm256_max_epi32(bin, _mm256_setzero_si256()), last);
}

/* Up to eight values of a row, zeros behind them. */
INLINE __m256 load_row(const rk_f32 *p, uint32_t n)
{
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    if (n >= 8)
        return _mm256_loadu_ps((const float *)p);
    return _mm256_maskload_ps((const float *)p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), numbers));
}

/* Counts n quads side by side. */
INLINE void count_four(__m256i upper, __m256i lower, uint32_t n, uint32_t *quads, uint32_t *samples)
{
    _Alignas(32) uint32_t most[8], at[2][8];
    __m256i larger = _mm256_max_epi32(upper, lower);
    larger = _mm256_max_epi32(larger, _mm256_shuffle_epi32(larger, 0xB1));
    if (_mm256_testz_si256(larger, larger)) {
        quads[0] += n;
        return;
    }
    __m256i row = _mm256_add_epi32(_mm256_slli_epi32(larger, 7), _mm256_slli_epi32(larger, 6)); /* 192 */
    _mm256_store_si256((__m256i *)(void *)most, larger);
    _mm256_store_si256((__m256i *)(void *)at[0], _mm256_add_epi32(row, upper));
    _mm256_store_si256((__m256i *)(void *)at[1], _mm256_add_epi32(row, lower));
    for (uint32_t k = 0; k < n; k++) {
        quads[most[2 * k]]++;
        samples[at[0][2 * k]]++;
        samples[at[0][2 * k + 1]]++;
        samples[at[1][2 * k]]++;
        samples[at[1][2 * k + 1]]++;
    }
}

_Static_assert(RK_HT_BINS == 192, "row in count_four");

void rk_ht_measure_avx2(const rk_ht_measure_block *b, uint32_t *quads, uint32_t *samples)
{
    const __m256 scale = _mm256_set1_ps(b->scale);
    uint32_t none = samples[0]; /* quads of bin 0 are counted there, too, if they stand beside others */
    for (uint32_t y = 0; y < b->height; y += 2) {
        const rk_f32 *upper = (const rk_f32 *)b->values + y * b->stride;
        bool both = y + 1 < b->height;
        for (uint32_t x = 0; x < b->width; x += 8) {
            uint32_t left = b->width - x, n = left >= 8 ? 4 : (left + 1) / 2;
            __m256 under = both ? load_row(upper + b->stride + x, left) : _mm256_setzero_ps();
            count_four(bins(load_row(upper + x, left), scale), bins(under, scale), n, quads, samples);
        }
    }
    samples[0] = none;
}

RK_TARGET_END
