/*
 * kernels/t1_avx2.c: Part 1 code-blocks on bitmaps (AVX2 and BMI2).
 *
 * A word of 64 bits is 16 columns by the 4 rows of a stripe in scan order, bit = 4 * column + row.
 * Words say which samples are significant, coded in this plane, refined before, negative; one word
 * per plane takes the decoded bits. A pass goes from candidate to candidate, so its time is
 * that of its symbols. Contexts come from one word per column of a stripe: a window of 3 x 6
 * samples around it, bit = 3 * row + column, says which are significant, and from bit 32 on which are
 * negative.
 *
 * The MQ decoder has no jump that depends on data but its refill: both outcomes are equally
 * likely in most contexts. Compilers make jumps of conditional expressions, hence the assembly.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "mq.h"
#include "t1_work.h"

#define ROW0 0x1111111111111111u
#define ROW3 0x8888888888888888u

enum {
    WORDS = 256,         /* of a block: at most 256 stripes of one word (16 x 1024) */
    BORDERED = 264,      /* and one stripe above and below */
    COLUMNS = 258 * 24,  /* (stripes + 2) * (16 words + 8), most in 16 x 1024 */
    PLANES = 31
};

typedef struct state {
    uint64_t context[RK_MQ_CONTEXTS + 1];
    uint64_t significant[BORDERED];
    uint64_t coded[WORDS], refined[WORDS], negative[WORDS], valid[WORDS];
    uint64_t plane[PLANES + 1][WORDS];
    uint64_t column[COLUMNS];
} state;

/* What stays the same for all passes of a block. */
typedef struct frame {
    state *t;
    const uint8_t *zero; /* table of zero coding contexts of the band */
    size_t words, stripes;
    size_t pitch;        /* of t->column */
    uint32_t height;
    bool causal;
} frame;

_Static_assert(sizeof(state) <= RK_T1_STATE, "the state of this variant");

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* ---- code strings -------------------------------------------------------------------- */

/*
 * A, and C with up to 48 bits that come next below it, in the top 16 bits of 64. Or, for
 * plain bits, `c` with `ahead` bits at its top.
 */
typedef struct coder {
    uint64_t a, c;
    int64_t ahead;
    const uint8_t *at, *end;
} coder;

INLINE void refill(coder *m)
{
    uint64_t v = __builtin_bswap64(load64(m->at));
    m->c |= (v >> 16) << -m->ahead;
    m->ahead += 48;
    m->at += 6;
    if (m->at > m->end)
        m->at = m->end;
}

#define TOP 0x8000000000000000u
#define QE 0x7FFF000000000000u

INLINE uint64_t state_at(uint64_t offset)
{
    uint64_t v;
    memcpy(&v, (const uint8_t *)rk_t1_states + (offset & 0xFFFF), 8);
    return v;
}

/* One symbol in the context whose state is *e: the top bit of what is returned. */
INLINE uint64_t decode_in(coder *m, uint64_t *e)
{
    uint64_t s = *e, q = s & QE, a = m->a - q, c = m->c, lower = c;
    uint64_t more = state_at(s), next = state_at(s >> 16), flip, low;
    __asm__("cmp %[q], %[a]\n\t"
            "sbb %[flip], %[flip]\n\t" /* A < Qe */
            "sub %[q], %[lower]\n\t"
            "cmovae %[lower], %[c]\n\t"
            "cmovb %[q], %[a]\n\t"
            "sbb %[low], %[low]\n\t" /* C < Qe */
            "xor %[low], %[flip]\n\t"
            "cmovz %[more], %[next]\n\t"
            "test %[a], %[a]\n\t"
            "cmovs %[s], %[next]" /* no renormalising */
            : [a] "+&r"(a), [c] "+&r"(c), [lower] "+&r"(lower), [next] "+&r"(next), [flip] "=&r"(flip),
              [low] "=&r"(low)
            : [q] "r"(q), [more] "r"(more), [s] "r"(s)
            : "cc");
    *e = next;
    int64_t n = (int64_t)_lzcnt_u64(a);
    m->a = a << n;
    m->c = c << n;
    m->ahead -= n;
    if (__builtin_expect(m->ahead < 0, 0))
        refill(m);
    return s ^ flip;
}

