/* kernels/cpu.h: which instruction sets this machine has, and the marks that switch them on. */
#ifndef RK_KERNELS_CPU_H
#define RK_KERNELS_CPU_H

#include <stdint.h>

#define RK_CPU_AVX2 (1u << 0)   /* AVX2, BMI1, BMI2, LZCNT, POPCNT: all or none */
#define RK_CPU_AVX512 (1u << 1) /* AVX-512 F, BW, DQ, VL */
#define RK_CPU_NEON (1u << 2)

#if defined(__x86_64__) || defined(_M_X64)
#define RK_ARCH_X86 1
#else
#define RK_ARCH_X86 0
#endif

/*
 * Between RK_TARGET_BEGIN_AVX2 and RK_TARGET_END functions are compiled for that
 * instruction set. Headers with inline functions come before the mark; no
 * file-scope data that needs code to initialise may stand between the marks.
 */
#define RK_PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#define RK_TARGET_BEGIN(isa) \
    RK_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define RK_TARGET_END RK_PRAGMA(clang attribute pop)
#else
#define RK_TARGET_BEGIN(isa) RK_PRAGMA(GCC push_options) RK_PRAGMA(GCC target(isa))
#define RK_TARGET_END RK_PRAGMA(GCC pop_options)
#endif

#define RK_ISA_AVX2 "avx2,bmi,bmi2,lzcnt,popcnt"
#define RK_ISA_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi,bmi2,lzcnt,popcnt"

/*
 * RK_CPU_* bits of this machine. It reads the processor each time and keeps no
 * state; callers ask once and pass the bits on. The environment is not read here:
 * RADKIT_CPU is applied by radkit._native.cpu.
 */
uint32_t rk_cpu_detect(void);

#endif /* RK_KERNELS_CPU_H */
