/*
 * mpr/cubic_avx2.h: cubic convolution of 8 pixels, 64 voxels each. A pixel's taps are taken two rows
 * of 4 voxels at a time; only the last sum, across a register, is made for the 8 of them together.
 * To be included behind mpr/avx2.h.
 */
#ifndef RK_MPR_CUBIC_AVX2_H
#define RK_MPR_CUBIC_AVX2_H

/* Weights of 8 pixels: along z and y as in `keys` of taps.c, and x with the pixel first. */
typedef struct rk_cubic {
    float z[4][8], y[8][4], x[8][4];
    int32_t at[8], whole[3][8];
} rk_cubic;

RK_INLINE void rk_keys8(__m256 f, __m256 w[4])
{
    const __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1);
    __m256 f2 = _mm256_mul_ps(f, f), f3 = _mm256_mul_ps(f2, f);
    w[0] = _mm256_sub_ps(f2, _mm256_mul_ps(half, _mm256_add_ps(f3, f)));
    w[3] = _mm256_mul_ps(half, _mm256_sub_ps(f3, f2));
    w[1] = _mm256_add_ps(one, _mm256_sub_ps(_mm256_mul_ps(_mm256_set1_ps(1.5f), f3),
                                            _mm256_mul_ps(_mm256_set1_ps(2.5f), f2)));
    w[2] = _mm256_sub_ps(_mm256_sub_ps(one, w[0]), _mm256_add_ps(w[1], w[3]));
}

/* w[tap] of 8 pixels to the 4 taps of each pixel. */
RK_INLINE void rk_turn48(const __m256 w[4], float out[8][4])
{
    __m256 a = _mm256_unpacklo_ps(w[0], w[1]), b = _mm256_unpackhi_ps(w[0], w[1]);
    __m256 c = _mm256_unpacklo_ps(w[2], w[3]), d = _mm256_unpackhi_ps(w[2], w[3]);
    __m256 p[4] = {_mm256_shuffle_ps(a, c, 0x44), _mm256_shuffle_ps(a, c, 0xEE),
                   _mm256_shuffle_ps(b, d, 0x44), _mm256_shuffle_ps(b, d, 0xEE)};
    for (int i = 0; i < 4; i++) {
        _mm_store_ps(out[i], _mm256_castps256_ps128(p[i]));
        _mm_store_ps(out[i + 4], _mm256_extractf128_ps(p[i], 1));
    }
}

RK_INLINE void rk_cubic_of(rk_cubic *c, const rk_mpr_view *view, const rk_lanes at[3],
                           const bool clamp)
{
    rk_mpr_cell8 cell = rk_cell_of(view, at, clamp);
    __m256 w[4];
    _mm256_store_si256((__m256i *)c->at, cell.index);
    rk_keys8(cell.share[0], w);
    for (int i = 0; i < 4; i++)
        _mm256_store_ps(c->z[i], w[i]);
    rk_keys8(cell.share[1], w);
    rk_turn48(w, c->y);
    rk_keys8(cell.share[2], w);
    rk_turn48(w, c->x);
    for (int axis = 0; axis < 3 && clamp; axis++) {
        int32_t side = view->side[axis];
        __m256i whole = rk_lanes_whole(&at[axis]), last = _mm256_set1_epi32(side > 1 ? side - 2 : 0);
        whole = _mm256_min_epi32(_mm256_max_epi32(whole, _mm256_setzero_si256()), last);
        _mm256_store_si256((__m256i *)c->whole[axis], whole);
    }
}

RK_INLINE __m128i rk_load32x2(const uint8_t *a, const uint8_t *b)
{
    int32_t low, high;
    memcpy(&low, a, sizeof low);
    memcpy(&high, b, sizeof high);
    return _mm_insert_epi32(_mm_cvtsi32_si128(low), high, 1);
}

/* Two rows of 4 voxels, at a and b, as float; `seen` collects voxels that are padding. */
RK_INLINE __m256 rk_two_rows(const uint8_t *a, const uint8_t *b, const rk_mpr_type type,
                             const bool padded, __m256 padding, __m256 *seen)
{
    __m256 rows;
    if (type == RK_MPR_F32) {
        rows = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float *)a)),
                                    _mm_loadu_ps((const float *)b), 1);
    } else if (rk_size_of(type) == 1) {
        __m128i bytes = rk_load32x2(a, b);
        rows = _mm256_cvtepi32_ps(type == RK_MPR_U8 ? _mm256_cvtepu8_epi32(bytes)
                                                    : _mm256_cvtepi8_epi32(bytes));
    } else {
        __m128i low = _mm_loadl_epi64((const __m128i *)a), high = _mm_loadl_epi64((const __m128i *)b);
        __m128i words = _mm_unpacklo_epi64(low, high);
        rows = _mm256_cvtepi32_ps(type == RK_MPR_U16 ? _mm256_cvtepu16_epi32(words)
                                                     : _mm256_cvtepi16_epi32(words));
    }
    if (padded)
        *seen = _mm256_or_ps(*seen, _mm256_cmp_ps(rows, padding, _CMP_EQ_OQ));
    return rows;
}

