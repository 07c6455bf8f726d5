/*
 * kernels/ht_encode_quads_avx2.c: rho, exponents, epsilon and contexts of a quad-row (T.814 7.3.4 to
 * 7.3.8), eight quads at a time; no quad waits for the bits of another one.
 *
 * The samples of a quad stand side by side in order of their number, so that a mask of samples has
 * four bits a quad, and shifts of it give neighbours. Exponents come from a conversion to float.
 */
#include "ht_encode_avx2.h"

#include <immintrin.h>
#include <string.h>

#include "cpu.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))
#define FLOATS(v) _mm256_castsi256_ps(v)
#define EVEN_ODD(a, b) /* the OR of even and odd dwords: of a, then b, by lanes */ \
    _mm256_castps_si256(_mm256_or_ps(_mm256_shuffle_ps(FLOATS(a), FLOATS(b), 0x88), \
                                     _mm256_shuffle_ps(FLOATS(a), FLOATS(b), 0xDD)))

/* Length in bits of dwords that a float holds without rounding up; 0: negative. */
INLINE __m256i exponents(__m256i v)
{
    __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(v));
    return _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126));
}

/* Four bits of each of eight quads as bytes. */
INLINE uint64_t nibbles(uint32_t mask)
{
    return _pdep_u64(mask, 0x0F0F0F0F0F0F0F0Fu);
}

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* A table of 16 bytes by rho. */
#define BY_RHO(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

/* What is known of eight quads before their samples are looked at one by one. */
typedef struct bounds {
    __m256i full; /* U ones */
    __m256i top;  /* the highest of them if u > 0, else 0 */
    __m256i u;
} bounds;

/* `expected`: exponents that the row above lets expect (kappa + 1); not used in the first row. rho in bytes. */
INLINE bounds find_bounds(__m256i most, __m256i expected, uint64_t rho, bool first)
{
    const __m256i one = _mm256_set1_epi32(1), zero = _mm256_setzero_si256();
    __m256i kappa = one;
    bounds b;
    if (!first) {
        const __m128i less_than_two = _mm_setr_epi8(-1, -1, -1, 0, -1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0);
        __m256i few = _mm256_cvtepi8_epi32(_mm_shuffle_epi8(less_than_two, _mm_cvtsi64_si128((long long)rho)));
        kappa = _mm256_max_epi32(_mm256_andnot_si256(few, _mm256_sub_epi32(expected, one)), one);
    }
    __m256i bound = _mm256_max_epi32(most, kappa);
    b.u = _mm256_sub_epi32(bound, kappa);
    b.full = _mm256_sub_epi32(_mm256_sllv_epi32(one, bound), one);
    b.top = _mm256_andnot_si256(_mm256_srli_epi32(b.full, 1), b.full);
    b.top = _mm256_and_si256(b.top, _mm256_cmpgt_epi32(b.u, zero));
    return b;
}

/* Contexts of 32 quads (7.3.5), from the rho of the quads around them. */
INLINE __m256i first_contexts(const uint8_t *rho)
{
    const __m256i west = BY_RHO(0, 1, 1, 1, 2, 3, 3, 3, 4, 5, 5, 5, 6, 7, 7, 7);
    return _mm256_shuffle_epi8(west, load(rho - 1));
}

