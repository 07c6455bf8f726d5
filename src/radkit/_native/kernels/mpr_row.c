/* kernels/mpr_row.c: reference of mpr_row.h. */
#include "kernels/mpr_row.h"

#include <math.h>

#include "kernels/cpu.h"
#include "kernels/mpr_row_variants.h"
#include "kernels/words.h"

/* Products and sums are rounded apart; gcc does so under -std=c11. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* ---- scaled rows ----------------------------------------------------------------------------- */

uint16_t rk_row_scale_c(const void *src, size_t n, uint16_t base, uint16_t padding, rk_i16 *held,
                        rk_i16 *out)
{
    const rk_u16 *v = src;
    uint16_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t above = (uint16_t)(v[i] - base);
        if (held) {
            held[i] = v[i] == padding ? -1 : 0;
            above = held[i] ? 0 : above;
        }
        seen |= above;
        out[i] = (int16_t)(uint16_t)(above << RK_ROW_SHIFT);
    }
    return seen;
}

/* As the processors' multiplication with rounding has it; the sum wraps. */
static inline int16_t lerp(int16_t a, int16_t b, int16_t share)
{
    int32_t apart = (int16_t)(uint16_t)((uint16_t)b - (uint16_t)a);
    return (int16_t)(uint16_t)((uint16_t)a + (uint16_t)((apart * share + (1 << 14)) >> 15));
}

void rk_row_lerp_c(const rk_i16 *a, const rk_i16 *b, int16_t share, size_t n, rk_i16 *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lerp(a[i], b[i], share);
}

static inline int16_t blend(int16_t a, int16_t b, int16_t c, int16_t d, int16_t y, int16_t z)
{
    return lerp(lerp(a, b, y), lerp(c, d, y), z);
}

void rk_row_blend_c(const rk_i16 *const row[4], int16_t y, int16_t z, size_t n, rk_i16 *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = blend(row[0][i], row[1][i], row[2][i], row[3][i], y, z);
}

#define RK_ROW_PEAK(name, T, wanted)                                                     \
    void rk_row_##name##_c(const void *row, size_t n, void *to)                          \
    {                                                                                    \
        const T *x = row;                                                                \
        T *y = to;                                                                       \
        for (size_t i = 0; i < n; i++)                                                   \
            y[i] = wanted ? x[i] : y[i];                                                 \
    }

RK_ROW_PEAK(max_16, rk_i16, x[i] > y[i])
RK_ROW_PEAK(min_16, rk_i16, x[i] < y[i])
RK_ROW_PEAK(max_f32, rk_f32, x[i] > y[i] || (isnan(x[i]) && !isnan(y[i])))
RK_ROW_PEAK(min_f32, rk_f32, x[i] < y[i] || (isnan(x[i]) && !isnan(y[i])))

static inline uint16_t unscaled(int16_t value, uint16_t base)
{
    int16_t rounded = (int16_t)(uint16_t)((uint16_t)value + (1 << (RK_ROW_SHIFT - 1)));
    return (uint16_t)((rounded >> RK_ROW_SHIFT) + base);
}

void rk_row_unscale_c(const rk_i16 *row, size_t n, uint16_t base, void *out)
{
    rk_u16 *to = out;
    for (size_t i = 0; i < n; i++)
        to[i] = unscaled(row[i], base);
}

static inline int16_t blend_at(const rk_i16 *const row[4], int16_t y, int16_t z, size_t i)
{
    return blend(row[0][i], row[1][i], row[2][i], row[3][i], y, z);
}

void rk_row_thin_c(const rk_i16 *const row[4], const rk_row_shares *share, uint16_t base, size_t n,
                   void *out)
{
    rk_u16 *to = out;
    for (size_t i = 0; i < n; i++)
        to[i] = unscaled(lerp(blend_at(row, share->y, share->z, i),
                              blend_at(row, share->y, share->z, i + 1), share->x),
                         base);
}

#define RK_ROW_FAN(name, wanted)                                                         \
    void rk_row_##name##_c(const rk_row_fan *fan, size_t n, rk_i16 *to)                 \
    {                                                                                    \
        for (size_t k = 0; k < fan->samples; k++)                                        \
            for (size_t i = 0; i < n; i++) {                                             \
                int16_t x = blend_at(fan->row + 4 * k, fan->y[k], fan->z[k], i);         \
                to[i] = wanted ? x : to[i];                                              \
            }                                                                            \
    }

RK_ROW_FAN(fan_max, x > to[i])
RK_ROW_FAN(fan_min, x < to[i])

/* ---- along a row ----------------------------------------------------------------------------- */

