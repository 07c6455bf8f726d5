/* Reference kernels of JPEG Lossless (jpegll.h) and their table. */
#include "jpegll.h"

#include <string.h>

#include "cpu.h"

void rk_jpegll_prepare_c(rk_jpegll_lut *table, bool alone)
{
    (void)alone;
    (void)table; /* the reference reads the canonical form */
}

static inline uint32_t bit_at(const rk_jpegll_bits *b, size_t at)
{
    return b->data[at >> 3] >> (7 - (at & 7)) & 1u;
}

/* One symbol, T.81 F.2.2.3 DECODE; false if the data end or hold no code. */
static bool read_category(rk_jpegll_bits *b, size_t *at, const rk_huff_canon *canon,
                          uint32_t *category)
{
    uint32_t code = 0;
    for (uint32_t l = 1; l <= 16; l++) {
        if (*at >= 8 * b->size) {
            b->code = RK_TRUNCATED;
            b->rule = RK_JPEGLL_DATA_ENDS;
            return false;
        }
        code = code << 1 | bit_at(b, (*at)++);
        if (code >= canon->first[l] && code - canon->first[l] < canon->count[l]) {
            *category = canon->values[canon->index[l] + code - canon->first[l]];
            if (*category <= 16)
                return true;
            b->code = RK_CORRUPT;
            b->rule = RK_JPEGLL_CATEGORY;
            return false;
        }
    }
    b->code = RK_CORRUPT;
    b->rule = RK_JPEGLL_CODE;
    return false;
}

/* One difference, T.81 H.1.2.2 and F.2.2.1 EXTEND; b->at moves only if it is whole. */
static bool read_difference(rk_jpegll_bits *b, const rk_huff_canon *canon, uint16_t *difference)
{
    size_t at = b->at;
    uint32_t category = 0, bits = 0;
    if (!read_category(b, &at, canon, &category))
        return false;
    if (category == 16) { /* no extra bits */
        *difference = 32768;
        b->at = at;
        return true;
    }
    if (category > 8 * b->size - at) {
        b->code = RK_TRUNCATED;
        b->rule = RK_JPEGLL_DATA_ENDS;
        return false;
    }
    for (uint32_t k = 0; k < category; k++)
        bits = bits << 1 | bit_at(b, at++);
    if (category && bits < 1u << (category - 1))
        bits += 1 - (1u << category); /* modulo 2^16, as the sums are */
    *difference = (uint16_t)bits;
    b->at = at;
    return true;
}

size_t rk_jpegll_diff_c(rk_jpegll_bits *b, uint16_t *diff, size_t n,
                        const rk_jpegll_lut *const *tables, size_t components)
{
    size_t i = 0, k = 0;
    for (; i < n && i < b->ahead_n; i++)
        diff[i] = b->spare[i];
    b->ahead_n -= i;
    if (i)
        memmove(b->spare, b->spare + i, b->ahead_n * sizeof *b->spare);
    for (k = i % components; i < n; i++) {
        if (!read_difference(b, &tables[k]->canon, &diff[i]))
            break;
        if (++k == components)
            k = 0;
    }
    return i;
}

void rk_jpegll_split_c(uint16_t *const *part, const uint16_t *diff, size_t n, size_t components)
{
    for (size_t k = 0; k < components; k++)
        for (size_t i = 0; i < n; i++)
            part[k][i] = diff[i * components + k];
}

/* T.81 table H.1; a = left, b = above, c = above left. */
static inline uint16_t prediction(unsigned predictor, int32_t a, int32_t b, int32_t c)
{
    switch (predictor) {
    case 1:
        return (uint16_t)a;
    case 2:
        return (uint16_t)b;
    case 3:
        return (uint16_t)c;
    case 4:
        return (uint16_t)(a + b - c);
    case 5:
        return (uint16_t)(a + ((b - c) >> 1));
    case 6:
        return (uint16_t)(b + ((a - c) >> 1));
    default:
        return (uint16_t)((a + b) >> 1);
    }
}

