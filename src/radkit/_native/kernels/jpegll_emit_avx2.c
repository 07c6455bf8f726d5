/* Categories and codes of JPEG Lossless (jpegll.h) with AVX2 and BMI, for the encoder. */
#include <string.h>

#include "cpu.h"
#include "jpegll.h"

#if RK_ARCH_X86
#include <immintrin.h>

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* Differences whose sums of hits fit the words of a vector. */
#define COUNTED ((size_t)1 << 18)

static inline uint32_t category_of(int32_t difference)
{
    uint32_t size = (uint32_t)(difference < 0 ? -difference : difference);
    return 32 - _lzcnt_u32(size);
}

static inline uint64_t sum_words(__m256i x)
{
    const __m256i ones = _mm256_set1_epi16(1);
    uint64_t sum = 0;
    uint32_t part[8];
    /* in two halves, for the words have no sign and the product has */
    __m256i low = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(255)), ones);
    __m256i high = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), ones);
    x = _mm256_add_epi32(low, _mm256_slli_epi32(high, 8));
    _mm256_storeu_si256((__m256i *)part, x);
    for (int i = 0; i < 8; i++)
        sum += part[i];
    return sum;
}

/* reached[k] += differences of at least 2^(first + k) in size, for eight k; -32768 is in none. */
static void count_from(uint64_t *reached, const uint16_t *diff, size_t n, int first)
{
    __m256i sums[8], least[8];
    for (int k = 0; k < 8; k++) {
        sums[k] = _mm256_setzero_si256();
        least[k] = _mm256_set1_epi16((short)((1 << (first + k)) - 1));
    }
    for (size_t i = 0; i < n; i += 16) {
        __m256i size = _mm256_abs_epi16(_mm256_loadu_si256((const __m256i *)(diff + i)));
        for (int k = 0; k < 8; k++)
            sums[k] = _mm256_sub_epi16(sums[k], _mm256_cmpgt_epi16(size, least[k]));
    }
    for (int k = 0; k < 8; k++)
        reached[first + k] += sum_words(sums[k]);
}

static uint64_t count_lowest(const uint16_t *diff, size_t n)
{
    const __m256i lowest = _mm256_set1_epi16(-32768);
    __m256i sums = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 16) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(diff + i));
        sums = _mm256_sub_epi16(sums, _mm256_cmpeq_epi16(x, lowest));
    }
    return sum_words(sums);
}

void rk_jpegll_count_avx2(uint64_t *histogram, const uint16_t *diff, size_t n)
{
    size_t i = 0;
    while (n - i >= 16) {
        /* the 16th, 2^15, is reached by none: a size is at most 32767 here */
        uint64_t reached[17] = {0};
        size_t part = n - i < COUNTED ? (n - i) / 16 * 16 : COUNTED;
        count_from(reached, diff + i, part, 0);
        count_from(reached, diff + i, part, 7);
        reached[7] /= 2; /* counted by both */
        uint64_t lowest = count_lowest(diff + i, part);
        histogram[0] += part - lowest - reached[0];
        histogram[16] += lowest;
        for (int s = 1; s < 16; s++)
            histogram[s] += reached[s - 1] - reached[s];
        i += part;
    }
    for (; i < n; i++)
        histogram[category_of((int16_t)diff[i])]++;
}

/* What is still to be written, `bits` < 8 of it, at the top of `waiting`. */
typedef struct writer {
    uint8_t *o;
    uint64_t waiting;
    unsigned bits;
} writer;

/* Appends the lowest n bits of `code`; n <= 56. Up to 8 bytes are written behind. */
static inline void put(writer *w, uint64_t code, unsigned n)
{
    w->bits += n;
    w->waiting |= code << ((64 - w->bits) & 63);
    uint64_t word = __builtin_bswap64(w->waiting);
    memcpy(w->o, &word, 8);
    w->o += w->bits >> 3;
    w->waiting <<= w->bits & 0x38;
    w->bits &= 7;
}

/* The code of a difference with its extra bits, and in *n how many bits that are. */
static inline uint64_t code_of(const rk_jpegll_codes *codes, int32_t d, unsigned *n)
{
    uint32_t category = category_of(d);
    *n = codes->length[category];
    /* category 16 has no extra bits: its index is masked to 0 */
    return codes->code[category] | _bzhi_u32((uint32_t)(d + (d >> 31)), category & 15);
}

size_t rk_jpegll_emit_avx2(uint8_t *dst, const uint16_t *diff, size_t n,
                           const rk_jpegll_codes *codes)
{
    writer w = {dst, 0, 0};
    unsigned longest = 0, a, b;
    size_t i = 0;
    for (int s = 0; s < 17; s++)
        longest = codes->length[s] > longest ? codes->length[s] : longest;
    if (longest <= 28) /* two at a time */
        for (; n - i >= 2; i += 2) {
            uint64_t first = code_of(codes, (int16_t)diff[i], &a);
            uint64_t second = code_of(codes, (int16_t)diff[i + 1], &b);
            put(&w, first << b | second, a + b);
        }
    for (; i < n; i++) {
        uint64_t code = code_of(codes, (int16_t)diff[i], &a);
        put(&w, code, a);
    }
    if (w.bits)
        put(&w, (1u << (8 - w.bits)) - 1, 8 - w.bits);
    return (size_t)(w.o - dst);
}

RK_TARGET_END
#endif
