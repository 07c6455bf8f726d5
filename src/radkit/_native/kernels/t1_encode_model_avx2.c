/*
 * kernels/t1_encode_model_avx2.c: context modelling of the AVX2 variant of t1_encode.h.
 *
 * An encoder knows all bits beforehand. So which samples a significance pass codes follows from a fill within
 * a word, and the contexts of all samples of a stripe follow from shifted bitmaps: samples that come
 * earlier in the scan are seen as they are after the pass, later ones as they were before. What is left
 * to do per sample is to pick the symbols of those that are coded: pdep makes slots for the zero coding
 * and the sign of each sample side by side, pext takes the used ones, for each bit of the symbols.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "t1_encode_avx2.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))
#define EVEN 0x5555555555555555u
#define ODD 0xAAAAAAAAAAAAAAAAu

enum { BITS = 6 }; /* of a symbol in a list: the bit itself, and five of its context */

/* A stripe: words of it (`now`), of those above and below, each with a word before and one behind. */
typedef struct stripe {
    const uint64_t *before; /* `now` as it was before the pass */
    uint64_t *now;
    const uint64_t *above, *below; /* below: as before the pass */
    const uint64_t *negative, *negative_above, *negative_below;
    size_t first; /* word of arrays without borders */
    bool full;    /* four rows */
} stripe;

/* Symbols that a stripe may have: bit by bit, for zero coding and for signs. */
typedef struct symbols {
    uint64_t zero[BITS][RK_T1_ROW], sign[BITS][RK_T1_ROW]; /* sign: bits 4 and 5 are known */
    uint64_t coded[RK_T1_ROW], found[RK_T1_ROW];
} symbols;

static const uint64_t nothing[RK_T1_ROW];

/* ---- bitmaps, four words at once --------------------------------------------------------- */

