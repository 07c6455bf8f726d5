/* kernels/mpr_row_across_avx2.c: AVX2 variants of mpr_row.h that go across rows. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/mpr_row_variants.h"
#include "kernels/words.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

RK_TARGET_BEGIN(RK_ISA_AVX2)

#include "kernels/mpr_row_avx2.h"

/* ---- points in a slice ----------------------------------------------------------------------- */

/* Two neighbours in a row. */
static inline __m128i pair(const rk_u16 *p)
{
    return _mm_castps_si128(_mm_broadcast_ss((const rk_f32 *)(const void *)p));
}

/* The pairs of eight outputs: broadcasts cost loads only, and gathers several times as much. */
static inline __m256i eight_pairs(const rk_u16 *v, const rk_i32 *offset)
{
    __m128i a = _mm_blend_epi32(pair(v + offset[0]), pair(v + offset[1]), 2);
    __m128i b = _mm_blend_epi32(pair(v + offset[2]), pair(v + offset[3]), 8);
    __m128i c = _mm_blend_epi32(pair(v + offset[4]), pair(v + offset[5]), 2);
    __m128i d = _mm_blend_epi32(pair(v + offset[6]), pair(v + offset[7]), 8);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_blend_epi32(a, b, 12)),
                                   _mm_blend_epi32(c, d, 12), 1);
}

static inline __m256 between(__m256 a, __m256 b, __m256 share)
{
    return _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(b, a), share));
}

static inline void fetch_early(const rk_u16 *v, const rk_row_path *path, size_t i, size_t n)
{
    size_t next = i + path->ahead;
    if (next + 8 > n)
        return;
    for (size_t k = next; k < next + 8; k++) /* the row above is mostly that of a neighbour */
        _mm_prefetch((const char *)(v + path->offset[k] + path->stride), _MM_HINT_T0);
}

/* `low` and `high` widen the first and the second voxel of each pair. */
#define RK_ROW_PATH(name, low, high)                                                     \
    void rk_row_path_##name##_avx2(const void *src, const rk_row_path *path, size_t n,   \
                                   rk_f32 *out)                                           \
    {                                                                                    \
        const rk_u16 *v = src;                                                           \
        rk_row_path rest = *path;                                                        \
        size_t i = 0;                                                                    \
        for (; i + 8 <= n; i += 8) {                                                     \
            if (path->ahead)                                                             \
                fetch_early(v, path, i, n);                                              \
            __m256i p = eight_pairs(v, path->offset + i);                                \
            __m256i q = eight_pairs(v + path->stride, path->offset + i);                 \
            __m256 y = _mm256_loadu_ps(path->y + i);                                     \
            __m256 left = between(low(p), low(q), y), right = between(high(p), high(q), y); \
            _mm256_storeu_ps(out + i, between(left, right, _mm256_loadu_ps(path->x + i))); \
        }                                                                                \
        rest.offset += i;                                                                \
        rest.x += i;                                                                     \
        rest.y += i;                                                                     \
        rk_row_path_##name##_c(src, &rest, n - i, out + i);                              \
    }

static inline __m256 low_i16(__m256i x)
{
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(x, 16), 16));
}

static inline __m256 high_i16(__m256i x)
{
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(x, 16));
}

static inline __m256 low_u16(__m256i x)
{
    return _mm256_cvtepi32_ps(_mm256_and_si256(x, _mm256_set1_epi32(0xFFFF)));
}

static inline __m256 high_u16(__m256i x)
{
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(x, 16));
}

RK_ROW_PATH(i16, low_i16, high_i16)
RK_ROW_PATH(u16, low_u16, high_u16)

/* ---- turning --------------------------------------------------------------------------------- */

static inline void turn_8x8(const rk_u16 *from, size_t stride, rk_u16 *to, size_t out_stride)
{
    __m128i a[8], b[8];
    for (size_t k = 0; k < 8; k++)
        a[k] = _mm_loadu_si128((const __m128i *)(from + k * stride));
    for (int k = 0; k < 4; k++) {
        b[2 * k] = _mm_unpacklo_epi16(a[2 * k], a[2 * k + 1]);
        b[2 * k + 1] = _mm_unpackhi_epi16(a[2 * k], a[2 * k + 1]);
    }
    for (int k = 0; k < 2; k++) {
        a[4 * k] = _mm_unpacklo_epi32(b[4 * k], b[4 * k + 2]);
        a[4 * k + 1] = _mm_unpackhi_epi32(b[4 * k], b[4 * k + 2]);
        a[4 * k + 2] = _mm_unpacklo_epi32(b[4 * k + 1], b[4 * k + 3]);
        a[4 * k + 3] = _mm_unpackhi_epi32(b[4 * k + 1], b[4 * k + 3]);
    }
    for (size_t k = 0; k < 4; k++) {
        __m128i low = _mm_unpacklo_epi64(a[k], a[4 + k]);
        __m128i high = _mm_unpackhi_epi64(a[k], a[4 + k]);
        _mm_storeu_si128((__m128i *)(to + 2 * k * out_stride), low);
        _mm_storeu_si128((__m128i *)(to + (2 * k + 1) * out_stride), high);
    }
}

