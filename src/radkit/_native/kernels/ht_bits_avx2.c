/*
 * kernels/ht_bits_avx2.c: the streams of an HT cleanup segment as plain bits (T.814 7.1).
 *
 * 32 bytes at a time are shifted into place where none of them is stuffed; else eight
 * bytes at a time lose their stuffed bits by PEXT.
 */
#include <immintrin.h>
#include <string.h>

#include "cpu.h"
#include "ht_avx2.h"

#define TOPS 0x8080808080808080u
#define LOWS 0x7F7F7F7F7F7F7F7Fu

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

/* Where bits go: `held` are the `count` < 8 bits that do not fill a byte yet. */
typedef struct sink {
    uint8_t *at;
    uint64_t held;
    unsigned count;
} sink;

INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Adds the bits of `word` that are not in `drop`, which has at most 8. Writes 8 bytes. */
INLINE void add(sink *s, uint64_t word, uint64_t drop)
{
    uint64_t v = _pext_u64(word, ~drop), out = s->held | v << s->count;
    unsigned total = s->count + 64 - (unsigned)_mm_popcnt_u64(drop);
    memcpy(s->at, &out, 8);
    s->held = total >= 64 ? (s->count ? v >> (64 - s->count) : 0) : out >> 56;
    s->at += total >> 3;
    s->count = total & 7;
}

/* Adds 32 bytes; `before` are the 8 bytes before each quarter, of which the first is not used. */
INLINE void add32(sink *s, __m256i bytes, __m256i before, uint64_t first, uint8_t last)
{
    if (s->count) {
        __m256i up = _mm256_sll_epi64(bytes, _mm_cvtsi32_si128((int)s->count));
        __m256i down = _mm256_srl_epi64(before, _mm_cvtsi32_si128(64 - (int)s->count));
        _mm256_storeu_si256((__m256i *)(void *)s->at, _mm256_or_si256(up, down));
        first = first << s->count | s->held;
        memcpy(s->at, &first, 8);
        s->held = (uint64_t)last >> (8 - s->count);
    } else {
        _mm256_storeu_si256((__m256i *)(void *)s->at, bytes);
    }
    s->at += 32;
}

uint32_t rk_ht_forward_avx2(uint8_t *dst, const uint8_t *src, size_t size)
{
    const __m256i ones = _mm256_set1_epi8(-1);
    sink s = {dst, 0, 0};
    uint64_t carry = 0; /* top bit of the next byte is stuffed */
    const uint8_t *end = src + size, *full = dst + RK_HT_MAGSGN - 192;
    while (src < end && s.at < full) {
        if (end - src >= 32) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)src);
            if (!carry && !_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, ones))) {
                __m256i before = v;
                if (s.count) /* then there were bytes before these */
                    before = _mm256_loadu_si256((const __m256i *)(const void *)(src - 8));
                add32(&s, v, before, load64(src), src[31]);
                src += 32;
                continue;
            }
        }
        for (int i = 0; i < 4 && src < end; i++) {
            uint64_t w = load64(src);
            if (end - src < 8)
                w |= ~(uint64_t)0 << 8 * (end - src);
            src += 8;
            uint64_t full_bytes = ((w & LOWS) + 0x0101010101010101u) & w & TOPS;
            uint64_t drop = full_bytes << 8 | carry;
            carry = full_bytes >> 56;
            add(&s, w, drop);
        }
    }
    uint64_t out = s.held | ~(uint64_t)0 << s.count;
    memcpy(s.at, &out, 8);
    for (int i = 0; i < 5; i++)
        _mm256_storeu_si256((__m256i *)(void *)(s.at + 8 + 32 * i), ones);
    return 8 * (uint32_t)(s.at - dst) + 8;
}

/* 32 bytes in reverse order. */
INLINE __m256i reversed(const uint8_t *p)
{
    const __m256i order = _mm256_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13,
                                           12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, order), 0x4E);
}

