/*
 * mpr/avx2.h: the parts of which the AVX2 kernels are made; 8 pixels of a row at a time.
 *
 * Coordinates are fixed point, 32 bits of voxels and 32 of fractions, and move along the row by
 * exact addition: a row of RK_MPR_CHUNK columns is off by less than 2^-24 voxels at its end, which
 * float coordinates are not. To be included between RK_TARGET_BEGIN and RK_TARGET_END.
 */
#ifndef RK_MPR_AVX2_H
#define RK_MPR_AVX2_H

#include <immintrin.h>
#include <string.h>

#define RK_INLINE static inline __attribute__((always_inline))

enum { RK_MPR_CHUNK = 512, RK_MPR_LANES = 8 };

/* ---- coordinates ----------------------------------------------------------------------------- */

static inline int64_t rk_fixed(double x)
{
    return (int64_t)llrint(x * 4294967296.0);
}

/* Coordinates of 8 pixels on one axis: pixels 0, 1, 4, 5 and 2, 3, 6, 7. */
typedef struct rk_lanes {
    __m256i a, b;
} rk_lanes;

RK_INLINE rk_lanes rk_lanes_from(int64_t start, int64_t step)
{
    rk_lanes x;
    x.a = _mm256_setr_epi64x(start, start + step, start + 4 * step, start + 5 * step);
    x.b = _mm256_add_epi64(x.a, _mm256_set1_epi64x(2 * step));
    return x;
}

RK_INLINE void rk_lanes_move(rk_lanes *x, __m256i step)
{
    x->a = _mm256_add_epi64(x->a, step);
    x->b = _mm256_add_epi64(x->b, step);
}

RK_INLINE __m256i rk_lanes_whole(const rk_lanes *x)
{
    return _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(x->a), _mm256_castsi256_ps(x->b), 0xDD));
}

RK_INLINE __m256 rk_lanes_share(const rk_lanes *x)
{
    __m256 low = _mm256_shuffle_ps(_mm256_castsi256_ps(x->a), _mm256_castsi256_ps(x->b), 0x88);
    __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(low), 8);
    return _mm256_mul_ps(_mm256_cvtepi32_ps(bits), _mm256_set1_ps(0x1p-24f));
}

/* Index of the lower voxel of 8 pixels, and how far they are on the way to the next one. */
typedef struct rk_mpr_cell8 {
    __m256i index;
    __m256 share[3];
} rk_mpr_cell8;

/* `clamp`: some of the pixels may lie outside of [0, side - 1]. */
RK_INLINE rk_mpr_cell8 rk_cell_of(const rk_mpr_view *view, const rk_lanes at[3], const bool clamp)
{
    rk_mpr_cell8 cell;
    cell.index = _mm256_setzero_si256();
    for (int axis = 0; axis < 3; axis++) {
        __m256i whole = rk_lanes_whole(&at[axis]);
        cell.share[axis] = rk_lanes_share(&at[axis]);
        if (clamp) {
            int32_t side = view->side[axis];
            __m256i last = _mm256_set1_epi32(side > 1 ? side - 2 : 0);
            __m256i above = _mm256_cmpgt_epi32(whole, last);
            __m256i below = _mm256_cmpgt_epi32(_mm256_setzero_si256(), whole);
            whole = _mm256_min_epi32(_mm256_max_epi32(whole, _mm256_setzero_si256()), last);
            cell.share[axis] = _mm256_blendv_ps(cell.share[axis], _mm256_set1_ps(1),
                                                _mm256_castsi256_ps(above));
            cell.share[axis] = _mm256_andnot_ps(_mm256_castsi256_ps(below), cell.share[axis]);
        }
        if (axis < 2)
            whole = _mm256_mullo_epi32(whole, _mm256_set1_epi32(view->stride[axis]));
        cell.index = _mm256_add_epi32(cell.index, whole);
    }
    return cell;
}

/* Index of the nearest voxel; the coordinates are half a voxel too large. */
RK_INLINE __m256i rk_nearest_of(const rk_mpr_view *view, const rk_lanes at[3], const bool clamp)
{
    __m256i index = _mm256_setzero_si256();
    for (int axis = 0; axis < 3; axis++) {
        __m256i whole = rk_lanes_whole(&at[axis]);
        if (clamp)
            whole = _mm256_min_epi32(_mm256_max_epi32(whole, _mm256_setzero_si256()),
                                     _mm256_set1_epi32(view->side[axis] - 1));
        if (axis < 2)
            whole = _mm256_mullo_epi32(whole, _mm256_set1_epi32(view->stride[axis]));
        index = _mm256_add_epi32(index, whole);
    }
    return index;
}

