/*
 * mpr/thin_avx2.c: thin planes at any angle, nearest and linear.
 *
 * What costs time is waiting for voxels: a plane across the rows of a volume touches a cache line
 * for each pixel or two. So a row is done in two steps. The first computes where its pixels lie; the
 * second loads and blends, while lines of the pixels to come are on their way: places in the row, or
 * in the next one, are known by then.
 */
#include "kernels/cpu.h"
#include "mpr/fast.h"

#if RK_ARCH_X86

#include "mpr/view.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#include "mpr/avx2.h"

enum { AHEAD = 64 }; /* pixels from where lines are asked for to where they are used */

/* The columns of a row in a chunk that lie inside, and where. */
typedef struct cells {
    _Alignas(RK_MPR_ALIGN) int32_t at[RK_MPR_CHUNK];
    float x[RK_MPR_CHUNK], y[RK_MPR_CHUNK], z[RK_MPR_CHUNK];
    size_t first, count;
} cells;

typedef struct plane {
    const rk_mpr_job *job;
    const rk_mpr_part *part;
    rk_mpr_view view;
    size_t from, to; /* columns of the chunk */
    rk_lead lead;
} plane;

RK_INLINE void prepare_as(const plane *p, size_t row, cells *c, const bool nearest)
{
    const double shift = nearest ? 0.5 + RK_MPR_SNAP : 0, half = nearest ? 0.5 : 0;
    rk_mpr_line line = rk_mpr_view_line(&p->view, &p->job->grid, row, 0);
    rk_mpr_span inside = rk_mpr_span_inside(&p->view, &line, p->to);
    rk_mpr_span within = rk_mpr_span_within(&p->view, &line, p->to, -half, 1 - half);
    __m256i move[3];
    rk_lanes at[3];
    c->first = inside.first > p->from ? inside.first : p->from;
    c->count = inside.end > c->first ? inside.end - c->first : 0;
    for (int axis = 0; axis < 3 && c->count; axis++) {
        double start = line.start[axis] + (double)c->first * line.step[axis] + shift;
        int64_t step = rk_fixed(line.step[axis]);
        at[axis] = rk_lanes_from(rk_fixed(start), step);
        move[axis] = _mm256_set1_epi64x(RK_MPR_LANES * step);
    }
    for (size_t j = 0; j < c->count; j += RK_MPR_LANES) {
        size_t col = c->first + j;
        bool clamp = col < within.first || col + RK_MPR_LANES > within.end;
        if (nearest) {
            __m256i index = clamp ? rk_nearest_of(&p->view, at, true)
                                  : rk_nearest_of(&p->view, at, false);
            _mm256_store_si256((__m256i *)(c->at + j), index);
        } else {
            rk_mpr_cell8 cell = clamp ? rk_cell_of(&p->view, at, true)
                                      : rk_cell_of(&p->view, at, false);
            _mm256_store_si256((__m256i *)(c->at + j), cell.index);
            _mm256_store_ps(c->z + j, cell.share[0]);
            _mm256_store_ps(c->y + j, cell.share[1]);
            _mm256_store_ps(c->x + j, cell.share[2]);
        }
        for (int axis = 0; axis < 3; axis++)
            rk_lanes_move(&at[axis], move[axis]);
    }
}

static __attribute__((noinline)) void prepare(const plane *p, size_t row, cells *c)
{
    if (p->job->kernel == RK_MPR_NEAREST)
        prepare_as(p, row, c, true);
    else
        prepare_as(p, row, c, false);
}

/*
 * Lines for the pixels some blocks on. Asked for nearer they come late; a whole row ahead they may be
 * thrown out before they are used, as rows a power of two apart share few places in a cache.
 */
RK_INLINE void fetch_ahead(const plane *p, const cells *c, const cells *next, size_t j, size_t size)
{
    size_t at = j + AHEAD, end = (c->count + RK_MPR_LANES - 1) / RK_MPR_LANES * RK_MPR_LANES;
    if (at < end)
        rk_lead_fetch(&p->lead, p->view.data, c->at + at, size);
    else if (at - end < next->count)
        rk_lead_fetch(&p->lead, p->view.data, next->at + at - end, size);
}