INLINE __m256i other_contexts(const uint8_t *rho, const uint8_t *above)
{
    const __m256i west = BY_RHO(0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2);
    const __m256i north_west = BY_RHO(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const __m256i north = BY_RHO(0, 0, 1, 1, 0, 0, 1, 1, 4, 4, 5, 5, 4, 4, 5, 5);
    const __m256i north_east = BY_RHO(0, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4);
    __m256i left = _mm256_or_si256(_mm256_shuffle_epi8(west, load(rho - 1)),
                                   _mm256_shuffle_epi8(north_west, load(above - 1)));
    __m256i right = _mm256_or_si256(_mm256_shuffle_epi8(north, load(above)),
                                    _mm256_shuffle_epi8(north_east, load(above + 1)));
    return _mm256_or_si256(left, right);
}

/* What the code words of the row depend on, once all rho and epsilon are there. */
INLINE void close_row(rk_ht_encode_state *s, uint32_t quads, uint32_t row)
{
    const __m256i numbers = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                                             21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    const __m256i zero = _mm256_setzero_si256();
    rk_ht_encode_row *r = &s->row;
    r->words = r->samples = false;
    for (uint32_t at = 0; at < quads; at += 32) {
        const uint8_t *rho = s->above[row & 1].rho + 32 + at, *above = s->above[~row & 1].rho + 32 + at;
        uint32_t left = quads - at < 32 ? quads - at : 32;
        __m256i exist = _mm256_cmpgt_epi8(_mm256_set1_epi8((char)left), numbers), here = load(rho);
        __m256i context = _mm256_and_si256(row ? other_contexts(rho, above) : first_contexts(rho), exist);
        uint32_t all = (uint32_t)_mm256_movemask_epi8(exist);
        uint32_t silent = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(context, zero)) & all;
        uint32_t some = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(here, zero)) & all;
        r->silent[at / 32] = silent;
        r->some[at / 32] = some;
        r->words |= some || silent != all;
        r->samples |= some != 0;
        __m256i low = _mm256_or_si256(_mm256_slli_epi16(here, 4), load(r->eps + at));
        __m256i a = _mm256_unpacklo_epi8(low, context), b = _mm256_unpackhi_epi8(low, context);
        _mm256_store_si256((__m256i *)(void *)(r->index + at), _mm256_permute2x128_si256(a, b, 0x20));
        _mm256_store_si256((__m256i *)(void *)(r->index + at + 16), _mm256_permute2x128_si256(a, b, 0x31));
    }
}

INLINE void close_eight(rk_ht_encode_state *s, uint32_t at, uint32_t row, const bounds *b, uint64_t rho, uint32_t eps)
{
    uint64_t four_bits = nibbles(eps);
    memcpy(s->above[row & 1].rho + 32 + 8 * at, &rho, 8);
    memcpy(s->row.eps + 8 * at, &four_bits, 8);
    __m256i pairs = _mm256_or_si256(b->u, _mm256_srli_epi64(b->u, 27));
    _mm256_store_si256((__m256i *)(void *)(s->row.pairs + 4 * at), pairs);
}

/* Halves of x to p and of y behind each: quads 0 1 | 4 5 and 2 3 | 6 7 in their order. */
INLINE void store_halves(uint64_t *p, __m256i x, __m256i y)
{
    _mm256_store_si256((__m256i *)(void *)p, _mm256_permute2x128_si256(x, y, 0x20));
    _mm256_store_si256((__m256i *)(void *)(p + 4), _mm256_permute2x128_si256(x, y, 0x31));
}

/* ---- narrow: vectors hold quads 0 1 | 4 5 and 2 3 | 6 7 ------------------------------- */

INLINE uint32_t mask_narrow(__m256i x, __m256i y) /* words 0 or -1, to bits of samples that are 0 */
{
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(x, y));
}

/* 2 mu - 1; 0 stays 0. */
INLINE __m256i twice_narrow(__m256i size)
{
    return _mm256_subs_epu16(_mm256_add_epi16(size, size), _mm256_set1_epi16(1));
}

/* The OR of both words of each dword. */
INLINE __m256i join_words(__m256i v)
{
    return _mm256_and_si256(_mm256_or_si256(v, _mm256_srli_epi32(v, 16)), _mm256_set1_epi32(0xFFFF));
}

