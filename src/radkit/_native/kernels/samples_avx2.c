/* kernels/samples_avx2.c: the loops of samples.h, compiled for AVX2. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include "kernels/samples_variants.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

RK_SAMPLES_ALL(avx2)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
