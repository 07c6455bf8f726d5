/*
 * mpr/slab_avx2.c: slabs at any angle; cubic thin planes too. The samples of 8 pixels stay in
 * registers from the first to the last; neighbouring samples of a pixel share most cache lines.
 */
#include "kernels/cpu.h"
#include "mpr/fast.h"

#if RK_ARCH_X86

#include "mpr/view.h"

enum { DEEPEST = 4096, FLUSH = 64 };

RK_TARGET_BEGIN(RK_ISA_AVX2)

#include "mpr/avx2.h"
#include "mpr/cubic_avx2.h"

typedef struct slab {
    const rk_mpr_job *job;
    const rk_mpr_part *part;
    rk_mpr_view view;
    rk_mpr_span *inside; /* of each sample, columns with data in them */
    rk_mpr_span any;     /* columns with data in some sample */
    rk_mpr_span within;  /* columns where all voxels of all samples exist */
    double start[3], step[3]; /* of the first sample */
    int64_t into[3], down[3];
    rk_lead lead;
} slab;

/* What 8 pixels have collected. Sums are flushed from time to time, which keeps float exact enough. */
typedef struct tally {
    __m256 value, flushed, seen;
} tally;

RK_INLINE tally tally_new(rk_mpr_project project)
{
    tally t = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    if (project == RK_MPR_MAX)
        t.value = _mm256_set1_ps(-HUGE_VALF);
    if (project == RK_MPR_MIN)
        t.value = _mm256_set1_ps(HUGE_VALF);
    return t;
}

/* max and min of SSE give the second operand where one is no number: so it stays once it is there. */
RK_INLINE __m256 peak(__m256 old, __m256 value, rk_mpr_project project)
{
    __m256 found = project == RK_MPR_MAX ? _mm256_max_ps(value, old) : _mm256_min_ps(value, old);
    return _mm256_blendv_ps(found, value, _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
}

RK_INLINE void tally_add(tally *t, __m256 value, __m256 mask, const bool masked,
                         rk_mpr_project project, const rk_mpr_type type)
{
    if (project == RK_MPR_MEAN || project == RK_MPR_SUM) {
        t->value = _mm256_add_ps(t->value, masked ? _mm256_and_ps(mask, value) : value);
    } else {
        __m256 found = project == RK_MPR_MAX ? _mm256_max_ps(value, t->value)
                                             : _mm256_min_ps(value, t->value);
        if (type == RK_MPR_F32)
            found = peak(t->value, value, project);
        t->value = masked ? _mm256_blendv_ps(t->value, found, mask) : found;
    }
    if (masked)
        t->seen = _mm256_add_ps(t->seen, _mm256_and_ps(mask, _mm256_set1_ps(1)));
}

RK_INLINE void tally_flush(tally *t)
{
    t->flushed = _mm256_add_ps(t->flushed, t->value);
    t->value = _mm256_setzero_ps();
}

RK_INLINE __m256 tally_result(const tally *t, rk_mpr_project project, float lost)
{
    const __m256 offset = _mm256_set1_ps(lost);
    __m256 value = t->value;
    if (project == RK_MPR_MEAN || project == RK_MPR_SUM)
        value = _mm256_add_ps(t->flushed, value);
    if (project == RK_MPR_MEAN)
        value = _mm256_div_ps(value, _mm256_max_ps(t->seen, _mm256_set1_ps(1)));
    if (project == RK_MPR_SUM)
        return _mm256_add_ps(value, _mm256_mul_ps(offset, t->seen));
    return _mm256_add_ps(value, offset);
}

/* 1 in the columns of the span, for the 8 columns from `col` on. */
RK_INLINE __m256 columns(rk_mpr_span span, size_t col)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    int32_t first = span.first <= col ? 0 : span.first - col > 8 ? 8 : (int32_t)(span.first - col);
    int32_t end = span.end <= col ? 0 : span.end - col > 8 ? 8 : (int32_t)(span.end - col);
    return _mm256_castsi256_ps(
        _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane),
                            _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane)));
}