/* ---- voxels ---------------------------------------------------------------------------------- */

RK_INLINE size_t rk_size_of(const rk_mpr_type type)
{
    return type <= RK_MPR_I8 ? 1 : type <= RK_MPR_I16 ? 2 : 4;
}

/* 32 bits at p in all elements: loads with a broadcast cost nothing else, unlike gathers. */
RK_INLINE __m256i rk_spread32(const void *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}

RK_INLINE __m256i rk_spread16(const void *p)
{
    int16_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi16(word);
}

RK_INLINE __m256i rk_spread64(const void *p)
{
    int64_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi64x(word);
}

#define RK_BLEND(a, b, mask) _mm256_blend_epi32(a, b, mask)

/* Pairs of voxels of 8 or 16 bits from 8 places, one in each element. */
RK_INLINE __m256i rk_pairs(const uint8_t *p, const int32_t *at, const size_t size)
{
#define RK_PAIR(i) (size == 1 ? rk_spread16(p + at[i]) : rk_spread32(p + 2 * (ptrdiff_t)at[i]))
    __m256i a = RK_BLEND(RK_PAIR(0), RK_PAIR(1), 0x02), b = RK_BLEND(RK_PAIR(2), RK_PAIR(3), 0x08);
    __m256i c = RK_BLEND(RK_PAIR(4), RK_PAIR(5), 0x20), d = RK_BLEND(RK_PAIR(6), RK_PAIR(7), 0x80);
#undef RK_PAIR
    return RK_BLEND(RK_BLEND(a, b, 0x0C), RK_BLEND(c, d, 0xC0), 0xF0);
}

/* Pairs of 32-bit voxels: of places 0, 1, 4, 5 or 2, 3, 6, 7. */
RK_INLINE __m256 rk_wide_pairs(const uint8_t *p, const int32_t *at)
{
    __m256i a = RK_BLEND(rk_spread64(p + 4 * (ptrdiff_t)at[0]),
                         rk_spread64(p + 4 * (ptrdiff_t)at[1]), 0x0C);
    __m256i b = RK_BLEND(rk_spread64(p + 4 * (ptrdiff_t)at[4]),
                         rk_spread64(p + 4 * (ptrdiff_t)at[5]), 0xC0);
    return _mm256_castsi256_ps(RK_BLEND(a, b, 0xF0));
}

/* A voxel and how much its neighbour in x is more, as float: exact. `any`, `all`: padding in 8. */
typedef struct rk_edge {
    __m256 value, rise;
} rk_edge;

typedef struct rk_seen {
    __m256i any, all; /* voxels that are padding: one of the 8 of a pixel, or all of them */
} rk_seen;

RK_INLINE void rk_look(rk_seen *seen, __m256i equal, __m256i both)
{
    seen->any = _mm256_or_si256(seen->any, equal);
    seen->all = _mm256_and_si256(seen->all, both);
}

/* Unsigned types of 16 bits lose RK_OFFSET on the way, signed of 8 bits win it. */
RK_INLINE float rk_offset(const rk_mpr_type type)
{
    return type == RK_MPR_U16 ? 32768.0f : type == RK_MPR_I8 ? -128.0f : 0.0f;
}

