/*
 * kernels/mq_encode_avx2.c: MQ encoder on lists of symbols, without a jump that depends on them but those to
 * write and for runs. Compilers make jumps of conditional expressions and have too few registers for
 * four coders, hence the assembly.
 *
 * One list is one chain: the interval decides whether a context changes its state, the state is stored, and the
 * next symbol waits for that store, even in another context. So four lists go side by side
 * (docs/notes/t1-kernels.md).
 */
#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#include "cpu.h"
#include "mq_encode.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))
#define OUTLINE static __attribute__((noinline))
#define RARELY(x) __builtin_expect(x, 0)

enum {
    BIAS = 128 - RK_MQ_HIT, /* added to symbols, so that those for runs have bit 7 */
    ROW = 16,               /* bytes of a row of `steps` */
    STATES = 4 * RK_MQ_STATES /* bytes of a list's states */
};

/* Words of a row of `steps`; the interval of the coder becomes Qe if (A - Qe) ^ FLIP < LIMIT. */
enum { QE, FLIP, LIMIT, NEXT };

/* Where the rows of both symbols are, of state 2 * index + MPS. */
INLINE uint32_t rows_of(uint32_t state)
{
    return 2 * ROW * state * 0x10001u + (ROW << 16);
}

/*
 * ENCODE. The more probable symbol (CODEMPS) takes Qe as its interval if A - Qe < Qe, and A - Qe otherwise;
 * the other one (CODELPS) just the reverse: ~(A - Qe) < -Qe is A - Qe >= Qe.
 */
void rk_mq_gang_open(rk_mq_gang *g)
{
    for (uint32_t state = 0; state < 2 * RK_MQ_ROWS; state++)
        for (uint32_t bit = 0; bit < 2; bit++) {
            const rk_mq_row *from = &rk_mq_rows[state >> 1];
            uint32_t mps = state & 1, *to = g->steps[2 * state + bit];
            to[QE] = from->qe;
            to[FLIP] = bit == mps ? 0 : UINT32_MAX;
            to[LIMIT] = bit == mps ? from->qe : 0u - from->qe;
            to[NEXT] = rows_of(bit == mps ? 2u * from->nmps + mps : 2u * from->nlps + (mps ^ from->change));
        }
}

/* What changes with each symbol. Above the carry that `c` has room for is a bit that tells of `pending`. */
typedef struct registers {
    uint64_t c;
    uint32_t a;
} registers;

enum { MARK = 16 }; /* place of that bit if nothing is pending */

INLINE registers open_list(rk_mq_gang *g, unsigned k, const rk_mq_encoder *m)
{
    for (unsigned i = 0; i < RK_MQ_CONTEXTS; i++)
        g->states[k][i] = rows_of(m->state[i]);
    return (registers){m->c | (uint64_t)1 << (MARK + m->pending), m->a};
}

INLINE uint32_t pending_in(uint64_t c)
{
    return 63 - MARK - (uint32_t)_lzcnt_u64(c);
}

INLINE void close_list(const rk_mq_gang *g, unsigned k, rk_mq_encoder *m, registers r)
{
    for (unsigned i = 0; i < RK_MQ_CONTEXTS; i++)
        m->state[i] = (uint8_t)((g->states[k][i] & 0xFFFF) / (2 * ROW));
    m->pending = pending_in(r.c);
    m->c = _bzhi_u64(r.c, MARK + m->pending);
    m->a = r.a;
}

/* At most 15 bits come with a symbol: below this there is room for them. */
INLINE bool must_write(uint64_t c)
{
    return c >> (MARK + RK_MQ_WRITE);
}

/* Adds one to the bits before m->at. */
OUTLINE void carry(rk_mq_encoder *m)
{
    uint8_t *p = m->at;
    while (p > m->string && ++*--p == 0)
        ;
}

/* Writes all whole bytes but one of what is pending, which is at most RK_MQ_WRITE + 14 bits. */
INLINE uint64_t write_some(rk_mq_encoder *m, uint64_t c)
{
    uint32_t pending = pending_in(c), bytes = pending < 16 ? 0 : (pending - 8) / 8;
    uint32_t stay = pending - 8 * bytes + 15;
    uint64_t bits = _bzhi_u64(c, MARK + pending) >> stay;
    uint32_t big = __builtin_bswap32((uint32_t)(bits << (32 - 8 * bytes)));
    uint8_t *at = m->at;
    if (RARELY(bits >> (8 * bytes)))
        carry(m);
    memcpy(at, &big, 4);
    m->at = m->limit - at > 4 ? at + bytes : m->limit;
    return _bzhi_u64(c, stay) | (uint64_t)2 << stay;
}

/* ---- symbols for runs --------------------------------------------------------------------- */

