/* kernels/colour.c: reference and table of colour.h. */
#include "kernels/colour.h"

#include "kernels/cpu.h"
#include "kernels/words.h"

static inline int64_t clamped(int64_t x, int64_t high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

/*
 * The factors times 2^20. With halves that are too large by a little (12 for G, 41 to 2119 for
 * R and B alike) all 256 chroma samples and all 65536 pairs of them round as the exact factors
 * do, exact halves included. No factors of less than 20 bits do that for G.
 */
enum { R_CR = 1470104, G_CB = 360854, G_CR = 748827, B_CB = 1858077 };
enum { HALF = (1 << 19) + 1000, G_HALF = (1 << 19) + 12 };

static inline void pixel8(int y, int cb, int cr, uint8_t *out)
{
    cb -= 128;
    cr -= 128;
    out[0] = (uint8_t)clamped(y + ((R_CR * cr + HALF) >> 20), 255);
    out[1] = (uint8_t)clamped(y + ((-G_CB * cb - G_CR * cr + G_HALF) >> 20), 255);
    out[2] = (uint8_t)clamped(y + ((B_CB * cb + HALF) >> 20), 255);
}

void rk_colour_rgb8_c(const uint8_t *src, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pixel8(src[3 * i], src[3 * i + 1], src[3 * i + 2], out + 3 * i);
}

void rk_colour_planes8_c(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, uint8_t *out,
                         size_t n)
{
    for (size_t i = 0; i < n; i++)
        pixel8(y[i], cb[i], cr[i], out + 3 * i);
}

void rk_colour_ybr422_8_c(const uint8_t *src, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pair = src + i / 2 * 4;
        out[3 * i] = pair[i & 1];
        out[3 * i + 1] = pair[2];
        out[3 * i + 2] = pair[3];
    }
}

void rk_colour_rgb422_8_c(const uint8_t *src, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pair = src + i / 2 * 4;
        pixel8(pair[i & 1], pair[2], pair[3], out + 3 * i);
    }
}

/* floor(x / d + 1/2) */
static inline int64_t divided(int64_t x, int64_t d)
{
    int64_t twice = 2 * x + d, q = twice / (2 * d);
    return q - (twice % (2 * d) < 0);
}

/* 1.402 = 701 / 500, 1.772 = 443 / 250, and those of G over their common 293500. */
void rk_colour_rgb16_c(const void *src, void *out, size_t n, unsigned bits)
{
    const rk_u16 *in = src;
    rk_u16 *to = out;
    const int64_t middle = (int64_t)1 << (bits - 1), high = 2 * middle - 1;
    for (size_t i = 0; i < n; i++) {
        int64_t y = in[3 * i], cb = in[3 * i + 1] - middle, cr = in[3 * i + 2] - middle;
        to[3 * i] = (uint16_t)clamped(y + divided(701 * cr, 500), high);
        to[3 * i + 1] = (uint16_t)clamped(y + divided(-101004 * cb - 209599 * cr, 293500), high);
        to[3 * i + 2] = (uint16_t)clamped(y + divided(443 * cb, 250), high);
    }
}

void rk_colour_ybr422_16_c(const void *src, void *out, size_t n, unsigned bits)
{
    const rk_u16 *in = src;
    rk_u16 *to = out;
    (void)bits;
    for (size_t i = 0; i < n; i++) {
        const rk_u16 *pair = in + i / 2 * 4;
        to[3 * i] = pair[i & 1];
        to[3 * i + 1] = pair[2];
        to[3 * i + 2] = pair[3];
    }
}

void rk_colour_table_fill(rk_colour_table *t, uint32_t cpu)
{
    *t = (rk_colour_table){
        .rgb8 = rk_colour_rgb8_c,
        .planes8 = rk_colour_planes8_c,
        .ybr422_8 = rk_colour_ybr422_8_c,
        .rgb422_8 = rk_colour_rgb422_8_c,
        .rgb16 = rk_colour_rgb16_c,
        .ybr422_16 = rk_colour_ybr422_16_c,
    };
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->rgb8 = rk_colour_rgb8_avx2;
        t->planes8 = rk_colour_planes8_avx2;
        t->ybr422_8 = rk_colour_ybr422_8_avx2;
        t->rgb422_8 = rk_colour_rgb422_8_avx2;
    }
#else
    (void)cpu;
#endif
}
