/*
 * kernels/ht_quads_avx2.c: significance and exponent bounds of quads (T.814 7.3.3 to 7.3.6).
 *
 * The serial part of the HT decoder: every code word's context and place depend on the one before.
 * A lane of a vector is a block, which hides the chain; up to four batches of eight lanes are
 * advanced in turn, step by step, so that the look-ups of one overlap with the sums of
 * another (1 batch 0.66 ns/sample, 2 0.47, 4 0.445 in a trial; gathers 0.75). MEL events are
 * made into bits beforehand, so that "context 0" is an index and not a jump.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "ht_avx2.h"

void rk_ht_lookups_make(rk_ht_lookups *l)
{
    for (int t = 0; t < 2; t++) {
        uint32_t *to = l->tables[t];
        for (unsigned context = 0; context < 8; context++)
            for (unsigned event = 0; event < 2; event++)
                memcpy(to + 256 * context + 128 * event, rk_ht_lookup[t] + 128 * context, 512);
        for (unsigned i = 0; i < 128; i++) { /* context 0: an event is read, 0 means no code word */
            to[i] = 1u << 31;
            to[128 + i] |= 1u << 31;
        }
    }
}

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

/* Eight lanes of one batch: bit position, events that come next, last record, events used. */
typedef struct lanes {
    __m256i at, mel, last, used;
} lanes;

INLINE __m256i load8(const void *p)
{
    return _mm256_load_si256((const __m256i *)p);
}

INLINE void store8(void *p, __m256i v)
{
    _mm256_store_si256((__m256i *)p, v);
}

INLINE __m256i all(uint32_t x)
{
    return _mm256_set1_epi32((int)x);
}

INLINE int load32(const void *p)
{
    int v;
    memcpy(&v, p, 4);
    return v;
}

/* Loads and inserts: gathers are slower here, and much slower where microcode mitigates them. */
INLINE __m256i from_table(const uint32_t *table, __m256i index)
{
    _Alignas(32) uint32_t i[8];
    store8(i, index);
    return _mm256_setr_epi32((int)table[i[0]], (int)table[i[1]], (int)table[i[2]], (int)table[i[3]],
                             (int)table[i[4]], (int)table[i[5]], (int)table[i[6]], (int)table[i[7]]);
}

/* The bits from the positions on, at least 25. */
INLINE __m256i from_stream(const rk_ht_batch *b, __m256i at)
{
    _Alignas(32) uint32_t i[8];
    const uint8_t *p = b->vlc[0];
    store8(i, _mm256_srli_epi32(at, 3));
    __m256i v = _mm256_setr_epi32(
        load32(p + i[0]), load32(p + RK_HT_VLC_GROUP + i[1]), load32(p + 2 * RK_HT_VLC_GROUP + i[2]),
        load32(p + 3 * RK_HT_VLC_GROUP + i[3]), load32(p + 4 * RK_HT_VLC_GROUP + i[4]),
        load32(p + 5 * RK_HT_VLC_GROUP + i[5]), load32(p + 6 * RK_HT_VLC_GROUP + i[6]),
        load32(p + 7 * RK_HT_VLC_GROUP + i[7]));
    return v;
}

INLINE __m256i index_of(__m256i bits, const lanes *s, __m256i before, __m256i mask, const uint32_t *above)
{
    __m256i i = _mm256_and_si256(bits, all(127));
    i = _mm256_or_si256(i, _mm256_and_si256(_mm256_slli_epi32(s->mel, 7), all(128)));
    i = _mm256_or_si256(i, _mm256_and_si256(before, mask));
    return above ? _mm256_or_si256(i, load8(above)) : i;
}

/* The events that a record took are gone. */
INLINE void take_events(lanes *s, __m256i count)
{
    s->mel = _mm256_srlv_epi32(s->mel, count);
    s->used = _mm256_add_epi32(s->used, count);
}

/* u of both quads from the bits `w` behind the code words; gives the bits that it takes. */
INLINE __m256i pair_u(__m256i w, __m256i off0, __m256i off1, __m256i one_bit_wanted, __m256i *u0, __m256i *u1)
{
    const __m256i codes = _mm256_setr_epi32(RK_HT_U_CODES), seven = all(7), one = all(1), five = all(31);
    __m256i code0 = _mm256_sign_epi32(_mm256_permutevar8x32_epi32(codes, w), off0); /* 0 if u_off is 0 */
    __m256i v = _mm256_srlv_epi32(w, _mm256_and_si256(code0, seven));
    __m256i code1 = _mm256_sign_epi32(_mm256_permutevar8x32_epi32(codes, v), off1);
    __m256i large = _mm256_cmpgt_epi32(_mm256_and_si256(code0, seven), all(2));
    __m256i bit = _mm256_add_epi32(all(1 | 1 << 16 | 1 << 24),
                                   _mm256_slli_epi32(_mm256_and_si256(v, one), 16));
    code1 = _mm256_blendv_epi8(code1, bit, _mm256_and_si256(one_bit_wanted, large));
    v = _mm256_srlv_epi32(v, _mm256_and_si256(code1, seven));
    __m256i next = _mm256_srlv_epi32(v, _mm256_and_si256(_mm256_srli_epi32(code0, 3), seven));
    *u0 = _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(code0, 16), seven),
                           _mm256_and_si256(v, _mm256_and_si256(_mm256_srli_epi32(code0, 8), five)));
    *u1 = _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(code1, 16), seven),
                           _mm256_and_si256(next, _mm256_and_si256(_mm256_srli_epi32(code1, 8), five)));
    return _mm256_srli_epi32(_mm256_add_epi32(code0, code1), 24);
}