INLINE uint64_t decode(coder *m, state *t, size_t context)
{
    return decode_in(m, &t->context[context]);
}

/* The same for a skewed context, where the likely way is worth a jump. */
INLINE uint64_t decode_run(coder *m, state *t)
{
    uint64_t s = t->context[RK_MQ_RUN], q = s & QE, a = m->a - q;
    if (m->c >= q && (int64_t)a < 0) {
        m->a = a;
        m->c -= q;
        return s;
    }
    return decode(m, t, RK_MQ_RUN);
}

INLINE bool is_one(uint64_t symbol)
{
    return (int64_t)symbol < 0;
}

/* The next of plain bits, likewise. */
INLINE uint64_t plain_bit(coder *m)
{
    uint64_t bit = m->c;
    m->c <<= 1;
    if (--m->ahead < 16) {
        uint64_t v = __builtin_bswap64(load64(m->at));
        m->c |= v >> 16 << (16 - m->ahead);
        m->ahead += 48;
        m->at += 6;
        if (m->at > m->end)
            m->at = m->end;
    }
    return bit;
}

/* rk_mq_unstuff, eight bytes at a time where there is no FF. */
static size_t unstuff(uint8_t *dst, const uint8_t *src, size_t size, bool raw)
{
    size_t n = 0, i = 0;
    uint64_t held = 0;
    unsigned count = 0;
    uint8_t before = 0;
    while (i < size) {
        if (size - i >= 8 && before != 0xFF) {
            uint64_t v = load64(src + i), z = ~v;
            if (!((z - 0x0101010101010101u) & ~z & 0x8080808080808080u)) {
                v = __builtin_bswap64(v);
                uint64_t out = __builtin_bswap64(count ? held << (64 - count) | v >> count : v);
                memcpy(dst + n, &out, 8);
                n += 8;
                i += 8;
                held = v & ((1ull << count) - 1);
                before = 0;
                continue;
            }
        }
        uint8_t byte = src[i++];
        if (before != 0xFF) {
            held = held << 8 | byte;
            count += 8;
        } else {
            if (byte > 0x8F)
                break;
            if (byte & 0x80 && !raw) {
                held++;
                if (held >> count) {
                    held &= (1u << count) - 1;
                    for (size_t k = n; k-- > 0 && ++dst[k] == 0;)
                        ;
                }
            }
            held = held << 7 | (byte & 0x7F);
            count += 7;
        }
        before = byte;
        if (count >= 8) {
            count -= 8;
            dst[n++] = (uint8_t)(held >> count);
            held &= (1u << count) - 1;
        }
    }
    if (count)
        dst[n++] = (uint8_t)(held << (8 - count) | 0xFFu >> count);
    memset(dst + n, 0xFF, RK_MQ_TAIL);
    return n;
}

static void open_segment(coder *m, const rk_t1_segment *segment, bool raw, uint8_t *string)
{
    m->at = string;
    m->end = string + unstuff(string, segment->data, segment->size, raw);
    m->a = 1ull << 63;
    m->c = 0;
    if (raw) {
        m->c = __builtin_bswap64(load64(m->at)) >> 16 << 16;
        m->ahead = 48;
        m->at += 6;
        if (m->at > m->end)
            m->at = m->end;
    } else {
        m->ahead = -15; /* a zero above the first 15 bits */
        refill(m);
    }
}

static void reset_contexts(state *t)
{
    for (unsigned k = 0; k < RK_MQ_CONTEXTS; k++)
        t->context[k] = rk_t1_states[2 * rk_mq_first(k)];
}

/* ---- neighbourhoods ------------------------------------------------------------------ */

/* Samples of a stripe that are significant or have such a neighbour in their column. */
INLINE uint64_t tall(uint64_t s, uint64_t above, uint64_t below)
{
    return s | (s << 1 & ~(uint64_t)ROW0) | (s >> 1 & ~(uint64_t)ROW3) | (above >> 3 & ROW0) |
           (below << 3 & ROW3);
}