RK_INLINE rk_edge rk_edge_of(const uint8_t *p, const int32_t *at, const rk_mpr_type type,
                             const bool padded, __m256i padding, rk_seen *seen)
{
    rk_edge edge;
    if (type == RK_MPR_F32) {
        __m256 a = rk_wide_pairs(p, at), b = rk_wide_pairs(p, at + 2);
        __m256 first = _mm256_shuffle_ps(a, b, 0x88), second = _mm256_shuffle_ps(a, b, 0xDD);
        edge.value = first;
        edge.rise = _mm256_sub_ps(second, first);
        if (padded) {
            __m256 pad = _mm256_castsi256_ps(padding);
            __m256i e0 = _mm256_castps_si256(_mm256_cmp_ps(first, pad, _CMP_EQ_OQ));
            __m256i e1 = _mm256_castps_si256(_mm256_cmp_ps(second, pad, _CMP_EQ_OQ));
            rk_look(seen, _mm256_or_si256(e0, e1), _mm256_and_si256(e0, e1));
        }
        return edge;
    }
    __m256i pair = rk_pairs(p, at, rk_size_of(type)), first, rise;
    if (padded) { /* a pair of bytes is there twice, so all 4 bytes say the same of it */
        __m256i equal = rk_size_of(type) == 1 ? _mm256_cmpeq_epi8(pair, padding)
                                              : _mm256_cmpeq_epi16(pair, padding);
        rk_look(seen, equal, equal);
    }
    if (rk_size_of(type) == 1) {
        if (type == RK_MPR_I8)
            pair = _mm256_xor_si256(pair, _mm256_set1_epi8(-128));
        first = _mm256_and_si256(pair, _mm256_set1_epi32(0xFF));
        rise = _mm256_sub_epi32(_mm256_and_si256(_mm256_srli_epi32(pair, 8), _mm256_set1_epi32(0xFF)),
                                first);
    } else {
        if (type == RK_MPR_U16)
            pair = _mm256_xor_si256(pair, _mm256_set1_epi16(INT16_MIN));
        first = _mm256_madd_epi16(pair, _mm256_set1_epi32(1));
        rise = _mm256_madd_epi16(pair, _mm256_set1_epi32(0x0001FFFF));
    }
    edge.value = _mm256_cvtepi32_ps(first);
    edge.rise = _mm256_cvtepi32_ps(rise);
    return edge;
}

RK_INLINE __m256 rk_lerp(__m256 a, __m256 rise, __m256 share)
{
    return _mm256_add_ps(a, _mm256_mul_ps(rise, share));
}

/* The trilinear value of 8 pixels, less the offset of the type. */
RK_INLINE __m256 rk_linear8(const rk_mpr_view *view, const int32_t *at, __m256 fx, __m256 fy,
                            __m256 fz, const rk_mpr_type type, const bool padded, __m256i padding,
                            rk_seen *seen)
{
    const ptrdiff_t size = (ptrdiff_t)rk_size_of(type);
    const uint8_t *p = view->data, *q = p + view->stride[0] * size;
    const ptrdiff_t down = view->stride[1] * size;
    rk_edge e0 = rk_edge_of(p, at, type, padded, padding, seen);
    rk_edge e1 = rk_edge_of(p + down, at, type, padded, padding, seen);
    rk_edge e2 = rk_edge_of(q, at, type, padded, padding, seen);
    rk_edge e3 = rk_edge_of(q + down, at, type, padded, padding, seen);
    __m256 a = rk_lerp(e0.value, e0.rise, fx), b = rk_lerp(e1.value, e1.rise, fx);
    __m256 c = rk_lerp(e2.value, e2.rise, fx), d = rk_lerp(e3.value, e3.rise, fx);
    a = rk_lerp(a, _mm256_sub_ps(b, a), fy);
    c = rk_lerp(c, _mm256_sub_ps(d, c), fy);
    return rk_lerp(a, _mm256_sub_ps(c, a), fz);
}

/* The padding value in the form that rk_edge_of compares with. */
RK_INLINE __m256i rk_padding_of(const rk_mpr_view *view, const rk_mpr_type type)
{
    if (type == RK_MPR_F32)
        return _mm256_castps_si256(_mm256_set1_ps((float)view->padding));
    int32_t value = view->has_padding ? (int32_t)view->padding : 0;
    return rk_size_of(type) == 1 ? _mm256_set1_epi8((int8_t)value) : _mm256_set1_epi16((int16_t)value);
}

/* ---- fetching ahead -------------------------------------------------------------------------- */

enum { RK_LEADS = 7 };

/* Of every so many pixels (0: of none) these voxels are fetched ahead. */
typedef struct rk_lead {
    size_t every;
    bool crossing; /* a row of pixels goes across the rows of the volume: a line or two for each */
    int count;
    ptrdiff_t offset[RK_LEADS]; /* bytes from the lower voxel */
} rk_lead;

/*
 * Lines are fetched ahead where neighbours in a row do not share them. Most voxels of a row have
 * been there in the row before; those on the side to which the rows move are new. Single voxels (low
 * == high) across the rows need nothing: the loads of some blocks are under way together as it is.
 * Taps go from `low` to `high` about the lower voxel.
 */
