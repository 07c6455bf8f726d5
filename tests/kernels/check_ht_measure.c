/* checkkernel: statistics of HT code-blocks (kernels/ht_encode_measure.h), and sizes by them (ht_encode_size.h). */
#include <math.h>
#include <string.h>

#include "checkkernel.h"
#include "kernels/ht_encode_size.h"
#include "kernels/words.h"

enum { TABLE = RK_HT_BINS * RK_HT_BINS };
static float values[4096 + 5 * 1024];

/* Magnitudes over all bins, none, special ones, or the bits of the pattern. */
static void draw_values(ck_run *run, size_t n)
{
    static const float special[] = {0.0f, -0.0f, INFINITY, NAN, 0.0625f, 0.0703125f, 1048576.0f, 1e-40f, -3e38f};
    unsigned kind = (unsigned)ck_below(run, 4), most = (unsigned)ck_below(run, 40);
    for (size_t i = 0; i < n; i++) {
        uint64_t word = ck_random(run);
        int power = (int)(word % (most + 1)) - 12;
        values[i] = ldexpf((float)(word >> 40) / 16777216.0f, power) * (word & 64 ? 1 : -1);
        if (kind == 0 && word >> 8 & 7)
            values[i] = 0;
        else if (kind == 1)
            values[i] = special[(word >> 8) % (sizeof special / sizeof special[0])];
        else if (kind == 2)
            memcpy(&values[i], &word, 4);
    }
}

/* The lower bound of a bin; that of bin 0 is 0. */
static double bound(unsigned bin)
{
    return bin ? ldexp(1 + bin % 8 / 8.0, (int)(bin / 8) + RK_HT_BIN_OCTAVE) : 0;
}

/* Quads and samples from each bin on, counted by the magnitudes themselves. */
static void check_counts(ck_run *run, const rk_ht_measure_block *b, const uint32_t *quads, const uint32_t *samples)
{
    const rk_f32 *v = b->values;
    unsigned bin = 1 + (unsigned)ck_below(run, RK_HT_BINS - 1);
    uint32_t large_quads = 0, large = 0, counted_quads = 0, counted = 0, all = 0;
    for (uint32_t y = 0; y < b->height; y += 2)
        for (uint32_t x = 0; x < b->width; x += 2) {
            uint32_t here = 0;
            for (uint32_t k = 0; k < 4; k++)
                if (x + (k & 1) < b->width && y + (k >> 1) < b->height)
                    here += !(fabsf(v[(y + (k >> 1)) * b->stride + x + (k & 1)] * b->scale) < bound(bin));
            large += here;
            large_quads += here > 0;
        }
    for (unsigned k = 0; k < RK_HT_BINS; k++) {
        all += quads[k];
        counted_quads += k >= bin ? quads[k] : 0;
        for (unsigned j = 0; j < RK_HT_BINS; j++)
            counted += j >= bin ? samples[RK_HT_BINS * k + j] : 0;
    }
    ck_true(run, all == ((b->width + 1) / 2) * ((b->height + 1) / 2), "%u quads", all);
    ck_true(run, counted_quads == large_quads && counted == large, "bin %u: %u and %u quads, %u and %u samples", bin,
            counted_quads, large_quads, counted, large);
}

static double entropy(double part, double all)
{
    double p = all > 0 ? part / all : 0;
    return p > 0 && p < 1 ? -all * (p * log2(p) + (1 - p) * log2(1 - p)) : 0;
}

/* The model of ht_encode_size.h with a step, from the values; *n: significant samples. */
static double model(const rk_ht_measure_block *b, double step, double *n)
{
    const rk_f32 *v = b->values;
    double exponents = 0, quads = 0, all = ((b->width + 1) / 2) * ((b->height + 1) / 2);
    *n = 0;
    for (uint32_t y = 0; y < b->height; y += 2)
        for (uint32_t x = 0; x < b->width; x += 2) {
            double most = 0, here = 0;
            for (uint32_t k = 0; k < 4; k++)
                if (x + (k & 1) < b->width && y + (k >> 1) < b->height) {
                    double m = fabsf(v[(y + (k >> 1)) * b->stride + x + (k & 1)] * b->scale);
                    here += m >= step;
                    most = m > most ? m : most;
                }
            *n += here;
            quads += here > 0;
            exponents += here * (most < 2 * step ? 1 : log2(most / step) + 1);
        }
    double bits = 1.120 * exponents + 0.802 * quads + 0.549 * entropy(quads, all) + 1.073 * entropy(*n, 4 * quads);
    return 200 + (bits + (quads > 0 ? 6.128 * 8 : 0)) / 8;
}

