/* mpr/taps.c: weights of cubic convolution and of the windowed sinc. */
#include "mpr/taps.h"

#include <math.h>

/*
 * R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29
 * (1981), with a = -1/2, the value that reproduces quadratics.
 */
static void keys(double f, double w[4])
{
    double f2 = f * f, f3 = f2 * f;
    w[0] = -0.5 * f3 + f2 - 0.5 * f;
    w[1] = 1.5 * f3 - 2.5 * f2 + 1;
    w[2] = -1.5 * f3 + 2 * f2 + 0.5 * f;
    w[3] = 0.5 * f3 - 0.5 * f2;
}

/*
 * sinc(t) sinc(t / 3) at t = f + 2, f + 1, ... f - 3. The sines of all taps follow from those of
 * f: sin(pi t) only changes its sign, and pi t / 3 moves on by a sixth of a turn.
 */
static void lanczos(double f, double w[6])
{
    static const double pi = 3.14159265358979323846, root3 = 0.86602540378443864676;
    /* cosine and sine of -2, -1, 0, 1, 2, 3 times pi / 3 */
    const double c[6] = {-0.5, 0.5, 1, 0.5, -0.5, -1}, s[6] = {-root3, -root3, 0, root3, root3, 0};
    double whole = sin(pi * f), third = sin(pi * f / 3), cosine = cos(pi * f / 3), sum = 0;
    for (int i = 0; i < 6; i++) {
        double t = f - (i - 2);
        if (fabs(t) < 1e-9)
            w[i] = 1;
        else
            w[i] = (i & 1 ? -whole : whole) * (third * c[i] - cosine * s[i]) / (t * t);
        if (fabs(t) >= 1e-9)
            w[i] *= 3 / (pi * pi);
        sum += w[i];
    }
    for (int i = 0; i < 6; i++)
        w[i] /= sum;
}

void rk_mpr_taps_of(rk_mpr_taps *taps, rk_mpr_kernel kernel, double at, size_t side,
                    ptrdiff_t stride)
{
    double low = floor(at);
    ptrdiff_t last = (ptrdiff_t)side - 1, first = (ptrdiff_t)low - (kernel == RK_MPR_CUBIC ? 1 : 2);
    taps->count = kernel == RK_MPR_CUBIC ? 4 : 6;
    if (kernel == RK_MPR_CUBIC)
        keys(at - low, taps->weight);
    else
        lanczos(at - low, taps->weight);
    for (int i = 0; i < taps->count; i++) {
        ptrdiff_t index = first + i;
        taps->offset[i] = (index < 0 ? 0 : index > last ? last : index) * stride;
    }
}
