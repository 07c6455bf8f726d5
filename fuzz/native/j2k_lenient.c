/*
 * A codestream, leniently: a picture or a typed status, the same for both instruction sets, for
 * one thread and several.
 */
#include "j2k_run.h"
#include "kernels/cpu.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RK_FUZZ_J2K_OPTIONS)
        return 0;
    size -= RK_FUZZ_J2K_OPTIONS;
    const uint8_t *option = data + size;
    rk_fuzz_j2k_wish wish = rk_fuzz_j2k_options(option);
    rk_j2k_limits limits = rk_fuzz_j2k_small();
    rk_fuzz_j2k_picture a, b;
    wish.cpu = rk_cpu_detect();
    rk_fuzz_j2k_decode(&a, data, size, &wish, &limits);
    if (option[7] % 4 == 0) { /* the reference is slow */
        wish.cpu = 0;
        wish.threads = 1;
        rk_fuzz_j2k_decode(&b, data, size, &wish, &limits);
        RK_FUZZ_ASSERT(rk_fuzz_j2k_same(&a, &b));
        rk_fuzz_j2k_free(&b);
    }
    rk_fuzz_j2k_free(&a);
    return 0;
}