/* One group of `bytes`. */
static void shuffle_of(const rk_row_warp *warp, size_t from, size_t n, int32_t base, uint8_t *bytes)
{
    for (size_t k = 0; k < RK_ROW_GROUP; k++) {
        size_t i = from + k < n ? from + k : n - 1;
        unsigned element = (unsigned)(warp->index[i] - base);
        for (unsigned half = 0; half < 2; half++)
            for (unsigned byte = 0; byte < 2; byte++) {
                bool here = element >= 8 * half && element < 8 * half + 8;
                bytes[32 * half + 2 * k + byte] =
                    here ? (uint8_t)(2 * (element - 8 * half) + byte) : 0x80;
            }
    }
}

void rk_row_warp_plan(rk_row_warp *warp, size_t n)
{
    warp->reach = 0;
    for (size_t from = 0; from < n; from += RK_ROW_GROUP) {
        size_t end = from + RK_ROW_GROUP < n ? from + RK_ROW_GROUP : n;
        int32_t low = warp->index[from], high = low;
        for (size_t i = from; i < end; i++) {
            low = warp->index[i] < low ? warp->index[i] : low;
            high = warp->index[i] > high ? warp->index[i] : high;
        }
        warp->base[from / RK_ROW_GROUP] = low;
        if ((size_t)(high - low) > warp->reach)
            warp->reach = (size_t)(high - low);
        shuffle_of(warp, from, n, low, warp->bytes + from / 16 * 64 + from % 16 * 2);
    }
}

void rk_row_warp_c(const rk_i16 *row, const rk_row_warp *warp, size_t n, rk_i16 *out)
{
    for (size_t i = 0; i < n; i++) {
        const rk_i16 *p = row + warp->index[i];
        out[i] = lerp(p[0], p[1], warp->share[i]);
    }
}

void rk_row_taps_c(const rk_f32 *row, const rk_row_warp *warp, size_t n, rk_f32 *out)
{
    for (size_t i = 0; i < n; i++) {
        const rk_f32 *p = row + warp->index[i], *weight = warp->weight + i;
        float sum = p[0] * weight[0];
        for (size_t t = 1; t < warp->taps; t++)
            sum = sum + p[t] * weight[t * warp->pitch];
        out[i] = sum;
    }
}

/* ---- float rows ------------------------------------------------------------------------------ */

#define RK_ROW_WIDEN(name, T)                                                            \
    void rk_row_widen_##name##_c(const void *src, size_t n, rk_f32 *out)                  \
    {                                                                                    \
        const T *v = src;                                                                \
        for (size_t i = 0; i < n; i++)                                                   \
            out[i] = v[i];                                                               \
    }

RK_ROW_WIDEN(i16, rk_i16)
RK_ROW_WIDEN(u16, rk_u16)

void rk_row_sum_c(const rk_f32 *const *row, const rk_f32 *weight, size_t count, bool add, size_t n,
                  rk_f32 *out)
{
    for (size_t i = 0; i < n; i++) {
        float sum = weight[0] * row[0][i];
        if (add)
            sum = out[i] + sum;
        for (size_t k = 1; k < count; k++)
            sum = sum + weight[k] * row[k][i];
        out[i] = sum;
    }
}

#define RK_ROW_SUM(name, T)                                                              \
    void rk_row_sum_##name##_c(const void *const *row, const rk_f32 *weight, size_t count, \
                               bool add, size_t n, rk_f32 *out)                           \
    {                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                 \
            float sum = weight[0] * ((const T *)row[0])[i];                              \
            if (add)                                                                     \
                sum = out[i] + sum;                                                      \
            for (size_t k = 1; k < count; k++)                                           \
                sum = sum + weight[k] * ((const T *)row[k])[i];                          \
            out[i] = sum;                                                                \
        }                                                                                \
    }

RK_ROW_SUM(i16, rk_i16)
RK_ROW_SUM(u16, rk_u16)

#define RK_ROW_ROUND(name, T, low, high)                                                 \
    void rk_row_round_##name##_c(const rk_f32 *row, size_t n, void *out)                  \
    {                                                                                    \
        T *to = out;                                                                     \
        for (size_t i = 0; i < n; i++) {                                                 \
            float x = row[i] > (low) ? row[i] : (low); /* also if it is not a number */  \
            to[i] = (T)rintf(x < (high) ? x : (high));                                   \
        }                                                                                \
    }

RK_ROW_ROUND(i16, rk_i16, -32768.f, 32767.f)
RK_ROW_ROUND(u16, rk_u16, 0.f, 65535.f)

/* ---- across rows ----------------------------------------------------------------------------- */

