/* tests/kernels/check_mpr.c: planes and slabs at any angle against the reference in double. */
#include <math.h>
#include <string.h>

#include "checkkernel.h"
#include "kernels/cpu.h"
#include "mpr/element.h"
#include "mpr/fast.h"

typedef struct plane_table {
    rk_mpr_rows_fn *thin_nearest, *thin_linear, *thin_cubic, *slab_nearest, *slab_linear, *slab_cubic;
} plane_table;

static void fill(plane_table *t, uint32_t cpu)
{
    rk_mpr_rows_fn *thin = rk_mpr_rows_c, *slab = rk_mpr_rows_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        thin = rk_mpr_thin_avx2;
        slab = rk_mpr_slab_avx2;
    }
#endif
    (void)cpu;
    *t = (plane_table){thin, thin, slab, slab, slab, slab};
}

enum { LARGEST = 9, COLUMNS = 700, WORK = 1 << 16 };

static double number(ck_run *run, double scale)
{
    return scale * ((double)ck_below(run, 1u << 24) / (1u << 23) - 1);
}

/* Any vector; now and then one with zeros, or with quarters, which end on borders and centres. */
static void direction(ck_run *run, double v[3], double scale)
{
    uint64_t kind = ck_below(run, 4);
    for (int axis = 0; axis < 3; axis++) {
        v[axis] = number(run, scale);
        if (kind == 0)
            v[axis] = rint(v[axis] * 4) / 4;
        if (kind == 1 && ck_below(run, 2))
            v[axis] = 0;
    }
}

/* Voxels in one of the orders that an array can have. */
static void some_volume(ck_run *run, rk_mpr_volume *v)
{
    static const rk_mpr_type types[] = {RK_MPR_U8, RK_MPR_I8, RK_MPR_U16, RK_MPR_I16, RK_MPR_F32};
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const int *order = orders[ck_below(run, 6)];
    static float floats[LARGEST * LARGEST * LARGEST];
    size_t count = 1;
    memset(v, 0, sizeof *v);
    v->type = types[ck_below(run, 5)];
    v->samples = 1;
    for (int i = 2; i >= 0; i--) {
        v->side[order[i]] = 1 + ck_below(run, LARGEST);
        if (i == 2 && v->side[order[i]] == 1)
            v->side[order[i]] = 2; /* what the fast kernels ask for */
        v->stride[order[i]] = (ptrdiff_t)count;
        count *= v->side[order[i]];
    }
    if (v->type == RK_MPR_F32) {
        for (size_t i = 0; i < count; i++)
            floats[i] = ck_below(run, 4) ? (float)number(run, 5000) : 17;
        v->data = ck_in_from(run, floats, count * sizeof *floats);
    } else {
        v->data = ck_in(run, count * rk_mpr_bytes(v->type));
    }
    v->has_padding = ck_below(run, 2);
    v->padding = ck_below(run, 8) ? rk_mpr_load(v->data, v->type, (ptrdiff_t)ck_below(run, count)) : -0.5;
}

static void some_grid(ck_run *run, const rk_mpr_volume *v, rk_mpr_grid *g, size_t n, bool slab)
{
    double step = n > 40 ? 20.0 / (double)n : 1;
    memset(g, 0, sizeof *g);
    g->cols = n % COLUMNS + (n == 0);
    g->rows = 1 + ck_below(run, n > 100 ? 2 : 4);
    g->depth = slab ? 2 + ck_below(run, n > 100 ? 3 : 70) : 1;
    direction(run, g->right, ck_below(run, 2) ? step : 3 * step);
    direction(run, g->down, 2);
    direction(run, g->into, 8.0 / (double)g->depth);
    for (int axis = 0; axis < 3; axis++) { /* the middle of the grid lies in the volume or near */
        double middle = (double)(v->side[axis] - 1) / 2 + number(run, (double)v->side[axis] * 0.6);
        if (ck_below(run, 3) == 0)
            middle = rint(middle * 2) / 2;
        g->origin[axis] = middle - g->right[axis] * (double)(g->cols / 2) -
                          g->down[axis] * (double)(g->rows / 2) -
                          g->into[axis] * (double)(g->depth / 2);
    }
}