RK_INLINE int32_t voxel(const uint8_t *data, int32_t at, const rk_mpr_type type)
{
    int16_t word;
    int32_t whole;
    switch (type) {
    case RK_MPR_U8: return data[at];
    case RK_MPR_I8: return (int8_t)data[at] + 128; /* as rk_offset has it */
    case RK_MPR_F32: memcpy(&whole, data + 4 * (ptrdiff_t)at, 4); return whole;
    default: memcpy(&word, data + 2 * (ptrdiff_t)at, 2);
    }
    return type == RK_MPR_U16 ? (int16_t)(word ^ INT16_MIN) : word;
}

RK_INLINE __m256 nearest8(const rk_mpr_view *view, const int32_t *at, const rk_mpr_type type)
{
#define RK_VOXEL(i) voxel(view->data, at[i], type)
    __m256i found = _mm256_setr_epi32(RK_VOXEL(0), RK_VOXEL(1), RK_VOXEL(2), RK_VOXEL(3), RK_VOXEL(4),
                                      RK_VOXEL(5), RK_VOXEL(6), RK_VOXEL(7));
#undef RK_VOXEL
    return type == RK_MPR_F32 ? _mm256_castsi256_ps(found) : _mm256_cvtepi32_ps(found);
}

/* One sample of 8 pixels. `there` loses the pixels without data; false if it takes the reference. */
RK_INLINE bool sample8(const slab *s, const rk_lanes at[3], const rk_mpr_kernel kernel, const bool clamp,
                       const rk_mpr_type type, const bool padded, __m256i padding, __m256 *value,
                       __m256 *there)
{
    int32_t index[RK_MPR_LANES] __attribute__((aligned(32)));
    rk_seen seen = {_mm256_setzero_si256(), _mm256_set1_epi32(-1)};
    if (kernel == RK_MPR_CUBIC) {
        unsigned mixed;
        *value = rk_cubic8(&s->view, at, clamp, type, padded, &mixed);
        return mixed == 0;
    }
    if (kernel == RK_MPR_NEAREST) {
        _mm256_store_si256((__m256i *)index, rk_nearest_of(&s->view, at, clamp));
        *value = nearest8(&s->view, index, type);
        if (padded) {
            float number = s->view.has_padding ? (float)s->view.padding - rk_offset(type) : NAN;
            __m256 pad = _mm256_set1_ps(number); /* what is no number equals nothing */
            *there = _mm256_andnot_ps(_mm256_cmp_ps(*value, pad, _CMP_EQ_OQ), *there);
        }
        return true;
    }
    rk_mpr_cell8 cell = rk_cell_of(&s->view, at, clamp);
    _mm256_store_si256((__m256i *)index, cell.index);
    *value = rk_linear8(&s->view, index, cell.share[2], cell.share[1], cell.share[0], type, padded,
                        padding, &seen);
    if (padded && !_mm256_testz_si256(seen.any, seen.any)) {
        if (_mm256_movemask_epi8(seen.all) != -1)
            return false;
        *there = _mm256_setzero_ps();
    }
    return true;
}

/* All samples of 8 pixels from `col` on; false if it takes the reference. */
RK_INLINE bool block8(const slab *s, size_t col, const rk_lanes first[3],
                      const rk_mpr_kernel kernel, const bool whole, const rk_mpr_type type, const bool padded,
                      rk_mpr_project project, tally *t)
{
    const bool masked = padded || !whole;
    const __m256i padding = rk_padding_of(&s->view, type);
    rk_lanes at[3] = {first[0], first[1], first[2]};
    size_t depth = s->job->grid.depth;
    *t = tally_new(project);
    if (s->lead.every)
        rk_lead_fetch_below(&s->lead, &s->view, first, s->down, rk_size_of(type));
    for (size_t k = 0; k < depth; k++) {
        __m256 value, there = whole ? _mm256_castsi256_ps(_mm256_set1_epi32(-1))
                                    : columns(s->inside[k], col);
        if (!sample8(s, at, kernel, !whole, type, padded, padding, &value, &there))
            return false;
        tally_add(t, value, there, masked, project, type);
        if ((project == RK_MPR_MEAN || project == RK_MPR_SUM) && k % FLUSH == FLUSH - 1)
            tally_flush(t);
        for (int axis = 0; axis < 3; axis++)
            rk_lanes_move(&at[axis], _mm256_set1_epi64x(s->into[axis]));
    }
    if (!masked)
        t->seen = _mm256_set1_ps((float)depth);
    return true;
}

