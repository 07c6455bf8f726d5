/*
 * kernels/ht_encode_bits_avx2.c: code words and MagSgn bits of a quad-row, one behind the other, and the
 * stuffing of finished bits to bytes (T.814 7.1), 32 bytes at a time.
 */
#include "ht_encode_avx2.h"

#include <immintrin.h>
#include <string.h>

#include "cpu.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

#define INLINE static inline __attribute__((always_inline))

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* n <= 56 bits; `value` has no others. */
INLINE void append(rk_ht_bits *b, uint64_t value, uint64_t n)
{
    b->held |= value << b->n;
    memcpy(b->at, &b->held, 8);
    uint64_t sum = b->n + n;
    b->at += sum >> 3;
    b->held >>= sum & 56;
    b->n = (uint32_t)sum & 7;
}

/* n <= 64 bits. */
INLINE void append_long(rk_ht_bits *b, uint64_t value, uint64_t n)
{
    uint64_t first = n <= 56 ? n : 32;
    append(b, n <= 56 ? value : (uint32_t)value, first);
    if (n > 56)
        append(b, value >> 32, n - 32);
}

static __attribute__((noinline)) void append_apart(rk_ht_bits *b, uint64_t low, uint64_t n0, uint64_t high, uint64_t n1)
{
    append_long(b, low, n0);
    append_long(b, high, n1);
}

/* ---- MEL and VLC (7.3.3 to 7.3.6) --------------------------------------------------- */

static void put_events(rk_ht_mel_writer *m, uint32_t events, uint32_t n)
{
    while (events) {
        uint32_t zeros = (uint32_t)__builtin_ctz(events);
        rk_ht_mel_zeros(m, zeros);
        rk_ht_mel_one(m);
        events = events >> zeros >> 1;
        n -= zeros + 1;
    }
    rk_ht_mel_zeros(m, n);
}

/* One event of each quad of the row whose context is 0. */
static __attribute__((noinline)) void row_events(rk_ht_encode_state *s, uint32_t quads)
{
    const rk_ht_encode_row *r = &s->row;
    for (uint32_t at = 0; at < quads; at += 32) {
        uint32_t silent = r->silent[at / 32];
        if (silent)
            put_events(&s->mel, _pext_u32(r->some[at / 32], silent), (uint32_t)__builtin_popcount(silent));
    }
}

/* The words of two quads and of their u, at most 30 bits; their length is the low byte of *n. */
INLINE uint64_t pair_word(uint32_t first, uint32_t second, uint32_t u, uint32_t *n)
{
    uint32_t two = first + second;
    *n = two + u;
    return (uint64_t)(first >> 24) | (uint64_t)(second >> 24) << (first & 63) | (uint64_t)(u >> 8) << (two & 63);
}

INLINE uint64_t plain_pair(rk_ht_encode_row *r, size_t pair, uint32_t *n)
{
    const uint32_t *table = rk_ht_codes[1];
    uint32_t first = table[r->index[2 * pair]], second = table[r->index[2 * pair + 1]];
    r->codes[2 * pair] = first;
    r->codes[2 * pair + 1] = second;
    return pair_word(first, second, rk_ht_u_codes[(uint32_t)r->pairs[pair]], n);
}

void rk_ht_code_other_avx2(rk_ht_encode_state *s, uint32_t quads)
{
    rk_ht_encode_row *r = &s->row;
    row_events(s, quads);
    if (!r->words)
        return;
    rk_ht_bits vlc = s->vlc;
    for (size_t pair = 0; 2 * pair < quads; pair += 2) {
        uint32_t n0, n1;
        uint64_t word0 = plain_pair(r, pair, &n0), word1 = plain_pair(r, pair + 1, &n1), n = (n0 + n1) & 0xFF;
        if (__builtin_expect(n > 56, 0)) {
            append(&vlc, word0, n0 & 0xFF);
            append(&vlc, word1, n1 & 0xFF);
        } else {
            append(&vlc, word0 | word1 << (n0 & 63), n);
        }
    }
    s->vlc = vlc;
}

/* u-VLC of a pair of the first row whose u are both above 0, with its MEL event. */
static uint32_t first_u(rk_ht_mel_writer *m, uint32_t u0, uint32_t u1)
{
    if (u0 > 2 && u1 > 2) {
        rk_ht_mel_one(m);
        return rk_ht_u_codes[(u1 - 2) << 5 | (u0 - 2)];
    }
    rk_ht_mel_zeros(m, 1);
    if (u0 <= 2)
        return rk_ht_u_codes[u1 << 5 | u0];
    /* One bit of u1 between prefix and suffix of u0. */
    uint32_t code = rk_ht_u_codes[u0], prefix = code >> 8 & 7, suffix = code >> 11;
    return (code & 0xFF) + 1 + ((prefix | (u1 - 1) << 3 | suffix << 4) << 8);
}

