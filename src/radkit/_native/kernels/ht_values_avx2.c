/*
 * kernels/ht_values_avx2.c: exponent bounds and MagSgn bits of an HT code-block (T.814 7.3.7, 7.3.8).
 *
 * kappa needs the row above only, so all exponent bounds U of a row, the bits of all its
 * samples and their places come from sums over vectors. A row is done in passes with a small
 * buffer between them: in one loop the chain of a step fills the reorder window.
 *
 * "narrow": U <= 14. A quad has at most 56 bits, so one load, one shift and one PDEP with the masks of
 * its four samples spread them to 16-bit words. "wide": U <= 30, in 32-bit words; 16 bytes per quad, from
 * which a byte shuffle and shifts take the bits. A block starts narrow, and goes on wide
 * from the first row that needs it.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "ht_avx2.h"

enum { NARROW_U = 14, FOUR_BYTES_U = 25, WIDE_U = 30, PAD = 16 };

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

INLINE __m256i loadu(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE __m256i load(const void *p)
{
    return _mm256_load_si256((const __m256i *)p);
}

INLINE void store(void *p, __m256i v)
{
    _mm256_store_si256((__m256i *)p, v);
}

INLINE void storeu(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

INLINE __m256i all(uint32_t x)
{
    return _mm256_set1_epi32((int)x);
}

INLINE __m256i all16(unsigned x)
{
    return _mm256_set1_epi16((short)x);
}

/* Sixteen bytes, in both halves. */
INLINE __m256i both(__m128i v)
{
    return _mm256_broadcastsi128_si256(v);
}

INLINE __m256i join(const uint8_t *a, const uint8_t *b)
{
    __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)a));
    return _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)(const void *)b), 1);
}

void rk_ht_values_start(rk_ht_values *v, const rk_ht_block *b)
{
    v->ones = rk_ht_forward_avx2(v->bits + 64, b->cleanup, b->cleanup_size - rk_ht_suffix(b));
    v->end = PAD + 2 * (((b->width + 1) / 2 + 7) & ~7u);
    for (int k = 0; k < 2; k++)
        memset(v->narrow[k], 0, (v->end + PAD) * sizeof v->narrow[k][0]);
    v->turn = 0;
    v->is_wide = false;
    v->at = 0;
}

/* Goes on in 32 bits. */
static void widen(rk_ht_values *v)
{
    for (int k = 0; k < 2; k++) /* only four quads at a time are written, but eight are read */
        memset(v->wide[k], 0, (v->end + PAD) * sizeof v->wide[k][0]);
    for (uint32_t i = PAD; i < v->end; i++)
        v->wide[v->turn][i] = v->narrow[v->turn][i];
    v->is_wide = true;
}

/* ---- exponent bounds and places ---------------------------------------------------------- */

/* floor(log2) from the exponent of the float; x below 2^24, or with one bit set. */
INLINE __m256i log2_of(__m256i x)
{
    __m256i f = _mm256_castps_si256(_mm256_cvtepi32_ps(x));
    return _mm256_sub_epi32(_mm256_srli_epi32(f, 23), all(127));
}

/* U = u + max(1, gamma * (Emax - 1)); `around` has the bits of 2 mu - 1 above, 0 in the first row. */
INLINE __m256i bounds(__m256i record, __m256i around)
{
    __m256i rho = _mm256_and_si256(record, all(0xF000));
    __m256i fewer = _mm256_and_si256(rho, _mm256_sub_epi32(rho, all(0x1000)));
    __m256i single = _mm256_cmpeq_epi32(fewer, _mm256_setzero_si256());
    __m256i kappa = _mm256_max_epi32(_mm256_andnot_si256(single, log2_of(around)), all(1));
    return _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(record, 24), all(63)), kappa);
}

/* rho, e_k, e_1 of a record, 4 bits each. */
INLINE __m256i fields_of(__m256i record)
{
    return _mm256_and_si256(_mm256_srli_epi32(record, 12), all(0xFFF));
}