static size_t block_c(const slab *s, size_t row, size_t col, size_t n)
{
    size_t pixel = (row - s->part->first) * s->job->grid.cols + col, empty = 0;
    uint8_t *out = (uint8_t *)s->part->out + pixel * rk_mpr_bytes(s->job->out);
    for (size_t i = 0; i < n; i++, out += rk_mpr_bytes(s->job->out)) {
        bool there = rk_mpr_pixel_c(s->job, row, col + i, out);
        s->part->outside[pixel + i] = !there;
        empty += !there;
    }
    return empty;
}

/* Writes n pixels; those in which nothing was seen have no data. */
RK_INLINE size_t finish8(const slab *s, size_t pixel, const tally *t, size_t n,
                         rk_mpr_project project, const rk_mpr_type type, float lost)
{
    __m256 none = _mm256_cmp_ps(t->seen, _mm256_setzero_ps(), _CMP_EQ_OQ);
    unsigned lacking = (unsigned)_mm256_movemask_ps(none) & ((1u << n) - 1);
    size_t empty = 0;
    rk_put8(s->part->out, pixel, tally_result(t, project, lost), n, type, s->job->out == RK_MPR_F32);
    memset(s->part->outside + pixel, 0, n);
    for (; lacking; lacking &= lacking - 1, empty++) {
        size_t at = pixel + (size_t)__builtin_ctz(lacking);
        rk_mpr_store(s->part->out, s->job->out, at, s->job->fill);
        s->part->outside[at] = 1;
    }
    return empty;
}

/* Where the samples of a row are inside; `inside` is filled only if that is not everywhere. */
static bool survey(slab *s, size_t row, rk_mpr_kernel kernel)
{
    const rk_mpr_grid *grid = &s->job->grid;
    const double shift = kernel == RK_MPR_NEAREST ? 0.5 + RK_MPR_SNAP : 0;
    const double before = kernel == RK_MPR_NEAREST ? -0.5 : kernel == RK_MPR_LINEAR ? 0 : 1;
    rk_mpr_line first = rk_mpr_view_line(&s->view, grid, row, 0);
    rk_mpr_line second = rk_mpr_view_line(&s->view, grid, row, 1);
    rk_mpr_line last = rk_mpr_view_line(&s->view, grid, row, grid->depth - 1);
    rk_mpr_line below = rk_mpr_view_line(&s->view, grid, row + 1 < grid->rows ? row + 1 : row, 0);
    rk_mpr_span a = rk_mpr_span_within(&s->view, &first, grid->cols, before, 1 + before);
    rk_mpr_span b = rk_mpr_span_within(&s->view, &last, grid->cols, before, 1 + before);
    /* A volume is convex: what holds for the first and the last sample holds for all between. */
    s->within.first = a.first > b.first ? a.first : b.first;
    s->within.end = a.end < b.end ? a.end : b.end;
    s->any = (rk_mpr_span){grid->cols, 0};
    for (size_t k = 0; k < grid->depth; k++) {
        rk_mpr_line line = rk_mpr_view_line(&s->view, grid, row, k);
        rk_mpr_span span = {0, grid->cols};
        if (s->within.first > 0 || s->within.end < grid->cols)
            span = rk_mpr_span_inside(&s->view, &line, grid->cols);
        s->inside[k] = span;
        if (span.first < span.end) {
            s->any.first = span.first < s->any.first ? span.first : s->any.first;
            s->any.end = span.end > s->any.end ? span.end : s->any.end;
        }
    }
    if (s->any.first >= s->any.end)
        return false;
    for (int axis = 0; axis < 3; axis++) {
        s->start[axis] = first.start[axis] + shift;
        s->step[axis] = first.step[axis];
        s->into[axis] = rk_fixed(second.start[axis] - first.start[axis]);
        s->down[axis] = rk_fixed(below.start[axis] - first.start[axis]);
    }
    return true;
}

static size_t fill_row(const slab *s, size_t row, size_t first, size_t end)
{
    size_t pixel = (row - s->part->first) * s->job->grid.cols + first;
    rk_mpr_fill(s->part->out, s->job->out, pixel, end - first, s->job->fill);
    memset(s->part->outside + pixel, 1, end - first);
    return end - first;
}