/* Closes the counts. */
static void check_size(ck_run *run, const rk_ht_measure_block *b, uint32_t *quads, uint32_t *samples)
{
    rk_ht_counts c = {.quads = quads, .blocks = 1, .samples = samples};
    bool beyond = quads[RK_HT_BINS - 1] > 0;
    double n, step = bound(8 + (unsigned)ck_below(run, 176)), expected = model(b, step, &n);
    rk_ht_counts_close(&c);
    double size = rk_ht_size(&c, step), back = rk_ht_size_step(&c, size);
    /* A quad counts with the middle of its bin, up to log2(17 / 16) from where it is. */
    ck_true(run, beyond || fabs(size - expected) <= 1.12 / 8 * 0.0875 * n + 1e-6, "step %g: %g instead of %g bytes", step,
            size, expected);
    ck_true(run, !(fabs(rk_ht_size(&c, back) - size) > 1e-6 * size), "step %g for %g bytes: %g bytes", back, size,
            rk_ht_size(&c, back));
    ck_true(run, rk_ht_size_step(&c, 1e18) == 0.125 && rk_ht_size_step(&c, 0) == 524288, "the ends");
}

static void check_measure(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    static uint32_t quads[2][RK_HT_BINS], samples[2][TABLE];
    uint32_t start = ck_below(run, 2) ? 0 : (uint32_t)ck_random(run);
    size_t area = n < 1 ? 1 : n < 4096 ? n : 4096;
    rk_ht_measure_block b = {.width = 1 + (uint32_t)ck_below(run, area < 1024 ? area : 1024)};
    b.height = (uint32_t)(area / b.width) > 1024 ? 1024 : (uint32_t)(area / b.width);
    b.stride = b.width + ck_below(run, 5);
    b.scale = ldexpf(1 + (float)ck_below(run, 64) / 64, (int)ck_below(run, 6) - 2);
    size_t count = b.stride * (b.height - 1) + b.width;
    draw_values(run, count);
    b.values = ck_in_from(run, values, count * sizeof *values);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < TABLE; i++)
            samples[k][i] = start * (uint32_t)i;
        for (size_t i = 0; i < RK_HT_BINS; i++)
            quads[k][i] = start ^ (uint32_t)i;
        if (start == 0)
            memset(quads[k], 0, sizeof quads[k]);
    }
    ((rk_ht_measure_fn *)reference)(&b, quads[0], samples[0]);
    ((rk_ht_measure_fn *)variant)(&b, quads[1], samples[1]);
    ck_equal(run, quads[0], quads[1], sizeof quads[0], "quads, %u x %u", b.width, b.height);
    ck_equal(run, samples[0], samples[1], sizeof samples[0], "samples, %u x %u", b.width, b.height);
    if (start == 0) {
        check_counts(run, &b, quads[1], samples[1]);
        check_size(run, &b, quads[1], samples[1]);
    }
}

static void bench_measure(ck_run *run, ck_fn *fn, size_t n)
{
    static uint32_t quads[RK_HT_BINS], samples[TABLE];
    size_t count = (n + 4095) / 4096;
    for (size_t i = 0; i < 4096; i++) {
        uint64_t word = ck_random(run);
        int64_t size = (int64_t)((word & 15) + (word >> 4 & 15) + (word >> 8 & 15)) - 22;
        values[i] = (float)(word >> 12 & 63 ? size / 2 : size * 5);
    }
    rk_ht_measure_block b = {.width = 64, .height = 64, .values = values, .stride = 64, .scale = 1};
    CK_TIME(run, count * 4096, for (size_t i = 0; i < count; i++)((rk_ht_measure_fn *)fn)(&b, quads, samples));
}

static const ck_member members[] = {{"measure", check_measure, bench_measure}};

CK_STAGE(ht_measure, rk_ht_measure_table, rk_ht_measure_table_fill, members)
