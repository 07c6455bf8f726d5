/*
 * kernels/t1_encode_avx2.c: Part 1 code-block encoder in two steps (AVX2 and BMI2): each pass is modelled on
 * bitmaps, which gives a list of symbols (t1_encode_model_avx2.c), then the MQ coder takes the list
 * (mq_encode_avx2.c). Here are the bitmaps and what they tell of gains.
 */
#include "t1_encode_avx2.h"

#include <immintrin.h>
#include <string.h>

#include "cpu.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

typedef struct row16 {
    __m256i magnitude; /* 16 bits each, from bit `shift` */
    uint32_t negative; /* one bit each */
} row16;

/* Sixteen values; `at` may be at less than n = 16 of them. */
INLINE row16 load_int16(const int16_t *at, size_t n)
{
    int16_t spare[16] = {0};
    if (n < 16) {
        memcpy(spare, at, n * sizeof *at);
        at = spare;
    }
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i sign = _mm256_permute4x64_epi64(_mm256_packs_epi16(v, v), 0xD8);
    return (row16){_mm256_abs_epi16(v), (uint32_t)_mm256_movemask_epi8(sign) & 0xFFFF};
}

INLINE row16 load_int32(const int32_t *at, size_t n, int shift)
{
    int32_t spare[16] = {0};
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    __m256i m[2];
    uint32_t negative = 0;
    if (n < 16) {
        memcpy(spare, at, n * sizeof *at);
        at = spare;
    }
    for (int i = 0; i < 2; i++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(at + 8 * i));
        negative |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(v)) << (8 * i);
        m[i] = _mm256_and_si256(_mm256_srl_epi32(_mm256_abs_epi32(v), _mm_cvtsi32_si128(shift)), mask);
    }
    return (row16){_mm256_permute4x64_epi64(_mm256_packus_epi32(m[0], m[1]), 0xD8), negative};
}

INLINE row16 load_row(const rk_t1_source *b, size_t y, size_t x, int shift)
{
    size_t n = b->width - x < 16 ? b->width - x : 16, at = y * b->stride + x;
    return b->format == RK_COEF_INT16 ? load_int16((const int16_t *)b->values + at, n)
                                      : load_int32((const int32_t *)b->values + at, n, shift);
}

/* All magnitudes or-ed together. */
INLINE uint32_t all_bits(const rk_t1_source *b, const bool wide)
{
    __m256i all = _mm256_setzero_si256();
    uint32_t rest = 0, lanes[8];
    for (size_t y = 0; y < b->height; y++) {
        size_t step = wide ? 8 : 16, x = 0;
        const int16_t *p = (const int16_t *)b->values + y * b->stride;
        const int32_t *q = (const int32_t *)b->values + y * b->stride;
        for (; x + step <= b->width; x += step) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(wide ? (const void *)(q + x) : (const void *)(p + x)));
            all = _mm256_or_si256(all, wide ? _mm256_abs_epi32(v) : _mm256_abs_epi16(v));
        }
        for (; x < b->width; x++) {
            int32_t v = wide ? q[x] : p[x];
            rest |= v < 0 ? 0u - (uint32_t)v : (uint32_t)v;
        }
    }
    _mm256_storeu_si256((__m256i *)(void *)lanes, all);
    for (int i = 0; i < 8; i++)
        rest |= wide ? lanes[i] : (lanes[i] | lanes[i] >> 16) & 0xFFFF;
    return rest;
}

