/*
 * kernels/t1_mq_avx2.h: the first half of t1_passes_avx2.c, which includes it between its marks: the MQ
 * decoder, and which samples have significant neighbours.
 *
 * The decoder has no jump that depends on data but its refill: both outcomes are about equally
 * likely in most contexts. Compilers make jumps of conditional expressions, hence the assembly.
 */
#ifndef RK_KERNELS_T1_MQ_AVX2_H
#define RK_KERNELS_T1_MQ_AVX2_H

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* ---- symbols ------------------------------------------------------------------------- */

#define TOP 0x8000000000000000u
#define QE 0x7FFF000000000000u

/* 32 bits more, when C has fewer than 16 left. */
INLINE void refill(rk_t1_coder *m)
{
    uint32_t v;
    memcpy(&v, m->at, 4);
    v = __builtin_bswap32(v);
    m->c = _blsr_u64(m->c) | ((uint64_t)v << 1 | 1) << (_tzcnt_u64(m->c) - 32);
    m->at += 4;
    if (m->at > m->end)
        m->at = m->end;
}

/* One symbol in a context of state s: the top bit of what is returned. *e is the state after it. */
INLINE uint64_t decode_from(rk_t1_coder *m, const rk_t1_state *t, uint64_t s, uint64_t *e)
{
    uint64_t a = m->a, c = m->c, q, lower, more, next, flip, low;
    __asm__("andn %[s], %[no], %[q]\n\t"
            "movzbl %b[s], %k[next]\n\t"
            "movzbl %h[s], %k[more]\n\t"
            "mov (%[states],%[next],8), %[next]\n\t"
            "mov (%[states],%[more],8), %[more]\n\t"
            "mov %[c], %[lower]\n\t"
            "sub %[q], %[a]\n\t"
            "cmp %[q], %[a]\n\t"
            "sbb %[flip], %[flip]\n\t" /* A < Qe */
            "sub %[q], %[lower]\n\t"
            "cmovae %[lower], %[c]\n\t"
            "cmovb %[q], %[a]\n\t"
            "sbb %[low], %[low]\n\t" /* C < Qe */
            "xor %[low], %[flip]\n\t"
            "cmovz %[next], %[more]\n\t"
            "lzcnt %[a], %[low]\n\t"
            "cmovz %[s], %[more]\n\t" /* no renormalising */
            "shlx %[low], %[a], %[a]\n\t"
            "shlx %[low], %[c], %[c]\n\t"
            : [a] "+&r"(a), [c] "+&r"(c), [lower] "=&r"(lower), [next] "=&r"(next), [more] "=&R"(more),
              [flip] "=&r"(flip), [low] "=&r"(low), [q] "=&r"(q)
            : [s] "Q"(s), [no] "r"(~QE), [states] "r"(t->states), "m"(t->states)
            : "cc");
    *e = more;
    m->a = a;
    m->c = c;
    if (__builtin_expect(!(uint32_t)c, 0))
        refill(m);
    return s ^ flip;
}

/* The same for a context in memory. */
INLINE uint64_t decode_in(rk_t1_coder *m, const rk_t1_state *t, uint64_t *e)
{
    return decode_from(m, t, *e, e);
}

/*
 * `state` was loaded from `context` before the symbol before stored its `value` to `changed`: what
 * it is now. So no load waits for a store that was just made: 2.9 instead of 4.9 ns a symbol where
 * contexts repeat.
 */
INLINE uint64_t fresh(uint64_t state, const uint64_t *context, const uint64_t *changed, uint64_t value)
{
    __asm__("cmp %[changed], %[context]\n\tcmove %[value], %[state]"
            : [state] "+r"(state)
            : [context] "r"(context), [changed] "r"(changed), [value] "r"(value)
            : "cc");
    return state;
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

#endif /* RK_KERNELS_T1_MQ_AVX2_H */
