/* RLE (rle.h) with AVX2. */
#include "rle.h"

#include "cpu.h"

#if RK_ARCH_X86
#include <immintrin.h>
#include <string.h>

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* A token reads at most 1 + 128 bytes and writes at most 128; within this margin
 * whole vectors may be copied whatever the token. */
#define MARGIN 160

typedef struct cursor {
    const uint8_t *src, *src_safe;
    uint8_t *dst, *dst_safe;
} cursor;

static inline cursor cursor_of(const rk_rle_plane *p)
{
    cursor c = {p->src, p->src, p->dst, p->dst};
    if (p->size > MARGIN && p->n > MARGIN) {
        c.src_safe = p->src + (p->size - MARGIN);
        c.dst_safe = p->dst + (p->n - MARGIN);
    }
    return c;
}

static inline int roomy(const cursor *c)
{
    return c->src < c->src_safe && c->dst < c->dst_safe;
}

/*
 * One token without a jump that depends on its kind: the sign bit of the head
 * selects, lane by lane, the literal bytes or the repeated one. Mispredicted jumps
 * are the cost of RLE; this way only lengths above 64 jump.
 */
static inline void step(cursor *c)
{
    const uint8_t *s = c->src;
    uint8_t *d = c->dst;
    int head = (int8_t)s[0];
    __m256i kind = _mm256_set1_epi8((char)s[0]);
    __m256i run = _mm256_set1_epi8((char)s[1]);
    __m256i a = _mm256_loadu_si256((const __m256i *)(s + 1));
    __m256i b = _mm256_loadu_si256((const __m256i *)(s + 33));
    _mm256_storeu_si256((__m256i *)d, _mm256_blendv_epi8(a, run, kind));
    _mm256_storeu_si256((__m256i *)(d + 32), _mm256_blendv_epi8(b, run, kind));
    size_t length = (size_t)(head < 0 ? 1 - head : 1 + head);
    size_t used = head < 0 ? 2 : (size_t)head + 2;
    if (__builtin_expect(length > 64, 0)) {
        if (head == -128) { /* no operation */
            c->src = s + 1;
            return;
        }
        a = _mm256_loadu_si256((const __m256i *)(s + 65));
        b = _mm256_loadu_si256((const __m256i *)(s + 97));
        _mm256_storeu_si256((__m256i *)(d + 64), _mm256_blendv_epi8(a, run, kind));
        _mm256_storeu_si256((__m256i *)(d + 96), _mm256_blendv_epi8(b, run, kind));
    }
    c->src = s + used;
    c->dst = d + length;
}

static void finish(rk_rle_plane *p, cursor c)
{
    while (roomy(&c))
        step(&c);
    rk_rle_plane rest = {
        .src = c.src,
        .size = p->size - (size_t)(c.src - p->src),
        .dst = c.dst,
        .n = p->n - (size_t)(c.dst - p->dst),
    };
    rk_rle_unpack_c(&rest, 1);
    p->done = (size_t)(c.dst - p->dst) + rest.done;
}

/* Two planes in turn: two chains of dependent loads instead of one. */
static void unpack_two(rk_rle_plane *p)
{
    cursor a = cursor_of(p), b = cursor_of(p + 1);
    while (roomy(&a) && roomy(&b)) {
        step(&a);
        step(&b);
    }
    finish(p, a);
    finish(p + 1, b);
}

static void unpack_three(rk_rle_plane *p)
{
    cursor a = cursor_of(p), b = cursor_of(p + 1), c = cursor_of(p + 2);
    while (roomy(&a) && roomy(&b) && roomy(&c)) {
        step(&a);
        step(&b);
        step(&c);
    }
    while (roomy(&a) && roomy(&b)) {
        step(&a);
        step(&b);
    }
    finish(p, a);
    finish(p + 1, b);
    finish(p + 2, c);
}

