/*
 * Two codestreams in turns, leniently: a decoding leaves nothing behind that the next one sees.
 * An input is the first stream, the second, its options, and the length of the first (2 bytes).
 */
#include "j2k_run.h"
#include "kernels/cpu.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RK_FUZZ_J2K_OPTIONS + 2)
        return 0;
    size -= RK_FUZZ_J2K_OPTIONS + 2;
    const uint8_t *option = data + size;
    size_t first = ((size_t)option[8] << 8 | option[9]) % (size + 1);
    rk_fuzz_j2k_wish wish = rk_fuzz_j2k_options(option), other = wish;
    rk_j2k_limits limits = rk_fuzz_j2k_small();
    rk_fuzz_j2k_picture a, b, again;
    wish.cpu = option[7] % 8 == 1 ? 0 : rk_cpu_detect();
    wish.strict = option[7] & 2;
    other.cpu = option[7] % 8 == 5 ? 0 : rk_cpu_detect();
    other.strict = option[7] & 8;
    rk_fuzz_j2k_decode(&a, data, first, &wish, &limits);
    rk_fuzz_j2k_decode(&b, data + first, size - first, &other, &limits);
    rk_fuzz_j2k_decode(&again, data, first, &wish, &limits);
    RK_FUZZ_ASSERT(rk_fuzz_j2k_same(&a, &again));
    rk_fuzz_j2k_free(&a);
    rk_fuzz_j2k_free(&b);
    rk_fuzz_j2k_free(&again);
    return 0;
}
