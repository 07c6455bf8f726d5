/* kernels/bits_avx2.c: AVX2 variants of bits.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>
#include <string.h>

#include "kernels/bits.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* Pixels before the next whole byte, at most n. */
static inline size_t head(uint64_t start, size_t n)
{
    size_t until_byte = (size_t)(-start & 7);
    return until_byte < n ? until_byte : n;
}

void rk_bits_unpack_avx2(const uint8_t *src, uint64_t start, uint8_t *out, size_t n)
{
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                              0x0303030303030303);
    const __m256i each = _mm256_set1_epi64x((long long)0x8040201008040201u);
    const __m256i one = _mm256_set1_epi8(1);
    size_t i = head(start, n);
    rk_bits_unpack_c(src, start, out, i);
    for (; i + 32 <= n; i += 32) {
        int32_t word;
        memcpy(&word, src + ((start + i) >> 3), 4);
        __m256i x = _mm256_shuffle_epi8(_mm256_set1_epi32(word), spread);
        x = _mm256_min_epu8(_mm256_and_si256(x, each), one);
        _mm256_storeu_si256((__m256i *)(out + i), x);
    }
    rk_bits_unpack_c(src, start + i, out + i, n - i);
}

void rk_bits_pack_avx2(const uint8_t *values, size_t n, uint8_t *out, uint64_t start)
{
    const __m256i zero = _mm256_setzero_si256();
    size_t i = head(start, n);
    rk_bits_pack_c(values, i, out, start);
    for (; i + 32 <= n; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(values + i));
        uint32_t word = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, zero));
        memcpy(out + ((start + i) >> 3), &word, 4);
    }
    rk_bits_pack_c(values + i, n - i, out, start + i);
}

RK_TARGET_END

#endif /* RK_ARCH_X86 */