/* The u of a pair whose code words are read; moves on. `bits` are those behind the words. */
INLINE void finish_pair(rk_ht_batch *b, lanes *s, uint32_t q, __m256i bits, __m256i shift, __m256i t0,
                        __m256i t1, const bool first)
{
    __m256i off0 = _mm256_and_si256(t0, all(RK_HT_U_OFF)), off1 = _mm256_and_si256(t1, all(RK_HT_U_OFF));
    __m256i add = _mm256_setzero_si256(), one_bit = add, u0, u1;
    if (first) { /* both have u: one more event */
        __m256i both = _mm256_cmpeq_epi32(_mm256_and_si256(off0, off1), all(RK_HT_U_OFF));
        __m256i event = _mm256_cmpeq_epi32(_mm256_and_si256(s->mel, all(1)), all(1));
        add = _mm256_and_si256(_mm256_and_si256(both, event), all(2));
        one_bit = _mm256_andnot_si256(event, both);
        take_events(s, _mm256_and_si256(both, all(1)));
    }
    __m256i words = _mm256_and_si256(_mm256_add_epi32(t0, t1), all(63));
    __m256i total = _mm256_add_epi32(words, pair_u(bits, off0, off1, one_bit, &u0, &u1));
    __m256i over = _mm256_cmpgt_epi32(_mm256_add_epi32(total, shift), all(32));
    if (__builtin_expect(!_mm256_testz_si256(over, over), 0)) { /* beyond the 32 bits that were loaded */
        __m256i at = _mm256_add_epi32(s->at, words);
        bits = _mm256_srlv_epi32(from_stream(b, at), _mm256_and_si256(at, all(7)));
        total = _mm256_add_epi32(words, pair_u(bits, off0, off1, one_bit, &u0, &u1));
    }
    s->at = _mm256_add_epi32(s->at, total);
    s->last = t1;
    u0 = _mm256_slli_epi32(_mm256_add_epi32(u0, add), 24);
    u1 = _mm256_slli_epi32(_mm256_add_epi32(u1, add), 24);
    store8(b->row[q + 1], _mm256_or_si256(t0, u0));
    store8(b->row[q + 2], _mm256_or_si256(t1, u1));
}

/* The pair q, q + 1 of n batches, stage by stage. */
INLINE void read_pair(rk_ht_batch *b, lanes *s, const uint32_t *table, uint32_t q, const bool first,
                      const int n)
{
    const __m256i mask = all(first ? RK_HT_FIRST_CONTEXT : RK_HT_OTHER_CONTEXT);
    __m256i shift[RK_HT_BATCHES], bits[RK_HT_BATCHES], t0[RK_HT_BATCHES], t1[RK_HT_BATCHES];
    for (int j = 0; j < n; j++) {
        shift[j] = _mm256_and_si256(s[j].at, all(7));
        bits[j] = from_stream(&b[j], s[j].at);
    }
    for (int j = 0; j < n; j++) {
        bits[j] = _mm256_srlv_epi32(bits[j], shift[j]);
        t0[j] = from_table(table, index_of(bits[j], &s[j], s[j].last, mask, first ? NULL : b[j].above[q]));
    }
    for (int j = 0; j < n; j++) {
        bits[j] = _mm256_srlv_epi32(bits[j], _mm256_and_si256(t0[j], all(63)));
        take_events(&s[j], _mm256_srli_epi32(t0[j], 31));
        t1[j] = from_table(table, index_of(bits[j], &s[j], t0[j], mask, first ? NULL : b[j].above[q + 1]));
    }
    for (int j = 0; j < n; j++) {
        bits[j] = _mm256_srlv_epi32(bits[j], _mm256_and_si256(t1[j], all(63)));
        take_events(&s[j], _mm256_srli_epi32(t1[j], 31));
        finish_pair(&b[j], &s[j], q, bits[j], shift[j], t0[j], t1[j], first);
    }
}

/*
 * Enough for a row: a quad takes one event at most, and a pair of the first row not more than two, for
 * if both have u, the first one is significant and the context of the second not 0.
 */
static void load_events(rk_ht_batch *b, lanes *s)
{
    _Alignas(32) uint32_t words[8];
    store8(b->used, s->used);
    for (int i = 0; i < RK_HT_LANES; i++)
        words[i] = (uint32_t)rk_ht_events_at(&b->mel[i], b->used[i], 2 + RK_HT_GROUP_QUADS);
    s->mel = load8(words);
}

