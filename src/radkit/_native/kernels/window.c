/* kernels/window.c: reference and table of window.h. */
#include "kernels/window.h"

#include <math.h>

#include "kernels/cpu.h"
#include "kernels/words.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

rk_window rk_window_make(rk_window_kind kind, double centre, double width, double slope,
                         double intercept, uint8_t ymin, uint8_t ymax, bool invert)
{
    rk_window w = {kind, slope, intercept, centre, width, 0, 0, ymin, ymax, invert};
    if (kind == RK_WINDOW_LINEAR) {
        w.centre -= 0.5;
        w.width -= 1;
    }
    w.low = w.centre - w.width / 2;
    w.high = w.centre + w.width / 2;
    return w;
}

double rk_window_grey(const rk_window *w)
{
    return fabs(w->slope) * (w->ymax - w->ymin) / w->width;
}

static uint8_t grey_of(const rk_window *w, double stored)
{
    double x = w->slope * stored + w->intercept, y, range = w->ymax - w->ymin;
    if (w->kind == RK_WINDOW_SIGMOID)
        y = range / (1 + exp(-4 * (x - w->centre) / w->width)) + w->ymin;
    else if (!(x > w->low))
        y = w->ymin;
    else if (x > w->high)
        y = w->ymax;
    else
        y = ((x - w->centre) / w->width + 0.5) * range + w->ymin;
    if (!(y > w->ymin)) /* not a number, too */
        y = w->ymin;
    if (y > w->ymax)
        y = w->ymax;
    int grey = (int)(y + 0.5);
    return (uint8_t)(w->invert ? w->ymin + w->ymax - grey : grey);
}

void rk_window_values_c(const rk_window *w, int64_t first, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = grey_of(w, (double)(first + (int64_t)i));
}

#define RK_DIRECT(name, type)                                                            \
    void rk_window_##name##_c(const rk_window *w, const void *src, uint8_t *out, size_t n) \
    {                                                                                    \
        const type *in = src;                                                            \
        for (size_t i = 0; i < n; i++)                                                   \
            out[i] = grey_of(w, in[i]);                                                  \
    }

RK_DIRECT(f32, rk_f32)
RK_DIRECT(f64, rk_f64)
RK_DIRECT(i32, rk_i32)
RK_DIRECT(u32, rk_u32)

static inline unsigned ramp(const rk_window_fast *f, uint16_t stored)
{
    unsigned x = stored ^ f->flip, t = x > f->low ? x - f->low : 0;
    return t < f->span ? t : f->span;
}

static inline uint8_t finished(const rk_window_fast *f, int y)
{
    int grey = (y < 0 ? 0 : y > 255 ? 255 : y) + f->base;
    return (uint8_t)((grey < f->top ? grey : f->top) ^ f->complement);
}

void rk_window_integer_c(const rk_window_fast *f, const void *src, uint8_t *out, size_t n)
{
    const rk_u16 *in = src;
    for (size_t i = 0; i < n; i++) {
        unsigned u = (uint16_t)(ramp(f, in[i]) * f->times) + (unsigned)f->plus;
        u = u < 65535 ? u : 65535;
        u = u > f->minus ? u - f->minus : 0;
        out[i] = finished(f, (int)((u * f->factor >> 16) >> f->down));
    }
}

void rk_window_real_c(const rk_window_fast *f, const void *src, uint8_t *out, size_t n)
{
    const rk_u16 *in = src;
    for (size_t i = 0; i < n; i++) {
        float y = (float)ramp(f, in[i]) * f->scale;
        y += f->bias;
        out[i] = finished(f, (int)y);
    }
}

void rk_window_map8_c(const uint8_t *map, const void *src, uint8_t *out, size_t n)
{
    const uint8_t *in = src;
    for (size_t i = 0; i < n; i++)
        out[i] = map[in[i]];
}

void rk_window_map16_c(const uint8_t *map, const void *src, uint8_t *out, size_t n)
{
    const rk_u16 *in = src;
    for (size_t i = 0; i < n; i++)
        out[i] = map[in[i]];
}

#define RK_LOOK(name, type)                                                              \
    void rk_window_look_##name##_c(const uint8_t *table, size_t entries, int64_t first,  \
                                   const void *src, uint8_t *out, size_t n)              \
    {                                                                                    \
        const type *in = src;                                                            \
        const int64_t last = (int64_t)entries - 1;                                       \
        for (size_t i = 0; i < n; i++) {                                                 \
            int64_t at = (int64_t)in[i] - first;                                         \
            at = at < 0 ? 0 : at;                                                        \
            out[i] = table[at < last ? at : last];                                       \
        }                                                                                \
    }

RK_LOOK(u8, rk_u8)
RK_LOOK(i8, rk_i8)
RK_LOOK(u16, rk_u16)
RK_LOOK(i16, rk_i16)
RK_LOOK(u32, rk_u32)
RK_LOOK(i32, rk_i32)

void rk_window_table_fill(rk_window_table *t, uint32_t cpu)
{
    *t = (rk_window_table){
        .values = rk_window_values_c,
        .f32 = rk_window_f32_c,
        .f64 = rk_window_f64_c,
        .i32 = rk_window_i32_c,
        .u32 = rk_window_u32_c,
        .integer = rk_window_integer_c,
        .real = rk_window_real_c,
        .map8 = rk_window_map8_c,
        .map16 = rk_window_map16_c,
        .look_u8 = rk_window_look_u8_c,
        .look_i8 = rk_window_look_i8_c,
        .look_u16 = rk_window_look_u16_c,
        .look_i16 = rk_window_look_i16_c,
        .look_u32 = rk_window_look_u32_c,
        .look_i32 = rk_window_look_i32_c,
    };
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->values = rk_window_values_avx2;
        t->f32 = rk_window_f32_avx2;
        t->f64 = rk_window_f64_avx2;
        t->i32 = rk_window_i32_avx2;
        t->integer = rk_window_integer_avx2;
        t->real = rk_window_real_avx2;
    }
#else
    (void)cpu;
#endif
}