/* MagSgn bits of 8 quads: U for each significant sample, less those that are known. */
INLINE __m256i count_bits(__m256i fields, __m256i u)
{
    const __m256i ones = both(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    __m256i rho = _mm256_and_si256(fields, all(15)), known = _mm256_srli_epi32(fields, 4);
    known = _mm256_shuffle_epi8(ones, _mm256_and_si256(known, all(15)));
    return _mm256_sub_epi32(_mm256_mullo_epi16(u, _mm256_shuffle_epi8(ones, rho)), known);
}

/* Bit positions of 8 quads; moves on. */
INLINE __m256i places(uint32_t *at, uint32_t ones, __m256i counts)
{
    __m256i sum = _mm256_add_epi32(counts, _mm256_slli_si256(counts, 4));
    sum = _mm256_add_epi32(sum, _mm256_slli_si256(sum, 8));
    __m256i low = _mm256_blend_epi32(_mm256_setzero_si256(), sum, 8);
    sum = _mm256_add_epi32(sum, _mm256_permutevar8x32_epi32(low, _mm256_setr_epi32(0, 0, 0, 0, 3, 3, 3, 3)));
    if (*at > ones) /* nothing but ones from there on */
        *at = ones;
    __m256i from = _mm256_add_epi32(_mm256_sub_epi32(sum, counts), all(*at));
    *at += (uint32_t)_mm256_extract_epi32(sum, 7);
    return from;
}

INLINE uint32_t largest(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4E));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

/* ---- narrow -------------------------------------------------------------------------------- */

/* Bits of 2 mu - 1 of the samples above 8 quads; p at the left upper sample of the first. */
INLINE __m256i around_narrow(const uint16_t *p)
{
    __m256i v = _mm256_or_si256(loadu(p - 1), loadu(p + 1));
    return _mm256_and_si256(_mm256_or_si256(v, _mm256_srli_epi32(v, 16)), all(0xFFFF));
}

/* Fields and U of quads 0 1 | 4 5 and 2 3 | 6 7 of eight, four times each: so packing gives order. */
INLINE void narrow_masks(rk_ht_eight *e, __m256i packed)
{
    const __m256i significant = _mm256_set1_epi64x(0x0008000400020001), known = _mm256_slli_epi16(significant, 4);
    const __m256i first = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3, 8, 9, 8, 9, 8, 9, 8,
                                           9, 10, 11, 10, 11, 10, 11, 10, 11);
    const __m256i pairs = both(_mm_setr_epi8(0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14));
    const __m256i lows = both(_mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1, -1, -1));
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    for (int h = 0; h < 2; h++) {
        __m256i order = h ? _mm256_add_epi8(first, _mm256_set1_epi8(4)) : first;
        __m256i f = _mm256_shuffle_epi8(both(words), order);
        __m256i k = _mm256_cmpeq_epi16(_mm256_and_si256(f, known), known);
        __m256i s = _mm256_cmpeq_epi16(_mm256_and_si256(f, significant), significant);
        __m256i m = _mm256_and_si256(_mm256_add_epi16(_mm256_srli_epi16(f, 12), k), s);
        /* 2^m - 1: the low byte from m, the high byte from m - 8 */
        m = _mm256_add_epi8(_mm256_shuffle_epi8(m, pairs), all16(0xF800));
        store(e->masks + 4 * h, _mm256_shuffle_epi8(lows, m));
        store(e->fields[h], f);
    }
}

/* Exponent bounds, masks and places of a row; returns its largest U; above 14 nothing is done. */
static uint32_t narrow_plan(rk_ht_values *v, const rk_ht_record *records, uint32_t quads, bool first)
{
    const uint16_t *above = v->narrow[v->turn] + PAD;
    __m256i most = _mm256_setzero_si256();
    uint32_t at = v->at;
    rk_ht_eight *e = v->eights;
    for (uint32_t q = 0; q < quads; q += 8, e++) {
        __m256i record = loadu(records + q);
        __m256i u = bounds(record, first ? _mm256_setzero_si256() : around_narrow(above + 2 * q));
        __m256i fields = fields_of(record);
        most = _mm256_max_epu32(most, u);
        __m256i from = places(&at, v->ones, count_bits(fields, u));
        store(e->byte, _mm256_srli_epi32(from, 3));
        store(e->bit, _mm256_and_si256(from, all(7)));
        narrow_masks(e, _mm256_or_si256(fields, _mm256_slli_epi32(_mm256_and_si256(u, all(15)), 12)));
    }
    uint32_t top = largest(most);
    if (top <= NARROW_U)
        v->at = at;
    return top;
}

