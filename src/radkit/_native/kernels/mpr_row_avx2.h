/*
 * kernels/mpr_row_avx2.h: what the AVX2 variants of mpr_row.h share; included between
 * RK_TARGET_BEGIN and RK_TARGET_END.
 */
#ifndef RK_KERNELS_MPR_ROW_AVX2_H
#define RK_KERNELS_MPR_ROW_AVX2_H

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i x)
{
    _mm256_storeu_si256((__m256i *)p, x);
}

static inline __m256i lerp(__m256i a, __m256i b, __m256i share)
{
    return _mm256_add_epi16(a, _mm256_mulhrs_epi16(_mm256_sub_epi16(b, a), share));
}

/* (row + half a unit >> RK_ROW_SHIFT) + base */
static inline __m256i unscaled(__m256i row, __m256i base)
{
    const __m256i half = _mm256_set1_epi16(1 << (RK_ROW_SHIFT - 1));
    return _mm256_add_epi16(_mm256_srai_epi16(_mm256_add_epi16(row, half), RK_ROW_SHIFT), base);
}

#endif /* RK_KERNELS_MPR_ROW_AVX2_H */