INLINE __m256i load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE void store(uint64_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

INLINE __m256i and2(__m256i a, __m256i b)
{
    return _mm256_and_si256(a, b);
}

INLINE __m256i or2(__m256i a, __m256i b)
{
    return _mm256_or_si256(a, b);
}

INLINE __m256i or4(__m256i a, __m256i b, __m256i c, __m256i d)
{
    return or2(or2(a, b), or2(c, d));
}

INLINE __m256i xor2(__m256i a, __m256i b)
{
    return _mm256_xor_si256(a, b);
}

/* a without b */
INLINE __m256i without(__m256i a, __m256i b)
{
    return _mm256_andnot_si256(b, a);
}

INLINE __m256i not1(__m256i a)
{
    return xor2(a, _mm256_set1_epi64x(-1));
}

/* What samples see to the north, given their own word and that of the stripe above; and so on. */
INLINE __m256i from_north(__m256i own, __m256i above)
{
    const __m256i row0 = _mm256_set1_epi64x((long long)RK_T1_ROW0);
    return or2(without(_mm256_slli_epi64(own, 1), row0), and2(_mm256_srli_epi64(above, 3), row0));
}

INLINE __m256i from_south(__m256i own, __m256i below)
{
    const __m256i row3 = _mm256_set1_epi64x((long long)RK_T1_ROW3);
    return or2(without(_mm256_srli_epi64(own, 1), row3), and2(_mm256_slli_epi64(below, 3), row3));
}

INLINE __m256i from_west(__m256i own, __m256i left)
{
    return or2(_mm256_slli_epi64(own, 4), _mm256_srli_epi64(left, 60));
}

INLINE __m256i from_east(__m256i own, __m256i right)
{
    return or2(_mm256_srli_epi64(own, 4), _mm256_slli_epi64(right, 60));
}

typedef struct around {
    __m256i w, e, n, s, nw, ne, sw, se;
} around;

INLINE around look_around(const stripe *p, size_t k)
{
    __m256i now = load(p->now + k), now_left = load(p->now + k - 1);
    __m256i old = load(p->before + k), old_right = load(p->before + k + 1);
    __m256i above = load(p->above + k), above_left = load(p->above + k - 1), above_right = load(p->above + k + 1);
    __m256i below = load(p->below + k), below_left = load(p->below + k - 1), below_right = load(p->below + k + 1);
    around a;
    a.w = from_west(now, now_left);
    a.e = from_east(old, old_right);
    a.n = from_north(now, above);
    a.s = from_south(old, below);
    a.nw = from_west(a.n, from_north(now_left, above_left));
    a.ne = from_east(from_north(old, above), from_north(old_right, above_right));
    a.sw = from_west(from_south(now, below), from_south(now_left, below_left));
    a.se = from_east(a.s, from_south(old_right, below_right));
    return a;
}

/* Table D.1 bit by bit, LL and LH; HL has h and v exchanged. */
INLINE void contexts_by_side(__m256i c[4], __m256i h0, __m256i h1, __m256i h, __m256i v0, __m256i v1, __m256i v,
                             __m256i d, __m256i d2)
{
    __m256i none = or2(h, v); /* its complement: no horizontal, no vertical neighbour */
    c[3] = h1;
    c[2] = or2(h0, without(v1, h));
    c[1] = or2(and2(h0, or2(v, d)), without(or2(v0, without(d2, none)), h));
    c[0] = or2(and2(h0, or2(v, not1(d))), without(or2(v0, without(without(d, d2), none)), h));
}

/* Table D.1 bit by bit, HH. */
INLINE void contexts_diagonal(__m256i c[4], __m256i hv, __m256i hv2, __m256i d, __m256i d2, __m256i d3)
{
    __m256i two = without(d2, d3), one = without(d, d2);
    c[3] = d3;
    c[2] = or2(two, and2(one, hv));
    c[1] = or4(two, without(one, hv), without(hv2, d), _mm256_setzero_si256());
    c[0] = or4(and2(two, hv), and2(one, hv2), without(one, hv), without(without(hv, hv2), d));
}

INLINE void zero_contexts(unsigned band, const around *a, __m256i c[4])
{
    __m256i h0 = xor2(a->w, a->e), h1 = and2(a->w, a->e), h = or2(a->w, a->e);
    __m256i v0 = xor2(a->n, a->s), v1 = and2(a->n, a->s), v = or2(a->n, a->s);
    __m256i up = or2(a->nw, a->ne), up2 = and2(a->nw, a->ne), down = or2(a->sw, a->se), down2 = and2(a->sw, a->se);
    __m256i d = or2(up, down), d2 = or4(up2, down2, and2(up, down), _mm256_setzero_si256());
    if (band == RK_BAND_HH)
        contexts_diagonal(c, or2(h, v), or4(h1, v1, and2(h, v), _mm256_setzero_si256()), d, d2,
                          or2(and2(up2, down), and2(down2, up)));
    else if (band == RK_BAND_HL)
        contexts_by_side(c, v0, v1, v, h0, h1, h, d, d2);
    else
        contexts_by_side(c, h0, h1, h, v0, v1, v, d, d2);
}

/* One of two opposite neighbours adds its sign, the other does not take it away (table D.2). */
INLINE __m256i leans(__m256i a, __m256i a_not, __m256i b, __m256i b_not)
{
    return or2(without(a, b_not), without(b, a_not));
}

/* Tables D.2 and D.3 bit by bit: c[0] is the symbol, c[1] to c[3] are bits 0 to 2 of the context. */
INLINE void sign_symbols(const stripe *p, size_t k, const around *a, bool raw, __m256i c[4])
{
    __m256i own = load(p->negative + k), above = load(p->negative_above + k), below = load(p->negative_below + k);
    __m256i w = from_west(own, load(p->negative + k - 1)), e = from_east(own, load(p->negative + k + 1));
    __m256i n = from_north(own, above), s = from_south(own, below);
    __m256i wp = without(a->w, w), wn = and2(a->w, w), ep = without(a->e, e), en = and2(a->e, e);
    __m256i np = without(a->n, n), nn = and2(a->n, n), sp = without(a->s, s), sn = and2(a->s, s);
    __m256i hp = leans(wp, wn, ep, en), hn = leans(wn, wp, en, ep);
    __m256i vp = leans(np, nn, sp, sn), vn = leans(nn, np, sn, sp);
    __m256i h = or2(hp, hn), v = or2(vp, vn);
    __m256i same = or2(and2(hp, vp), and2(hn, vn)), opposite = or2(and2(hp, vn), and2(hn, vp));
    c[0] = raw ? own : xor2(own, or2(hn, without(vn, h)));
    c[1] = or4(same, opposite, not1(or2(h, v)), _mm256_setzero_si256());
    c[2] = or2(opposite, without(v, h));
    c[3] = without(h, opposite);
}

/* ---- lists ------------------------------------------------------------------------------- */

/* Bytes of 32 symbols: `base` and the bits from `at` on of n words, the lowest first. */
INLINE __m256i expand(const uint64_t *bits, size_t n, unsigned at, int base)
{
    const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2,
                                            3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    __m256i v = _mm256_setzero_si256();
    for (size_t i = n; i-- > 0;) {
        int32_t word = (int32_t)(bits[i] >> at);
        __m256i m = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(word), spread), bit);
        v = _mm256_sub_epi8(_mm256_add_epi8(v, v), _mm256_cmpeq_epi8(m, bit));
    }
    return _mm256_add_epi8(v, _mm256_set1_epi8((char)base));
}

