/* kernels/ht_encode_avx2.c: blocks of the HT encoder (AVX2 and BMI2); see ht_encode_avx2.h for the parts. */
#include "ht_encode_avx2.h"

#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "words.h"

enum { STARTED = 4 }; /* VLC bits of Scup */

static void start(rk_ht_encode_state *s, const rk_ht_encode_block *b)
{
    uint32_t eights = (b->width + 15) / 16;
    rk_ht_mel_start(&s->mel);
    s->magsgn = (rk_ht_bits){.at = s->magsgn_bits};
    s->vlc = (rk_ht_bits){.at = s->vlc_bits, .held = 15, .n = STARTED};
    for (int k = 0; k < 2; k++) { /* zeros on both sides of a row */
        rk_ht_encode_above *a = &s->above[k];
        memset(a->narrow, 0, 16 * sizeof *a->narrow);
        memset(a->narrow + 16 + 16 * eights, 0, 16 * sizeof *a->narrow);
        memset(a->wide, 0, 16 * sizeof *a->wide);
        memset(a->wide + 16 + 16 * eights, 0, 16 * sizeof *a->wide);
        memset(a->rho, 0, 32);
        memset(a->rho + 32 + 8 * eights, 0, 32);
    }
}

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* Magnitudes of eight values in units of the bit-plane. */
static inline __m256i sizes(__m256i v, __m128i plane)
{
    return _mm256_srl_epi32(_mm256_abs_epi32(v), plane);
}

static inline __m256i values_at(const rk_ht_encode_block *b, size_t i)
{
    if (b->format == RK_COEF_INT16)
        return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)((const rk_i16 *)b->values + i)));
    return _mm256_loadu_si256((const __m256i *)(const void *)((const rk_i32 *)b->values + i));
}

/* n <= 8 values from i on, zeros behind. */
static __m256i few_values_at(const rk_ht_encode_block *b, size_t i, uint32_t n)
{
    _Alignas(32) int32_t v[8] = {0};
    for (uint32_t k = 0; k < n; k++)
        v[k] = b->format == RK_COEF_INT16 ? ((const rk_i16 *)b->values)[i + k] : ((const rk_i32 *)b->values)[i + k];
    return _mm256_load_si256((const __m256i *)(const void *)v);
}

/*
 * Row y in units of the bit-plane, zeros up to a multiple of 16 values; returns all its magnitudes in
 * one OR. In 16-bit lanes what has more bits saturates.
 */
static __attribute__((noinline)) uint32_t fill_lanes(const rk_ht_encode_block *b, uint32_t y, bool wide, int32_t *to)
{
    const __m128i plane = _mm_cvtsi32_si128(b->plane);
    __m256i seen = _mm256_setzero_si256();
    size_t row = (size_t)y * b->stride;
    for (uint32_t x = 0; x < (b->width + 15) / 16 * 16; x += 8) {
        __m256i v = _mm256_setzero_si256();
        if (x + 8 <= b->width)
            v = values_at(b, row + x);
        else if (x < b->width)
            v = few_values_at(b, row + x, b->width - x);
        __m256i size = sizes(v, plane);
        seen = _mm256_or_si256(seen, size);
        v = _mm256_sign_epi32(size, v);
        __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        if (wide)
            _mm256_store_si256((__m256i *)(void *)(to + x), v);
        else
            _mm_store_si128((__m128i *)(void *)(to + x / 2), narrow);
    }
    __m128i half = _mm_or_si128(_mm256_castsi256_si128(seen), _mm256_extracti128_si256(seen, 1));
    uint64_t two = (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(half, _mm_unpackhi_epi64(half, half)));
    return (uint32_t)(two | two >> 32);
}

RK_TARGET_END

/* A row as lanes want it, zeros if there is none; returns as fill_lanes does. */
static uint32_t copy_row(rk_ht_encode_state *s, const rk_ht_encode_block *b, uint32_t y, bool wide)
{
    int32_t *lanes = s->lanes[y & 1];
    if (y < b->height)
        return fill_lanes(b, y, wide, lanes);
    memset(lanes, 0, (b->width + 15) / 16 * 16 * sizeof *lanes);
    return 0;
}