/* The bits of each quad, spread to its samples; `masks` are in the order 0 1 4 5 2 3 6 7. */
static void narrow_spread(rk_ht_values *v, uint32_t quads)
{
    const uint8_t *bits = v->bits + 64;
    rk_ht_eight *e = v->eights;
    for (uint32_t q = 0; q < quads; q += 8, e++) {
#define SPREAD(quad, slot)                                                                   \
    e->bits[slot] = _pdep_u64(load64(bits + e->byte[quad]) >> e->bit[quad], e->masks[slot])
        SPREAD(0, 0);
        SPREAD(1, 1);
        SPREAD(4, 2);
        SPREAD(5, 3);
        SPREAD(2, 4);
        SPREAD(3, 5);
        SPREAD(6, 6);
        SPREAD(7, 7);
#undef SPREAD
    }
}

/* ---- output --------------------------------------------------------------------------------- */

/* How +-mu becomes a coefficient: mu << shift, and add behind it, with the sign of mu. */
typedef struct output {
    int shift;
    __m256i add;
} output;

INLINE __m256i finish(__m256i mu, const output *o)
{
    __m256i v = _mm256_sll_epi32(mu, _mm_cvtsi32_si128(o->shift));
    return _mm256_add_epi32(v, _mm256_sign_epi32(o->add, mu));
}

/* The first bytes of 32, an even number of them. */
INLINE void store_part(void *to, __m256i v, size_t bytes)
{
    if (bytes >= 32) {
        storeu(to, v);
        return;
    }
    uint8_t *at = to;
    __m128i part = _mm256_castsi256_si128(v);
    if (bytes & 16) {
        _mm_storeu_si128((__m128i *)(void *)at, part);
        part = _mm256_extracti128_si256(v, 1);
        at += 16;
    }
    if (bytes & 8) {
        _mm_storel_epi64((__m128i *)(void *)at, part);
        part = _mm_unpackhi_epi64(part, part);
        at += 8;
    }
    uint64_t rest = (uint64_t)_mm_cvtsi128_si64(part);
    if (bytes & 4) {
        memcpy(at, &rest, 4);
        rest >>= 32;
        at += 4;
    }
    if (bytes & 2)
        memcpy(at, &rest, 2);
}

/* 16 values of 16 bits at column x. */
INLINE void put16(const rk_ht_block *b, void *row, uint32_t x, __m256i v, const output *o)
{
    size_t n = x < b->width ? b->width - x : 0;
    if (b->format == RK_COEF_INT16) {
        store_part((int16_t *)row + x, v, 2 * n);
        return;
    }
    int32_t *to = (int32_t *)row + x;
    __m256i low = finish(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(v)), o);
    __m256i high = finish(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1)), o);
    store_part(to, low, 4 * n);
    if (n > 8)
        store_part(to + 8, high, 4 * (n - 8));
}

/* 8 values of 32 bits at column x; of a 16-bit format they fit, as their U are checked. */
INLINE void put32(const rk_ht_block *b, void *row, uint32_t x, __m256i v, const output *o)
{
    size_t n = x < b->width ? b->width - x : 0;
    if (b->format == RK_COEF_INT32) {
        store_part((int32_t *)row + x, finish(v, o), 4 * n);
        return;
    }
    store_part((int16_t *)row + x, _mm256_permute4x64_epi64(_mm256_packs_epi32(v, v), 0xD8),
               2 * (n < 8 ? n : 8));
}

/* The values of a row from their bits. */
static void narrow_values(rk_ht_values *v, const rk_ht_block *b, uint32_t quads, void *upper, void *lower,
                          const output *o)
{
    const __m256i one = all16(1), zero = _mm256_setzero_si256();
    const __m256i significant = _mm256_set1_epi64x(0x0008000400020001), set = _mm256_slli_epi16(significant, 8);
    uint16_t *bottom = v->narrow[v->turn ^ 1] + PAD;
    const rk_ht_eight *e = v->eights;
    for (uint32_t q = 0; q < quads; q += 8, e++) {
        __m256i value[2], exponent[2];
        for (int h = 0; h < 2; h++) {
            __m256i f = load(e->fields[h]), mask = load(e->masks + 4 * h), bits = load(e->bits + 4 * h);
            __m256i known = _mm256_cmpeq_epi16(_mm256_and_si256(f, set), set);
            __m256i s = _mm256_cmpeq_epi16(_mm256_and_si256(f, significant), significant);
            bits = _mm256_add_epi16(bits, _mm256_and_si256(known, _mm256_add_epi16(mask, one)));
            __m256i mu = _mm256_add_epi16(_mm256_srli_epi16(bits, 1), one);
            __m256i sign = _mm256_or_si256(_mm256_slli_epi16(bits, 15), one);
            value[h] = _mm256_sign_epi16(mu, _mm256_and_si256(sign, s));
            exponent[h] = _mm256_and_si256(_mm256_or_si256(bits, one), s);
        }
        __m256i top = _mm256_packus_epi32(_mm256_blend_epi16(value[0], zero, 0xAA),
                                          _mm256_blend_epi16(value[1], zero, 0xAA));
        __m256i down = _mm256_packus_epi32(_mm256_srli_epi32(value[0], 16), _mm256_srli_epi32(value[1], 16));
        store(bottom + 2 * q, _mm256_packus_epi32(_mm256_srli_epi32(exponent[0], 16),
                                                  _mm256_srli_epi32(exponent[1], 16)));
        put16(b, upper, 2 * q, top, o);
        if (lower)
            put16(b, lower, 2 * q, down, o);
    }
    v->turn ^= 1;
}