/* Each row gets a place of its own, as in a curved plane. */
static void some_lines(ck_run *run, rk_mpr_grid *g)
{
    static double lines[4 * 9];
    for (size_t row = 0; row < g->rows; row++) {
        rk_mpr_line line = rk_mpr_line_of(g, row, 0);
        for (int axis = 0; axis < 3; axis++) {
            lines[9 * row + (size_t)axis] = line.start[axis] + number(run, 0.5);
            lines[9 * row + 3 + (size_t)axis] = line.step[axis] * (1 + number(run, 0.1));
            lines[9 * row + 6 + (size_t)axis] = g->into[axis];
        }
    }
    g->lines = lines;
}

/* How far a value may be away from the exact one: the float arithmetic, and rounding. */
static double tolerance(const rk_mpr_job *job)
{
    static const double largest[] = {255, 128, 65535, 32768, 0, 0, 5000, 0};
    double scale = largest[job->volume.type] * (job->project == RK_MPR_SUM ? (double)job->grid.depth : 1);
    return scale * 4e-6 + (job->out == RK_MPR_F32 ? 0 : 0.5);
}

static double within_type(const rk_mpr_job *job, double exact)
{
    static const double low[] = {0, INT8_MIN, 0, INT16_MIN}, high[] = {255, 127, 65535, 32767};
    if (job->out <= RK_MPR_I16)
        return fmin(fmax(exact, low[job->out]), high[job->out]);
    return exact;
}

static void compare(ck_run *run, const rk_mpr_job *job, const double *exact, const uint8_t *outside,
                    const rk_mpr_part *part, size_t empty)
{
    size_t pixels = job->grid.rows * job->grid.cols, counted = 0;
    ck_equal(run, outside, part->outside, pixels, "outside; type %d kernel %d depth %zu cols %zu",
             (int)job->volume.type, (int)job->kernel, job->grid.depth, job->grid.cols);
    for (size_t i = 0; i < pixels; i++) {
        double got = rk_mpr_load(part->out, job->out, (ptrdiff_t)i);
        double expected = within_type(job, exact[i]);
        counted += part->outside[i];
        ck_true(run, fabs(got - expected) <= tolerance(job),
                "pixel %zu: %g, not %g; type %d out %d kernel %d project %d depth %zu padding %d", i, got,
                exact[i], (int)job->volume.type, (int)job->out, (int)job->kernel, (int)job->project,
                job->grid.depth, (int)job->volume.has_padding);
    }
    ck_true(run, counted == empty, "%zu pixels without data, not %zu", empty, counted);
}

static void check(ck_run *run, ck_fn *variant, size_t n, rk_mpr_kernel kernel, bool slab)
{
    static double exact[4 * COLUMNS];
    static uint8_t outside[4 * COLUMNS];
    _Alignas(RK_MPR_ALIGN) static uint8_t work[WORK];
    rk_mpr_job job = {.kernel = kernel, .fill = 7}, whole;
    rk_mpr_part part = {0};
    some_volume(run, &job.volume);
    some_grid(run, &job.volume, &job.grid, n, slab);
    if (ck_below(run, 5) == 0)
        some_lines(run, &job.grid);
    job.project = slab ? RK_MPR_MAX + (rk_mpr_project)ck_below(run, 4) : RK_MPR_THIN;
    job.out = ck_below(run, 4) ? job.volume.type : RK_MPR_F32;
    whole = job;
    whole.out = RK_MPR_F64;
    part = (rk_mpr_part){0, job.grid.rows, exact, outside, work};
    (void)rk_mpr_rows_c(&whole, &part);
    size_t pixels = job.grid.rows * job.grid.cols, empty = 0;
    uint8_t *out = ck_out(run, pixels * rk_mpr_bytes(job.out)), *mask = ck_out(run, pixels);
    for (size_t row = 0; row < job.grid.rows;) { /* in pieces, which must not matter */
        size_t count = 1 + ck_below(run, job.grid.rows - row), at = row * job.grid.cols;
        part = (rk_mpr_part){row, count, out + at * rk_mpr_bytes(job.out), mask + at, work};
        empty += ((rk_mpr_rows_fn *)variant)(&job, &part);
        row += count;
    }
    part = (rk_mpr_part){0, job.grid.rows, out, mask, work};
    compare(run, &job, exact, outside, &part, empty);
}