/* Bit-planes first .. last - 1 (within 8 bits) of a word, out of 64 bytes in scan order. */
INLINE void store_planes(rk_t1_model *t, size_t word, __m256i low, __m256i high, unsigned first, unsigned last)
{
    __m128i up = _mm_cvtsi32_si128((int)(first + 8 - last)); /* the top plane to bit 7 of its byte */
    low = _mm256_sll_epi16(low, up);
    high = _mm256_sll_epi16(high, up);
    for (unsigned p = last; p-- > first;) {
        t->plane[p][word] = (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 |
                            (uint32_t)_mm256_movemask_epi8(low);
        low = _mm256_add_epi8(low, low);
        high = _mm256_add_epi8(high, high);
    }
}

/* Planes first .. first + 15 of a word, as far as there are any, out of its four rows. */
INLINE void enter_word(rk_t1_model *t, size_t word, const __m256i *rows, unsigned first, unsigned planes)
{
    const __m256i byte = _mm256_set1_epi16(0xFF);
    __m256i a = _mm256_unpacklo_epi16(rows[0], rows[1]), b = _mm256_unpacklo_epi16(rows[2], rows[3]);
    __m256i c = _mm256_unpackhi_epi16(rows[0], rows[1]), d = _mm256_unpackhi_epi16(rows[2], rows[3]);
    __m256i q[4] = {_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b), _mm256_unpacklo_epi32(c, d),
                    _mm256_unpackhi_epi32(c, d)}; /* two columns of each half */
    for (unsigned i = 0; i < 2 && first < planes; i++, first += 8) {
        __m256i e[4];
        for (int k = 0; k < 4; k++)
            e[k] = i ? _mm256_srli_epi16(q[k], 8) : _mm256_and_si256(q[k], byte);
        __m256i f = _mm256_packus_epi16(e[0], e[1]), g = _mm256_packus_epi16(e[2], e[3]);
        store_planes(t, word, _mm256_permute2x128_si256(f, g, 0x20), _mm256_permute2x128_si256(f, g, 0x31), first,
                     planes < first + 8 ? planes : first + 8);
    }
}

static void enter_stripe(rk_t1_model *t, const rk_t1_source *b, size_t s, unsigned first, unsigned planes)
{
    size_t count = b->height - 4 * s < 4 ? b->height - 4 * s : 4;
    for (size_t k = 0; k < t->words; k++) {
        size_t i = s * t->words + k, columns = b->width - 16 * k;
        __m256i rows[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                           _mm256_setzero_si256()};
        uint64_t negative = 0, valid = columns >= 16 ? ~0ull : (1ull << (4 * columns)) - 1;
        for (size_t r = 0; r < count; r++) {
            row16 row = load_row(b, 4 * s + r, 16 * k, (int)first);
            rows[r] = row.magnitude;
            negative |= _pdep_u64(row.negative, (uint64_t)RK_T1_ROW0 << r);
        }
        enter_word(t, i, rows, first, planes);
        t->valid[i] = count == 4 ? valid : valid & (uint64_t)RK_T1_ROW0 * ((1u << count) - 1);
        t->negative[(s + 1) * t->pitch + 1 + k] = negative;
    }
}

unsigned rk_t1_enter_avx2(rk_t1_model *t, const rk_t1_source *b)
{
    uint32_t bits = b->format == RK_COEF_INT16 ? all_bits(b, false) : all_bits(b, true);
    unsigned planes = 32 - _lzcnt_u32(bits);
    t->words = (b->width + 15) / 16;
    t->stripes = (b->height + 3) / 4;
    t->pitch = t->words + 2;
    t->width = b->width;
    t->height = b->height;
    t->band = b->band;
    t->causal = b->style & RK_T1_CAUSAL;
    if (planes <= b->floor || planes > 31)
        return planes;
    size_t n = t->words * t->stripes, bordered = (t->stripes + 2) * t->pitch + RK_T1_LANES;
    memset(t->significant, 0, bordered * sizeof(uint64_t));
    memset(t->negative, 0, bordered * sizeof(uint64_t));
    memset(t->visited, 0, (n + RK_T1_LANES) * sizeof(uint64_t));
    memset(t->refined, 0, (n + RK_T1_LANES) * sizeof(uint64_t));
    memset(t->valid + n, 0, RK_T1_LANES * sizeof(uint64_t));
    for (unsigned p = 0; p < planes; p++)
        memset(t->plane[p] + n, 0, RK_T1_LANES * sizeof(uint64_t));
    for (unsigned first = 0; first < planes; first += 16)
        for (size_t s = 0; s < t->stripes; s++)
            enter_stripe(t, b, s, first, planes);
    return planes;
}

/* ---- gains ------------------------------------------------------------------------------ */

INLINE uint64_t count(uint64_t word)
{
    return (uint64_t)_mm_popcnt_u64(word);
}

/* Words in which anything was coded. */
typedef struct counted {
    uint64_t coded, bits;
    size_t word;
} counted;