static void rows_first(rk_ht_batch *b, lanes *s, const uint32_t *table, uint32_t quads)
{
    for (uint32_t q = 0; q < quads; q += 2)
        read_pair(b, s, table, q, true, 1);
}

#define ROWS(n)                                                                              \
    static void rows_##n(rk_ht_batch *b, lanes *s, const uint32_t *table, uint32_t quads)    \
    {                                                                                        \
        for (uint32_t q = 0; q < quads; q += 2)                                              \
            read_pair(b, s, table, q, false, n);                                             \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

/* What a row hands to the one below; and positions stay near the streams, in what data that end too early have left. */
static void close_row(rk_ht_batch *b, lanes *s, uint32_t quads)
{
    const __m256i one = all(1);
    __m256i left = _mm256_setzero_si256(), own = load8(b->row[1]);
    for (uint32_t q = 0; q < quads; q++) {
        __m256i right = load8(b->row[q + 2]);
        __m256i own1 = _mm256_srli_epi32(own, 13), own3 = _mm256_srli_epi32(own, 15);
        __m256i west = _mm256_and_si256(_mm256_or_si256(_mm256_srli_epi32(left, 15), own1), one);
        __m256i east = _mm256_and_si256(_mm256_or_si256(own3, _mm256_srli_epi32(right, 13)), one);
        store8(b->above[q], _mm256_or_si256(_mm256_slli_epi32(west, 8), _mm256_slli_epi32(east, 10)));
        left = own;
        own = right;
    }
    s->at = _mm256_min_epu32(s->at, load8(b->end));
}

/* Records [quad][lane] of one row to [lane][quad], 8 quads. */
static void transpose(uint32_t (*in)[RK_HT_LANES], uint32_t *out, size_t stride)
{
    __m256i r[8], t[8];
    for (int i = 0; i < 8; i++)
        r[i] = load8(in[i]);
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        store8(out + (size_t)i * stride, _mm256_permute2x128_si256(r[i], r[i + 4], 0x20));
        store8(out + (size_t)(i + 4) * stride, _mm256_permute2x128_si256(r[i], r[i + 4], 0x31));
    }
}

static void batch_start(rk_ht_batch *b, const rk_ht_block *const *blocks, size_t n)
{
    memset(b->row, 0, sizeof b->row);
    for (size_t i = 0; i < RK_HT_LANES; i++) {
        b->used[i] = 0;
        if (i >= n) { /* nothing but zeros, and no events */
            memset(b->vlc[i], 0, 144);
            memset(&b->mel[i], 0, sizeof b->mel[i]);
            b->mel[i].n = 2048 - 64;
            b->end[i] = 0;
            continue;
        }
        const uint8_t *last = blocks[i]->cleanup + blocks[i]->cleanup_size - 2;
        b->end[i] = 8 * (uint32_t)rk_ht_backward_avx2(b->vlc[i], last, rk_ht_suffix(blocks[i]) - 2);
        rk_ht_events_start(&b->mel[i], blocks[i]);
    }
}

static void read_row(rk_ht_batch *b, lanes *s, const rk_ht_lookups *l, uint32_t row, uint32_t quads, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        s[j].last = _mm256_setzero_si256();
        load_events(&b[j], &s[j]);
        if (row == 0)
            rows_first(&b[j], &s[j], l->tables[0], quads);
    }
    if (row == 0)
        return;
    if (n == 4)
        rows_4(b, s, l->tables[1], quads);
    else if (n == 3)
        rows_3(b, s, l->tables[1], quads);
    else if (n == 2)
        rows_2(b, s, l->tables[1], quads);
    else
        rows_1(b, s, l->tables[1], quads);
}

void rk_ht_group_avx2(rk_ht_state *s, const rk_ht_block *const *blocks, size_t n)
{
    lanes at[RK_HT_BATCHES];
    size_t batches = (n + RK_HT_LANES - 1) / RK_HT_LANES;
    uint32_t quads = (blocks[0]->width + 1) / 2, rows = 0;
    for (size_t i = 0; i < n; i++)
        rows = (blocks[i]->height + 1) / 2 > rows ? (blocks[i]->height + 1) / 2 : rows;
    for (size_t j = 0; j < batches; j++) {
        size_t first = j * RK_HT_LANES;
        batch_start(&s->batches[j], blocks + first, n - first);
        at[j].at = at[j].used = _mm256_setzero_si256();
    }
    for (uint32_t row = 0; row < rows; row++) {
        read_row(s->batches, at, &s->lookups, row, quads, batches);
        for (size_t j = 0; j < batches; j++) {
            rk_ht_batch *b = &s->batches[j];
            close_row(b, &at[j], quads);
            for (uint32_t q = 0; q < quads; q += 8)
                transpose(b->row + 1 + q, s->records[RK_HT_LANES * j] + RK_HT_GROUP_QUADS * row + q,
                          RK_HT_GROUP_QUADS * RK_HT_GROUP_QUADS);
        }
    }
}

RK_TARGET_END