/* Walks over the words of a stripe: `around` are the samples with a significant neighbour. */
typedef struct walk {
    const uint64_t *row; /* significant, this stripe */
    size_t words;
    bool causal;
    uint64_t left, own, right; /* tall() of three words */
    uint64_t significant, around;
} walk;

INLINE uint64_t walk_tall(const walk *w, size_t k)
{
    return tall(w->row[k], w->row[k - w->words], w->causal ? 0 : w->row[k + w->words]);
}

INLINE void walk_start(walk *w, const frame *f, size_t stripe)
{
    w->words = f->words;
    w->causal = f->causal;
    w->row = f->t->significant + (stripe + 1) * f->words;
    w->left = 0;
    w->own = walk_tall(w, 0);
}

INLINE void walk_enter(walk *w, size_t k)
{
    uint64_t s = w->row[k], above = w->row[k - w->words];
    uint64_t below = w->causal ? 0 : w->row[k + w->words];
    w->right = k + 1 < w->words ? walk_tall(w, k + 1) : 0;
    w->significant = s;
    w->around = (s << 1 & ~(uint64_t)ROW0) | (s >> 1 & ~(uint64_t)ROW3) | (above >> 3 & ROW0) |
                (below << 3 & ROW3) | w->own << 4 | w->own >> 4 | w->left >> 60 | w->right << 60;
}

/* `changed`: samples of word k may have become significant since it was entered. */
INLINE void walk_leave(walk *w, size_t k, bool changed)
{
    w->left = changed ? walk_tall(w, k) : w->own;
    w->own = w->right;
}

/* Tells 16 columns of the stripe above or below which samples next to it became significant. */
INLINE void tell(uint64_t *column, uint64_t samples, uint64_t negative, int shift)
{
    const __m256i four = _mm256_set1_epi32(4), seven = _mm256_set1_epi32(7);
    __m256i m = _mm256_set1_epi64x((long long)(samples << 2 | negative << 34));
    __m256i at = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (int i = 0; i < 5; i++, at = _mm256_add_epi32(at, four)) {
        __m256i *p = (__m256i *)(void *)(column - 1 + 4 * i);
        __m256i v = _mm256_slli_epi32(_mm256_and_si256(_mm256_srlv_epi32(m, at), seven), shift);
        _mm256_storeu_si256(p, _mm256_or_si256(_mm256_loadu_si256(p), v));
    }
}

INLINE void tell_stripes(const frame *f, uint64_t *column, uint64_t found, uint64_t negative)
{
    if (found & ROW0 && !f->causal)
        tell(column - f->pitch, _pext_u64(found, ROW0), _pext_u64(negative, ROW0), 15);
    if (found & ROW3)
        tell(column + f->pitch, _pext_u64(found, ROW3), _pext_u64(negative, ROW3), 0);
}

/* A sample became significant: the three columns around it are told. */
INLINE void mark(uint64_t *own, unsigned shift, uint64_t negative)
{
    uint64_t bits = (1 | negative << 32) << shift;
    own[-1] |= bits << 5;
    own[0] |= bits << 4;
    own[1] |= bits << 3;
}

/* 1 if negative; `window` is the column's word, shifted so that the sample is in its second row. */
INLINE uint64_t decode_sign(coder *m, state *t, uint64_t window)
{
    uint64_t context = rk_t1_sign[_pext_u64(window, 0x000000AA000000AAu)];
    return decode(m, t, context & 31) >> 63 ^ context >> 7;
}

/* ---- passes --------------------------------------------------------------------------- */