/* ---- wide ------------------------------------------------------------------------------------ */

INLINE __m256i around_wide(const uint32_t *p)
{
    __m256i a = _mm256_or_si256(loadu(p - 1), loadu(p + 1)), b = _mm256_or_si256(loadu(p + 7), loadu(p + 9));
    __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
    __m256i v = _mm256_castps_si256(_mm256_or_ps(_mm256_shuffle_ps(x, y, 0x88), _mm256_shuffle_ps(x, y, 0xDD)));
    v = _mm256_permute4x64_epi64(v, 0xD8);
    return _mm256_andnot_si256(_mm256_srli_epi32(v, 1), v); /* keeps the top bit, cannot round up */
}

/* As narrow_plan, for U <= 30. */
static uint32_t wide_plan(rk_ht_values *v, const rk_ht_record *records, uint32_t quads, bool first)
{
    const uint32_t *above = v->wide[v->turn] + PAD;
    __m256i most = _mm256_setzero_si256();
    uint32_t at = v->at;
    for (uint32_t q = 0; q < quads; q += 8) {
        __m256i record = loadu(records + q);
        __m256i u = bounds(record, first ? _mm256_setzero_si256() : around_wide(above + 2 * q));
        __m256i fields = fields_of(record);
        most = _mm256_max_epu32(most, u);
        u = _mm256_min_epu32(u, all(WIDE_U));
        __m256i from = places(&at, v->ones, count_bits(fields, u));
        store(v->byte + q, _mm256_srli_epi32(from, 3));
        __m256i bit = _mm256_slli_epi32(_mm256_and_si256(from, all(7)), 20);
        store(v->fields + q, _mm256_or_si256(_mm256_or_si256(fields, _mm256_slli_epi32(u, 12)), bit));
    }
    uint32_t top = largest(most);
    if (top <= WIDE_U)
        v->at = at;
    return top;
}

/* Bits of the samples of two quads, one in each half; a fifth byte if U is above 25. */
INLINE __m256i wide_bits(__m256i f, __m256i window, __m256i m, const bool five)
{
    const __m256i spread = both(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
    __m256i sum = _mm256_add_epi32(m, _mm256_slli_si256(m, 4));
    sum = _mm256_add_epi32(sum, _mm256_slli_si256(sum, 8));
    __m256i from = _mm256_add_epi32(_mm256_sub_epi32(sum, m), _mm256_srli_epi32(f, 20));
    __m256i byte = _mm256_srli_epi32(from, 3), bit = _mm256_and_si256(from, all(7));
    __m256i index = _mm256_add_epi8(_mm256_shuffle_epi8(byte, spread), all(0x03020100));
    __m256i v = _mm256_srlv_epi32(_mm256_shuffle_epi8(window, index), bit);
    if (five) { /* of the last sample the index is above 15 only if it is not needed, as U <= 30 */
        index = _mm256_or_si256(_mm256_add_epi32(byte, all(4)), all(0x80808000));
        __m256i high = _mm256_shuffle_epi8(window, index);
        v = _mm256_or_si256(v, _mm256_sllv_epi32(high, _mm256_sub_epi32(all(32), bit)));
    }
    return v;
}

INLINE __m256i evens(__m256i a, __m256i b)
{
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
}

INLINE __m256i odds(__m256i a, __m256i b)
{
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0xDD));
}