/* The pixels of a block with padding near, one by one; returns how many have no data. */
static size_t block_c(const plane *p, size_t row, size_t col, size_t n)
{
    size_t pixel = (row - p->part->first) * p->job->grid.cols + col, empty = 0;
    uint8_t *out = (uint8_t *)p->part->out + pixel * rk_mpr_bytes(p->job->out);
    for (size_t i = 0; i < n; i++, out += rk_mpr_bytes(p->job->out)) {
        bool there = rk_mpr_pixel_c(p->job, row, col + i, out);
        p->part->outside[pixel + i] = !there;
        empty += !there;
    }
    return empty;
}

static size_t block_empty(const plane *p, size_t pixel, size_t n)
{
    rk_mpr_fill(p->part->out, p->job->out, pixel, n, p->job->fill);
    memset(p->part->outside + pixel, 1, n);
    return n;
}

RK_INLINE size_t blend_row(const plane *p, size_t row, const cells *c, const cells *next,
                           const rk_mpr_type type, const bool padded)
{
    const __m256i padding = rk_padding_of(&p->view, type);
    const __m256 offset = _mm256_set1_ps(rk_offset(type));
    const bool floats = p->job->out == RK_MPR_F32;
    const size_t size = rk_size_of(type);
    size_t pixel = (row - p->part->first) * p->job->grid.cols + c->first, empty = 0;
    for (size_t j = 0; j < c->count; j += RK_MPR_LANES) {
        size_t n = c->count - j < RK_MPR_LANES ? c->count - j : RK_MPR_LANES;
        rk_seen seen = {_mm256_setzero_si256(), _mm256_set1_epi32(-1)};
        if (p->lead.every)
            fetch_ahead(p, c, next, j, size);
        __m256 value = rk_linear8(&p->view, c->at + j, _mm256_load_ps(c->x + j),
                                  _mm256_load_ps(c->y + j), _mm256_load_ps(c->z + j), type, padded,
                                  padding, &seen);
        if (padded && !_mm256_testz_si256(seen.any, seen.any)) {
            if (_mm256_movemask_epi8(seen.all) == -1)
                empty += block_empty(p, pixel + j, n);
            else
                empty += block_c(p, row, c->first + j, n);
            continue;
        }
        if (rk_offset(type) != 0)
            value = _mm256_add_ps(value, offset);
        rk_put8(p->part->out, pixel + j, value, n, type, floats);
    }
    return empty;
}

