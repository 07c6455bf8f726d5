/* mpr/dispatch.c: which kernel does a job. */
#include "kernels/cpu.h"
#include "mpr/fast.h"
#include "mpr/special.h"

static bool every_job(const rk_mpr_job *job)
{
    (void)job;
    return true;
}

static size_t no_work(const rk_mpr_job *job)
{
    (void)job;
    return 0;
}

static const rk_mpr_choice reference = {"reference", every_job, no_work, rk_mpr_rows_c};

#if RK_ARCH_X86
static const rk_mpr_choice general_avx2[] = {
    {"thin", rk_mpr_thin_fits, rk_mpr_thin_work, rk_mpr_thin_avx2},
    {"slab", rk_mpr_slab_fits, rk_mpr_slab_work, rk_mpr_slab_avx2},
};
#endif

/* The first that fits: with an axis of the volume in the plane, at any angle, the reference. */
const rk_mpr_choice *rk_mpr_choose(const rk_mpr_job *job, uint32_t cpu)
{
    const rk_mpr_choice *special = rk_mpr_special(job, cpu);
    if (special)
        return special;
#if RK_ARCH_X86
    for (size_t i = 0; i < sizeof general_avx2 / sizeof general_avx2[0]; i++)
        if ((cpu & RK_CPU_AVX2) && general_avx2[i].fits(job))
            return &general_avx2[i];
#endif
    return &reference;
}
