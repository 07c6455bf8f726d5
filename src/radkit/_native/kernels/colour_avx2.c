/* kernels/colour_avx2.c: AVX2 variants of colour.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/colour.h"

/*
 * 32 pixels at once, 16 in each half of a register. Pixels lie in three registers a, b, c of
 * 16 bytes per half, with channel (k + j) % 3 at byte j of register k. So each channel sits
 * at other positions j % 3 in each of the three: two blends collect it, one shuffle sorts it.
 */
static const int8_t SPLIT[3][16] = {
    {0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13},
    {1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14},
    {2, 5, 8, 11, 14, 1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15},
};

static const int8_t JOIN[3][16] = {
    {0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10, 5},
    {5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10},
    {10, 5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15},
};

/* Y1 Y2 Cb Cr, four times: their Y, Cb, Cr as the lower and the upper eight pixels. */
static const int8_t FROM422[6][16] = {
    {0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1},
    {-1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 4, 5, 8, 9, 12, 13},
    {2, 2, 6, 6, 10, 10, 14, 14, -1, -1, -1, -1, -1, -1, -1, -1},
    {-1, -1, -1, -1, -1, -1, -1, -1, 2, 2, 6, 6, 10, 10, 14, 14},
    {3, 3, 7, 7, 11, 11, 15, 15, -1, -1, -1, -1, -1, -1, -1, -1},
    {-1, -1, -1, -1, -1, -1, -1, -1, 3, 3, 7, 7, 11, 11, 15, 15},
};

/* The same as pixels: the first 16 bytes, the last 8. */
static const int8_t PIXELS422[2][16] = {
    {0, 2, 3, 1, 2, 3, 4, 6, 7, 5, 6, 7, 8, 10, 11, 9},
    {10, 11, 12, 14, 15, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1},
};

RK_TARGET_BEGIN(RK_ISA_AVX2)

typedef struct three {
    __m256i a, b, c;
} three;

static inline __m256i halves(const uint8_t *low, const uint8_t *high)
{
    __m128i x = _mm_loadu_si128((const __m128i *)low);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(x),
                                   _mm_loadu_si128((const __m128i *)high), 1);
}

static inline void store_halves(uint8_t *low, uint8_t *high, __m256i x)
{
    _mm_storeu_si128((__m128i *)low, _mm256_castsi256_si128(x));
    _mm_storeu_si128((__m128i *)high, _mm256_extracti128_si256(x, 1));
}

static inline __m256i sorted(__m256i x, const int8_t *order)
{
    __m128i half = _mm_loadu_si128((const __m128i *)order);
    return _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(half));
}

/* Bytes j with j % 3 = 0 of x, 1 of y, 2 of z. */
static inline __m256i mixed(__m256i x, __m256i y, __m256i z)
{
    const __m256i second = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0));
    const __m256i third = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0));
    return _mm256_blendv_epi8(_mm256_blendv_epi8(x, y, second), z, third);
}

static inline three load_pixels(const uint8_t *p)
{
    __m256i a = halves(p, p + 48), b = halves(p + 16, p + 64), c = halves(p + 32, p + 80);
    three t = {sorted(mixed(a, c, b), SPLIT[0]), sorted(mixed(b, a, c), SPLIT[1]),
               sorted(mixed(c, b, a), SPLIT[2])};
    return t;
}

static inline void store_pixels(uint8_t *p, three t)
{
    __m256i x = sorted(t.a, JOIN[0]), y = sorted(t.b, JOIN[1]), z = sorted(t.c, JOIN[2]);
    store_halves(p, p + 48, mixed(x, y, z));
    store_halves(p + 16, p + 64, mixed(y, z, x));
    store_halves(p + 32, p + 80, mixed(z, x, y));
}

/*
 * G - Y of 8 pixels per half. The factors of 20 bits are 16 times one that fits 16 bits, and
 * a rest: 360854 = 16 * 22553 + 6, 748827 = 16 * (65536 - 18735) + 11. The floor of the rest
 * over 16 is added to the large part, and the 65536 is taken off after the division by it.
 */