void rk_jpegll_predict_c(uint16_t *row, const uint16_t *above, const uint16_t *diff, size_t n,
                         unsigned predictor, uint16_t start)
{
    if (n == 0)
        return;
    row[0] = (uint16_t)(start + diff[0]);
    for (size_t i = 1; i < n; i++) {
        uint16_t expected = predictor == 1
                                ? row[i - 1]
                                : prediction(predictor, row[i - 1], above[i], above[i - 1]);
        row[i] = (uint16_t)(expected + diff[i]);
    }
}

void rk_jpegll_store_c(uint8_t *out, const uint16_t *const *rows, size_t n,
                       const rk_jpegll_layout *to)
{
    for (size_t k = 0; k < to->components; k++) {
        for (size_t i = 0; i < n; i++) {
            uint16_t sample = (uint16_t)((uint32_t)rows[k][i] << to->transform & to->mask);
            size_t at = (i * to->stride + to->place[k]) * to->width;
            if (to->width == 1)
                out[at] = (uint8_t)sample;
            else
                memcpy(out + at, &sample, 2);
        }
    }
}

void rk_jpegll_line_c(uint8_t *out, const uint16_t *diff, size_t n, uint16_t *first,
                      const rk_jpegll_layout *to)
{
    for (size_t k = 0; k < to->components; k++) {
        uint16_t sum = first[k];
        for (size_t i = 0; i < n; i++) {
            size_t at = i * to->components + k;
            sum = (uint16_t)(sum + ((uint32_t)diff[at] << to->transform));
            uint16_t sample = sum & to->mask;
            if (i == 0)
                first[k] = sum;
            if (to->width == 1)
                out[at] = (uint8_t)sample;
            else
                memcpy(out + 2 * at, &sample, 2);
        }
    }
}

static inline uint32_t category_of(uint16_t difference)
{
    uint32_t size = difference < 32769 ? difference : 65536u - difference, category = 0;
    for (; size; size >>= 1)
        category++;
    return category;
}

void rk_jpegll_count_c(uint64_t *histogram, const uint16_t *diff, size_t n)
{
    for (size_t i = 0; i < n; i++)
        histogram[category_of(diff[i])]++;
}

size_t rk_jpegll_emit_c(uint8_t *dst, const uint16_t *diff, size_t n,
                        const rk_jpegll_codes *codes)
{
    uint64_t waiting = 0; /* the lowest `bits` of it are still to be written */
    uint32_t bits = 0;
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t category = category_of(diff[i]), extra = 0;
        if (category < 16) /* negative: one less, so that the first bit is 0 (F.1.2.1) */
            extra = (diff[i] - (uint32_t)(diff[i] >> 15)) & ((1u << category) - 1);
        waiting = waiting << codes->length[category] | codes->code[category] | extra;
        for (bits += codes->length[category]; bits >= 8; bits -= 8)
            dst[o++] = (uint8_t)(waiting >> (bits - 8));
    }
    if (bits)
        dst[o++] = (uint8_t)(waiting << (8 - bits) | ((1u << (8 - bits)) - 1));
    return o;
}

void rk_jpegll_table_fill(rk_jpegll_table *t, uint32_t cpu)
{
    t->prepare = rk_jpegll_prepare_c;
    t->diff = rk_jpegll_diff_c;
    t->split = rk_jpegll_split_c;
    t->predict = rk_jpegll_predict_c;
    t->store = rk_jpegll_store_c;
    t->line = rk_jpegll_line_c;
    t->emit = rk_jpegll_emit_c;
    t->count = rk_jpegll_count_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->prepare = rk_jpegll_prepare_avx2;
        t->diff = rk_jpegll_diff_avx2;
        t->split = rk_jpegll_split_avx2;
        t->predict = rk_jpegll_predict_avx2;
        t->store = rk_jpegll_store_avx2;
        t->line = rk_jpegll_line_avx2;
        t->emit = rk_jpegll_emit_avx2;
        t->count = rk_jpegll_count_avx2;
    }
#else
    (void)cpu;
#endif
}