INLINE void significance(const frame *f, coder *from, uint64_t *plane, const bool raw)
{
    state *t = f->t;
    const uint8_t *zero = f->zero;
    coder m = *from;
    for (size_t s = 0; s < f->stripes; s++) {
        walk w;
        walk_start(&w, f, s);
        for (size_t k = 0; k < f->words; k++) {
            size_t i = s * f->words + k;
            walk_enter(&w, k);
            uint64_t open = ~w.significant & t->valid[i], todo = w.around & open;
            uint64_t seen = todo, found = 0, negative = 0;
            uint64_t *column = t->column + (s + 1) * f->pitch + 1 + 16 * k;
            while (todo) {
                unsigned p = (unsigned)_tzcnt_u64(todo), shift = 3 * (p & 3);
                uint64_t *own = column + (p >> 2), window = *own >> shift;
                todo = _blsr_u64(todo);
                if (!is_one(raw ? plain_bit(&m) : decode(&m, t, zero[window & 511])))
                    continue;
                uint64_t sign = raw ? plain_bit(&m) >> 63 : decode_sign(&m, t, window);
                uint64_t more = rk_t1_around[p] & open & (~(uint64_t)1 << p);
                found |= 1ull << p;
                negative |= sign << p;
                mark(own, shift, sign);
                todo |= more;
                seen |= more;
            }
            t->coded[i] = seen;
            if (found) {
                t->significant[f->words + i] = w.significant | found;
                plane[i] |= found;
                t->negative[i] |= negative;
                tell_stripes(f, column, found, negative);
            }
            walk_leave(&w, k, true);
        }
    }
    *from = m;
}

INLINE uint64_t refine_word(coder *m, state *t, uint64_t todo, uint64_t around, uint64_t before,
                            const bool raw)
{
    uint64_t bits = 0;
    int n = (int)_mm_popcnt_u64(todo);
    if (raw) {
        for (int i = 0; i < n; i++)
            bits = bits >> 1 | (plain_bit(m) & TOP);
    } else if (!(todo & ~before)) {
        uint64_t e = t->context[RK_MQ_MAGNITUDE + 2];
        for (int i = 0; i < n; i++)
            bits = bits >> 1 | (decode_in(m, &e) & TOP);
        t->context[RK_MQ_MAGNITUDE + 2] = e;
    } else {
        uint64_t again = _pext_u64(before, todo), near = _pext_u64(around & ~before, todo);
        for (int i = 0; i < n; i++) {
            bits = bits >> 1 | (decode(m, t, RK_MQ_MAGNITUDE + (near & 1) + 2 * (again & 1)) & TOP);
            near >>= 1;
            again >>= 1;
        }
    }
    return _pdep_u64(bits >> (64 - n), todo);
}

INLINE void refinement(const frame *f, coder *from, uint64_t *plane, const bool raw)
{
    state *t = f->t;
    coder m = *from;
    for (size_t s = 0; s < f->stripes; s++) {
        walk w;
        walk_start(&w, f, s);
        for (size_t k = 0; k < f->words; k++) {
            size_t i = s * f->words + k;
            walk_enter(&w, k);
            uint64_t todo = w.significant & ~t->coded[i], before = t->refined[i];
            walk_leave(&w, k, false);
            if (!todo)
                continue;
            t->refined[i] = before | todo;
            plane[i] |= refine_word(&m, t, todo, w.around, before, raw);
        }
    }
    *from = m;
}

/*
 * Run symbols of the columns from p on that are all in run mode, several in one step: they
 * stay 0 without renormalising while A and C are large enough. Returns the columns done.
 */
INLINE unsigned run_many(coder *m, const state *t, uint64_t quiet, unsigned p)
{
    uint64_t s = t->context[RK_MQ_RUN];
    quiet &= quiet >> 1;
    quiet &= quiet >> 2;
    unsigned run = (unsigned)_tzcnt_u64(~(quiet >> p) & ROW0) >> 2;
    uint64_t q = run * (s >> 48);
    if (run < 2 || is_one(s) || m->a >> 48 < q + 0x8000 || m->c >> 48 < q)
        return 0;
    m->a -= q << 48;
    m->c -= q << 48;
    return run;
}