INLINE const uint32_t *row_of(const rk_mq_gang *g, unsigned k, uint32_t symbol)
{
    return g->steps[(g->states[k][symbol >> 1] >> (16 * (symbol & 1)) & 0xFFFF) / ROW];
}

static registers encode(rk_mq_gang *g, unsigned k, rk_mq_encoder *m, registers r, uint32_t symbol)
{
    const uint32_t *row = row_of(g, k, symbol);
    uint32_t rest = r.a - row[QE];
    bool small = (rest ^ row[FLIP]) < row[LIMIT];
    uint32_t a = small ? row[QE] : rest, n = _lzcnt_u32(a) - 16;
    if (n)
        g->states[k][symbol >> 1] = row[NEXT];
    r.a = a << n;
    r.c = (r.c + (small ? 0 : row[QE])) << n;
    if (must_write(r.c))
        r.c = write_some(m, r.c);
    return r;
}

/* n zeros in RK_MQ_RUN: as many at once as A allows without renormalising. */
static registers runs(rk_mq_gang *g, unsigned k, rk_mq_encoder *m, registers r, uint32_t n)
{
    while (n > 0) {
        const uint32_t *row = row_of(g, k, 2 * RK_MQ_RUN);
        if (!row[FLIP]) { /* the more probable symbol */
            uint32_t most = (r.a - 0x8000) / row[QE], now = most < n ? most : n;
            r.a -= now * row[QE];
            r.c += (uint64_t)now * row[QE];
            n -= now;
            if (n == 0)
                break;
        }
        r = encode(g, k, m, r, 2 * RK_MQ_RUN);
        n--;
    }
    return r;
}

OUTLINE registers put_several(rk_mq_gang *g, unsigned k, rk_mq_encoder *m, registers r, uint32_t symbol)
{
    if (symbol >= RK_MQ_RUNS)
        return runs(g, k, m, r, symbol - RK_MQ_RUNS);
    uint32_t line = symbol - RK_MQ_HIT;
    r = encode(g, k, m, r, 2 * RK_MQ_RUN + 1);
    r = encode(g, k, m, r, 2 * RK_MQ_UNIFORM + (line >> 1));
    return encode(g, k, m, r, 2 * RK_MQ_UNIFORM + (line & 1));
}

/* ---- all other symbols -------------------------------------------------------------------- */

/*
 * One symbol of list K, at g->symbols[i + K]. `row` is its row and then the state that follows, which is stored
 * if there is renormalising; `other` is all ones where the interval is Qe; `n` is Qe, then the shift.
 */
