/* mpr/special.c: see special.h. */
#include "mpr/special.h"

#include "kernels/cpu.h"
#include "mpr/along.h"
#include "mpr/radial.h"
#include "mpr/turned.h"

static rk_row_table table_of(uint32_t cpu)
{
    rk_row_table row;
    rk_row_table_fill(&row, cpu);
    return row;
}

static size_t copied_work(const rk_mpr_job *job)
{
    return rk_mpr_copied_work(job, job->grid.cols);
}

static size_t copied_rows(const rk_mpr_job *job, const rk_mpr_part *part)
{
    return rk_mpr_copied_rows(job, part, 0, job->grid.cols);
}

static size_t along_work(const rk_mpr_job *job)
{
    return rk_mpr_along_work(job, job->grid.cols);
}

static size_t radial_work(const rk_mpr_job *job)
{
    return rk_mpr_radial_work(job, job->grid.cols);
}

/* The same for each set of instructions. */
#define RK_MPR_SPECIAL(isa, cpu)                                                         \
    static size_t along_##isa(const rk_mpr_job *job, const rk_mpr_part *part)            \
    {                                                                                    \
        rk_row_table row = table_of(cpu);                                                \
        return rk_mpr_along_rows(&row, job, part, 0, job->grid.cols);                    \
    }                                                                                    \
    static size_t radial_##isa(const rk_mpr_job *job, const rk_mpr_part *part)           \
    {                                                                                    \
        rk_row_table row = table_of(cpu);                                                \
        return rk_mpr_radial_rows(&row, job, part, 0, job->grid.cols);                   \
    }                                                                                    \
    static size_t turned_##isa(const rk_mpr_job *job, const rk_mpr_part *part)           \
    {                                                                                    \
        rk_row_table row = table_of(cpu);                                                \
        return rk_mpr_turned_rows(&row, job, part);                                      \
    }                                                                                    \
    static const rk_mpr_choice special_##isa[] = {                                       \
        {"copied", rk_mpr_copied_fits, copied_work, copied_rows},                        \
        {"along", rk_mpr_along_fits, along_work, along_##isa},                           \
        {"radial", rk_mpr_radial_fits, radial_work, radial_##isa},                       \
        {"turned", rk_mpr_turned_fits, rk_mpr_turned_work, turned_##isa},                \
    };

RK_MPR_SPECIAL(c, 0)
RK_MPR_SPECIAL(avx2, RK_CPU_AVX2)

enum { SPECIALS = sizeof special_c / sizeof special_c[0] };

const rk_mpr_choice *rk_mpr_special(const rk_mpr_job *job, uint32_t cpu)
{
    const rk_mpr_choice *choices = cpu & RK_CPU_AVX2 ? special_avx2 : special_c;
    for (int i = 0; i < SPECIALS; i++)
        if (choices[i].fits(job))
            return &choices[i];
    return NULL;
}
