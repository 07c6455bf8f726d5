/*
 * kernels/t1_passes_avx2.c: coding passes of the AVX2 variant of t1.h.
 *
 * A pass goes from candidate to candidate, so its time is that of its symbols, and of the jumps that
 * are predicted wrongly. How all this is cut into functions and files is measured too: see
 * docs/notes/t1-kernels.md before a change.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "t1_avx2.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#include "t1_mq_avx2.h"

/* Tells eight columns from p on which samples of a row next to them are so. */
INLINE void tell_eight(uint32_t *p, __m256i samples, __m256i from, int shift)
{
    __m256i v = _mm256_slli_epi32(_mm256_and_si256(_mm256_srlv_epi32(samples, from), _mm256_set1_epi32(7)), shift);
    v = _mm256_or_si256(v, _mm256_loadu_si256((const __m256i *)(const void *)p));
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

/* The same for the columns of a word and the two beside it. */
INLINE void tell(uint32_t *column, uint64_t samples, int shift)
{
    __m256i m = _mm256_set1_epi32((int)(samples << 2)), from = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    uint64_t last;
    tell_eight(column - 1, m, from, shift);
    tell_eight(column + 7, m, _mm256_add_epi32(from, _mm256_set1_epi32(8)), shift);
    memcpy(&last, column + 15, 8);
    last |= (samples >> 14 | samples >> 15 << 32) << shift;
    memcpy(column + 15, &last, 8);
}

/* What the stripes above and below must know of the samples that were found in a word. */
INLINE void tell_stripes(const rk_t1_frame *f, size_t column, uint64_t found, uint64_t negative)
{
    rk_t1_state *t = f->t;
    if (!f->causal) {
        tell(t->window + column - f->pitch, _pext_u64(found, RK_T1_ROW0), 15);
        tell(t->window + RK_T1_COLUMNS + column - f->pitch, _pext_u64(negative, RK_T1_ROW0), 15);
    }
    tell(t->window + column + f->pitch, _pext_u64(found, RK_T1_ROW3), 0);
    tell(t->window + RK_T1_COLUMNS + column + f->pitch, _pext_u64(negative, RK_T1_ROW3), 0);
}

/* A sample is so: the three columns around it are told. Compilers make vectors of it, whose loads then wait
 * for the stores before; hence the assembly. */
INLINE void mark(uint32_t *own, unsigned shift, uint32_t bit)
{
    uint32_t bits = bit << shift, left = bits << 5, mid = bits << 4, right = bits << 3;
    __asm__("orl %[left], %[l]\n\torl %[mid], %[m]\n\torl %[right], %[r]"
            : [l] "+m"(own[-1]), [m] "+m"(own[0]), [r] "+m"(own[1])
            : [left] "r"(left), [mid] "r"(mid), [right] "r"(right)
            : "cc");
}

/* 1 if negative; windows: shifted so that the sample is in its second row. */
INLINE uint64_t decode_sign(rk_t1_coder *m, rk_t1_state *t, uint64_t near, uint64_t minus)
{
    uint64_t context = t->sign[_pext_u64(near | minus << 32, 0x000000AA000000AAu)];
    return decode(m, t, context & 31) >> 63 ^ context >> 7;
}

/* A candidate. */
typedef struct site {
    uint32_t *own;
    unsigned p, shift;
    uint32_t window;
    uint64_t *context;
    uint64_t state; /* of the context, see fresh() */
} site;

INLINE site site_at(rk_t1_state *t, uint32_t *column, unsigned p)
{
    site at = {.p = p, .shift = 3 * (p & 3), .own = column + (p >> 2)};
    at.window = *at.own >> at.shift;
    at.context = &t->context[t->zero[at.window & 511]];
    at.state = *at.context;
    return at;
}

INLINE uint64_t minus_at(const site *at)
{
    return at->own[RK_T1_COLUMNS] >> at->shift;
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
            size_t first = (s + 1) * f->pitch + 1 + 16 * k;
            uint32_t *column = t->window + first;
            if (todo) {
                site at = site_at(t, column, (unsigned)_tzcnt_u64(todo));
                for (;;) {
                    uint64_t value = at.state, *changed = at.context;
                    uint64_t symbol = raw ? plain_bit(&m) : decode_from(&m, t, at.state, &value);
                    todo = _blsr_u64(todo);
                    site next = site_at(t, column, (unsigned)_tzcnt_u64(todo) & 63);
                    __asm__("" : "+r"(next.state), "+r"(next.window));
                    if (is_one(symbol)) {
                        mark(at.own, at.shift, 1);
                        uint64_t more = t->later[at.p] & open;
                        todo |= more;
                        seen |= more;
                        found |= 1ull << at.p;
                        next = site_at(t, column, (unsigned)_tzcnt_u64(todo) & 63);
                        uint64_t sign = raw ? plain_bit(&m) >> 63 : decode_sign(&m, t, at.window, minus_at(&at));
                        negative |= sign << at.p;
                        mark(at.own + RK_T1_COLUMNS, at.shift, (uint32_t)sign);
                    }
                    *changed = value;
                    at = next;
                    at.state = fresh(at.state, at.context, changed, value);
                    if (!todo)
                        break;
                }
            }
            t->coded[i] = seen;
            if (found) {
                t->significant[f->words + i] = w.significant | found;
                plane[i] |= found;
                t->negative[i] |= negative;
                tell_stripes(f, first, found, negative);
            }
            walk_leave(&w, k, true);
        }
    }
    *from = m;
}