static inline __m256i green(__m256i cb, __m256i cr)
{
    const __m256i large = _mm256_set1_epi32((18735 << 16) | (uint16_t)-22553);
    const __m256i rest = _mm256_set1_epi32((int)((uint32_t)-11 << 16 | (uint16_t)-6));
    const __m256i half = _mm256_set1_epi32((1 << 19) + 12);
    __m256i part[2] = {_mm256_unpacklo_epi16(cb, cr), _mm256_unpackhi_epi16(cb, cr)};
    for (int i = 0; i < 2; i++) {
        __m256i low = _mm256_add_epi32(_mm256_madd_epi16(part[i], rest), half);
        __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(part[i], large),
                                       _mm256_srai_epi32(low, 4));
        part[i] = _mm256_srai_epi32(sum, 16);
    }
    return _mm256_sub_epi16(_mm256_packs_epi32(part[0], part[1]), cr);
}

/*
 * 8 pixels per half, in 16 bits. 15 bits of 0.402 and -0.228 are enough for mulhrs to round
 * all 256 values of a chroma sample right, but for the exact half at Cb = -125.
 */
static inline three rgb_words(__m256i y, __m256i cb, __m256i cr)
{
    const __m256i middle = _mm256_set1_epi16(128), half_at = _mm256_set1_epi16(-125);
    const __m256i r_cr = _mm256_set1_epi16(13173), b_cb = _mm256_set1_epi16(-7471);
    cb = _mm256_sub_epi16(cb, middle);
    cr = _mm256_sub_epi16(cr, middle);
    __m256i r = _mm256_add_epi16(_mm256_mulhrs_epi16(cr, r_cr), cr);
    __m256i b = _mm256_add_epi16(_mm256_mulhrs_epi16(cb, b_cb), _mm256_add_epi16(cb, cb));
    b = _mm256_sub_epi16(b, _mm256_cmpeq_epi16(cb, half_at));
    three t = {_mm256_add_epi16(y, r), _mm256_add_epi16(y, green(cb, cr)), _mm256_add_epi16(y, b)};
    return t;
}

static inline three rgb_bytes(three t)
{
    const __m256i zero = _mm256_setzero_si256();
    three low = rgb_words(_mm256_unpacklo_epi8(t.a, zero), _mm256_unpacklo_epi8(t.b, zero),
                          _mm256_unpacklo_epi8(t.c, zero));
    three high = rgb_words(_mm256_unpackhi_epi8(t.a, zero), _mm256_unpackhi_epi8(t.b, zero),
                           _mm256_unpackhi_epi8(t.c, zero));
    three rgb = {_mm256_packus_epi16(low.a, high.a), _mm256_packus_epi16(low.b, high.b),
                 _mm256_packus_epi16(low.c, high.c)};
    return rgb;
}

void rk_colour_rgb8_avx2(const uint8_t *src, uint8_t *out, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        store_pixels(out + 3 * i, rgb_bytes(load_pixels(src + 3 * i)));
    rk_colour_rgb8_c(src + 3 * i, out + 3 * i, n - i);
}

void rk_colour_planes8_avx2(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, uint8_t *out,
                            size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        three t = {halves(y + i, y + i + 16), halves(cb + i, cb + i + 16),
                   halves(cr + i, cr + i + 16)};
        store_pixels(out + 3 * i, rgb_bytes(t));
    }
    rk_colour_planes8_c(y + i, cb + i, cr + i, out + 3 * i, n - i);
}

void rk_colour_rgb422_8_avx2(const uint8_t *src, uint8_t *out, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        const uint8_t *p = src + 2 * i;
        __m256i a = halves(p, p + 32), b = halves(p + 16, p + 48);
        three t = {_mm256_or_si256(sorted(a, FROM422[0]), sorted(b, FROM422[1])),
                   _mm256_or_si256(sorted(a, FROM422[2]), sorted(b, FROM422[3])),
                   _mm256_or_si256(sorted(a, FROM422[4]), sorted(b, FROM422[5]))};
        store_pixels(out + 3 * i, rgb_bytes(t));
    }
    rk_colour_rgb422_8_c(src + 2 * i, out + 3 * i, n - i);
}

void rk_colour_ybr422_8_avx2(const uint8_t *src, uint8_t *out, size_t n)
{
    const __m128i first = _mm_loadu_si128((const __m128i *)PIXELS422[0]);
    const __m128i last = _mm_loadu_si128((const __m128i *)PIXELS422[1]);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i x = _mm_loadu_si128((const __m128i *)(src + 2 * i));
        _mm_storeu_si128((__m128i *)(out + 3 * i), _mm_shuffle_epi8(x, first));
        _mm_storel_epi64((__m128i *)(out + 3 * i + 16), _mm_shuffle_epi8(x, last));
    }
    rk_colour_ybr422_8_c(src + 2 * i, out + 3 * i, n - i);
}

RK_TARGET_END

#endif /* RK_ARCH_X86 */
