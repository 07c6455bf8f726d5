/* kernels/bits.c: reference and table of bits.h. */
#include "kernels/bits.h"

#include "kernels/cpu.h"

void rk_bits_unpack_c(const uint8_t *src, uint64_t start, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bit = start + i;
        out[i] = (src[bit >> 3] >> (bit & 7)) & 1;
    }
}

void rk_bits_pack_c(const uint8_t *values, size_t n, uint8_t *out, uint64_t start)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bit = start + i;
        uint8_t *byte = out + (bit >> 3);
        unsigned kept = *byte & ((1u << (bit & 7)) - 1u); /* what lies before this bit */
        *byte = (uint8_t)(kept | (unsigned)(values[i] != 0) << (bit & 7));
    }
}

void rk_bits_table_fill(rk_bits_table *t, uint32_t cpu)
{
    t->unpack = rk_bits_unpack_c;
    t->pack = rk_bits_pack_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->unpack = rk_bits_unpack_avx2;
        t->pack = rk_bits_pack_avx2;
    }
#else
    (void)cpu;
#endif
}