RK_INLINE int16_t word_at(const uint8_t *p)
{
    int16_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Put together in a register: memory written by halves cannot be read as a whole before it is stored. */
RK_INLINE __m128i words8(const uint8_t *data, const int32_t *at)
{
#define WORD(i) word_at(data + 2 * (ptrdiff_t)at[i])
    return _mm_setr_epi16(WORD(0), WORD(1), WORD(2), WORD(3), WORD(4), WORD(5), WORD(6), WORD(7));
#undef WORD
}

RK_INLINE size_t copy_row(const plane *p, size_t row, const cells *c, const cells *next,
                          const rk_mpr_type type, const bool padded)
{
    const uint8_t *data = p->view.data;
    const size_t size = rk_size_of(type);
    const bool same = p->job->out == type;
    size_t pixel = (row - p->part->first) * p->job->grid.cols + c->first, empty = 0;
    for (size_t j = 0; j < c->count; j += RK_MPR_LANES) {
        size_t n = c->count - j < RK_MPR_LANES ? c->count - j : RK_MPR_LANES;
        uint8_t raw[RK_MPR_LANES * 4];
        if (p->lead.every)
            fetch_ahead(p, c, next, j, size);
        if (size == 2 && same && !padded && n == RK_MPR_LANES) {
            __m128i words = words8(data, c->at + j);
            _mm_storeu_si128((__m128i *)((uint8_t *)p->part->out + (pixel + j) * size), words);
            continue;
        }
        for (size_t i = 0; i < RK_MPR_LANES; i++)
            memcpy(raw + i * size, data + (ptrdiff_t)c->at[j + i] * (ptrdiff_t)size, size);
        if (same)
            memcpy((uint8_t *)p->part->out + (pixel + j) * size, raw, n * size);
        for (size_t i = 0; (padded || !same) && i < n; i++) {
            double value = rk_mpr_load(raw, type, (ptrdiff_t)i);
            bool held = !padded || value != p->view.padding;
            rk_mpr_store(p->part->out, p->job->out, pixel + j + i, held ? value : p->job->fill);
            p->part->outside[pixel + j + i] = !held;
            empty += !held;
        }
    }
    return empty;
}

/* What lies outside of the volume; the rest is marked as inside. */
static size_t margins(const plane *p, size_t row, const cells *c)
{
    size_t begin = (row - p->part->first) * p->job->grid.cols;
    size_t left = c->count ? c->first - p->from : p->to - p->from;
    size_t right = c->count ? p->to - c->first - c->count : 0;
    block_empty(p, begin + p->from, left);
    block_empty(p, begin + p->to - right, right);
    memset(p->part->outside + begin + p->from + left, 0, c->count);
    return left + right;
}

RK_INLINE size_t rows_of(const rk_mpr_job *job, const rk_mpr_part *part, const rk_mpr_type type,
                         const bool nearest, const bool padded)
{
    plane p = {.job = job, .part = part};
    cells *now = part->work, *next = now + 1;
    size_t cols = job->grid.cols, empty = 0;
    (void)rk_mpr_view_of(&p.view, &job->volume);
    p.lead = rk_lead_of(&p.view, &job->grid, 0, nearest ? 0 : 1, rk_size_of(type));
    if (part->count <= RK_MPR_TILE && p.lead.crossing)
        p.lead.every = 0; /* the planes before this one have been here */
    for (p.from = 0; p.from < cols && part->count; p.from = p.to) {
        p.to = cols - p.from < RK_MPR_CHUNK ? cols : p.from + RK_MPR_CHUNK;
        prepare(&p, part->first, now);
        for (size_t row = part->first; row < part->first + part->count; row++) {
            if (row + 1 < part->first + part->count)
                prepare(&p, row + 1, next);
            else
                next->count = 0;
            empty += margins(&p, row, now);
            empty += nearest ? copy_row(&p, row, now, next, type, padded)
                             : blend_row(&p, row, now, next, type, padded);
            cells *done = now;
            now = next;
            next = done;
        }
    }
    return empty;
}

#define ROWS(name, type)                                                                 \
    static size_t nearest_##name(const rk_mpr_job *job, const rk_mpr_part *part, bool padded) \
    {                                                                                    \
        return padded ? rows_of(job, part, type, true, true)                             \
                      : rows_of(job, part, type, true, false);                           \
    }                                                                                    \
    static size_t linear_##name(const rk_mpr_job *job, const rk_mpr_part *part, bool padded)  \
    {                                                                                    \
        return padded ? rows_of(job, part, type, false, true)                            \
                      : rows_of(job, part, type, false, false);                          \
    }

ROWS(u8, RK_MPR_U8)
ROWS(i8, RK_MPR_I8)
ROWS(u16, RK_MPR_U16)
ROWS(i16, RK_MPR_I16)
ROWS(f32, RK_MPR_F32)

size_t rk_mpr_thin_avx2(const rk_mpr_job *job, const rk_mpr_part *part)
{
    rk_mpr_view view;
    bool nearest = job->kernel == RK_MPR_NEAREST;
    bool padded = rk_mpr_view_of(&view, &job->volume) && view.has_padding;
    switch (job->volume.type) {
    case RK_MPR_U8: return (nearest ? nearest_u8 : linear_u8)(job, part, padded);
    case RK_MPR_I8: return (nearest ? nearest_i8 : linear_i8)(job, part, padded);
    case RK_MPR_U16: return (nearest ? nearest_u16 : linear_u16)(job, part, padded);
    case RK_MPR_I16: return (nearest ? nearest_i16 : linear_i16)(job, part, padded);
    case RK_MPR_F32: return (nearest ? nearest_f32 : linear_f32)(job, part, padded);
    default: return rk_mpr_rows_c(job, part);
    }
}

RK_TARGET_END

bool rk_mpr_thin_fits(const rk_mpr_job *job)
{
    rk_mpr_view view;
    return job->grid.depth == 1 && job->kernel <= RK_MPR_LINEAR && job->out != RK_MPR_F64 &&
           rk_mpr_view_of(&view, &job->volume) && rk_mpr_view_holds(&job->grid);
}

size_t rk_mpr_thin_work(const rk_mpr_job *job)
{
    (void)job;
    return 2 * sizeof(cells);
}

#endif