static void tally_up(const rk_t1_model *t, const rk_t1_pass *pass, rk_t1_tally *tally)
{
    counted list[RK_T1_WORDS];
    size_t n = 0;
    for (size_t i = 0; i < t->words * t->stripes; i++) {
        counted c = {t->coded[i], t->coded[i] & t->plane[pass->plane][i], i};
        list[n] = c;
        n += c.coded != 0;
        tally->ones += count(c.bits);
        tally->zeros += count(c.coded ^ c.bits);
    }
    bool refined = tally->zeros != 0;
    for (unsigned p = 0; p < pass->plane; p++) {
        int64_t with = 0, without = 0;
        for (size_t k = 0; k < n; k++) {
            uint64_t below = t->plane[p][list[k].word];
            with += (int64_t)count(below & list[k].bits);
            if (refined)
                without += (int64_t)count(below & (list[k].coded ^ list[k].bits));
        }
        tally->below += (with - without) * ((int64_t)1 << p);
    }
}

/* ---- blocks ----------------------------------------------------------------------------- */

/* A block, and what is left of the list of its present pass. */
typedef struct lane {
    rk_t1_job job;
    rk_t1_model *model;
    uint8_t *string;
    const uint8_t *list;
    size_t left;
    bool busy;
} lane;

typedef struct queue {
    rk_t1_source *next, *end;
} queue;

/* Starts the next block that has anything to code. */
static void take_block(lane *l, queue *q)
{
    l->busy = false;
    while (!l->busy && q->next < q->end) {
        rk_t1_source *b = q->next++;
        l->busy = rk_t1_begin(&l->job, b, rk_t1_enter_avx2(l->model, b), l->string);
    }
}

static void list_pass(lane *l)
{
    l->left = rk_t1_list_avx2(l->model, &l->job.pass);
    l->list = l->model->list;
    if (l->job.pass.raw) {
        for (size_t i = 0; i < l->left; i++)
            rk_mq_encode_plain(&l->job.mq, l->list[i] & 1);
        l->left = 0;
    }
}

/* The list is empty: ends its pass and goes on to a pass, of this or another block, that has symbols. */
static void feed(lane *l, queue *q)
{
    while (l->busy && !l->left) {
        rk_t1_tally tally = {0, 0, 0};
        if (l->job.pass.measured)
            tally_up(l->model, &l->job.pass, &tally);
        if (!rk_t1_next(&l->job, &tally))
            take_block(l, q);
        if (l->busy)
            list_pass(l);
    }
}

static void code_all(lane *lanes, queue *q)
{
    rk_mq_gang gang;
    rk_mq_encoder *coders[RK_T1_ENCODE_LANES];
    rk_mq_gang_open(&gang);
    for (;;) {
        const uint8_t *lists[RK_T1_ENCODE_LANES];
        size_t least = SIZE_MAX;
        for (int i = 0; i < RK_T1_ENCODE_LANES; i++) {
            feed(&lanes[i], q);
            coders[i] = &lanes[i].job.mq;
            lists[i] = lanes[i].list;
            if (lanes[i].left < least)
                least = lanes[i].left;
        }
        if (!least)
            break;
        rk_mq_encode_lists_avx2(&gang, coders, lists, least);
        for (int i = 0; i < RK_T1_ENCODE_LANES; i++) {
            lanes[i].list += least;
            lanes[i].left -= least;
        }
    }
    for (int i = 0; i < RK_T1_ENCODE_LANES; i++) /* fewer blocks than lanes are left */
        while (lanes[i].busy) {
            rk_mq_encode_list_avx2(&gang, coders[i], lanes[i].list, lanes[i].left);
            lanes[i].left = 0;
            feed(&lanes[i], q);
        }
}

void rk_t1_encode_avx2(rk_t1_source *blocks, size_t n, void *work)
{
    lane lanes[RK_T1_ENCODE_LANES];
    queue q = {blocks, blocks + n};
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        most = blocks[i].capacity > most ? blocks[i].capacity : most;
    size_t size = (RK_T1_ENCODE_STATE + RK_T1_ENCODE_SPARE + most) & ~(size_t)63;
    for (int i = 0; i < RK_T1_ENCODE_LANES; i++) {
        lane *l = &lanes[i];
        l->model = (rk_t1_model *)(void *)((uint8_t *)work + (size_t)i * size);
        l->string = (uint8_t *)l->model + RK_T1_ENCODE_STATE;
        l->list = NULL;
        l->left = 0;
        take_block(l, &q);
        if (l->busy)
            list_pass(l);
    }
    code_all(lanes, &q);
}

_Static_assert(RK_T1_ENCODE_LANES == RK_MQ_LISTS, "lanes of the coder");

RK_TARGET_END