void rk_rle_unpack_avx2(rk_rle_plane *planes, size_t count)
{
    while (count == 3 || count >= 5) {
        unpack_three(planes);
        planes += 3;
        count -= 3;
    }
    while (count >= 2) {
        unpack_two(planes);
        planes += 2;
        count -= 2;
    }
    if (count)
        finish(planes, cursor_of(planes));
}

static void weave_two(uint8_t *out, const uint8_t *low, const uint8_t *high, size_t n)
{
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        __m256i l = _mm256_loadu_si256((const __m256i *)(low + i));
        __m256i h = _mm256_loadu_si256((const __m256i *)(high + i));
        __m256i a = _mm256_unpacklo_epi8(l, h), b = _mm256_unpackhi_epi8(l, h);
        __m256i *o = (__m256i *)(out + 2 * i);
        _mm256_storeu_si256(o, _mm256_permute2x128_si256(a, b, 0x20));
        _mm256_storeu_si256(o + 1, _mm256_permute2x128_si256(a, b, 0x31));
    }
    for (; i < n; i++) {
        out[2 * i] = low[i];
        out[2 * i + 1] = high[i];
    }
}

/* Byte k of the 48 interleaved ones comes from plane k % 3, place k / 3. */
static void weave_three(uint8_t *out, const uint8_t *r, const uint8_t *g, const uint8_t *b,
                        size_t n)
{
    const __m128i r0 = _mm_setr_epi8(0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5);
    const __m128i g0 = _mm_setr_epi8(-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1);
    const __m128i b0 = _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1);
    const __m128i r1 = _mm_setr_epi8(-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1);
    const __m128i g1 = _mm_setr_epi8(5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10);
    const __m128i b1 = _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1);
    const __m128i r2 =
        _mm_setr_epi8(-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1);
    const __m128i g2 =
        _mm_setr_epi8(-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1);
    const __m128i b2 =
        _mm_setr_epi8(10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15);
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(r + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(g + i));
        __m128i z = _mm_loadu_si128((const __m128i *)(b + i));
        __m128i *o = (__m128i *)(out + 3 * i);
        _mm_storeu_si128(o, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(x, r0),
                                                      _mm_shuffle_epi8(y, g0)),
                                         _mm_shuffle_epi8(z, b0)));
        _mm_storeu_si128(o + 1, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(x, r1),
                                                          _mm_shuffle_epi8(y, g1)),
                                             _mm_shuffle_epi8(z, b1)));
        _mm_storeu_si128(o + 2, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(x, r2),
                                                          _mm_shuffle_epi8(y, g2)),
                                             _mm_shuffle_epi8(z, b2)));
    }
    for (; i < n; i++) {
        out[3 * i] = r[i];
        out[3 * i + 1] = g[i];
        out[3 * i + 2] = b[i];
    }
}

void rk_rle_weave_avx2(uint8_t *out, const uint8_t *in, size_t n, size_t planes,
                       const uint8_t *order)
{
    if (planes == 2)
        weave_two(out, in + (order[0] == 0 ? 0 : n), in + (order[0] == 0 ? n : 0), n);
    else if (planes == 3) {
        const uint8_t *by_place[3];
        for (size_t k = 0; k < 3; k++)
            by_place[order[k] % 3] = in + k * n;
        weave_three(out, by_place[0], by_place[1], by_place[2], n);
    } else
        rk_rle_weave_c(out, in, n, planes, order);
}

/* Byte 3 * k of 48: six in the first load, five in each of the others. */
static size_t split_three(uint8_t *plane, const uint8_t *in, size_t n)
{
    const __m128i first = _mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i middle = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1);
    const __m128i last = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13);
    size_t i = 0;
    for (; n - i > 16; i += 16) { /* the two bytes after the last cell are not read */
        const __m128i *from = (const __m128i *)(in + 3 * i);
        __m128i x = _mm_shuffle_epi8(_mm_loadu_si128(from), first);
        __m128i y = _mm_shuffle_epi8(_mm_loadu_si128(from + 1), middle);
        __m128i z = _mm_shuffle_epi8(_mm_loadu_si128(from + 2), last);
        _mm_storeu_si128((__m128i *)(plane + i), _mm_or_si128(_mm_or_si128(x, y), z));
    }
    return i;
}