static void code_row(rk_ht_encode_state *s, uint32_t quads, uint32_t row, bool wide)
{
    if (row)
        rk_ht_code_other_avx2(s, quads);
    else
        rk_ht_code_first_avx2(s, quads);
    rk_ht_magsgn_avx2(s, quads, wide);
}

/* Rows read where they lie: int16_t, bit-plane 0, whole vectors; returns all magnitudes in one OR. */
static uint32_t code_in_place(rk_ht_encode_state *s, const rk_ht_encode_block *b)
{
    uint32_t quads = (b->width + 1) / 2, seen = 0, row = 0;
    const rk_i16 *values = b->values;
    for (; row < b->height / 2; row++, values += 2 * b->stride) {
        seen |= rk_ht_quads_narrow_avx2(s, values, values + b->stride, quads, row);
        code_row(s, quads, row, false);
    }
    if (b->height & 1) {
        copy_row(s, b, b->height, false);
        seen |= rk_ht_quads_narrow_avx2(s, values, s->lanes[b->height & 1], quads, row);
        code_row(s, quads, row, false);
    }
    return seen;
}

/* Returns all magnitudes in one OR, as far as they fit. */
static uint32_t code_copies(rk_ht_encode_state *s, const rk_ht_encode_block *b, bool wide)
{
    uint32_t quads = (b->width + 1) / 2, seen = 0, most = wide ? RK_HT_ENCODE_PLANES : RK_HT_NARROW_BITS;
    for (uint32_t row = 0; row < (b->height + 1) / 2; row++) {
        seen |= copy_row(s, b, 2 * row, wide) | copy_row(s, b, 2 * row + 1, wide);
        if (seen >> most)
            return seen;
        if (wide)
            rk_ht_quads_wide_avx2(s, s->lanes[0], s->lanes[1], quads, row);
        else
            rk_ht_quads_narrow_avx2(s, s->lanes[0], s->lanes[1], quads, row);
        code_row(s, quads, row, wide);
    }
    return seen;
}

static uint32_t all_sizes(rk_ht_encode_state *s, const rk_ht_encode_block *b)
{
    uint32_t seen = 0;
    for (uint32_t y = 0; y < b->height; y++)
        seen |= fill_lanes(b, y, true, s->lanes[0]);
    return seen;
}

/* Bits that wait are written, and zeros for those who read ahead; returns how many bits there are. */
static size_t close_bits(rk_ht_bits *b, const uint8_t *from)
{
    memcpy(b->at, &b->held, 8);
    memset(b->at + 8, 0, 40);
    return (size_t)(b->at - from) * 8 + (size_t)b->n;
}

static void encode(rk_ht_encode_block *b, rk_ht_encode_state *s)
{
    bool in_place = b->format == RK_COEF_INT16 && b->plane == 0 && b->width % 16 == 0;
    start(s, b);
    uint32_t seen = in_place ? code_in_place(s, b) : code_copies(s, b, false);
    if (seen >> RK_HT_NARROW_BITS) {
        start(s, b);
        seen = code_copies(s, b, true);
    }
    bool too_wide = seen >> RK_HT_ENCODE_PLANES;
    if (too_wide)
        seen = all_sizes(s, b);
    b->size = 0;
    b->planes = seen ? 32 - (uint32_t)__builtin_clz(seen) : 0;
    b->result = too_wide ? RK_BLOCK_WIDE : 0;
    if (too_wide || seen == 0)
        return;
    size_t magsgn = close_bits(&s->magsgn, s->magsgn_bits), vlc = close_bits(&s->vlc, s->vlc_bits);
    size_t size = rk_ht_stuff_magsgn_avx2(s->magsgn_bytes, s->magsgn_bits, magsgn);
    rk_ht_vlc_end end = rk_ht_stuff_vlc_avx2(s->vlc_bytes + sizeof s->vlc_bytes, s->vlc_bits, vlc);
    rk_ht_encode_join(b, s->magsgn_bytes, size, &s->mel, &end);
}

void rk_ht_encode_avx2(rk_ht_encode_block *blocks, size_t n, void *work)
{
    for (size_t i = 0; i < n; i++)
        encode(&blocks[i], work);
}
