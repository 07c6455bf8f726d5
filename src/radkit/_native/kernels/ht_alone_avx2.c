/*
 * kernels/ht_alone_avx2.c: rho, e_k, e_1, u of the quads of one HT code-block, or of up to four of equal
 * width whose pairs of quads are read in turn: so the chain of one hides behind those of the others.
 * All choices are masks, as hardly any of them can be foretold.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "ht_avx2.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

void rk_ht_alone_start(rk_ht_alone *a, const rk_ht_block *b, uint32_t rows)
{
    /* a pair takes 38 bits at most, and eight bytes are loaded at once */
    size_t quads = (b->width + 1) / 2, reach = (quads + 1) / 2 * rows * 38 / 8 + 16;
    size_t n = 128 + rk_ht_backward_avx2(a->vlc, b->cleanup + b->cleanup_size - 2, rk_ht_suffix(b) - 2);
    if (reach > n)
        memset(a->vlc + n, 0, reach - n);
    memset(a->records, 0, sizeof a->records[0] * (8 + (quads | 7) + 9));
    rk_ht_events_start(&a->mel, b);
    a->used = 0;
    a->at = 0;
}

/* Bits and events that come next. */
typedef struct reader {
    uint64_t vlc, mel;
    unsigned used;
    size_t at;
    uint32_t context;
} reader;

INLINE rk_ht_record read_code(reader *r, const uint32_t *table, uint32_t above, const bool first)
{
    rk_ht_record t = table[r->context | above | (r->mel & 1) << 7 | (r->vlc & 127)];
    r->vlc >>= t & 63;
    r->at += t & 63;
    r->mel >>= t >> 31;
    r->used += t >> 31;
    r->context = t & (first ? RK_HT_FIRST_CONTEXT : RK_HT_OTHER_CONTEXT);
    return t;
}

INLINE uint32_t u_value(uint64_t *v, uint32_t code)
{
    uint32_t value = (code >> 16 & 7) + ((uint32_t)*v & (code >> 8 & 31));
    *v >>= code >> 3 & 7;
    return value;
}

/* All bits, if u_off is set. */
INLINE uint32_t mask_of(uint32_t record)
{
    return 0u - (record / RK_HT_U_OFF & 1);
}

/* u of a pair, to bits 24 and up of its records. */
INLINE void read_u(reader *r, rk_ht_record *pair, const bool first)
{
    static const uint32_t codes[8] = {RK_HT_U_CODES};
    uint32_t off0 = mask_of(pair[0]), off1 = mask_of(pair[1]), add = 0, one_bit = 0;
    uint64_t v = r->vlc;
    uint32_t code0 = codes[v & 7] & off0;
    v >>= code0 & 7;
    uint32_t code1 = codes[v & 7] & off1;
    if (first) { /* both have u: one more event */
        uint32_t both = off0 & off1 & 1, event = (uint32_t)r->mel & both;
        r->mel >>= both;
        r->used += both;
        add = 2 * event;
        one_bit = 0u - (both & ~event & ((code0 & 7) > 2));
        code1 = (code1 & ~one_bit) | ((1 | (1 + ((uint32_t)v & 1)) << 16 | 1 << 24) & one_bit);
    }
    v >>= code1 & 7;
    uint32_t u0 = u_value(&v, code0) + add, u1 = u_value(&v, code1) + add;
    r->at += (code0 >> 24) + (code1 >> 24);
    pair[0] |= u0 << 24;
    pair[1] |= u1 << 24;
}

/* Context bits that a row hands to the one below, 8 quads at a time. */
static void hand_down(uint32_t *above, const rk_ht_record *row, uint32_t quads)
{
    const __m256i one = _mm256_set1_epi32(1);
    for (uint32_t q = 0; q < quads; q += 8) {
        __m256i own = _mm256_loadu_si256((const __m256i *)(const void *)(row + q));
        __m256i left = _mm256_loadu_si256((const __m256i *)(const void *)(row + q - 1));
        __m256i right = _mm256_loadu_si256((const __m256i *)(const void *)(row + q + 1));
        __m256i own1 = _mm256_srli_epi32(own, 13), own3 = _mm256_srli_epi32(own, 15);
        __m256i west = _mm256_and_si256(_mm256_or_si256(_mm256_srli_epi32(left, 15), own1), one);
        __m256i east = _mm256_and_si256(_mm256_or_si256(own3, _mm256_srli_epi32(right, 13)), one);
        __m256i v = _mm256_or_si256(_mm256_slli_epi32(west, 8), _mm256_slli_epi32(east, 10));
        _mm256_storeu_si256((__m256i *)(void *)(above + q), v);
    }
}

/* Quads q and q + 1; the second one only if there is one. */
INLINE void read_pair(rk_ht_alone *a, reader *r, const uint32_t *table, const bool first, uint32_t q,
                      const bool two)
{
    rk_ht_record *row = a->records + 8, pair[2] = {0, 0};
    r->vlc = load64(a->vlc + (r->at >> 3)) >> (r->at & 7);
    pair[0] = read_code(r, table, first ? 0 : a->above[q], first);
    if (two)
        pair[1] = read_code(r, table, first ? 0 : a->above[q + 1], first);
    read_u(r, pair, first);
    row[q] = pair[0];
    row[q + 1] = pair[1];
}

/* A row of n blocks. 32 quads take 32 events at most: see load_events in ht_quads_avx2.c. */
INLINE void read_row(rk_ht_alone *a, const size_t n, const uint32_t *table, const bool first, uint32_t quads)
{
    reader r[RK_HT_FEW];
    for (size_t j = 0; j < n; j++)
        r[j] = (reader){0, 0, a[j].used, a[j].at, 0};
    for (uint32_t q = 0; q < quads; q += 32) {
        uint32_t end = quads - q < 32 ? quads : q + 32, whole = end & ~1u;
        for (size_t j = 0; j < n; j++)
            r[j].mel = rk_ht_events_at(&a[j].mel, r[j].used, end - q + 1);
        for (uint32_t k = q; k < whole; k += 2)
            for (size_t j = 0; j < n; j++)
                read_pair(&a[j], &r[j], table, first, k, true);
        for (size_t j = 0; j < n && whole < end; j++)
            read_pair(&a[j], &r[j], table, first, whole, false);
    }
    for (size_t j = 0; j < n; j++) {
        a[j].used = r[j].used;
        a[j].at = r[j].at;
        hand_down(a[j].above, a[j].records + 8, quads);
    }
}

#define ROW(n)                                                                               \
    static void row_##n(rk_ht_alone *a, const rk_ht_lookups *l, uint32_t row, uint32_t quads) \
    {                                                                                        \
        if (row == 0)                                                                        \
            read_row(a, n, l->tables[0], true, quads);                                       \
        else                                                                                 \
            read_row(a, n, l->tables[1], false, quads);                                      \
    }
ROW(1)
ROW(2)
ROW(3)
ROW(4)

void rk_ht_alone_row(rk_ht_alone *a, size_t n, const rk_ht_lookups *l, uint32_t row, uint32_t quads)
{
    if (n == 1)
        row_1(a, l, row, quads);
    else if (n == 2)
        row_2(a, l, row, quads);
    else if (n == 3)
        row_3(a, l, row, quads);
    else
        row_4(a, l, row, quads);
}

RK_TARGET_END
