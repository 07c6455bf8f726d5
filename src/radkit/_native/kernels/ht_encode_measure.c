/* kernels/ht_encode_measure.c: reference of ht_encode_measure.h, and the table of variants. */
#include "ht_encode_measure.h"

#include <string.h>

#include "cpu.h"
#include "words.h"

/* The bits of a float grow with it, and the upper three of the fraction are eighths of an octave. */
static uint32_t bin_of(float value, float scale)
{
    uint32_t bits, least = (uint32_t)(127 + RK_HT_BIN_OCTAVE) << 3;
    float product = value * scale;
    memcpy(&bits, &product, 4);
    bits = (bits & 0x7FFFFFFF) >> 20;
    if (bits < least)
        return 0;
    return bits - least < RK_HT_BINS ? bits - least : RK_HT_BINS - 1;
}

void rk_ht_measure_c(const rk_ht_measure_block *b, uint32_t *quads, uint32_t *samples)
{
    for (uint32_t y = 0; y < b->height; y += 2)
        for (uint32_t x = 0; x < b->width; x += 2) {
            uint32_t bins[4] = {0}, most = 0;
            for (uint32_t k = 0; k < 4; k++) {
                uint32_t column = x + (k & 1), row = y + (k >> 1);
                if (column < b->width && row < b->height)
                    bins[k] = bin_of(((const rk_f32 *)b->values)[row * b->stride + column], b->scale);
                most = bins[k] > most ? bins[k] : most;
            }
            quads[most]++;
            for (int k = 0; k < 4 && most; k++)
                samples[RK_HT_BINS * most + bins[k]]++;
        }
}

void rk_ht_measure_table_fill(rk_ht_measure_table *t, uint32_t cpu)
{
    t->measure = rk_ht_measure_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        t->measure = rk_ht_measure_avx2;
#else
    (void)cpu;
#endif
}