/* Appends `count` <= 64 symbols; up to 64 bytes are written. */
INLINE uint8_t *append(uint8_t *to, const uint64_t *bits, size_t n, size_t count, int base)
{
    _mm256_storeu_si256((__m256i *)(void *)to, expand(bits, n, 0, base));
    if (count > 32)
        _mm256_storeu_si256((__m256i *)(void *)(to + 32), expand(bits, n, 32, base));
    return to + count;
}

/* Symbols of word k in scan order: zero coding of `coded` samples, each followed by its sign if it is found. */
INLINE uint8_t *list_word(uint8_t *to, const symbols *y, size_t k, const size_t n)
{
    for (unsigned half = 0; half < 64; half += 32) {
        uint32_t coded = (uint32_t)(y->coded[k] >> half), found = (uint32_t)(y->found[k] >> half);
        uint64_t known = _pdep_u64(found, ODD), used = _pdep_u64(coded, EVEN) | known, bits[BITS];
        if (!used)
            continue;
        for (size_t i = 0; i < n; i++) {
            uint64_t slots = _pdep_u64(y->zero[i][k] >> half, EVEN);
            if (i < 4)
                slots |= _pdep_u64(y->sign[i][k] >> half, ODD);
            else if (i == 4)
                slots |= known; /* contexts of signs are 8 and more */
            bits[i] = _pext_u64(slots, used);
        }
        to = append(to, bits, n, (size_t)_mm_popcnt_u64(used), 0);
    }
    return to;
}

/* ---- passes ------------------------------------------------------------------------------ */

static stripe open_stripe(rk_t1_model *t, size_t s, uint64_t *before)
{
    stripe p;
    size_t at = (s + 1) * t->pitch + 1;
    p.now = t->significant + at;
    p.above = p.now - t->pitch;
    p.below = t->causal ? nothing + 1 : p.now + t->pitch;
    p.negative = t->negative + at;
    p.negative_above = p.negative - t->pitch;
    p.negative_below = p.negative + t->pitch;
    p.first = s * t->words;
    p.full = 4 * s + 4 <= t->height;
    memcpy(before, p.now - 1, (t->words + 2) * sizeof *before);
    p.before = before + 1;
    return p;
}

/* Samples with significant ones above, below, or at their place. */
INLINE uint64_t tall(uint64_t own, uint64_t above, uint64_t below)
{
    return own | (own << 1 & ~(uint64_t)RK_T1_ROW0) | (own >> 1 & ~(uint64_t)RK_T1_ROW3) |
           (above >> 3 & RK_T1_ROW0) | (below << 3 & RK_T1_ROW3);
}

/* Neighbours of `found` that come later in the scan of the same word. */
INLINE uint64_t later(uint64_t found)
{
    uint64_t south = found << 1 & ~(uint64_t)RK_T1_ROW0;
    return south | (found | south | (found >> 1 & ~(uint64_t)RK_T1_ROW3)) << 4;
}

