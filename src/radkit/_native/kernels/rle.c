/* Reference of RLE (rle.h) and the frame around it: header, planes, padding. */
#include "rle.h"

#include <string.h>

#include "cpu.h"

/* PS3.5 G.3.2, the decoder in words, one plane. */
static size_t unpack_plane(uint8_t *dst, size_t n, const uint8_t *src, size_t size)
{
    size_t i = 0, o = 0;
    while (o < n && i < size) {
        size_t head = src[i++];
        if (head == 128)
            continue;
        size_t length = head < 128 ? head + 1 : 257 - head;
        if (length > n - o)
            length = n - o;
        if (head < 128) {
            if (length > size - i)
                length = size - i;
            memcpy(dst + o, src + i, length);
            i += length;
        } else {
            if (i == size)
                break;
            memset(dst + o, src[i], length);
            i++;
        }
        o += length;
    }
    return o;
}

void rk_rle_unpack_c(rk_rle_plane *planes, size_t count)
{
    for (size_t k = 0; k < count; k++)
        planes[k].done = unpack_plane(planes[k].dst, planes[k].n, planes[k].src, planes[k].size);
}

void rk_rle_weave_c(uint8_t *out, const uint8_t *in, size_t n, size_t planes,
                    const uint8_t *order)
{
    for (size_t k = 0; k < planes; k++) {
        uint8_t *o = out + order[k];
        const uint8_t *plane = in + k * n;
        for (size_t i = 0; i < n; i++)
            o[i * planes] = plane[i];
    }
}

void rk_rle_split_c(uint8_t *plane, const uint8_t *in, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++)
        plane[i] = in[i * stride];
}

size_t rk_rle_pack_c(uint8_t *dst, const uint8_t *row, size_t n)
{
    size_t i = 0, o = 0;
    while (i < n) {
        size_t start = i++;
        while (i < n && i - start < 128 && row[i] == row[start])
            i++;
        size_t length = i - start;
        if (length >= 2) {
            dst[o++] = (uint8_t)(257 - length);
            dst[o++] = row[start];
            continue;
        }
        while (i < n && i - start < 128 &&
               !(n - i > 2 && row[i] == row[i + 1] && row[i] == row[i + 2]))
            i++;
        length = i - start;
        dst[o++] = (uint8_t)(length - 1);
        memcpy(dst + o, row + start, length);
        o += length;
    }
    return o;
}

void rk_rle_table_fill(rk_rle_table *t, uint32_t cpu)
{
    t->unpack = rk_rle_unpack_c;
    t->weave = rk_rle_weave_c;
    t->split = rk_rle_split_c;
    t->pack = rk_rle_pack_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->unpack = rk_rle_unpack_avx2;
        t->weave = rk_rle_weave_avx2;
        t->split = rk_rle_split_avx2;
        t->pack = rk_rle_pack_avx2;
    }
#else
    (void)cpu;
#endif
}

static uint32_t read_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void write_le32(uint8_t *p, uint32_t value)
{
    for (int k = 0; k < 4; k++)
        p[k] = (uint8_t)(value >> (8 * k));
}

static rk_status fail(rk_code code, enum rk_rle_rule rule, uint64_t offset)
{
    return (rk_status){.code = code, .rule = (uint16_t)rule, .frame = 0, .offset = offset};
}

/* Plane k holds, sample by sample, the most significant byte first (PS3.5 G.2). */
static void plane_order(uint8_t *order, size_t samples, size_t width)
{
    for (size_t s = 0; s < samples; s++)
        for (size_t b = 0; b < width; b++)
            order[s * width + b] = (uint8_t)(s * width + width - 1 - b);
}