static void cleanup(const frame *f, coder *from, uint64_t *plane)
{
    state *t = f->t;
    const uint8_t *zero = f->zero;
    coder m = *from;
    for (size_t s = 0; s < f->stripes; s++) {
        bool full = 4 * s + 4 <= f->height;
        walk w;
        walk_start(&w, f, s);
        for (size_t k = 0; k < f->words; k++) {
            size_t i = s * f->words + k;
            walk_enter(&w, k);
            uint64_t todo = ~(w.significant | t->coded[i]) & t->valid[i], found = 0, negative = 0;
            uint64_t quiet = full ? todo & ~w.around : 0; /* samples that a run may cover */
            uint64_t *column = t->column + (s + 1) * f->pitch + 1 + 16 * k;
            t->coded[i] = 0;
            while (todo) {
                unsigned p = (unsigned)_tzcnt_u64(todo), shift = 3 * (p & 3);
                uint64_t *own = column + (p >> 2), window = *own >> shift;
                if (!shift && (quiet >> p & 15) == 15) {
                    unsigned run = run_many(&m, t, quiet, p);
                    if (run) {
                        todo &= run == 16 ? 0 : ~(((1ull << (4 * run)) - 1) << p);
                        continue;
                    }
                    todo &= ~(15ull << p);
                    if (!is_one(decode_run(&m, t)))
                        continue;
                    unsigned row = (unsigned)(decode(&m, t, RK_MQ_UNIFORM) >> 63) << 1;
                    row |= (unsigned)(decode(&m, t, RK_MQ_UNIFORM) >> 63);
                    todo |= (14ull << row & 15) << p; /* the rows below */
                    p += row;
                    shift = 3 * row;
                    window = *own >> shift;
                } else {
                    todo = _blsr_u64(todo);
                    if (!is_one(decode(&m, t, zero[window & 511])))
                        continue;
                }
                uint64_t sign = decode_sign(&m, t, window);
                found |= 1ull << p;
                negative |= sign << p;
                quiet &= ~rk_t1_around[p];
                mark(own, shift, sign);
            }
            if (found) {
                t->significant[f->words + i] = w.significant | found;
                plane[i] |= found;
                t->negative[i] |= negative;
                tell_stripes(f, column, found, negative);
            }
            walk_leave(&w, k, true);
        }
    }
    *from = m;
}

static void significance_mq(const frame *f, coder *m, uint64_t *plane)
{
    significance(f, m, plane, false);
}

static void significance_raw(const frame *f, coder *m, uint64_t *plane)
{
    significance(f, m, plane, true);
}

static void refinement_mq(const frame *f, coder *m, uint64_t *plane)
{
    refinement(f, m, plane, false);
}

static void refinement_raw(const frame *f, coder *m, uint64_t *plane)
{
    refinement(f, m, plane, true);
}

/* ---- blocks --------------------------------------------------------------------------- */

/* Where decoding ended: the last plane, and the kind of its last pass. */
typedef struct end_point {
    unsigned plane;
    unsigned kind;   /* 0 significance, 1 refinement, 2 cleanup */
    bool any;        /* a pass was decoded at all */
    uint32_t result;
} end_point;

static uint32_t code_pass(const frame *f, coder *m, unsigned kind, bool raw, uint64_t *plane,
                          unsigned style)
{
    if (kind == 0)
        (raw ? significance_raw : significance_mq)(f, m, plane);
    else if (kind == 1)
        (raw ? refinement_raw : refinement_mq)(f, m, plane);
    else
        cleanup(f, m, plane);
    if (kind == 2 && style & RK_T1_SYMBOLS) {
        uint64_t symbol = 0;
        for (int i = 0; i < 4; i++)
            symbol = symbol << 1 | decode(m, f->t, RK_MQ_UNIFORM) >> 63;
        return symbol == 10 ? 0 : RK_BLOCK_DAMAGED;
    }
    return 0;
}