void rk_rle_split_avx2(uint8_t *plane, const uint8_t *in, size_t n, size_t stride)
{
    size_t i = stride == 3 ? split_three(plane, in, n) : 0;
    if (stride == 2) {
        const __m256i low = _mm256_set1_epi16(0xFF);
        for (; n - i > 32; i += 32) { /* the byte after the last cell is not read */
            const __m256i *from = (const __m256i *)(in + 2 * i);
            __m256i a = _mm256_and_si256(_mm256_loadu_si256(from), low);
            __m256i b = _mm256_and_si256(_mm256_loadu_si256(from + 1), low);
            __m256i x = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
            _mm256_storeu_si256((__m256i *)(plane + i), x);
        }
    }
    rk_rle_split_c(plane + i, in + i * stride, n - i, stride);
}

/* Bit j: row[j] equals its right neighbour, 64 of them; reads row[0..64]. */
static inline uint64_t equal_64(const uint8_t *row)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)row);
    __m256i b = _mm256_loadu_si256((const __m256i *)(row + 1));
    __m256i c = _mm256_loadu_si256((const __m256i *)(row + 32));
    __m256i d = _mm256_loadu_si256((const __m256i *)(row + 33));
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));
    uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(c, d));
    return (uint64_t)high << 32 | low;
}

/* The same from i < n on. Beyond the row nothing is equal. */
static inline uint64_t equal_bits(const uint8_t *row, size_t i, size_t n)
{
    if (n - i > 64)
        return equal_64(row + i);
    if (n > 64) /* the last 64 pairs, those before i shifted out */
        return n - i < 2 ? 0 : equal_64(row + (n - 65)) >> (i + 65 - n);
    uint64_t bits = 0;
    for (size_t j = 0; i + j + 1 < n; j++)
        bits |= (uint64_t)(row[i + j] == row[i + j + 1]) << j;
    return bits;
}

/* Length of the run that starts at i, at most 128. */
static inline size_t run_length(const uint8_t *row, size_t i, size_t n)
{
    uint64_t differ = ~equal_bits(row, i, n);
    if (differ)
        return (size_t)_tzcnt_u64(differ) + 1;
    differ = ~equal_bits(row, i + 64, n);
    size_t length = 65 + (size_t)_tzcnt_u64(differ);
    return length < 128 ? length : 128;
}

/* Bytes from i on to the next run of three, at most `most`. */
static inline size_t literal_length(const uint8_t *row, size_t i, size_t n, size_t most)
{
    for (size_t length = 0; length < most; length += 63) {
        uint64_t equal = equal_bits(row, i + length, n);
        uint64_t three = equal & (equal >> 1);
        if (three) {
            length += (size_t)_tzcnt_u64(three);
            return length < most ? length : most;
        }
    }
    return most;
}

static inline void copy_literal(uint8_t *dst, const uint8_t *src, size_t length, int room)
{
    if (!room) {
        memcpy(dst, src, length);
        return;
    }
    for (size_t k = 0; k < length; k += 32)
        _mm256_storeu_si256((__m256i *)(dst + k),
                            _mm256_loadu_si256((const __m256i *)(src + k)));
}

size_t rk_rle_pack_avx2(uint8_t *dst, const uint8_t *row, size_t n)
{
    size_t i = 0, o = 0;
    while (i < n) {
        size_t length = run_length(row, i, n);
        if (length >= 2) {
            dst[o++] = (uint8_t)(257 - length);
            dst[o++] = row[i];
            i += length;
            continue;
        }
        size_t most = n - i < 128 ? n - i : 128;
        length = most > 1 ? 1 + literal_length(row, i + 1, n, most - 1) : 1;
        dst[o++] = (uint8_t)(length - 1);
        /* what is left of the row bounds what is left of dst from below */
        copy_literal(dst + o, row + i, length, n - i >= length + 64);
        o += length;
        i += length;
    }
    return o;
}

RK_TARGET_END
#endif