/* One of the 32 bytes before p loses its top bit; `large`: the byte at p was above 8F. */
INLINE bool is_stuffed(__m256i bytes, const uint8_t *p, bool large)
{
    const __m256i low = _mm256_set1_epi8(0x7F);
    __m256i b = reversed(p - 31); /* the byte before each; not for the first one */
    __m256i seven = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, low), low);
    __m256i above = _mm256_cmpeq_epi8(_mm256_max_epu8(b, _mm256_set1_epi8((char)0x90)), b);
    unsigned hits = (unsigned)_mm256_movemask_epi8(_mm256_and_si256(seven, above)) & ~1u;
    return hits || (large && (p[-1] & 0x7F) == 0x7F);
}

size_t rk_ht_backward_avx2(uint8_t *dst, const uint8_t *last, size_t size)
{
    unsigned half = *last >> 4;
    sink s = {dst, half, 4};
    if ((half & 7) == 7) {
        s.held = 7;
        s.count = 3;
    }
    uint64_t carry = (*last | 15) > 0x8F ? 0x80 : 0;
    const uint8_t *p = last;
    while (size > 0) {
        if (size >= 32) {
            __m256i v = reversed(p - 32);
            if (!is_stuffed(v, p, carry != 0)) {
                add32(&s, v, reversed(p - 24), __builtin_bswap64(load64(p - 8)), p[-32]);
                carry = p[-32] > 0x8F ? 0x80 : 0;
                p -= 32;
                size -= 32;
                continue;
            }
        }
        for (int i = 0; i < 4 && size > 0; i++) {
            uint64_t w = 0;
            size_t n = size < 8 ? size : 8;
            p -= n;
            memcpy((uint8_t *)&w + 8 - n, p, n);
            w = __builtin_bswap64(w);
            size -= n;
            uint64_t low = w & LOWS, large = (low + 0x7070707070707070u) & w & TOPS;
            uint64_t drop = (low + 0x0101010101010101u) & TOPS & (large << 8 | carry);
            carry = large >> 56;
            add(&s, w, drop);
        }
    }
    memcpy(s.at, &s.held, 8);
    for (int i = 0; i < 4; i++)
        _mm256_storeu_si256((__m256i *)(void *)(s.at + 8 + 32 * i), _mm256_setzero_si256());
    return (size_t)(s.at - dst) + 1;
}

RK_TARGET_END

void rk_ht_events_start(rk_ht_events *m, const rk_ht_block *b)
{
    /* one event a quad, one more a pair of the first row, and what is read ahead */
    size_t quads = (b->width + 1) / 2, rows = (b->height + 1) / 2;
    memset(m->events, 0, 8 * ((quads * rows + quads) / 64 + 4));
    m->held = 0;
    m->bits = m->before = m->k = m->n = 0;
    m->end = b->cleanup + b->cleanup_size - 1;
    m->at = m->end + 1 - rk_ht_suffix(b);
}

void rk_ht_events_more(rk_ht_events *m, unsigned want)
{
    while (m->n < want) {
        while (m->bits <= 48) {
            unsigned byte = 0xFF, width = m->before == 0xFF ? 7 : 8;
            if (m->at < m->end) {
                byte = *m->at++;
                if (m->at == m->end)
                    byte |= 15;
            }
            m->before = byte;
            m->held |= (uint64_t)(byte & ((1u << width) - 1)) << (64 - width - m->bits);
            m->bits += width;
        }
        unsigned exponent = rk_ht_mel_exponents[m->k];
        if (m->held >> 63) {
            m->n += 1u << exponent;
            m->held <<= 1;
            m->bits--;
            m->k += m->k < 12;
        } else {
            m->n += exponent ? (unsigned)(m->held << 1 >> (64 - exponent)) : 0;
            m->events[m->n >> 6] |= (uint64_t)1 << (m->n & 63);
            m->n++;
            m->held <<= 1 + exponent;
            m->bits -= 1 + exponent;
            m->k -= m->k > 0;
        }
    }
}
