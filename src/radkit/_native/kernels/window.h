/* kernels/window.h: stored values into 8 bit grey (PS3.3 C.11.2.1.2, C.11.2.1.3). */
#ifndef RK_KERNELS_WINDOW_H
#define RK_KERNELS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rk_window_kind {
    RK_WINDOW_LINEAR,
    RK_WINDOW_LINEAR_EXACT,
    RK_WINDOW_SIGMOID
} rk_window_kind;

/*
 * A window, ready to be computed: made by rk_window_make, then constant. With x = slope *
 * stored value + intercept, in float64 and in this order of operations,
 *
 *     linear    y = ymin for x <= low, ymax for x > high, else
 *               y = ((x - centre) / width + 0.5) * (ymax - ymin) + ymin
 *     sigmoid   y = (ymax - ymin) / (1 + exp(-4 * (x - centre) / width)) + ymin
 *
 * where low, high = centre -+ width / 2, and LINEAR takes 0.5 off the centre and 1 off the
 * width before. The output is floor(y + 0.5), or ymin + ymax less that if `invert`. An x that
 * is not a number counts as low.
 */
typedef struct rk_window {
    rk_window_kind kind;
    double slope, intercept, centre, width, low, high;
    uint8_t ymin, ymax;
    bool invert;
} rk_window;

/* Numbers are finite, width >= 1 for LINEAR and > 0 else, ymin <= ymax. */
rk_window rk_window_make(rk_window_kind kind, double centre, double width, double slope,
                         double intercept, uint8_t ymin, uint8_t ymax, bool invert);

/*
 * The two fast kernels of 16 bit stored values. Both first take
 *
 *     t = min(max((stored ^ flip) - low, 0), span)
 *
 * where flip = 0x8000 turns signed order into unsigned. Then, with every step saturating,
 *
 *     integer   y = ((t * times + plus - minus) * factor >> 16) >> down
 *     real      y = trunc(t * scale + bias), in float32, each operation rounded
 *     out         = min(clamp(y, 0, 255) + base, top) ^ complement
 *
 * rk_window_fit finds constants, and gives them only if the kernel then equals the table for
 * every stored value; so which of them runs is a matter of the window, never of the machine.
 */
typedef struct rk_window_fast {
    uint16_t flip, low, span;
    uint16_t times, plus, minus, factor; /* span * times <= 65535 */
    uint8_t down;                        /* 1 to 15 */
    uint8_t base, top, complement;
    float scale, bias; /* |t * scale + bias| < 2^31 */
} rk_window_fast;

/*
 * Contract, the same for every variant:
 *   - `n` may be 0. No alignment is required. Arrays do not overlap; nothing is touched past n.
 *   - values: the window of the integers first, first + 1, ...
 *   - f32 ... u32: the window of the elements themselves.
 *   - integer, real: as above, of uint16 or int16.
 *   - map8, map16: out[i] = map[src[i]] with src read as unsigned; 256 and 65536 entries.
 *   - look_*: out[i] = table[min(max(src[i] - first, 0), entries - 1)]; entries >= 1,
 *     |first| < 2^62.
 */
typedef void rk_window_values_fn(const rk_window *w, int64_t first, uint8_t *out, size_t n);
typedef void rk_window_direct_fn(const rk_window *w, const void *src, uint8_t *out, size_t n);
typedef void rk_window_fast_fn(const rk_window_fast *f, const void *src, uint8_t *out, size_t n);
typedef void rk_window_map_fn(const uint8_t *map, const void *src, uint8_t *out, size_t n);
typedef void rk_window_look_fn(const uint8_t *table, size_t entries, int64_t first,
                               const void *src, uint8_t *out, size_t n);

typedef struct rk_window_table {
    rk_window_values_fn *values;
    rk_window_direct_fn *f32, *f64, *i32, *u32;
    rk_window_fast_fn *integer, *real;
    rk_window_map_fn *map8, *map16;
    rk_window_look_fn *look_u8, *look_i8, *look_u16, *look_i16, *look_u32, *look_i32;
} rk_window_table;

rk_window_values_fn rk_window_values_c, rk_window_values_avx2;
rk_window_direct_fn rk_window_f32_c, rk_window_f64_c, rk_window_i32_c, rk_window_u32_c;
rk_window_direct_fn rk_window_f32_avx2, rk_window_f64_avx2, rk_window_i32_avx2;
rk_window_fast_fn rk_window_integer_c, rk_window_integer_avx2;
rk_window_fast_fn rk_window_real_c, rk_window_real_avx2;
rk_window_map_fn rk_window_map8_c, rk_window_map16_c;
rk_window_look_fn rk_window_look_u8_c, rk_window_look_i8_c, rk_window_look_u16_c;
rk_window_look_fn rk_window_look_i16_c, rk_window_look_u32_c, rk_window_look_i32_c;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_window_table_fill(rk_window_table *t, uint32_t cpu);

typedef enum rk_window_path {
    RK_WINDOW_BY_TABLE,
    RK_WINDOW_BY_INTEGER,
    RK_WINDOW_BY_REAL
} rk_window_path;

/*
 * Looks for a fast kernel that equals `table`, the outputs of all 2^bits stored values from the
 * lowest on (1 <= bits <= 16). `grey` is the slope of the ramp: grey values per stored value,
 * not negative; infinite for a threshold. RK_WINDOW_BY_TABLE if there is none.
 * Runs the kernels of `t` over all stored values.
 */
rk_window_path rk_window_fit(rk_window_fast *f, const rk_window_table *t, const uint8_t *table,
                             unsigned bits, bool is_signed, double grey);

/* Grey values per stored value of a linear window. */
double rk_window_grey(const rk_window *w);

#endif /* RK_KERNELS_WINDOW_H */