/* As code_passes of the reference. */
static end_point code_passes(const frame *f, const rk_t1_block *b, uint8_t *string)
{
    end_point e = {b->planes - 1u, 2, false, 0};
    size_t bytes = f->words * f->stripes * sizeof(uint64_t);
    uint32_t segment = 0, left = 0;
    unsigned kind = 2, plane = b->planes - 1u;
    bool is_raw = false;
    coder m = {0};
    for (uint32_t pass = 0; pass < b->passes; pass++) {
        bool raw = b->style & RK_T1_BYPASS && pass >= 10 && kind != 2;
        if (left == 0) {
            while (segment < b->count && b->segments[segment].passes == 0)
                segment++;
            if (segment == b->count) {
                e.result |= RK_BLOCK_EXCESS;
                break;
            }
            left = b->segments[segment].passes;
            is_raw = raw;
            open_segment(&m, &b->segments[segment++], raw, string);
        }
        if (raw != is_raw) {
            e.result |= RK_BLOCK_DAMAGED;
            break;
        }
        if (kind == 0 || pass == 0)
            memset(f->t->plane[plane], 0, bytes);
        e.result |= code_pass(f, &m, kind, raw, f->t->plane[plane], b->style);
        e.plane = plane;
        e.kind = kind;
        e.any = true;
        if (b->style & RK_T1_RESET)
            reset_contexts(f->t);
        left--;
        if (kind != 2) {
            kind++;
        } else if (plane > 0) {
            kind = 0;
            plane--;
        } else {
            if (pass + 1 < b->passes)
                e.result |= RK_BLOCK_EXCESS;
            break;
        }
    }
    return e;
}

/* Sixteen bits as sixteen masks. */
INLINE __m256i masks16(uint32_t bits)
{
    const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
                                          16384, (short)0x8000);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((short)bits), bit), bit);
}

/* Bits from .. from + 15 of sixteen values, out of the planes of their word. */
INLINE __m256i collect(const uint64_t *planes, unsigned from, unsigned to, uint64_t row)
{
    __m256i v = _mm256_setzero_si256();
    for (unsigned i = from; i < to; i++)
        v = _mm256_or_si256(v, _mm256_and_si256(masks16((uint32_t)_pext_u64(planes[i], row)),
                                                _mm256_set1_epi16((short)(1u << (i - from)))));
    return v;
}

/* Stores n <= 16 values of 32 bits, with their signs; keeps the largest. */
INLINE void store32(int32_t *to, size_t n, __m256i low, __m256i high, __m256i sign, __m256i *peak)
{
    __m256i lo = _mm256_permute4x64_epi64(low, 0xD8), hi = _mm256_permute4x64_epi64(high, 0xD8);
    __m256i sg = _mm256_permute4x64_epi64(sign, 0xD8);
    __m256i v[2] = {_mm256_unpacklo_epi16(lo, hi), _mm256_unpackhi_epi16(lo, hi)};
    __m256i s[2] = {_mm256_unpacklo_epi16(sg, sg), _mm256_unpackhi_epi16(sg, sg)};
    int32_t spare[16];
    int32_t *at = n == 16 ? to : spare;
    for (int i = 0; i < 2; i++) {
        *peak = _mm256_max_epu32(*peak, v[i]);
        v[i] = _mm256_sub_epi32(_mm256_xor_si256(v[i], s[i]), s[i]);
        _mm256_storeu_si256((__m256i *)(void *)(at + 8 * i), v[i]);
    }
    if (n < 16)
        memcpy(to, spare, n * sizeof *to);
}

INLINE void store16(int16_t *to, size_t n, __m256i low, __m256i sign, __m256i *peak)
{
    int16_t spare[16];
    int16_t *at = n == 16 ? to : spare;
    __m256i zero = _mm256_setzero_si256();
    *peak = _mm256_max_epu32(*peak, _mm256_unpacklo_epi16(low, zero));
    *peak = _mm256_max_epu32(*peak, _mm256_unpackhi_epi16(low, zero));
    low = _mm256_sub_epi16(_mm256_xor_si256(low, sign), sign);
    _mm256_storeu_si256((__m256i *)(void *)at, low);
    if (n < 16)
        memcpy(to, spare, n * sizeof *to);
}

/*
 * Planes of the values that are to be written, of word i; returns how many. A value
 * `half` is the magnitude shifted by one with a bit below its last plane; `whole` lacks bit 0.
 */