/* Pixel i, whose first tap is at p: 8 parts that add up to its value. */
RK_INLINE __m256 rk_cubic1(const rk_cubic *c, int i, const uint8_t *p, ptrdiff_t down, ptrdiff_t into,
                           const rk_mpr_type type, const bool padded, __m256 padding, __m256 *seen)
{
    const __m256i upper = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i lower = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    __m256 a = _mm256_setzero_ps(), b = a;
    for (int z = 0; z < 4; z++, p += into) {
        __m256 weight = _mm256_broadcast_ss(&c->z[z][i]);
        __m256 one = rk_two_rows(p, p + down, type, padded, padding, seen);
        __m256 two = rk_two_rows(p + 2 * down, p + 3 * down, type, padded, padding, seen);
        a = _mm256_add_ps(a, _mm256_mul_ps(one, weight));
        b = _mm256_add_ps(b, _mm256_mul_ps(two, weight));
    }
    __m256 y = _mm256_broadcast_ps((const __m128 *)c->y[i]);
    __m256 x = _mm256_broadcast_ps((const __m128 *)c->x[i]);
    a = _mm256_mul_ps(a, _mm256_permutevar8x32_ps(y, upper));
    b = _mm256_mul_ps(b, _mm256_permutevar8x32_ps(y, lower));
    return _mm256_mul_ps(_mm256_add_ps(a, b), x);
}

/* The same at the border of the volume, where taps outside are those of the border. */
static __attribute__((noinline)) __m256 rk_cubic1_border(const rk_mpr_view *view, const rk_cubic *c,
                                                         int i, __m256 padding, __m256 *seen)
{
    float taps[4][4][4];
    ptrdiff_t offset[3][4];
    for (int axis = 0; axis < 3; axis++)
        for (int tap = 0; tap < 4; tap++) {
            int32_t at = c->whole[axis][i] + tap - 1, last = view->side[axis] - 1;
            at = at < 0 ? 0 : at > last ? last : at;
            offset[axis][tap] = (ptrdiff_t)at * view->stride[axis];
        }
    for (int z = 0; z < 4; z++)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 4; x++)
                taps[z][y][x] = (float)rk_mpr_load(view->data, view->type,
                                                   offset[0][z] + offset[1][y] + offset[2][x]);
    return rk_cubic1(c, i, (const uint8_t *)taps, sizeof taps[0][0], sizeof taps[0], RK_MPR_F32, true, padding,
                     seen);
}

/* Values of 8 pixels; bits of `mixed` say which of them have padding among their voxels. */
RK_INLINE __m256 rk_cubic8(const rk_mpr_view *view, const rk_lanes at[3], const bool clamp,
                           const rk_mpr_type type, const bool padded, unsigned *mixed)
{
    const ptrdiff_t size = (ptrdiff_t)rk_size_of(type);
    const ptrdiff_t down = view->stride[1] * size, into = view->stride[0] * size;
    const __m256 padding = _mm256_set1_ps(padded ? (float)view->padding : 0);
    rk_cubic c __attribute__((aligned(32)));
    __m256 part[8];
    rk_cubic_of(&c, view, at, clamp);
    *mixed = 0;
    for (int i = 0; i < 8; i++) {
        __m256 seen = _mm256_setzero_ps();
        const uint8_t *p = (const uint8_t *)view->data + c.at[i] * size - into - down - size;
        part[i] = clamp ? rk_cubic1_border(view, &c, i, padding, &seen)
                        : rk_cubic1(&c, i, p, down, into, type, padded, padding, &seen);
        if (padded)
            *mixed |= (unsigned)(_mm256_movemask_ps(seen) != 0) << i;
    }
    __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(part[0], part[1]), _mm256_hadd_ps(part[2], part[3]));
    __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(part[4], part[5]), _mm256_hadd_ps(part[6], part[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

#endif /* RK_MPR_CUBIC_AVX2_H */