/* What a significance pass codes in a stripe, and finds significant; false if nothing is coded. */
INLINE bool fill_stripe(rk_t1_model *t, const stripe *p, const uint64_t *bits, symbols *y)
{
    uint64_t any = 0, left = 0, own = tall(p->now[0], p->above[0], p->below[0]);
    for (size_t k = 0; k < t->words; k++) {
        uint64_t right = tall(p->now[k + 1], p->above[k + 1], p->below[k + 1]);
        uint64_t open = t->valid[p->first + k] & ~p->now[k], ones = bits[p->first + k] & open;
        uint64_t near = own | own << 4 | own >> 4 | left >> 60 | right << 60;
        uint64_t found = ones & near, fresh = found;
        while (fresh) {
            near |= later(fresh);
            fresh = ones & near & ~found;
            found |= fresh;
        }
        y->coded[k] = near & open;
        y->found[k] = found;
        t->visited[p->first + k] = near & open;
        t->coded[p->first + k] = found;
        p->now[k] |= found;
        any |= near & open;
        left = tall(p->now[k], p->above[k], p->below[k]);
        own = right;
    }
    return any != 0;
}

/* Significant neighbours out of the own column. */
INLINE __m256i beside(const around *a)
{
    const __m256i row0 = _mm256_set1_epi64x((long long)RK_T1_ROW0), row3 = _mm256_set1_epi64x((long long)RK_T1_ROW3);
    return or2(or4(a->w, a->e, a->nw, a->ne), or4(a->sw, a->se, and2(a->n, row0), and2(a->s, row3)));
}

/* Symbols of a stripe; and, if `quiet` is given, what is coded and has no neighbours beside. */
INLINE void model_stripe(const rk_t1_model *t, const stripe *p, symbols *y, bool raw, uint64_t *quiet)
{
    for (size_t k = 0; k < t->words; k += RK_T1_LANES) {
        around a = look_around(p, k);
        __m256i zero[4], sign[4];
        if (quiet)
            store(quiet + k, without(load(y->coded + k), beside(&a)));
        zero_contexts(t->band, &a, zero);
        sign_symbols(p, k, &a, raw, sign);
        store(y->zero[0] + k, load(y->found + k));
        for (int i = 0; i < 4; i++) {
            store(y->zero[i + 1] + k, zero[i]);
            store(y->sign[i] + k, sign[i]);
        }
    }
}

static uint8_t *significance(rk_t1_model *t, const rk_t1_pass *pass, uint8_t *to)
{
    symbols y;
    uint64_t before[RK_T1_ROW];
    for (size_t s = 0; s < t->stripes; s++) {
        stripe p = open_stripe(t, s, before);
        if (!fill_stripe(t, &p, t->plane[pass->plane], &y))
            continue;
        model_stripe(t, &p, &y, pass->raw, NULL);
        for (size_t k = 0; k < t->words; k++)
            to = list_word(to, &y, k, 5);
    }
    return to;
}

/* Context 14, 15 for samples with neighbours, 16 for those refined before; and the bit. */
static uint8_t *refinement(rk_t1_model *t, const rk_t1_pass *pass, uint8_t *to)
{
    uint64_t before[RK_T1_ROW], near[RK_T1_ROW], bits[3];
    for (size_t s = 0; s < t->stripes; s++) {
        stripe p = open_stripe(t, s, before);
        for (size_t k = 0; k < t->words; k += RK_T1_LANES) {
            around a = look_around(&p, k);
            store(near + k, or2(or4(a.w, a.e, a.n, a.s), or4(a.nw, a.ne, a.sw, a.se)));
        }
        for (size_t k = 0; k < t->words; k++) {
            size_t i = p.first + k;
            uint64_t coded = p.now[k] & ~t->visited[i], again = t->refined[i];
            t->coded[i] = coded;
            t->refined[i] = again | coded;
            if (!coded)
                continue;
            bits[0] = _pext_u64(t->plane[pass->plane][i], coded);
            bits[1] = _pext_u64(near[k] & ~again, coded);
            bits[2] = _pext_u64(again, coded);
            to = append(to, bits, 3, (size_t)_mm_popcnt_u64(coded), 2 * RK_MQ_MAGNITUDE);
        }
    }
    return to;
}