INLINE __m256i eight_narrow(rk_ht_encode_state *s, const int16_t *upper, const int16_t *lower, uint32_t at,
                            uint32_t row, bool first)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i to_x = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 4, 5, 4, 5, 4, 5, 4, 5, 0, 1, 0, 1, 0, 1, 0, 1, 4,
                                          5, 4, 5, 4, 5, 4, 5);
    const __m256i to_y = _mm256_add_epi8(to_x, _mm256_set1_epi8(8));
    __m256i a = load(upper + 16 * at), b = load(lower + 16 * at);
    __m256i x = _mm256_unpacklo_epi16(a, b), y = _mm256_unpackhi_epi16(a, b);
    __m256i size_x = _mm256_abs_epi16(x), size_y = _mm256_abs_epi16(y);
    __m256i tx = twice_narrow(size_x), ty = twice_narrow(size_y);
    __m256i none_x = _mm256_cmpeq_epi16(x, zero), none_y = _mm256_cmpeq_epi16(y, zero);
    uint64_t rho = nibbles(mask_narrow(none_x, none_y));
    __m256i expected = zero;
    if (!first) {
        const uint16_t *above = s->above[~row & 1].narrow + 16 + 16 * at;
        expected = exponents(join_words(_mm256_or_si256(load(above - 1), load(above + 1))));
    }
    bounds q = find_bounds(exponents(join_words(EVEN_ODD(tx, ty))), expected, rho, first);
    __m256i top_x = _mm256_shuffle_epi8(q.top, to_x), top_y = _mm256_shuffle_epi8(q.top, to_y);
    uint32_t eps = mask_narrow(_mm256_cmpeq_epi16(_mm256_and_si256(tx, top_x), zero),
                               _mm256_cmpeq_epi16(_mm256_and_si256(ty, top_y), zero));
    store_halves(s->row.masks + 8 * at, _mm256_andnot_si256(none_x, _mm256_shuffle_epi8(q.full, to_x)),
                 _mm256_andnot_si256(none_y, _mm256_shuffle_epi8(q.full, to_y)));
    store_halves(s->row.values + 8 * at, _mm256_add_epi16(tx, _mm256_cmpgt_epi16(x, zero)),
                 _mm256_add_epi16(ty, _mm256_cmpgt_epi16(y, zero)));
    __m256i bottom = _mm256_packus_epi32(_mm256_srli_epi32(tx, 16), _mm256_srli_epi32(ty, 16));
    _mm256_storeu_si256((__m256i *)(void *)(s->above[row & 1].narrow + 16 + 16 * at), bottom);
    close_eight(s, at, row, &q, rho, eps);
    return _mm256_or_si256(size_x, size_y);
}

uint32_t rk_ht_quads_narrow_avx2(rk_ht_encode_state *s, const void *upper, const void *lower, uint32_t quads,
                                 uint32_t row)
{
    __m256i seen = _mm256_setzero_si256();
    uint32_t eights = (quads + 7) / 8;
    if (row == 0)
        for (uint32_t at = 0; at < eights; at++)
            seen = _mm256_or_si256(seen, eight_narrow(s, upper, lower, at, 0, true));
    else
        for (uint32_t at = 0; at < eights; at++)
            seen = _mm256_or_si256(seen, eight_narrow(s, upper, lower, at, row, false));
    close_row(s, quads, row);
    __m128i half = _mm_or_si128(_mm256_castsi256_si128(seen), _mm256_extracti128_si256(seen, 1));
    uint64_t four = (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(half, _mm_unpackhi_epi64(half, half)));
    four |= four >> 32;
    return (uint32_t)(four | four >> 16) & 0xFFFF;
}

/* ---- wide: vectors hold quads 0 | 2, 1 | 3, 4 | 6, 5 | 7 ------------------------------- */

typedef struct four {
    __m256i v[4];
} four;

INLINE uint32_t mask_wide(const four *x) /* dwords 0 or -1, to bits of samples that are 0 */
{
    __m256i low = _mm256_packs_epi32(x->v[0], x->v[1]), high = _mm256_packs_epi32(x->v[2], x->v[3]);
    __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xD8);
    return ~(uint32_t)_mm256_movemask_epi8(bytes);
}

/* Exponents of dwords of up to 31 bits; a one behind the highest one could round a float up. */
INLINE __m256i exponents_wide(__m256i v)
{
    return exponents(_mm256_andnot_si256(_mm256_srli_epi32(v, 1), v));
}

INLINE __m256i most_wide(const four *t)
{
    __m256i low = _mm256_or_si256(_mm256_unpacklo_epi64(t->v[0], t->v[1]), _mm256_unpackhi_epi64(t->v[0], t->v[1]));
    __m256i high = _mm256_or_si256(_mm256_unpacklo_epi64(t->v[2], t->v[3]), _mm256_unpackhi_epi64(t->v[2], t->v[3]));
    return exponents_wide(_mm256_permute4x64_epi64(EVEN_ODD(low, high), 0xD8));
}

