/* kernels/samples.c: reference of samples.h. */
#include "kernels/samples.h"

#include "kernels/cpu.h"
#include "kernels/samples_variants.h"

RK_SAMPLES_ALL(c)

#define RK_FILL(isa)                                                                     \
    *t = (rk_samples_table){                                                             \
        rk_samples_u8_i16_##isa,  rk_samples_i8_i16_##isa,  rk_samples_w16_i16_##isa,    \
        rk_samples_w32_i16_##isa, rk_samples_u8_i32_##isa,  rk_samples_i8_i32_##isa,     \
        rk_samples_u16_i32_##isa, rk_samples_i16_i32_##isa, rk_samples_w32_i32_##isa,    \
        rk_samples_floats_##isa,  rk_samples_raise_##isa,   rk_samples_index_##isa}

void rk_samples_table_fill(rk_samples_table *t, uint32_t cpu)
{
    RK_FILL(c);
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        RK_FILL(avx2);
#else
    (void)cpu;
#endif
}
