/*
 * kernels/t1_avx2.c: Part 1 code-blocks on bitmaps (AVX2 and BMI2).
 *
 * A word of 64 bits is 16 columns by the 4 rows of a stripe in scan order, bit = 4 * column + row.
 * Words say which samples are significant, coded in this plane, refined before, negative; one word
 * per plane takes the decoded bits, from which the coefficients are made at the end. Contexts
 * come from two words of 32 bits per column of a stripe: in a window of 3 x 6 samples around it,
 * bit = 3 * row + column, one says which are significant, the other which are negative.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "t1_avx2.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

/* Where decoding ended: the last plane, and the kind of its last pass. */
typedef struct end_point {
    unsigned plane;
    unsigned kind;   /* 0 significance, 1 refinement, 2 cleanup */
    bool any;        /* a pass was decoded at all */
    uint32_t result;
} end_point;

/* As code_passes of the reference. */
static end_point code_passes(const rk_t1_frame *f, const rk_t1_block *b, uint8_t *string)
{
    end_point e = {b->planes - 1u, 2, false, 0};
    size_t bytes = f->words * f->stripes * sizeof(uint64_t);
    uint32_t segment = 0, left = 0;
    unsigned kind = 2, plane = b->planes - 1u;
    bool is_raw = false;
    rk_t1_coder m = {0};
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
            rk_t1_open_avx2(&m, &b->segments[segment++], raw, string);
        }
        if (raw != is_raw) {
            e.result |= RK_BLOCK_DAMAGED;
            break;
        }
        if (kind == 0 || pass == 0)
            memset(f->t->plane[plane], 0, bytes);
        e.result |= rk_t1_pass_avx2(f, &m, kind, raw, f->t->plane[plane], b->style);
        e.plane = plane;
        e.kind = kind;
        e.any = true;
        if (b->style & RK_T1_RESET)
            rk_t1_reset_avx2(f->t);
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
INLINE unsigned value_planes(const rk_t1_frame *f, const rk_t1_block *b, const end_point *e, size_t i,
                             uint64_t *planes)
{
    const rk_t1_state *t = f->t;
    uint64_t significant = t->significant[f->words + i], done = significant;
    uint64_t all[RK_T1_PLANES + 2];
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

static void write_block(const rk_t1_frame *f, rk_t1_block *b, const end_point *e)
{
    __m256i peak = _mm256_setzero_si256();
    for (size_t s = 0; s < f->stripes; s++)
        for (size_t k = 0; k < f->words; k++) {
            size_t i = s * f->words + k, n = b->width - 16 * k < 16 ? b->width - 16 * k : 16;
            uint64_t planes[RK_T1_PLANES + 2];
            unsigned count = 0;
            if (e->any && f->t->significant[f->words + i])
                count = value_planes(f, b, e, i, planes);
            unsigned low = count < 16 ? count : 16;
            for (size_t r = 0; r < 4 && 4 * s + r < b->height; r++) {
                uint64_t row = (uint64_t)RK_T1_ROW0 << r;
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

static void prepare(rk_t1_frame *f, const rk_t1_block *b)
{
    rk_t1_state *t = f->t;
    f->words = (b->width + 15) / 16;
    f->stripes = (b->height + 3) / 4;
    f->pitch = 16 * f->words + 8;
    f->height = b->height;
    f->causal = b->style & RK_T1_CAUSAL;
    memcpy(t->states, rk_t1_states, sizeof t->states);
    memcpy(t->zero, rk_t1_zero[b->band & 3], sizeof t->zero);
    memcpy(t->sign, rk_t1_sign, sizeof t->sign);
    memcpy(t->later, rk_t1_later, sizeof t->later);
    size_t n = f->words * f->stripes, bytes = n * sizeof(uint64_t);
    memset(t->significant, 0, bytes + 2 * f->words * sizeof(uint64_t));
    memset(t->coded, 0, bytes);
    memset(t->refined, 0, bytes);
    memset(t->negative, 0, bytes);
    for (int half = 0; half < 2; half++)
        memset(t->window + half * RK_T1_COLUMNS, 0, (f->stripes + 2) * f->pitch * sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) {
        size_t columns = b->width - i % f->words * 16, rows = b->height - i / f->words * 4;
        uint64_t valid = columns >= 16 ? ~0ull : (1ull << (4 * columns)) - 1;
        if (rows < 4)
            valid &= (uint64_t)RK_T1_ROW0 * ((1u << rows) - 1);
        t->valid[i] = valid;
    }
    rk_t1_reset_avx2(t);
}

static void decode_block(rk_t1_block *b, void *work)
{
    rk_t1_frame f = {.t = work};
    end_point e = {0};
    prepare(&f, b);
    if (b->planes > 0)
        e = code_passes(&f, b, (uint8_t *)work + sizeof(rk_t1_state));
    else if (b->passes > 0)
        e.result = RK_BLOCK_EXCESS;
    write_block(&f, b, &e);
    b->result = e.result;
}

void rk_t1_decode_avx2(rk_t1_block *blocks, size_t n, void *work)
{
    for (size_t i = 0; i < n; i++) {
        rk_t1_block *b = &blocks[i];
        if (b->cut || b->format == RK_COEF_INT64 || !rk_t1_fits(b))
            rk_t1_decode_one(b, work);
        else
            decode_block(b, work);
    }
}

RK_TARGET_END
