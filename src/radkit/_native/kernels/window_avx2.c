/* kernels/window_avx2.c: AVX2 variants of window.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/window.h"
#include "kernels/words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* ---- the formula, four doubles at once, each operation as in the reference --------------- */

static inline __m128i grey4(const rk_window *w, __m256d stored)
{
    const __m256d ymin = _mm256_set1_pd(w->ymin), ymax = _mm256_set1_pd(w->ymax);
    const __m256d range = _mm256_set1_pd(w->ymax - w->ymin), half = _mm256_set1_pd(0.5);
    __m256d x = _mm256_add_pd(_mm256_mul_pd(_mm256_set1_pd(w->slope), stored),
                              _mm256_set1_pd(w->intercept));
    __m256d y = _mm256_div_pd(_mm256_sub_pd(x, _mm256_set1_pd(w->centre)),
                              _mm256_set1_pd(w->width));
    y = _mm256_add_pd(_mm256_mul_pd(_mm256_add_pd(y, half), range), ymin);
    y = _mm256_min_pd(_mm256_max_pd(y, ymin), ymax); /* not a number becomes ymin */
    y = _mm256_blendv_pd(y, ymax, _mm256_cmp_pd(x, _mm256_set1_pd(w->high), _CMP_GT_OQ));
    y = _mm256_blendv_pd(ymin, y, _mm256_cmp_pd(x, _mm256_set1_pd(w->low), _CMP_GT_OQ));
    return _mm256_cvttpd_epi32(_mm256_add_pd(y, half));
}

/* Eight greys as bytes; `invert` is ymin + ymax - grey. */
static inline void store8(const rk_window *w, uint8_t *out, __m256d a, __m256d b)
{
    __m128i grey = _mm_packs_epi32(grey4(w, a), grey4(w, b));
    if (w->invert)
        grey = _mm_sub_epi16(_mm_set1_epi16((short)(w->ymin + w->ymax)), grey);
    _mm_storel_epi64((__m128i *)out, _mm_packus_epi16(grey, grey));
}

void rk_window_values_avx2(const rk_window *w, int64_t first, uint8_t *out, size_t n)
{
    size_t i = 0;
    /* Sums of these are exact below 2^53; beyond, the reference rounds each value itself. */
    const int64_t limit = (int64_t)1 << 52;
    bool exact = first > -limit && first < limit && n < (size_t)limit;
    if (w->kind != RK_WINDOW_SIGMOID && exact) {
        __m256d x = _mm256_add_pd(_mm256_set1_pd((double)first), _mm256_setr_pd(0, 1, 2, 3));
        const __m256d four = _mm256_set1_pd(4), eight = _mm256_set1_pd(8);
        for (; i + 8 <= n; i += 8) {
            store8(w, out + i, x, _mm256_add_pd(x, four));
            x = _mm256_add_pd(x, eight);
        }
    }
    rk_window_values_c(w, first + (int64_t)i, out + i, n - i);
}

void rk_window_f32_avx2(const rk_window *w, const void *src, uint8_t *out, size_t n)
{
    const rk_f32 *in = src;
    size_t i = 0;
    for (; i + 8 <= n && w->kind != RK_WINDOW_SIGMOID; i += 8)
        store8(w, out + i, _mm256_cvtps_pd(_mm_loadu_ps((const float *)(in + i))),
               _mm256_cvtps_pd(_mm_loadu_ps((const float *)(in + i + 4))));
    rk_window_f32_c(w, in + i, out + i, n - i);
}

void rk_window_f64_avx2(const rk_window *w, const void *src, uint8_t *out, size_t n)
{
    const rk_f64 *in = src;
    size_t i = 0;
    for (; i + 8 <= n && w->kind != RK_WINDOW_SIGMOID; i += 8)
        store8(w, out + i, _mm256_loadu_pd((const double *)(in + i)),
               _mm256_loadu_pd((const double *)(in + i + 4)));
    rk_window_f64_c(w, in + i, out + i, n - i);
}

void rk_window_i32_avx2(const rk_window *w, const void *src, uint8_t *out, size_t n)
{
    const rk_i32 *in = src;
    size_t i = 0;
    for (; i + 8 <= n && w->kind != RK_WINDOW_SIGMOID; i += 8)
        store8(w, out + i, _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)(in + i))),
               _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)(in + i + 4))));
    rk_window_i32_c(w, in + i, out + i, n - i);
}

/* ---- the fast kernels -------------------------------------------------------------------- */

static inline __m256i ramp16(const rk_window_fast *f, const rk_u16 *in)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)in);
    x = _mm256_xor_si256(x, _mm256_set1_epi16((short)f->flip));
    x = _mm256_subs_epu16(x, _mm256_set1_epi16((short)f->low));
    return _mm256_min_epu16(x, _mm256_set1_epi16((short)f->span));
}

/* Words of two registers, clamped to bytes in their order, then the last line of window.h. */
static inline void finish32(const rk_window_fast *f, uint8_t *out, __m256i a, __m256i b)
{
    __m256i y = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
    y = _mm256_adds_epu8(y, _mm256_set1_epi8((char)f->base));
    y = _mm256_min_epu8(y, _mm256_set1_epi8((char)f->top));
    y = _mm256_xor_si256(y, _mm256_set1_epi8((char)f->complement));
    _mm256_storeu_si256((__m256i *)out, y);
}

static inline __m256i integer16(const rk_window_fast *f, const rk_u16 *in)
{
    __m256i u = _mm256_mullo_epi16(ramp16(f, in), _mm256_set1_epi16((short)f->times));
    u = _mm256_adds_epu16(u, _mm256_set1_epi16((short)f->plus));
    u = _mm256_subs_epu16(u, _mm256_set1_epi16((short)f->minus));
    u = _mm256_mulhi_epu16(u, _mm256_set1_epi16((short)f->factor));
    return _mm256_srl_epi16(u, _mm_cvtsi32_si128(f->down));
}

void rk_window_integer_avx2(const rk_window_fast *f, const void *src, uint8_t *out, size_t n)
{
    const rk_window_fast k = *f; /* so that no store can be thought to change it */
    const rk_u16 *in = src;
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        finish32(&k, out + i, integer16(&k, in + i), integer16(&k, in + i + 16));
    rk_window_integer_c(f, in + i, out + i, n - i);
}

/* A word under 0x4B00 is the float 2^23 + word; taking 2^23 off again is exact. */
static inline __m256i real8(const rk_window_fast *f, __m256i raised)
{
    __m256 y = _mm256_sub_ps(_mm256_castsi256_ps(raised), _mm256_set1_ps(8388608.0f));
    y = _mm256_mul_ps(y, _mm256_set1_ps(f->scale));
    return _mm256_cvttps_epi32(_mm256_add_ps(y, _mm256_set1_ps(f->bias)));
}

static inline __m256i real16(const rk_window_fast *f, const rk_u16 *in)
{
    const __m256i exponent = _mm256_set1_epi16(0x4B00);
    __m256i t = ramp16(f, in);
    return _mm256_packs_epi32(real8(f, _mm256_unpacklo_epi16(t, exponent)),
                              real8(f, _mm256_unpackhi_epi16(t, exponent)));
}

void rk_window_real_avx2(const rk_window_fast *f, const void *src, uint8_t *out, size_t n)
{
    const rk_window_fast k = *f;
    const rk_u16 *in = src;
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        finish32(&k, out + i, real16(&k, in + i), real16(&k, in + i + 16));
    rk_window_real_c(f, in + i, out + i, n - i);
}

RK_TARGET_END

#endif /* RK_ARCH_X86 */
