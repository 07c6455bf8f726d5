/* Encoding of JPEG Lossless frames (T.81 annex H), all components in one scan, one table. */
#include <string.h>

#include "jpegll.h"

/* Widens a line to words and returns the OR of its samples. */
static uint32_t load_line(uint16_t *row, const uint8_t *in, size_t n, size_t width)
{
    uint32_t seen = 0;
    if (width == 2) {
        memcpy(row, in, 2 * n);
        for (size_t i = 0; i < n; i++)
            seen |= row[i];
    } else {
        for (size_t i = 0; i < n; i++)
            seen |= row[i] = in[i];
    }
    return seen;
}

/* T.81 table H.1 from the samples, the inverse of rk_jpegll_predict_fn; `step` = components. */
static void subtract(uint16_t *diff, const uint16_t *row, const uint16_t *above, size_t n,
                     size_t step, unsigned predictor)
{
    for (size_t i = step; i < n; i++) {
        int32_t a = row[i - step], b = above[i], c = above[i - step], expected;
        switch (predictor) {
        case 1:
            expected = a;
            break;
        case 2:
            expected = b;
            break;
        case 3:
            expected = c;
            break;
        case 4:
            expected = a + b - c;
            break;
        case 5:
            expected = a + ((b - c) >> 1);
            break;
        case 6:
            expected = b + ((a - c) >> 1);
            break;
        default:
            expected = (a + b) >> 1;
        }
        diff[i] = (uint16_t)(row[i] - expected);
    }
}

static void subtract_left(uint16_t *diff, const uint16_t *row, size_t n, size_t step)
{
    for (size_t i = step; i < n; i++)
        diff[i] = (uint16_t)(row[i] - row[i - step]);
}

static void make_codes(rk_jpegll_plan *plan, const uint64_t *histogram)
{
    uint32_t code = 0;
    size_t k = 0;
    uint64_t bits = 0;
    rk_huff_optimal(&plan->table, histogram, 17);
    memset(&plan->codes, 0, sizeof plan->codes);
    for (uint32_t l = 1; l <= 16; l++, code <<= 1) {
        for (uint32_t i = 0; i < plan->table.counts[l - 1]; i++) {
            uint32_t category = plan->table.values[k++], extra = category & 15;
            plan->codes.code[category] = (uint64_t)code++ << extra;
            plan->codes.length[category] = (uint8_t)(l + extra);
            bits += histogram[category] * (l + extra);
        }
    }
    plan->coded = (size_t)((bits + 7) / 8);
}

void rk_jpegll_plan_make(const rk_jpegll_table *t, rk_jpegll_plan *plan, const uint8_t *in,
                         uint16_t *diff, uint16_t *rows)
{
    size_t step = plan->components, n = plan->cols * step;
    uint64_t histogram[17] = {0};
    uint32_t seen = 0;
    uint16_t *row = rows, *above = rows + n;

    for (size_t y = 0; y < plan->rows; y++, diff += n, in += n * plan->width) {
        seen |= load_line(row, in, n, plan->width);
        for (size_t k = 0; k < step; k++)
            diff[k] = (uint16_t)(row[k] - (y ? above[k] : 1u << (plan->precision - 1)));
        if (y == 0 || plan->predictor == 1)
            subtract_left(diff, row, n, step);
        else
            subtract(diff, row, above, n, step, plan->predictor);
        t->count(histogram, diff, n);
        uint16_t *turn = row;
        row = above;
        above = turn;
    }
    plan->fits = seen >> plan->precision == 0;
    make_codes(plan, histogram);
}

static uint8_t *put16(uint8_t *o, size_t value)
{
    *o++ = (uint8_t)(value >> 8);
    *o++ = (uint8_t)value;
    return o;
}

size_t rk_jpegll_write_header(const rk_jpegll_plan *plan, uint8_t *dst)
{
    size_t n = 0, components = plan->components;
    uint8_t *o = dst;
    for (int l = 0; l < 16; l++)
        n += plan->table.counts[l];
    o = put16(o, 0xFFD8); /* SOI */
    o = put16(o, 0xFFC3); /* SOF3 */
    o = put16(o, 8 + 3 * components);
    *o++ = (uint8_t)plan->precision;
    o = put16(o, plan->rows);
    o = put16(o, plan->cols);
    *o++ = (uint8_t)components;
    for (size_t k = 0; k < components; k++) {
        *o++ = (uint8_t)(k + 1);
        *o++ = 0x11;
        *o++ = 0;
    }
    o = put16(o, 0xFFC4); /* DHT */
    o = put16(o, 19 + n);
    *o++ = 0;
    memcpy(o, plan->table.counts, 16);
    memcpy(o + 16, plan->table.values, n);
    o += 16 + n;
    o = put16(o, 0xFFDA); /* SOS */
    o = put16(o, 6 + 2 * components);
    *o++ = (uint8_t)components;
    for (size_t k = 0; k < components; k++) {
        *o++ = (uint8_t)(k + 1);
        *o++ = 0;
    }
    *o++ = (uint8_t)plan->predictor;
    *o++ = 0;
    *o++ = 0;
    return (size_t)(o - dst);
}

size_t rk_jpegll_stuff(uint8_t *dst, const uint8_t *src, size_t n)
{
    size_t i = 0, o = 0;
    while (i < n) {
        const uint8_t *ff = memchr(src + i, 0xFF, n - i);
        size_t size = ff ? (size_t)(ff - src) - i + 1 : n - i;
        memcpy(dst + o, src + i, size);
        o += size;
        i += size;
        if (ff)
            dst[o++] = 0;
    }
    return o;
}