static bool is_set(const uint32_t *bits, uint32_t i)
{
    return bits[i / 32] >> i % 32 & 1;
}

void rk_ht_code_first_avx2(rk_ht_encode_state *s, uint32_t quads)
{
    rk_ht_encode_row *r = &s->row;
    for (uint32_t at = 0; at < (quads + 7) / 8 * 8; at += 2) {
        for (uint32_t k = at; k < at + 2; k++) {
            r->codes[k] = k < quads ? rk_ht_codes[0][r->index[k]] : 0;
            if (k >= quads || !is_set(r->silent, k))
                continue;
            if (is_set(r->some, k))
                rk_ht_mel_one(&s->mel);
            else
                rk_ht_mel_zeros(&s->mel, 1);
        }
        uint32_t u0 = r->pairs[at / 2] & 31, u1 = (uint32_t)r->pairs[at / 2] >> 5;
        uint32_t u = u0 && u1 ? first_u(&s->mel, u0, u1) : rk_ht_u_codes[u1 << 5 | u0];
        uint32_t n;
        uint64_t word = pair_word(r->codes[at], r->codes[at + 1], u, &n);
        append(&s->vlc, word, n & 0xFF);
    }
}

/* ---- MagSgn (7.3.8) ----------------------------------------------------------------- */

/* The bits of two words that their masks leave, joined if they are short enough. */
INLINE void append_masked(rk_ht_bits *b, const uint64_t *values, const uint64_t *masks)
{
    uint64_t low = _pext_u64(values[0], masks[0]), high = _pext_u64(values[1], masks[1]);
    uint64_t n0 = (uint64_t)__builtin_popcountll(masks[0]), n1 = (uint64_t)__builtin_popcountll(masks[1]);
    if (n0 + n1 <= 56) {
        append(b, low | high << (n0 & 63), n0 + n1);
    } else if (n0 <= 56 && n1 <= 56) {
        append(b, low, n0);
        append(b, high, n1);
    } else { /* a copy, so that *b stays in registers */
        rk_ht_bits copy = *b;
        append_apart(&copy, low, n0, high, n1);
        *b = copy;
    }
}

/* Takes the highest bit of each sample whose exponent is known (e_k) out of its mask. */
INLINE void known_narrow(uint64_t *masks, const uint32_t *codes)
{
    const __m256i bits = _mm256_set1_epi64x(0x0808040402020101);
    const __m256i e_k = _mm256_setr_epi8(2, 2, 2, 2, 2, 2, 2, 2, 10, 10, 10, 10, 10, 10, 10, 10, 2, 2, 2, 2, 2, 2, 2,
                                         2, 10, 10, 10, 10, 10, 10, 10, 10);
    __m256i code = _mm256_cvtepu32_epi64(_mm_load_si128((const __m128i *)(const void *)codes));
    __m256i known = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(code, e_k), bits), bits);
    __m256i mask = load(masks), less = _mm256_srli_epi16(mask, 1);
    _mm256_store_si256((__m256i *)(void *)masks, _mm256_blendv_epi8(mask, less, known));
}

INLINE void known_wide(uint64_t *masks, const uint32_t *codes)
{
    const __m256i bits = _mm256_setr_epi32(1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 16, 1 << 17, 1 << 18, 1 << 19);
    __m256i code = _mm256_setr_m128i(_mm_set1_epi32((int)codes[0]), _mm_set1_epi32((int)codes[1]));
    __m256i known = _mm256_cmpeq_epi32(_mm256_and_si256(code, bits), bits);
    __m256i mask = load(masks), less = _mm256_srli_epi32(mask, 1);
    _mm256_store_si256((__m256i *)(void *)masks, _mm256_blendv_epi8(mask, less, known));
}