RK_INLINE size_t rows_of(const rk_mpr_job *job, const rk_mpr_part *part, const rk_mpr_type type,
                         const rk_mpr_kernel kernel, const bool padded)
{
    const float lost = kernel == RK_MPR_CUBIC ? 0 : rk_offset(type);
    slab s = {.job = job, .part = part, .inside = part->work};
    const rk_mpr_project project = job->project == RK_MPR_THIN ? RK_MPR_MAX : job->project;
    size_t cols = job->grid.cols, empty = 0;
    tally t;
    (void)rk_mpr_view_of(&s.view, &job->volume);
    s.lead = kernel == RK_MPR_CUBIC && job->grid.depth == 1
                 ? rk_lead_of(&s.view, &job->grid, -1, 2, rk_size_of(type))
                 : (rk_lead){0};
    for (size_t row = part->first; row < part->first + part->count; row++) {
        size_t begin = (row - part->first) * cols;
        if (!survey(&s, row, kernel)) {
            empty += fill_row(&s, row, 0, cols);
            continue;
        }
        empty += fill_row(&s, row, 0, s.any.first) + fill_row(&s, row, s.any.end, cols);
        for (size_t col = s.any.first; col < s.any.end; col += RK_MPR_LANES) {
            size_t n = s.any.end - col < RK_MPR_LANES ? s.any.end - col : RK_MPR_LANES;
            bool whole = col >= s.within.first && col + RK_MPR_LANES <= s.within.end;
            rk_lanes at[3];
            for (int axis = 0; axis < 3; axis++)
                at[axis] = rk_lanes_from(rk_fixed(s.start[axis] + (double)col * s.step[axis]),
                                         rk_fixed(s.step[axis]));
            bool good = whole ? block8(&s, col, at, kernel, true, type, padded, project, &t)
                              : block8(&s, col, at, kernel, false, type, padded, project, &t);
            empty += good ? finish8(&s, begin + col, &t, n, project, type, lost)
                          : block_c(&s, row, col, n);
        }
    }
    return empty;
}

#define ROWS(name, type)                                                                           \
    static size_t name(const rk_mpr_job *job, const rk_mpr_part *part, bool padded)                \
    {                                                                                              \
        if (job->kernel == RK_MPR_NEAREST)                                                         \
            return rows_of(job, part, type, RK_MPR_NEAREST, true);                                 \
        if (job->kernel == RK_MPR_CUBIC)                                                           \
            return padded ? rows_of(job, part, type, RK_MPR_CUBIC, true)                           \
                          : rows_of(job, part, type, RK_MPR_CUBIC, false);                         \
        return padded ? rows_of(job, part, type, RK_MPR_LINEAR, true)                              \
                      : rows_of(job, part, type, RK_MPR_LINEAR, false);                            \
    }

ROWS(rows_u8, RK_MPR_U8)
ROWS(rows_i8, RK_MPR_I8)
ROWS(rows_u16, RK_MPR_U16)
ROWS(rows_i16, RK_MPR_I16)
ROWS(rows_f32, RK_MPR_F32)

size_t rk_mpr_slab_avx2(const rk_mpr_job *job, const rk_mpr_part *part)
{
    rk_mpr_view view;
    bool padded = rk_mpr_view_of(&view, &job->volume) && view.has_padding;
    switch (job->volume.type) {
    case RK_MPR_U8: return rows_u8(job, part, padded);
    case RK_MPR_I8: return rows_i8(job, part, padded);
    case RK_MPR_U16: return rows_u16(job, part, padded);
    case RK_MPR_I16: return rows_i16(job, part, padded);
    case RK_MPR_F32: return rows_f32(job, part, padded);
    default: return rk_mpr_rows_c(job, part);
    }
}

RK_TARGET_END

bool rk_mpr_slab_fits(const rk_mpr_job *job)
{
    rk_mpr_view view;
    return (job->grid.depth > 1 || job->kernel == RK_MPR_CUBIC) && job->grid.depth <= DEEPEST &&
           job->kernel != RK_MPR_LANCZOS &&
           job->out != RK_MPR_F64 && rk_mpr_view_of(&view, &job->volume) &&
           rk_mpr_view_holds(&job->grid);
}

size_t rk_mpr_slab_work(const rk_mpr_job *job)
{
    return job->grid.depth * sizeof(rk_mpr_span);
}

#endif
