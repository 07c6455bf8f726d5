/*
 * kernels/t1_passes_avx2.c: coding passes of the AVX2 variant of t1.h, and its MQ decoder.
 *
 * A pass goes from candidate to candidate, so its time is that of its symbols. The decoder has no jump
 * that depends on data but its refill: both outcomes are about equally likely in most contexts.
 * Compilers make jumps of conditional expressions, hence the assembly.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "t1_avx2.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* ---- code strings -------------------------------------------------------------------- */

INLINE void refill(rk_t1_coder *m)
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

INLINE uint64_t state_at(const rk_t1_state *t, uint64_t offset)
{
    uint64_t v;
    memcpy(&v, (const uint8_t *)t->states + (offset & 0xFFFF), 8);
    return v;
}

/* One symbol in the context whose state is *e: the top bit of what is returned. */
INLINE uint64_t decode_in(rk_t1_coder *m, const rk_t1_state *t, uint64_t *e)
{
    uint64_t s = *e, q = s & QE, a = m->a - q, c = m->c, lower = c;
    uint64_t more = state_at(t, s), next = state_at(t, s >> 16), flip, low;
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

INLINE uint64_t decode(rk_t1_coder *m, rk_t1_state *t, size_t context)
{
    return decode_in(m, t, &t->context[context]);
}

/* The same for a skewed context, where the likely way is worth a jump. */
INLINE uint64_t decode_run(rk_t1_coder *m, rk_t1_state *t)
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
INLINE uint64_t plain_bit(rk_t1_coder *m)
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

void rk_t1_open_avx2(rk_t1_coder *m, const rk_t1_segment *segment, bool raw, uint8_t *string)
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

void rk_t1_reset_avx2(rk_t1_state *t)
{
    for (unsigned k = 0; k < RK_MQ_CONTEXTS; k++)
        t->context[k] = rk_t1_states[2 * rk_mq_first(k)];
}

/* ---- neighbourhoods ------------------------------------------------------------------ */

/* Samples of a stripe that are significant or have such a neighbour in their column. */
INLINE uint64_t tall(uint64_t s, uint64_t above, uint64_t below)
{
    return s | (s << 1 & ~(uint64_t)RK_T1_ROW0) | (s >> 1 & ~(uint64_t)RK_T1_ROW3) | (above >> 3 & RK_T1_ROW0) |
           (below << 3 & RK_T1_ROW3);
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
    return tall(w->row[k], (w->row - w->words)[k], w->causal ? 0 : w->row[k + w->words]);
}

INLINE void walk_start(walk *w, const rk_t1_frame *f, size_t stripe)
{
    w->words = f->words;
    w->causal = f->causal;
    w->row = f->t->significant + (stripe + 1) * f->words;
    w->left = 0;
    w->own = walk_tall(w, 0);
}

INLINE void walk_enter(walk *w, size_t k)
{
    uint64_t s = w->row[k], above = (w->row - w->words)[k];
    uint64_t below = w->causal ? 0 : w->row[k + w->words];
    w->right = k + 1 < w->words ? walk_tall(w, k + 1) : 0;
    w->significant = s;
    w->around = (s << 1 & ~(uint64_t)RK_T1_ROW0) | (s >> 1 & ~(uint64_t)RK_T1_ROW3) | (above >> 3 & RK_T1_ROW0) |
                (below << 3 & RK_T1_ROW3) | w->own << 4 | w->own >> 4 | w->left >> 60 | w->right << 60;
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

INLINE void tell_stripes(const rk_t1_frame *f, uint64_t *column, uint64_t found, uint64_t negative)
{
    if (found & RK_T1_ROW0 && !f->causal)
        tell(column - f->pitch, _pext_u64(found, RK_T1_ROW0), _pext_u64(negative, RK_T1_ROW0), 15);
    if (found & RK_T1_ROW3)
        tell(column + f->pitch, _pext_u64(found, RK_T1_ROW3), _pext_u64(negative, RK_T1_ROW3), 0);
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
INLINE uint64_t decode_sign(rk_t1_coder *m, rk_t1_state *t, uint64_t window)
{
    uint64_t context = t->sign[_pext_u64(window, 0x000000AA000000AAu)];
    return decode(m, t, context & 31) >> 63 ^ context >> 7;
}

/* ---- passes --------------------------------------------------------------------------- */

INLINE void significance(const rk_t1_frame *f, rk_t1_coder *from, uint64_t *plane, const bool raw)
{
    rk_t1_state *t = f->t;
    rk_t1_coder m = *from;
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
                if (!is_one(raw ? plain_bit(&m) : decode(&m, t, t->zero[window & 511])))
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

INLINE uint64_t refine_word(rk_t1_coder *m, rk_t1_state *t, uint64_t todo, uint64_t around, uint64_t before,
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
            bits = bits >> 1 | (decode_in(m, t, &e) & TOP);
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

INLINE void refinement(const rk_t1_frame *f, rk_t1_coder *from, uint64_t *plane, const bool raw)
{
    rk_t1_state *t = f->t;
    rk_t1_coder m = *from;
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
INLINE unsigned run_many(rk_t1_coder *m, const rk_t1_state *t, uint64_t quiet, unsigned p)
{
    uint64_t s = t->context[RK_MQ_RUN];
    quiet &= quiet >> 1;
    quiet &= quiet >> 2;
    unsigned run = (unsigned)_tzcnt_u64(~(quiet >> p) & RK_T1_ROW0) >> 2;
    uint64_t q = run * (s >> 48);
    if (run < 2 || is_one(s) || m->a >> 48 < q + 0x8000 || m->c >> 48 < q)
        return 0;
    m->a -= q << 48;
    m->c -= q << 48;
    return run;
}

static void cleanup(const rk_t1_frame *f, rk_t1_coder *from, uint64_t *plane)
{
    rk_t1_state *t = f->t;
    rk_t1_coder m = *from;
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
                    if (!is_one(decode(&m, t, t->zero[window & 511])))
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

static void significance_mq(const rk_t1_frame *f, rk_t1_coder *m, uint64_t *plane)
{
    significance(f, m, plane, false);
}

static void significance_raw(const rk_t1_frame *f, rk_t1_coder *m, uint64_t *plane)
{
    significance(f, m, plane, true);
}

static void refinement_mq(const rk_t1_frame *f, rk_t1_coder *m, uint64_t *plane)
{
    refinement(f, m, plane, false);
}

static void refinement_raw(const rk_t1_frame *f, rk_t1_coder *m, uint64_t *plane)
{
    refinement(f, m, plane, true);
}

uint32_t rk_t1_pass_avx2(const rk_t1_frame *f, rk_t1_coder *m, unsigned kind, bool raw, uint64_t *plane,
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

RK_TARGET_END