INLINE void wide_values(rk_ht_values *v, const rk_ht_block *b, uint32_t quads, void *upper, void *lower,
                        const output *o, const bool five)
{
    const __m256i one = all(1), significant = both(_mm_setr_epi32(1, 2, 4, 8));
    const __m256i is_known = _mm256_slli_epi32(significant, 4), is_set = _mm256_slli_epi32(significant, 8);
    const uint8_t *bytes = v->bits + 64;
    uint32_t *bottom = v->wide[v->turn ^ 1] + PAD;
    for (uint32_t q = 0; q < quads; q += 4) {
        __m256i value[2], exponent[2];
        for (uint32_t h = 0; h < 2; h++) { /* quads 0 | 2 and 1 | 3, so that shuffles give order */
            __m256i f = _mm256_blend_epi32(all(v->fields[q + h]), all(v->fields[q + h + 2]), 0xF0);
            __m256i window = join(bytes + v->byte[q + h], bytes + v->byte[q + h + 2]);
            __m256i s = _mm256_cmpeq_epi32(_mm256_and_si256(f, significant), significant);
            __m256i known = _mm256_cmpeq_epi32(_mm256_and_si256(f, is_known), is_known);
            __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(f, is_set), is_set);
            __m256i m = _mm256_and_si256(_mm256_srli_epi32(f, 12), all(31));
            m = _mm256_and_si256(_mm256_add_epi32(m, known), s);
            __m256i power = _mm256_sllv_epi32(one, m), bits = wide_bits(f, window, m, five);
            bits = _mm256_and_si256(bits, _mm256_sub_epi32(power, one));
            bits = _mm256_add_epi32(bits, _mm256_and_si256(set, power));
            __m256i mu = _mm256_add_epi32(_mm256_srli_epi32(bits, 1), one);
            __m256i sign = _mm256_or_si256(_mm256_slli_epi32(bits, 31), one);
            value[h] = _mm256_sign_epi32(mu, _mm256_and_si256(sign, s));
            exponent[h] = _mm256_and_si256(_mm256_or_si256(bits, one), s);
        }
        store(bottom + 2 * q, odds(exponent[0], exponent[1]));
        put32(b, upper, 2 * q, evens(value[0], value[1]), o);
        if (lower)
            put32(b, lower, 2 * q, odds(value[0], value[1]), o);
    }
    v->turn ^= 1;
}

static void wide_values4(rk_ht_values *v, const rk_ht_block *b, uint32_t quads, void *upper, void *lower,
                         const output *o)
{
    wide_values(v, b, quads, upper, lower, o, false);
}

static void wide_values5(rk_ht_values *v, const rk_ht_block *b, uint32_t quads, void *upper, void *lower,
                         const output *o)
{
    wide_values(v, b, quads, upper, lower, o, true);
}

/* ---- a row ------------------------------------------------------------------------------------ */

uint32_t rk_ht_values_row_avx2(rk_ht_values *v, const rk_ht_block *b, const rk_ht_record *records,
                               uint32_t row)
{
    size_t width = b->format == RK_COEF_INT16 ? 2 : 4;
    uint8_t *upper = (uint8_t *)b->out + 2 * row * b->stride * width;
    uint8_t *lower = 2 * row + 1 < b->height ? upper + b->stride * width : NULL;
    uint32_t quads = (b->width + 1) / 2, last = (1u << b->plane) >> 1;
    output o = {b->half ? b->plane + 1 : b->plane, all(b->half ? 1u << b->plane : last)};
    if (b->passes > 1) /* rk_ht_refine does the rest */
        o = (output){b->plane, _mm256_setzero_si256()};
    uint32_t top = WIDE_U;
    if (!v->is_wide) {
        top = narrow_plan(v, records, quads, row == 0);
        if (top > NARROW_U)
            widen(v);
    }
    if (v->is_wide)
        top = wide_plan(v, records, quads, row == 0);
    if (top > b->planes + 1u)
        return RK_BLOCK_DAMAGED;
    if (b->format == RK_COEF_INT16 && top > RK_HT_U_INT16)
        return RK_BLOCK_WIDE;
    if (top > WIDE_U)
        return RK_HT_TOO_WIDE;
    if (!v->is_wide) {
        narrow_spread(v, quads);
        narrow_values(v, b, quads, upper, lower, &o);
    } else {
        (top > FOUR_BYTES_U ? wide_values5 : wide_values4)(v, b, quads, upper, lower, &o);
    }
    return 0;
}

RK_TARGET_END
