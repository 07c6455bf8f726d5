/* kernels/palette.h: indices into three colour tables (PS3.3 C.7.6.3.1.5, C.7.9). */
#ifndef RK_KERNELS_PALETTE_H
#define RK_KERNELS_PALETTE_H

#include <stddef.h>
#include <stdint.h>

/* Three tables of as many entries; entry 0 belongs to the stored value `first`. */
typedef struct rk_palette {
    const void *red, *green, *blue;
    size_t entries; /* >= 1 */
    int64_t first;  /* |first| < 2^62 */
} rk_palette;

/*
 * out[3 i], out[3 i + 1], out[3 i + 2] = the entries at min(max(src[i] - first, 0), entries - 1).
 * Named by the type of the index, then by the bits of an entry, which are those of the output.
 *
 * Contract: `n` may be 0. No alignment is required. Arrays do not overlap; nothing is touched
 * past n. It is bound by its reads of the tables, so it has no variants.
 */
typedef void rk_palette_fn(const rk_palette *p, const void *src, void *out, size_t n);

typedef struct rk_palette_table {
    rk_palette_fn *u8_8, *i8_8, *u16_8, *i16_8, *u8_16, *i8_16, *u16_16, *i16_16;
} rk_palette_table;

rk_palette_fn rk_palette_u8_8_c, rk_palette_i8_8_c, rk_palette_u16_8_c, rk_palette_i16_8_c;
rk_palette_fn rk_palette_u8_16_c, rk_palette_i8_16_c, rk_palette_u16_16_c, rk_palette_i16_16_c;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_palette_table_fill(rk_palette_table *t, uint32_t cpu);

#endif /* RK_KERNELS_PALETTE_H */