INLINE unsigned value_planes(const frame *f, const rk_t1_block *b, const end_point *e, size_t i,
                             uint64_t *planes)
{
    const state *t = f->t;
    uint64_t significant = t->significant[f->words + i], done = significant;
    uint64_t all[PLANES + 2];
    if (e->kind == 0)
        done = t->coded[i];
    else if (e->kind == 1)
        done = t->coded[i] | t->refined[i];
    for (unsigned p = 0; p <= e->plane; p++)
        all[p] = 0;
    all[e->plane] = significant & done;
    for (unsigned p = e->plane; p < b->planes; p++)
        all[p + 1] = t->plane[p][i];
    all[e->plane + 1] |= significant & ~done;
    unsigned skip = b->half ? 0 : 1, n = b->planes + 1u - skip;
    memcpy(planes, all + skip, n * sizeof *planes);
    return n;
}

static uint64_t largest(__m256i v)
{
    uint32_t lanes[8], most = 0;
    _mm256_storeu_si256((__m256i *)(void *)lanes, v);
    for (int i = 0; i < 8; i++)
        most = lanes[i] > most ? lanes[i] : most;
    return most;
}

static void write_block(const frame *f, rk_t1_block *b, const end_point *e)
{
    __m256i peak = _mm256_setzero_si256();
    for (size_t s = 0; s < f->stripes; s++)
        for (size_t k = 0; k < f->words; k++) {
            size_t i = s * f->words + k, n = b->width - 16 * k < 16 ? b->width - 16 * k : 16;
            uint64_t planes[PLANES + 2];
            unsigned count = 0;
            if (e->any && f->t->significant[f->words + i])
                count = value_planes(f, b, e, i, planes);
            unsigned low = count < 16 ? count : 16;
            for (size_t r = 0; r < 4 && 4 * s + r < b->height; r++) {
                uint64_t row = (uint64_t)ROW0 << r;
                size_t to = (4 * s + r) * b->stride + 16 * k;
                __m256i v = collect(planes, 0, low, row);
                __m256i sign = masks16(count ? (uint32_t)_pext_u64(f->t->negative[i], row) : 0);
                if (b->format == RK_COEF_INT16)
                    store16((int16_t *)b->out + to, n, v, sign, &peak);
                else
                    store32((int32_t *)b->out + to, n, v, collect(planes, 16, count, row), sign, &peak);
            }
        }
    b->peak = largest(peak);
}

static void prepare(frame *f, const rk_t1_block *b)
{
    state *t = f->t;
    f->words = (b->width + 15) / 16;
    f->stripes = (b->height + 3) / 4;
    f->pitch = 16 * f->words + 8;
    f->height = b->height;
    f->causal = b->style & RK_T1_CAUSAL;
    f->zero = rk_t1_zero[b->band & 3];
    size_t n = f->words * f->stripes, bytes = n * sizeof(uint64_t);
    memset(t->significant, 0, bytes + 2 * f->words * sizeof(uint64_t));
    memset(t->coded, 0, bytes);
    memset(t->refined, 0, bytes);
    memset(t->negative, 0, bytes);
    memset(t->column, 0, (f->stripes + 2) * f->pitch * sizeof(uint64_t));
    for (size_t i = 0; i < n; i++) {
        size_t columns = b->width - i % f->words * 16, rows = b->height - i / f->words * 4;
        uint64_t valid = columns >= 16 ? ~0ull : (1ull << (4 * columns)) - 1;
        if (rows < 4)
            valid &= (uint64_t)ROW0 * ((1u << rows) - 1);
        t->valid[i] = valid;
    }
    reset_contexts(t);
}

static void decode_block(rk_t1_block *b, void *work)
{
    frame f = {.t = work};
    end_point e = {0};
    prepare(&f, b);
    if (b->planes > 0)
        e = code_passes(&f, b, (uint8_t *)work + sizeof(state));
    else if (b->passes > 0)
        e.result = RK_BLOCK_EXCESS;
    write_block(&f, b, &e);
    b->result = e.result;
}

void rk_t1_decode_avx2(rk_t1_block *blocks, size_t n, void *work)
{
    for (size_t i = 0; i < n; i++) {
        rk_t1_block *b = &blocks[i];
        if (b->format == RK_COEF_INT64 || !rk_t1_fits(b))
            rk_t1_decode_one(b, work);
        else
            decode_block(b, work);
    }
}

RK_TARGET_END
