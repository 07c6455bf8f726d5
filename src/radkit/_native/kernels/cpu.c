/* Detection of instruction sets (see cpu.h). */
#include <stdbool.h>

#include "cpu.h"

#if RK_ARCH_X86 && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>

/* Without it LZCNT runs as BSR and gives other numbers; not every compiler knows it by name. */
static bool has_lzcnt(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c >> 5 & 1);
}
#endif

uint32_t rk_cpu_detect(void)
{
    uint32_t bits = 0;
#if RK_ARCH_X86 && (defined(__GNUC__) || defined(__clang__))
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && has_lzcnt())
        bits |= RK_CPU_AVX2;
    if ((bits & RK_CPU_AVX2) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        bits |= RK_CPU_AVX512;
#elif defined(__aarch64__)
    bits |= RK_CPU_NEON;
#endif
    return bits;
}