static inline float between(float a, float b, float share)
{
    return a + (b - a) * share;
}

#define RK_ROW_PATH(name, T)                                                             \
    void rk_row_path_##name##_c(const void *src, const rk_row_path *path, size_t n,      \
                                rk_f32 *out)                                              \
    {                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                 \
            const T *p = (const T *)src + path->offset[i], *q = p + path->stride;        \
            float left = between(p[0], q[0], path->y[i]);                                \
            float right = between(p[1], q[1], path->y[i]);                               \
            out[i] = between(left, right, path->x[i]);                                   \
        }                                                                                \
    }

RK_ROW_PATH(i16, rk_i16)
RK_ROW_PATH(u16, rk_u16)
RK_ROW_PATH(u8, rk_u8)
RK_ROW_PATH(i8, rk_i8)
RK_ROW_PATH(f32, rk_f32)

void rk_row_turn_c(const void *src, size_t stride, size_t rows, size_t cols, void *out,
                   size_t out_stride)
{
    const rk_u16 *from = src;
    rk_u16 *to = out;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            to[c * out_stride + r] = from[r * stride + c];
}

static inline int16_t ray_sample(const rk_row_ray *ray, size_t k, size_t i)
{
    const rk_i16 *p = ray->at[k] + i, *q = p + ray->down;
    return blend(p[0], p[ray->right], q[0], q[ray->right], ray->x[k], ray->y[k]);
}

#define RK_ROW_RAY(name, T, join)                                                        \
    void rk_row_##name##_c(const rk_row_ray *ray, size_t n, T *to)                       \
    {                                                                                    \
        for (size_t i = 0; i < n; i++)                                                   \
            for (size_t k = 0; k < ray->samples; k++) {                                  \
                int16_t x = ray_sample(ray, k, i);                                       \
                to[i] = join;                                                            \
            }                                                                            \
    }

RK_ROW_RAY(ray_max, rk_i16, x > to[i] ? x : to[i])
RK_ROW_RAY(ray_min, rk_i16, x < to[i] ? x : to[i])
RK_ROW_RAY(ray_sum, rk_i32, (int32_t)((uint32_t)to[i] + (uint32_t)x))

/* ---- table ----------------------------------------------------------------------------------- */

#define RK_ROW_FILL(t, isa)                                                              \
    do {                                                                                 \
        (t)->scale = rk_row_scale_##isa;                                                 \
        (t)->lerp = rk_row_lerp_##isa;                                                   \
        (t)->blend = rk_row_blend_##isa;                                                 \
        (t)->thin = rk_row_thin_##isa;                                                   \
        (t)->fan_max = rk_row_fan_max_##isa;                                             \
        (t)->fan_min = rk_row_fan_min_##isa;                                             \
        (t)->max_16 = rk_row_max_16_##isa;                                               \
        (t)->min_16 = rk_row_min_16_##isa;                                               \
        (t)->max_f32 = rk_row_max_f32_##isa;                                             \
        (t)->min_f32 = rk_row_min_f32_##isa;                                             \
        (t)->unscale = rk_row_unscale_##isa;                                             \
        (t)->warp = rk_row_warp_##isa;                                                   \
        (t)->taps = rk_row_taps_##isa;                                                   \
        (t)->widen_i16 = rk_row_widen_i16_##isa;                                         \
        (t)->widen_u16 = rk_row_widen_u16_##isa;                                         \
        (t)->sum = rk_row_sum_##isa;                                                     \
        (t)->sum_i16 = rk_row_sum_i16_##isa;                                             \
        (t)->sum_u16 = rk_row_sum_u16_##isa;                                             \
        (t)->round_i16 = rk_row_round_i16_##isa;                                         \
        (t)->round_u16 = rk_row_round_u16_##isa;                                         \
        (t)->path_i16 = rk_row_path_i16_##isa;                                           \
        (t)->path_u16 = rk_row_path_u16_##isa;                                           \
        (t)->turn = rk_row_turn_##isa;                                                   \
        (t)->ray_max = rk_row_ray_max_##isa;                                             \
        (t)->ray_min = rk_row_ray_min_##isa;                                             \
        (t)->ray_sum = rk_row_ray_sum_##isa;                                             \
    } while (0)

void rk_row_table_fill(rk_row_table *t, uint32_t cpu)
{
    RK_ROW_FILL(t, c);
    t->path_u8 = rk_row_path_u8_c;
    t->path_i8 = rk_row_path_i8_c;
    t->path_f32 = rk_row_path_f32_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        RK_ROW_FILL(t, avx2);
#else
    (void)cpu;
#endif
}