void rk_row_turn_avx2(const void *src, size_t stride, size_t rows, size_t cols, void *out,
                      size_t out_stride)
{
    const rk_u16 *from = src;
    rk_u16 *to = out;
    size_t high = rows & ~(size_t)7, wide = cols & ~(size_t)7;
    for (size_t r = 0; r < high; r += 8)
        for (size_t c = 0; c < wide; c += 8)
            turn_8x8(from + r * stride + c, stride, to + c * out_stride + r, out_stride);
    rk_row_turn_c(from + wide, stride, high, cols - wide, to + wide * out_stride, out_stride);
    rk_row_turn_c(from + high * stride, stride, rows - high, cols, to + high, out_stride);
}

/* ---- rays ------------------------------------------------------------------------------------ */

static inline __m256i ray_sample(const rk_i16 *p, const rk_row_ray *ray, __m256i x, __m256i y)
{
    const rk_i16 *q = p + ray->down;
    return lerp(lerp(load(p), load(p + ray->right), x), lerp(load(q), load(q + ray->right), x), y);
}

static inline rk_row_ray ray_from(const rk_row_ray *ray, size_t k)
{
    rk_row_ray rest = *ray;
    rest.at += k;
    rest.x += k;
    rest.y += k;
    rest.samples -= k;
    return rest;
}

enum { WIDTH = 4 }; /* vectors that are carried along a ray */

#define RK_ROW_RAY(name, better)                                                         \
    static inline void name##_run(const rk_row_ray *ray, size_t i, int vectors, rk_i16 *to) \
    {                                                                                    \
        __m256i most[WIDTH];                                                             \
        for (int j = 0; j < vectors; j++)                                                \
            most[j] = load(to + i + 16 * j);                                             \
        for (size_t k = 0; k < ray->samples; k++) {                                      \
            __m256i x = _mm256_set1_epi16(ray->x[k]), y = _mm256_set1_epi16(ray->y[k]);  \
            for (int j = 0; j < vectors; j++)                                            \
                most[j] = better(most[j], ray_sample(ray->at[k] + i + 16 * j, ray, x, y)); \
        }                                                                                \
        for (int j = 0; j < vectors; j++)                                                \
            _mm256_storeu_si256((__m256i *)(to + i + 16 * j), most[j]);                  \
    }                                                                                    \
    static inline void name##_rest(const rk_row_ray *ray, size_t i, size_t n, rk_i16 *to) \
    {                                                                                    \
        for (size_t k = 0; k < ray->samples; k++) { /* one sample at a time, moved on */ \
            const rk_i16 *at = ray->at[k] + i;                                          \
            rk_row_ray one = ray_from(ray, k);                                           \
            one.at = &at;                                                                \
            one.samples = 1;                                                             \
            rk_row_##name##_c(&one, n - i, to + i);                                      \
        }                                                                                \
    }                                                                                    \
    void rk_row_##name##_avx2(const rk_row_ray *ray, size_t n, rk_i16 *to)              \
    {                                                                                    \
        size_t i = 0;                                                                    \
        for (; i + 16 * WIDTH <= n; i += 16 * WIDTH)                                     \
            name##_run(ray, i, WIDTH, to);                                               \
        for (; i + 16 <= n; i += 16)                                                     \
            name##_run(ray, i, 1, to);                                                   \
        if (i < n)                                                                       \
            name##_rest(ray, i, n, to);                                                  \
    }

RK_ROW_RAY(ray_max, _mm256_max_epi16)
RK_ROW_RAY(ray_min, _mm256_min_epi16)

void rk_row_ray_sum_avx2(const rk_row_ray *ray, size_t n, rk_i32 *to)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i low = load(to + i), high = load(to + i + 8);
        for (size_t k = 0; k < ray->samples; k++) {
            __m256i x = _mm256_set1_epi16(ray->x[k]), y = _mm256_set1_epi16(ray->y[k]);
            __m256i s = ray_sample(ray->at[k] + i, ray, x, y);
            low = _mm256_add_epi32(low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(s)));
            high = _mm256_add_epi32(high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(s, 1)));
        }
        _mm256_storeu_si256((__m256i *)(to + i), low);
        _mm256_storeu_si256((__m256i *)(to + i + 8), high);
    }
    for (size_t k = 0; i < n && k < ray->samples; k++) {
        const rk_i16 *at = ray->at[k] + i;
        rk_row_ray one = ray_from(ray, k);
        one.at = &at;
        one.samples = 1;
        rk_row_ray_sum_c(&one, n - i, to + i);
    }
}

RK_TARGET_END

#endif /* RK_ARCH_X86 */