void rk_ht_magsgn_avx2(rk_ht_encode_state *s, uint32_t quads, bool wide)
{
    rk_ht_encode_row *r = &s->row;
    if (!r->samples)
        return;
    rk_ht_bits bits = s->magsgn;
    if (wide) {
        for (size_t at = 0; at < quads; at += 2)
            known_wide(r->masks + 2 * at, r->codes + at);
        for (size_t at = 0; at < quads; at++)
            append_masked(&bits, r->values + 2 * at, r->masks + 2 * at);
    } else {
        for (size_t at = 0; at < quads; at += 4)
            known_narrow(r->masks + at, r->codes + at);
        for (size_t at = 0; at < quads; at += 2)
            append_masked(&bits, r->values + at, r->masks + at);
    }
    s->magsgn = bits;
}

/* ---- stuffing (7.1) ----------------------------------------------------------------- */

/* 256 bits from a position on, which lie in 40 bytes. */
INLINE __m256i bits256(const uint8_t *bits, size_t position)
{
    const uint8_t *p = bits + (position >> 3);
    int shift = (int)(position & 7);
    return _mm256_or_si256(_mm256_srl_epi64(load(p), _mm_cvtsi32_si128(shift)),
                           _mm256_sll_epi64(load(p + 8), _mm_cvtsi32_si128(64 - shift)));
}

/* At least 57 bits. */
INLINE uint64_t bits57(const uint8_t *bits, size_t position)
{
    return load64(bits + (position >> 3)) >> (position & 7);
}

size_t rk_ht_stuff_magsgn_avx2(uint8_t *bytes, const uint8_t *bits, size_t n)
{
    uint8_t *to = bytes;
    size_t at = 0;
    bool behind = false; /* the byte before is FF */
    while (at + 264 <= n) {
        if (behind) {
            *to++ = (uint8_t)(bits57(bits, at) & 0x7F);
            at += 7;
        }
        __m256i all = bits256(bits, at);
        uint32_t full = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_set1_epi8(-1)));
        uint32_t good = full ? (uint32_t)__builtin_ctz(full) + 1 : 32;
        _mm256_storeu_si256((__m256i *)(void *)to, all);
        behind = full != 0;
        to += good;
        at += 8 * good;
    }
    while (at < n) { /* ones behind the last bit */
        uint32_t size = behind ? 7 : 8, byte = (uint32_t)bits57(bits, at);
        if (n - at < size)
            byte |= 0xFFu << (n - at);
        byte &= (1u << size) - 1;
        at += size;
        behind = byte == 0xFF;
        *to++ = (uint8_t)byte;
    }
    return (size_t)(to - bytes) - behind;
}

INLINE __m256i reversed(__m256i v)
{
    const __m256i back = _mm256_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10,
                                          9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, back), 0x4E);
}

/* Of 32 bytes those whose lower seven bits are set, as a mask; and those above 8F. */
INLINE uint32_t seven_ones(__m256i v)
{
    const __m256i low = _mm256_set1_epi8(0x7F);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(v, low), low));
}

INLINE uint32_t above_8f(__m256i v)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(v, _mm256_set1_epi8((char)0x90)), v));
}

/* One byte downward; returns its bits. */
INLINE uint32_t put_vlc(uint8_t **to, uint64_t word, bool *large)
{
    bool seven = *large && (word & 0x7F) == 0x7F;
    uint32_t byte = seven ? 0x7F : word & 0xFF;
    *large = byte > 0x8F;
    *--*to = (uint8_t)byte;
    return seven ? 7 : 8;
}

rk_ht_vlc_end rk_ht_stuff_vlc_avx2(uint8_t *end, const uint8_t *bits, size_t n)
{
    uint8_t *to = end - 1; /* the byte of Scup, which counts as FF */
    size_t at = 0;
    bool large = true;
    *to = 0xFF;
    while (at + 256 <= n) {
        __m256i all = bits256(bits, at);
        uint32_t before = above_8f(all), stuffed = seven_ones(all) & (before << 1 | large);
        uint32_t good = stuffed ? (uint32_t)__builtin_ctz(stuffed) : 32;
        _mm256_storeu_si256((__m256i *)(void *)(to - 32), reversed(all));
        to -= good;
        at += 8 * good;
        large = before >> 31;
        if (stuffed) {
            *--to = 0x7F;
            at += 7;
            large = false;
        }
    }
    for (;;) {
        uint32_t left = (uint32_t)(n - at), byte = (uint32_t)bits57(bits, at) & 0xFF;
        bool seven = large && left >= 7 && (byte & 0x7F) == 0x7F;
        if (left < 8 && !seven) {
            byte &= (1u << left) - 1;
            return (rk_ht_vlc_end){.bytes = to, .size = (size_t)(end - to), .byte = byte, .used = left};
        }
        at += put_vlc(&to, byte, &large);
    }
}

RK_TARGET_END