/* Cuts the segments out of the frame. An offset past the end gives an empty segment. */
static rk_status cut_segments(rk_rle_plane *planes, size_t count, const uint8_t *data, size_t size)
{
    if (size < RK_RLE_HEADER)
        return fail(RK_TRUNCATED, RK_RLE_SHORT_HEADER, size);
    if (read_le32(data) != count)
        return fail(RK_CORRUPT, RK_RLE_COUNT, 0);
    size_t previous = RK_RLE_HEADER;
    for (size_t k = 0; k < count; k++) {
        size_t at = 4 + 4 * k;
        size_t begin = read_le32(data + at);
        size_t end = k + 1 < count ? read_le32(data + at + 4) : size;
        if (begin < previous)
            return fail(RK_CORRUPT, RK_RLE_OFFSETS, at);
        previous = begin;
        begin = begin < size ? begin : size;
        end = end < size ? end : size;
        if (end < begin) /* the next round reports it */
            end = begin;
        planes[k].src = data + begin;
        planes[k].size = end - begin;
    }
    return fail(RK_OK, RK_RLE_OK, 0);
}

rk_status rk_rle_decode(const rk_rle_table *t, const uint8_t *data, size_t size, uint8_t *out,
                        uint8_t *scratch, size_t cells, size_t samples, size_t width,
                        size_t *sound)
{
    rk_rle_plane planes[RK_RLE_MAX_SEGMENTS];
    uint8_t order[RK_RLE_MAX_SEGMENTS];
    size_t count = samples * width;

    *sound = 0;
    if (count == 0 || count > RK_RLE_MAX_SEGMENTS)
        return fail(RK_INTERNAL, RK_RLE_COUNT, 0);
    rk_status status = cut_segments(planes, count, data, size);
    if (status.code != RK_OK)
        return status;
    uint8_t *to = count == 1 ? out : scratch;
    for (size_t k = 0; k < count; k++) {
        planes[k].dst = to + k * cells;
        planes[k].n = cells;
        planes[k].done = 0;
    }
    t->unpack(planes, count);
    for (size_t k = 0; k < count; k++) {
        *sound += planes[k].done;
        if (planes[k].done == cells)
            continue;
        memset(planes[k].dst + planes[k].done, 0, cells - planes[k].done);
        if (status.code == RK_OK) {
            uint64_t end = (uint64_t)(planes[k].src - data) + planes[k].size;
            status = fail(RK_TRUNCATED, RK_RLE_SHORT_SEGMENT, end);
        }
    }
    if (count > 1) {
        plane_order(order, samples, width);
        t->weave(out, scratch, cells, count, order);
    }
    return status;
}

bool rk_rle_bound(size_t *bound, size_t rows, size_t cols, size_t planes)
{
    size_t row, plane, all;
    if (!rk_add_size(&row, cols, cols / 128 + 1) || !rk_mul_size(&plane, row, rows) ||
        !rk_add_size(&plane, plane, 1) || !rk_mul_size(&all, plane, planes))
        return false;
    return rk_add_size(bound, all, RK_RLE_HEADER);
}

size_t rk_rle_encode(const rk_rle_table *t, uint8_t *dst, const uint8_t *in, uint8_t *plane,
                     size_t rows, size_t cols, size_t samples, size_t width)
{
    uint8_t order[RK_RLE_MAX_SEGMENTS];
    size_t count = samples * width, at = RK_RLE_HEADER;

    plane_order(order, samples, width);
    memset(dst, 0, RK_RLE_HEADER);
    write_le32(dst, (uint32_t)count);
    for (size_t k = 0; k < count; k++) {
        if (at > UINT32_MAX)
            return 0;
        write_le32(dst + 4 + 4 * k, (uint32_t)at);
        const uint8_t *from = in + order[k];
        for (size_t y = 0; y < rows; y++, from += cols * count) {
            const uint8_t *row = from;
            if (count > 1) {
                t->split(plane, from, cols, count);
                row = plane;
            }
            at += t->pack(dst + at, row, cols);
        }
        if (at & 1) /* each segment is even, padded by 00 (PS3.5 G.5) */
            dst[at++] = 0;
    }
    return at;
}