static __attribute__((noinline)) rk_lead rk_lead_of(const rk_mpr_view *view, const rk_mpr_grid *grid, int low, int high,
                          size_t size)
{
    rk_mpr_line line = rk_mpr_view_line(view, grid, 0, 0);
    rk_mpr_line next = rk_mpr_view_line(view, grid, grid->rows > 1 ? 1 : 0, 0);
    double hops = fabs(line.step[0]) + fabs(line.step[1]);
    double move[2] = {next.start[0] - line.start[0], next.start[1] - line.start[1]};
    double large = fmax(fabs(move[0]), fabs(move[1])) / 2;
    int new_z = move[0] >= 0 ? high : low, new_y = move[1] >= 0 ? high : low;
    rk_lead lead = {0};
    lead.crossing = hops > 0.5;
    lead.every = hops > 0.1 && !(lead.crossing && low == high) ? 2 : 0;
    for (int z = low; z <= high; z++)
        for (int y = low; y <= high; y++)
            if ((fabs(move[0]) >= large && z == new_z) || (fabs(move[1]) >= large && y == new_y))
                lead.offset[lead.count++] =
                    (ptrdiff_t)size * ((ptrdiff_t)z * view->stride[0] + (ptrdiff_t)y * view->stride[1]);
    return lead;
}

/* Addresses may lie outside of the volume, so they are numbers and not pointers until the end. */
RK_INLINE void rk_lead_fetch(const rk_lead *lead, const void *data, const int32_t at[8],
                             const size_t size)
{
    for (size_t i = 0; i < RK_MPR_LANES; i += lead->every) {
        uintptr_t voxel = (uintptr_t)data + (uintptr_t)((ptrdiff_t)at[i] * (ptrdiff_t)size);
        for (int k = 0; k < lead->count; k++)
            _mm_prefetch((const char *)(voxel + (uintptr_t)lead->offset[k]), _MM_HINT_T0);
    }
}

/* For the pixels below 8 pixels. */
RK_INLINE void rk_lead_fetch_below(const rk_lead *lead, const rk_mpr_view *view,
                                   const rk_lanes at[3], const int64_t down[3], const size_t size)
{
    int32_t index[RK_MPR_LANES] __attribute__((aligned(32)));
    rk_lanes below[3] = {at[0], at[1], at[2]};
    for (int axis = 0; axis < 3; axis++)
        rk_lanes_move(&below[axis], _mm256_set1_epi64x(down[axis]));
    _mm256_store_si256((__m256i *)index, rk_nearest_of(view, below, true));
    rk_lead_fetch(lead, view->data, index, size);
}

/* ---- results --------------------------------------------------------------------------------- */

/* Rounds, saturates and writes n of 8 values to element `at` of `out`. */
RK_INLINE void rk_put8(void *out, size_t at, __m256 value, size_t n, const rk_mpr_type type,
                       bool floats)
{
    uint8_t bytes[32];
    if (floats || type == RK_MPR_F32) {
        if (n >= RK_MPR_LANES) {
            _mm256_storeu_ps((float *)out + at, value);
            return;
        }
        _mm256_storeu_ps((float *)bytes, value);
        memcpy((float *)out + at, bytes, n * sizeof(float));
        return;
    }
    __m256i whole = _mm256_cvtps_epi32(value);
    __m128i low = _mm256_castsi256_si128(whole), high = _mm256_extracti128_si256(whole, 1);
    const size_t size = rk_size_of(type);
    if (type == RK_MPR_U16)
        low = _mm_packus_epi32(low, high);
    else
        low = _mm_packs_epi32(low, high);
    if (type == RK_MPR_U8)
        low = _mm_packus_epi16(low, low);
    if (type == RK_MPR_I8)
        low = _mm_packs_epi16(low, low);
    uint8_t *to = (uint8_t *)out + at * size;
    if (n >= RK_MPR_LANES && size == 2) {
        _mm_storeu_si128((__m128i *)to, low);
    } else if (n >= RK_MPR_LANES) {
        _mm_storel_epi64((__m128i *)to, low);
    } else {
        _mm_storeu_si128((__m128i *)bytes, low);
        memcpy(to, bytes, n * size);
    }
}

#endif /* RK_MPR_AVX2_H */
