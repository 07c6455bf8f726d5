/* kernels/palette.c: reference and table of palette.h. */
#include "kernels/palette.h"

#include "kernels/words.h"

#define RK_PALETTE(name, index, entry)                                                   \
    void rk_palette_##name##_c(const rk_palette *p, const void *src, void *out, size_t n) \
    {                                                                                    \
        const index *in = src;                                                           \
        const entry *red = p->red, *green = p->green, *blue = p->blue;                   \
        const int64_t last = (int64_t)p->entries - 1, first = p->first;                  \
        entry *to = out;                                                                 \
        for (size_t i = 0; i < n; i++) {                                                 \
            int64_t at = (int64_t)in[i] - first;                                         \
            at = at < 0 ? 0 : at;                                                        \
            at = at < last ? at : last;                                                  \
            to[3 * i] = red[at];                                                         \
            to[3 * i + 1] = green[at];                                                   \
            to[3 * i + 2] = blue[at];                                                    \
        }                                                                                \
    }

RK_PALETTE(u8_8, rk_u8, rk_u8)
RK_PALETTE(i8_8, rk_i8, rk_u8)
RK_PALETTE(u16_8, rk_u16, rk_u8)
RK_PALETTE(i16_8, rk_i16, rk_u8)
RK_PALETTE(u8_16, rk_u8, rk_u16)
RK_PALETTE(i8_16, rk_i8, rk_u16)
RK_PALETTE(u16_16, rk_u16, rk_u16)
RK_PALETTE(i16_16, rk_i16, rk_u16)

void rk_palette_table_fill(rk_palette_table *t, uint32_t cpu)
{
    (void)cpu;
    *t = (rk_palette_table){
        .u8_8 = rk_palette_u8_8_c,
        .i8_8 = rk_palette_i8_8_c,
        .u16_8 = rk_palette_u16_8_c,
        .i16_8 = rk_palette_i16_8_c,
        .u8_16 = rk_palette_u8_16_c,
        .i8_16 = rk_palette_i8_16_c,
        .u16_16 = rk_palette_u16_16_c,
        .i16_16 = rk_palette_i16_16_c,
    };
}
