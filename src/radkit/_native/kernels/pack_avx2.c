/* kernels/pack_avx2.c: AVX2 variants of pack.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/pack.h"
#include "kernels/words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i x)
{
    _mm256_storeu_si256((__m256i *)p, x);
}

static inline uint64_t ones(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

static inline uint32_t sign_of(unsigned bits, bool is_signed)
{
    return is_signed ? (uint32_t)1 << (bits - 1) : 0;
}

/* ---- cells to values: mask, then (x ^ s) - s extends the sign bit s --------------------- */

void rk_pack_finish8_avx2(const void *src, void *out, size_t n, rk_cell cell)
{
    const uint8_t *in = src;
    uint8_t *to = out;
    const __m256i mask = _mm256_set1_epi8((char)ones(cell.bits));
    const __m256i sign = _mm256_set1_epi8((char)sign_of(cell.bits, cell.is_signed));
    const __m128i shift = _mm_cvtsi32_si128(cell.shift);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        /* Bits of the neighbour come in at the top, where the mask drops them. */
        __m256i x = _mm256_and_si256(_mm256_srl_epi16(load(in + i), shift), mask);
        store(to + i, _mm256_sub_epi8(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_finish8_c(in + i, to + i, n - i, cell);
}

void rk_pack_finish16_avx2(const void *src, void *out, size_t n, rk_cell cell)
{
    const rk_u16 *in = src;
    rk_u16 *to = out;
    const __m256i mask = _mm256_set1_epi16((short)ones(cell.bits));
    const __m256i sign = _mm256_set1_epi16((short)sign_of(cell.bits, cell.is_signed));
    const __m128i shift = _mm_cvtsi32_si128(cell.shift);
    const __m256i order =
        cell.swap ? _mm256_set_epi64x(0x0E0F0C0D0A0B0809, 0x0607040502030001, 0x0E0F0C0D0A0B0809,
                                      0x0607040502030001)
                  : _mm256_set_epi64x(0x0F0E0D0C0B0A0908, 0x0706050403020100, 0x0F0E0D0C0B0A0908,
                                      0x0706050403020100);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i x = _mm256_shuffle_epi8(load(in + i), order);
        x = _mm256_and_si256(_mm256_srl_epi16(x, shift), mask);
        store(to + i, _mm256_sub_epi16(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_finish16_c(in + i, to + i, n - i, cell);
}

void rk_pack_finish32_avx2(const void *src, void *out, size_t n, rk_cell cell)
{
    const rk_u32 *in = src;
    rk_u32 *to = out;
    const __m256i mask = _mm256_set1_epi32((int)ones(cell.bits));
    const __m256i sign = _mm256_set1_epi32((int)sign_of(cell.bits, cell.is_signed));
    const __m128i shift = _mm_cvtsi32_si128(cell.shift);
    const __m256i order =
        cell.swap ? _mm256_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203, 0x0C0D0E0F08090A0B,
                                      0x0405060700010203)
                  : _mm256_set_epi64x(0x0F0E0D0C0B0A0908, 0x0706050403020100, 0x0F0E0D0C0B0A0908,
                                      0x0706050403020100);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i x = _mm256_shuffle_epi8(load(in + i), order);
        x = _mm256_and_si256(_mm256_srl_epi32(x, shift), mask);
        store(to + i, _mm256_sub_epi32(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_finish32_c(in + i, to + i, n - i, cell);
}

/* ---- bits outside of the stored ones: any bit of 32 bytes at once, then the words left --- */

static inline size_t scan(const uint8_t *in, size_t bytes, __m256i others, bool *found)
{
    size_t i = 0;
    *found = false;
    for (; i + 128 <= bytes && !*found; i += 128) {
        __m256i x = _mm256_or_si256(_mm256_or_si256(load(in + i), load(in + i + 32)),
                                    _mm256_or_si256(load(in + i + 64), load(in + i + 96)));
        *found = !_mm256_testz_si256(x, others);
    }
    for (; i + 32 <= bytes && !*found; i += 32)
        *found = !_mm256_testz_si256(load(in + i), others);
    return i;
}

bool rk_pack_outside8_avx2(const void *src, size_t n, rk_cell cell)
{
    bool found;
    __m256i others = _mm256_set1_epi8((char)~rk_pack_mask(cell, 8));
    size_t done = scan(src, n, others, &found);
    return found || rk_pack_outside8_c((const uint8_t *)src + done, n - done, cell);
}

bool rk_pack_outside16_avx2(const void *src, size_t n, rk_cell cell)
{
    bool found;
    __m256i others = _mm256_set1_epi16((short)~rk_pack_mask(cell, 16));
    size_t done = scan(src, n * 2, others, &found);
    return found || rk_pack_outside16_c((const uint8_t *)src + done, n - done / 2, cell);
}

bool rk_pack_outside32_avx2(const void *src, size_t n, rk_cell cell)
{
    bool found;
    __m256i others = _mm256_set1_epi32((int)~rk_pack_mask(cell, 32));
    size_t done = scan(src, n * 4, others, &found);
    return found || rk_pack_outside32_c((const uint8_t *)src + done, n - done / 4, cell);
}

/* ---- other widths ------------------------------------------------------------------------ */

void rk_pack_convert8to16_avx2(const void *src, void *out, size_t n, unsigned bits,
                               bool is_signed)
{
    const uint8_t *in = src;
    rk_u16 *to = out;
    const __m256i mask = _mm256_set1_epi16((short)ones(bits));
    const __m256i sign = _mm256_set1_epi16((short)sign_of(bits, is_signed));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(in + i)));
        x = _mm256_and_si256(x, mask);
        store(to + i, _mm256_sub_epi16(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_convert8to16_c(in + i, to + i, n - i, bits, is_signed);
}

void rk_pack_convert16to8_avx2(const void *src, void *out, size_t n, unsigned bits,
                               bool is_signed)
{
    const rk_u16 *in = src;
    uint8_t *to = out;
    const __m256i mask = _mm256_set1_epi16((short)(ones(bits) & 0xFF));
    const __m256i sign = _mm256_set1_epi8((char)sign_of(bits, is_signed));
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i a = _mm256_and_si256(load(in + i), mask);
        __m256i b = _mm256_and_si256(load(in + i + 16), mask);
        __m256i x = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
        store(to + i, _mm256_sub_epi8(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_convert16to8_c(in + i, to + i, n - i, bits, is_signed);
}

void rk_pack_convert16to32_avx2(const void *src, void *out, size_t n, unsigned bits,
                                bool is_signed)
{
    const rk_u16 *in = src;
    rk_u32 *to = out;
    const __m256i mask = _mm256_set1_epi32((int)ones(bits));
    const __m256i sign = _mm256_set1_epi32((int)sign_of(bits, is_signed));
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(in + i)));
        x = _mm256_and_si256(x, mask);
        store(to + i, _mm256_sub_epi32(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_convert16to32_c(in + i, to + i, n - i, bits, is_signed);
}

void rk_pack_convert32to16_avx2(const void *src, void *out, size_t n, unsigned bits,
                                bool is_signed)
{
    const rk_u32 *in = src;
    rk_u16 *to = out;
    const __m256i mask = _mm256_set1_epi32((int)(ones(bits) & 0xFFFF));
    const __m256i sign = _mm256_set1_epi16((short)sign_of(bits, is_signed));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i a = _mm256_and_si256(load(in + i), mask);
        __m256i b = _mm256_and_si256(load(in + i + 8), mask);
        __m256i x = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8);
        store(to + i, _mm256_sub_epi16(_mm256_xor_si256(x, sign), sign));
    }
    rk_pack_convert32to16_c(in + i, to + i, n - i, bits, is_signed);
}

/* ---- planes to pixels: three planes, by three shuffles per 16 bytes of output ------------ */

static inline __m128i load16(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline __m128i pick(__m128i a, __m128i b, __m128i c, const int8_t (*order)[16])
{
    a = _mm_shuffle_epi8(a, load16((const uint8_t *)order[0]));
    b = _mm_shuffle_epi8(b, load16((const uint8_t *)order[1]));
    c = _mm_shuffle_epi8(c, load16((const uint8_t *)order[2]));
    return _mm_or_si128(a, _mm_or_si128(b, c));
}

static const int8_t ORDER8[3][3][16] = {
    {{0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5},
     {-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1},
     {-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1}},
    {{-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1},
     {5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10},
     {-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1}},
    {{-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1},
     {-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1},
     {10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15}},
};

static const int8_t ORDER16[3][3][16] = {
    {{0, 1, -1, -1, -1, -1, 2, 3, -1, -1, -1, -1, 4, 5, -1, -1},
     {-1, -1, 0, 1, -1, -1, -1, -1, 2, 3, -1, -1, -1, -1, 4, 5},
     {-1, -1, -1, -1, 0, 1, -1, -1, -1, -1, 2, 3, -1, -1, -1, -1}},
    {{-1, -1, 6, 7, -1, -1, -1, -1, 8, 9, -1, -1, -1, -1, 10, 11},
     {-1, -1, -1, -1, 6, 7, -1, -1, -1, -1, 8, 9, -1, -1, -1, -1},
     {4, 5, -1, -1, -1, -1, 6, 7, -1, -1, -1, -1, 8, 9, -1, -1}},
    {{-1, -1, -1, -1, 12, 13, -1, -1, -1, -1, 14, 15, -1, -1, -1, -1},
     {10, 11, -1, -1, -1, -1, 12, 13, -1, -1, -1, -1, 14, 15, -1, -1},
     {-1, -1, 10, 11, -1, -1, -1, -1, 12, 13, -1, -1, -1, -1, 14, 15}},
};

static inline void interleave3(const uint8_t *a, const uint8_t *b, const uint8_t *c,
                               uint8_t *out, const int8_t (*order)[3][16])
{
    __m128i x = load16(a), y = load16(b), z = load16(c);
    for (int part = 0; part < 3; part++)
        _mm_storeu_si128((__m128i *)(out + 16 * part), pick(x, y, z, order[part]));
}

static inline size_t interleave_blocks(const uint8_t *in, uint8_t *to, size_t bytes,
                                       const int8_t (*order)[3][16])
{
    size_t i = 0;
    for (; i + 16 <= bytes; i += 16)
        interleave3(in + i, in + bytes + i, in + 2 * bytes + i, to + 3 * i, order);
    return i;
}

void rk_pack_interleave8_avx2(const void *src, void *out, size_t n, size_t samples)
{
    const uint8_t *in = src;
    uint8_t *to = out;
    if (samples != 3) {
        rk_pack_interleave8_c(src, out, n, samples);
        return;
    }
    for (size_t i = interleave_blocks(in, to, n, ORDER8); i < n; i++)
        for (size_t s = 0; s < 3; s++)
            to[3 * i + s] = in[s * n + i];
}

void rk_pack_interleave16_avx2(const void *src, void *out, size_t n, size_t samples)
{
    const rk_u16 *in = src;
    rk_u16 *to = out;
    if (samples != 3) {
        rk_pack_interleave16_c(src, out, n, samples);
        return;
    }
    for (size_t i = interleave_blocks(src, out, 2 * n, ORDER16) / 2; i < n; i++)
        for (size_t s = 0; s < 3; s++)
            to[3 * i + s] = in[s * n + i];
}

/* ---- smallest and largest ------------------------------------------------------------------ */

/* The lanes of two accumulators, reduced by the reference itself. Of i16 gcc makes as good a
 * loop from the reference. */
#define RK_RANGE_AVX2(name, type, lanes, min, max)                                       \
    void rk_pack_range_##name##_avx2(const void *src, size_t n, int64_t *low,            \
                                     int64_t *high)                                      \
    {                                                                                    \
        const type *in = src;                                                            \
        type least[lanes], most[lanes];                                                  \
        int64_t unused, tail_low, tail_high;                                             \
        size_t i = lanes;                                                                \
        if (n < lanes) {                                                                 \
            rk_pack_range_##name##_c(src, n, low, high);                                 \
            return;                                                                      \
        }                                                                                \
        __m256i a = load(in), b = a;                                                     \
        for (; i + lanes <= n; i += lanes) {                                             \
            __m256i x = load(in + i);                                                    \
            a = min(a, x);                                                               \
            b = max(b, x);                                                               \
        }                                                                                \
        store(least, a);                                                                 \
        store(most, b);                                                                  \
        rk_pack_range_##name##_c(least, lanes, low, &unused);                            \
        rk_pack_range_##name##_c(most, lanes, &unused, high);                            \
        tail_low = *low;                                                                 \
        tail_high = *high;                                                               \
        rk_pack_range_##name##_c(in + i, n - i, &tail_low, &tail_high);                  \
        *low = tail_low < *low ? tail_low : *low;                                        \
        *high = tail_high > *high ? tail_high : *high;                                   \
    }

RK_RANGE_AVX2(u8, rk_u8, 32, _mm256_min_epu8, _mm256_max_epu8)
RK_RANGE_AVX2(u16, rk_u16, 16, _mm256_min_epu16, _mm256_max_epu16)
RK_RANGE_AVX2(i32, rk_i32, 8, _mm256_min_epi32, _mm256_max_epi32)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
