/* Regions of interest by the maxshift method (T.800 annex H). */
#include "recode.h"
#include "rules.h"

bool rk_j2k_recode_unshifts(const rk_j2k_recoder *r, const rk_j2k_coding *coding)
{
    return r->task.ht && coding->roi && !(coding->style.flags & RK_J2K_HT);
}

/* Magnitudes of at least 2^shift are of the region, the others of the background (H.1). */
static int32_t unshifted(int32_t value, unsigned shift)
{
    uint32_t size = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (size >> shift)
        size >>= shift;
    return value < 0 ? -(int32_t)size : (int32_t)size;
}

rk_status rk_j2k_recode_unshift(rk_j2k_recode_job *job)
{
    size_t count = (size_t)job->width * job->height;
    unsigned shift = job->roi < 31 ? job->roi : 31; /* more than any magnitude has */
    int16_t *narrow = job->values;
    int32_t *wide = job->values;
    if (!job->roi)
        return rk_j2k_fine();
    if (job->plane || job->refines) /* known to other planes in the region than beside it */
        return rk_j2k_fail(RK_UNSUPPORTED, RK_J2K_ROI, job->offset);
    job->peak = 0;
    for (size_t k = 0; k < count; k++) {
        bool is_narrow = job->format == RK_COEF_INT16;
        int32_t value = unshifted(is_narrow ? narrow[k] : wide[k], shift);
        uint32_t size = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
        if (is_narrow)
            narrow[k] = (int16_t)value;
        else
            wide[k] = value;
        job->peak = size > job->peak ? size : job->peak;
    }
    return rk_j2k_fine();
}