#define STEP(K)                                                                                                \
    do {                                                                                                       \
        uint64_t symbol, row, other, n;                                                                        \
        __asm__("movzbl %c[symbols](%[g],%[i]), %k[symbol]\n\t"                                                \
                "movzwl %c[states](%[g],%[symbol],2), %k[row]\n\t"                                             \
                "andl $-2, %k[symbol]\n\t"                                                                     \
                "movl %c[steps](%[g],%[row]), %k[n]\n\t"                                                       \
                "subl %k[n], %k[a]\n\t"                                                                        \
                "movl 4+%c[steps](%[g],%[row]), %k[other]\n\t"                                                 \
                "xorl %k[a], %k[other]\n\t"                                                                    \
                "cmpl 8+%c[steps](%[g],%[row]), %k[other]\n\t"                                                 \
                "cmovbl %k[n], %k[a]\n\t"                                                                      \
                "sbbl %k[other], %k[other]\n\t"                                                                \
                "movl 12+%c[steps](%[g],%[row]), %k[row]\n\t"                                                  \
                "andnl %k[n], %k[other], %k[other]\n\t"                                                        \
                "addq %q[other], %[c]\n\t"                                                                     \
                "lzcntw %w[a], %w[n]\n\t"                                                                      \
                "cmovzl %c[states](%[g],%[symbol],2), %k[row]\n\t"                                             \
                "shlxl %k[n], %k[a], %k[a]\n\t"                                                                \
                "shlxq %q[n], %[c], %[c]\n\t"                                                                  \
                "movl %k[row], %c[states](%[g],%[symbol],2)"                                                   \
                : [a] "+&r"(r##K.a), [c] "+&r"(r##K.c), [symbol] "=&r"(symbol), [row] "=&r"(row),              \
                  [other] "=&r"(other), [n] "=&r"(n)                                                           \
                : [g] "r"(g), [i] "r"(i), [symbols] "i"((long)offsetof(rk_mq_gang, symbols) + (K)),            \
                  [states] "i"((long)offsetof(rk_mq_gang, states) + STATES * (K) - 2 * BIAS),                  \
                  [steps] "i"((long)offsetof(rk_mq_gang, steps))                                               \
                : "cc", "memory");                                                                             \
    } while (0)

/* One symbol of any kind. */
#define EITHER(K)                                                                                              \
    do {                                                                                                       \
        if (four >> 8 * (K) & 0x80)                                                                            \
            r##K = put_several(g, K, m##K, r##K, (four >> 8 * (K) & 0xFF) - BIAS);                             \
        else                                                                                                   \
            STEP(K);                                                                                           \
    } while (0)

INLINE uint32_t load_four(const rk_mq_gang *g, size_t i)
{
    uint32_t four;
    memcpy(&four, g->symbols + i, 4);
    return four;
}

INLINE __m128i load_some(const uint8_t *from, size_t n)
{
    uint8_t spare[16] = {0};
    if (n >= 16)
        return _mm_loadu_si128((const __m128i *)(const void *)from);
    memcpy(spare, from, n);
    return _mm_loadu_si128((const __m128i *)(const void *)spare);
}

/* Up to RK_MQ_CHUNK symbols of each list from `at` on, in turn, with BIAS. */
INLINE void mix(rk_mq_gang *g, const uint8_t *const lists[RK_MQ_LISTS], size_t at, size_t n)
{
    const __m128i bias = _mm_set1_epi8(BIAS);
    __m128i *to = (__m128i *)(void *)g->symbols, v[RK_MQ_LISTS];
    for (size_t i = 0; i < n; i += 16, to += 4) {
        for (unsigned k = 0; k < RK_MQ_LISTS; k++)
            v[k] = _mm_add_epi8(load_some(lists[k] + at + i, n - i), bias);
        __m128i a = _mm_unpacklo_epi8(v[0], v[1]), b = _mm_unpacklo_epi8(v[2], v[3]);
        __m128i c = _mm_unpackhi_epi8(v[0], v[1]), d = _mm_unpackhi_epi8(v[2], v[3]);
        _mm_store_si128(to, _mm_unpacklo_epi16(a, b));
        _mm_store_si128(to + 1, _mm_unpackhi_epi16(a, b));
        _mm_store_si128(to + 2, _mm_unpacklo_epi16(c, d));
        _mm_store_si128(to + 3, _mm_unpackhi_epi16(c, d));
    }
}

void rk_mq_encode_list_avx2(rk_mq_gang *g, rk_mq_encoder *m0, const uint8_t *list, size_t n)
{
    const uint8_t *lists[RK_MQ_LISTS] = {list, list, list, list};
    registers r0 = open_list(g, 0, m0);
    for (size_t at = 0; at < n; at += RK_MQ_CHUNK) {
        size_t some = n - at < RK_MQ_CHUNK ? n - at : RK_MQ_CHUNK;
        mix(g, lists, at, some);
        for (size_t i = 0; i < 4 * some; i += 4) {
            uint32_t four = load_four(g, i);
            EITHER(0);
            if (RARELY(must_write(r0.c)))
                r0.c = write_some(m0, r0.c);
        }
    }
    close_list(g, 0, m0, r0);
}

void rk_mq_encode_lists_avx2(rk_mq_gang *g, rk_mq_encoder *const m[RK_MQ_LISTS],
                             const uint8_t *const lists[RK_MQ_LISTS], size_t n)
{
    rk_mq_encoder *m0 = m[0], *m1 = m[1], *m2 = m[2], *m3 = m[3];
    registers r0 = open_list(g, 0, m0), r1 = open_list(g, 1, m1);
    registers r2 = open_list(g, 2, m2), r3 = open_list(g, 3, m3);
    for (size_t at = 0; at < n; at += RK_MQ_CHUNK) {
        size_t some = n - at < RK_MQ_CHUNK ? n - at : RK_MQ_CHUNK;
        mix(g, lists, at, some);
        for (size_t i = 0; i < 4 * some; i += 4) {
            uint32_t four = load_four(g, i);
            if (RARELY(four & 0x80808080u)) {
                EITHER(0);
                EITHER(1);
                EITHER(2);
                EITHER(3);
            } else {
                STEP(0);
                STEP(1);
                STEP(2);
                STEP(3);
            }
            if (RARELY(must_write(r0.c | r1.c | r2.c | r3.c))) { /* one jump that is hard to foresee, for all */
                r0.c = write_some(m0, r0.c);
                r1.c = write_some(m1, r1.c);
                r2.c = write_some(m2, r2.c);
                r3.c = write_some(m3, r3.c);
            }
        }
    }
    close_list(g, 0, m0, r0);
    close_list(g, 1, m1, r1);
    close_list(g, 2, m2, r2);
    close_list(g, 3, m3, r3);
}

_Static_assert(RK_MQ_LISTS == 4, "lists of a gang");

RK_TARGET_END