#define CHECK(name, kernel, slab)                                                        \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        (void)reference;                                                                 \
        check(run, variant, n, kernel, slab);                                            \
    }

CHECK(thin_nearest, RK_MPR_NEAREST, false)
CHECK(thin_linear, RK_MPR_LINEAR, false)
CHECK(thin_cubic, RK_MPR_CUBIC, false)
CHECK(slab_nearest, RK_MPR_NEAREST, true)
CHECK(slab_linear, RK_MPR_LINEAR, true)
CHECK(slab_cubic, RK_MPR_CUBIC, true)

/* A double oblique plane of n pixels in a volume that fits the cache. */
static void bench(ck_run *run, ck_fn *fn, size_t n, rk_mpr_kernel kernel, size_t depth)
{
    enum { SIDE = 60 };
    _Alignas(RK_MPR_ALIGN) static uint8_t work[WORK];
    const double span = 50 / sqrt((double)n);
    rk_mpr_job job = {.kernel = kernel, .project = depth > 1 ? RK_MPR_MAX : RK_MPR_THIN};
    const void *data = ck_in(run, 2 * SIDE * SIDE * SIDE);
    job.volume = (rk_mpr_volume){data, RK_MPR_I16, {SIDE, SIDE, SIDE}, {SIDE * SIDE, SIDE, 1}, 1,
                                 false, 0, NULL};
    job.out = RK_MPR_I16;
    job.grid = (rk_mpr_grid){{20, 10, 5}, {0.3 * span, 0.9 * span, 0.1 * span},
                             {0.2 * span, 0.1 * span, 0.9 * span}, {0.5, 0.1, 0.1},
                             (size_t)sqrt((double)n), (size_t)sqrt((double)n), depth, NULL};
    rk_mpr_part part = {0, job.grid.rows, ck_out(run, 2 * n), ck_out(run, n), work};
    CK_TIME(run, n, ((rk_mpr_rows_fn *)fn)(&job, &part));
}

#define BENCH(name, kernel, depth)                                                       \
    static void bench_##name(ck_run *run, ck_fn *fn, size_t n)                           \
    {                                                                                    \
        bench(run, fn, n, kernel, depth);                                                \
    }

BENCH(thin_nearest, RK_MPR_NEAREST, 1)
BENCH(thin_linear, RK_MPR_LINEAR, 1)
BENCH(thin_cubic, RK_MPR_CUBIC, 1)
BENCH(slab_nearest, RK_MPR_NEAREST, 10)
BENCH(slab_linear, RK_MPR_LINEAR, 10)
BENCH(slab_cubic, RK_MPR_CUBIC, 10)

static const ck_member members[] = {
    {"thin_nearest", check_thin_nearest, bench_thin_nearest},
    {"thin_linear", check_thin_linear, bench_thin_linear},
    {"thin_cubic", check_thin_cubic, bench_thin_cubic},
    {"slab_nearest", check_slab_nearest, bench_slab_nearest},
    {"slab_linear", check_slab_linear, bench_slab_linear},
    {"slab_cubic", check_slab_cubic, bench_slab_cubic},
};

CK_STAGE(mpr, plane_table, fill, members)