INLINE __m256i expected_wide(const uint32_t *above)
{
    __m256i low = _mm256_or_si256(load(above - 1), load(above + 1));
    __m256i high = _mm256_or_si256(load(above + 7), load(above + 9));
    return exponents_wide(_mm256_permute4x64_epi64(EVEN_ODD(low, high), 0xD8));
}

INLINE __m256i spread(__m256i v, int k) /* dwords of eight quads, to the samples of vector k */
{
    const int first = k < 2 ? k : k + 2;
    return _mm256_permutevar8x32_epi32(
        v, _mm256_setr_epi32(first, first, first, first, first + 2, first + 2, first + 2, first + 2));
}

/* Quads of vector k of eight, two words each. */
INLINE void store_wide(uint64_t *p, int k, __m256i v)
{
    p += k < 2 ? 2 * k : 2 * k + 4;
    _mm_store_si128((__m128i *)(void *)p, _mm256_castsi256_si128(v));
    _mm_store_si128((__m128i *)(void *)(p + 4), _mm256_extracti128_si256(v, 1));
}

INLINE __m256i eight_wide(rk_ht_encode_state *s, const int32_t *upper, const int32_t *lower, uint32_t at,
                          uint32_t row)
{
    const __m256i zero = _mm256_setzero_si256();
    uint32_t *bottom = s->above[row & 1].wide + 16 + 16 * at;
    __m256i seen = zero;
    four values, none, t, other;
    for (int k = 0; k < 4; k += 2) {
        __m256i a = load(upper + 16 * at + 4 * k), b = load(lower + 16 * at + 4 * k);
        values.v[k] = _mm256_unpacklo_epi32(a, b);
        values.v[k + 1] = _mm256_unpackhi_epi32(a, b);
    }
    for (int k = 0; k < 4; k++) {
        __m256i size = _mm256_abs_epi32(values.v[k]);
        seen = _mm256_or_si256(seen, size);
        none.v[k] = _mm256_cmpeq_epi32(size, zero);
        t.v[k] = _mm256_add_epi32(_mm256_add_epi32(size, size), _mm256_cmpgt_epi32(size, zero));
    }
    uint64_t rho = nibbles(mask_wide(&none));
    __m256i expected = row ? expected_wide(s->above[~row & 1].wide + 16 + 16 * at) : zero;
    bounds q = find_bounds(most_wide(&t), expected, rho, row == 0);
    for (int k = 0; k < 4; k++) {
        other.v[k] = _mm256_cmpeq_epi32(_mm256_and_si256(t.v[k], spread(q.top, k)), zero);
        store_wide(s->row.masks + 16 * at, k, _mm256_andnot_si256(none.v[k], spread(q.full, k)));
        store_wide(s->row.values + 16 * at, k, _mm256_add_epi32(t.v[k], _mm256_cmpgt_epi32(values.v[k], zero)));
    }
    for (int k = 0; k < 4; k += 2) {
        __m256 lower_t = _mm256_shuffle_ps(FLOATS(t.v[k]), FLOATS(t.v[k + 1]), 0xDD);
        _mm256_storeu_ps((float *)(void *)(bottom + 4 * k), lower_t);
    }
    close_eight(s, at, row, &q, rho, mask_wide(&other));
    return seen;
}

uint32_t rk_ht_quads_wide_avx2(rk_ht_encode_state *s, const void *upper, const void *lower, uint32_t quads,
                               uint32_t row)
{
    __m256i seen = _mm256_setzero_si256();
    for (uint32_t at = 0; at < (quads + 7) / 8; at++)
        seen = _mm256_or_si256(seen, eight_wide(s, upper, lower, at, row));
    close_row(s, quads, row);
    __m128i half = _mm_or_si128(_mm256_castsi256_si128(seen), _mm256_extracti128_si256(seen, 1));
    uint64_t two = (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(half, _mm_unpackhi_epi64(half, half)));
    return (uint32_t)(two | two >> 32);
}

RK_TARGET_END