/* Bits one after the other, from the lowest of the first word on. */
typedef struct bits {
    uint64_t *words, last; /* `last`: the word that is being filled */
    size_t at;
} bits;

/* Adds the low n <= 64 bits of v; the others are 0. */
INLINE void bits_add(bits *b, size_t at, uint64_t v, size_t n)
{
    uint64_t low = b->last | v << (at & 63), high = v >> 1 >> (~at & 63);
    b->words[at >> 6] = low;
    b->last = ((at + n) ^ at) >> 6 ? high : low;
}

INLINE uint64_t bits_at(const uint64_t *words, size_t at)
{
    return words[at >> 6] >> (at & 63) | words[(at >> 6) + 1] << 1 << (~at & 63);
}

/* Which samples are to be refined, and of each whether it was before, or has a neighbour. Returns
 * how many. */
INLINE size_t list_refinements(const rk_t1_frame *f)
{
    rk_t1_state *t = f->t;
    bits near = {t->bits, 0, 0}, again = {t->again, 0, 0};
    size_t at = 0;
    for (size_t s = 0; s < f->stripes; s++) {
        walk w;
        walk_start(&w, f, s);
        for (size_t k = 0; k < f->words; k++) {
            size_t i = s * f->words + k;
            walk_enter(&w, k);
            uint64_t todo = w.significant & ~t->coded[i], before = t->refined[i];
            size_t n = (size_t)_mm_popcnt_u64(todo);
            walk_leave(&w, k, false);
            t->todo[i] = todo;
            t->refined[i] = before | todo;
            bits_add(&near, at, _pext_u64(w.around & ~before, todo), n);
            bits_add(&again, at, _pext_u64(before, todo), n);
            at += n;
        }
    }
    near.words[at >> 6] = near.last;
    again.words[at >> 6] = again.last;
    return at;
}

/* Up to 64 symbols. */
INLINE uint64_t refine(rk_t1_coder *m, rk_t1_state *t, uint64_t near, uint64_t again, unsigned n, const bool raw)
{
    uint64_t bits = 0;
    if (raw) {
        for (unsigned i = 0; i < n; i++)
            bits = bits >> 1 | (plain_bit(m) & TOP);
    } else if (!(~again << (64 - n))) {
        uint64_t e = t->context[RK_MQ_MAGNITUDE + 2];
        for (unsigned i = 0; i < n; i++)
            bits = bits >> 1 | (decode_in(m, t, &e) & TOP);
        t->context[RK_MQ_MAGNITUDE + 2] = e;
    } else {
        uint64_t *c = t->context + RK_MQ_MAGNITUDE, *changed = c, value = *c;
        for (unsigned i = 0; i < n; i++) {
            uint64_t *context = c + (near & 1) + 2 * (again & 1), state = *context;
            *changed = value;
            state = fresh(state, context, changed, value);
            changed = context;
            bits = bits >> 1 | (decode_from(m, t, state, &value) & TOP);
            near >>= 1;
            again >>= 1;
        }
        *changed = value;
    }
    return bits >> (64 - n);
}

INLINE void refinement(const rk_t1_frame *f, rk_t1_coder *from, uint64_t *plane, const bool raw)
{
    rk_t1_state *t = f->t;
    rk_t1_coder m = *from;
    size_t n = list_refinements(f), at = 0;
    for (size_t i = 0; i < n; i += 64)
        t->bits[i >> 6] = refine(&m, t, t->bits[i >> 6], t->again[i >> 6],
                                      n - i < 64 ? (unsigned)(n - i) : 64, raw);
    for (size_t i = 0; i < f->words * f->stripes; i++) {
        plane[i] |= _pdep_u64(bits_at(t->bits, at), t->todo[i]);
        at += (size_t)_mm_popcnt_u64(t->todo[i]);
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
            size_t first = (s + 1) * f->pitch + 1 + 16 * k;
            uint32_t *column = t->window + first;
            t->coded[i] = 0;
            while (todo) {
                unsigned p = (unsigned)_tzcnt_u64(todo);
                site at = site_at(t, column, p);
                if (!at.shift && (quiet >> p & 15) == 15) {
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
                    at.p = p;
                    at.shift = 3 * row;
                    at.window = *at.own >> at.shift;
                } else {
                    todo = _blsr_u64(todo);
                    if (!is_one(decode_in(&m, t, at.context)))
                        continue;
                }
                mark(at.own, at.shift, 1);
                uint64_t sign = decode_sign(&m, t, at.window, minus_at(&at));
                found |= 1ull << p;
                negative |= sign << p;
                quiet &= ~t->later[p];
                mark(at.own + RK_T1_COLUMNS, at.shift, (uint32_t)sign);
            }
            if (found) {
                t->significant[f->words + i] = w.significant | found;
                plane[i] |= found;
                t->negative[i] |= negative;
                tell_stripes(f, first, found, negative);
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