/*
 * Columns in run mode (D.4.3) of a word: one symbol in the slot of row 0, and from the row behind the first
 * significant sample on what other samples have, too.
 */
INLINE void add_runs(symbols *y, size_t k, uint64_t quiet)
{
    quiet &= quiet >> 1;
    uint64_t top = quiet & quiet >> 2 & RK_T1_ROW0, columns = top * 15, found = y->found[k] & columns;
    uint64_t first = found & top, second = found >> 1 & top, third = found >> 2 & top;
    uint64_t hit = first | second | third | (found >> 3 & top), behind = found << 1 & ~(uint64_t)RK_T1_ROW0;
    behind |= behind << 1 & ~(uint64_t)RK_T1_ROW0;
    behind |= behind << 1 & ~(uint64_t)RK_T1_ROW0;
    y->coded[k] = (y->coded[k] & ~columns) | top | (behind & columns);
    for (int i = 0; i < 5; i++)
        y->zero[i][k] &= ~top;
    y->zero[5][k] = top; /* 2 * RK_MQ_RUN, or RK_MQ_HIT + row */
    y->zero[3][k] |= hit;
    y->zero[1][k] |= (top & ~hit) | (hit & ~(first | second));
    y->zero[0][k] |= hit & ~first & (second | ~third);
}

/* What a cleanup pass codes in a stripe and finds significant; false if nothing is significant near it. */
INLINE bool clean_stripe(rk_t1_model *t, const stripe *p, const uint64_t *bits, symbols *y)
{
    uint64_t any = 0;
    for (size_t k = 0; k < t->words; k++) {
        size_t i = p->first + k;
        y->coded[k] = t->valid[i] & ~(p->now[k] | t->visited[i]);
        y->found[k] = y->coded[k] & bits[i];
        t->coded[i] = y->found[k];
        t->visited[i] = 0;
        p->now[k] |= y->found[k];
        any |= p->now[k] | p->above[k] | p->below[k];
    }
    return any != 0;
}

/* Appends columns that stay insignificant. */
INLINE uint8_t *append_still(uint8_t *to, size_t columns)
{
    for (; columns > RK_MQ_RUNS_MOST; columns -= RK_MQ_RUNS_MOST)
        *to++ = RK_MQ_RUNS + RK_MQ_RUNS_MOST;
    if (columns)
        *to++ = (uint8_t)(RK_MQ_RUNS + columns);
    return to;
}

static uint8_t *cleanup(rk_t1_model *t, const rk_t1_pass *pass, uint8_t *to)
{
    symbols y;
    uint64_t before[RK_T1_ROW], quiet[RK_T1_ROW];
    size_t still = 0;
    for (size_t s = 0; s < t->stripes; s++) {
        stripe p = open_stripe(t, s, before);
        if (!clean_stripe(t, &p, t->plane[pass->plane], &y) && p.full) {
            still += t->width;
            continue;
        }
        model_stripe(t, &p, &y, false, quiet);
        for (size_t k = 0; k < t->words; k++) {
            if (p.full && quiet[k] == ~0ull && !y.found[k]) {
                still += 16;
                continue;
            }
            to = append_still(to, still);
            still = 0;
            add_runs(&y, k, p.full ? quiet[k] : 0);
            to = list_word(to, &y, k, 6);
        }
    }
    return append_still(to, still);
}

size_t rk_t1_list_avx2(rk_t1_model *t, const rk_t1_pass *pass)
{
    uint8_t *end;
    if (pass->kind == RK_T1_SIGNIFICANCE)
        end = significance(t, pass, t->list);
    else if (pass->kind == RK_T1_REFINEMENT)
        end = refinement(t, pass, t->list);
    else
        end = cleanup(t, pass, t->list);
    return (size_t)(end - t->list);
}

RK_TARGET_END
