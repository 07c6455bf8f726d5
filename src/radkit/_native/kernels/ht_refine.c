/*
 * kernels/ht_refine.c: SigProp and MagRef of HT code-blocks (T.814 7.4, 7.5) for the fast variants of
 * ht.h: on nibbles, the four samples of a column of a stripe, and on strings without stuffing.
 */
#include <string.h>

#include "ht_work.h"

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Bits without stuffing, least significant first. */
typedef struct string {
    const uint8_t *bits;
    size_t at;
} string;

static unsigned next_bit(string *s)
{
    unsigned bit = s->bits[s->at >> 3] >> (s->at & 7) & 1;
    s->at++;
    return bit;
}

/* Adds the low `width` bits of a byte behind `at` bits. */
static size_t add_byte(uint8_t *bits, size_t at, unsigned byte, unsigned width)
{
    uint64_t v = load64(bits + (at >> 3)) | (uint64_t)(byte & ((1u << width) - 1)) << (at & 7);
    memcpy(bits + (at >> 3), &v, 8);
    return at + width;
}

static void unstuff(rk_ht_refinement *r, const rk_ht_block *b)
{
    size_t at = 0;
    uint8_t before = 0;
    memset(r->up, 0, sizeof r->up);
    memset(r->down, 0, sizeof r->down);
    for (size_t i = 0; i < b->refine_size; i++) {
        at = add_byte(r->up, at, b->refine[i], before == 0xFF ? 7 : 8);
        before = b->refine[i];
    }
    at = 0;
    before = 0xFF;
    for (size_t i = b->refine_size; i-- > 0 && b->passes > 2;) {
        bool short_byte = before > 0x8F && (b->refine[i] & 0x7F) == 0x7F;
        at = add_byte(r->down, at, b->refine[i], short_byte ? 7 : 8);
        before = b->refine[i];
    }
}

/* Nibbles of one stripe and of those around it, with an empty column on each side. */
typedef struct stripe {
    uint8_t *above, *own, *below;
    uint32_t y, rows;
} stripe;

static stripe stripe_at(rk_ht_refinement *r, const rk_ht_block *b, uint32_t index)
{
    size_t pitch = b->width + 2;
    uint8_t *own = r->significant + (index + 1) * pitch + 1;
    uint32_t left = b->height - 4 * index;
    return (stripe){own - pitch, own, own + pitch, 4 * index, left < 4 ? left : 4};
}

static void take_significance(rk_ht_refinement *r, const rk_ht_block *b)
{
    const int32_t *out = b->out;
    memset(r->significant, 0, sizeof r->significant);
    for (uint32_t y = 0; y < b->height; y++) {
        uint8_t *to = stripe_at(r, b, y / 4).own;
        for (uint32_t x = 0; x < b->width; x++)
            to[x] |= (uint8_t)((out[y * b->stride + x] != 0) << (y & 3));
    }
}

/* The significance bits of one column; returns the samples found. */
static unsigned column_found(const stripe *s, uint32_t x, bool causal, string *bits)
{
    const uint8_t *own = s->own + x, *above = s->above + x, *below = s->below + x;
    unsigned valid = (1u << s->rows) - 1, wide = own[-1] | own[0] | own[1], found = 0;
    unsigned near = wide | wide << 1 | wide >> 1 | (above[-1] | above[0] | above[1]) >> 3;
    if (!causal)
        near |= (unsigned)(below[-1] | below[0] | below[1]) << 3;
    near &= ~(unsigned)own[0] & valid;
    for (unsigned row = 0; near >> row; row++) {
        if (!(near >> row & 1) || !next_bit(bits))
            continue;
        found |= 1u << row;
        near |= 2u << row & ~(unsigned)own[0] & valid;
    }
    return found;
}

static void propagate(rk_ht_refinement *r, const rk_ht_block *b)
{
    int32_t *out = b->out, unit = (int32_t)1 << (b->plane - 1);
    string bits = {r->up, 0};
    for (uint32_t i = 0; i < (b->height + 3) / 4; i++) {
        stripe s = stripe_at(r, b, i);
        for (uint32_t x0 = 0; x0 < b->width; x0 += 4) {
            uint32_t n = b->width - x0 < 4 ? b->width - x0 : 4;
            unsigned found[4];
            for (uint32_t x = 0; x < n; x++) {
                found[x] = column_found(&s, x0 + x, b->causal, &bits);
                s.own[x0 + x] |= (uint8_t)found[x];
            }
            for (uint32_t x = 0; x < n; x++)
                for (unsigned row = 0; found[x] >> row; row++)
                    if (found[x] >> row & 1)
                        out[(s.y + row) * b->stride + x0 + x] = next_bit(&bits) ? -unit : unit;
        }
    }
}

/* MagRef, and the middle of the last bit-plane that is known of each sample. */
static void finish(rk_ht_refinement *r, const rk_ht_block *b)
{
    int32_t *out = b->out, unit = (int32_t)1 << (b->plane - 1), cleaned = 2 * unit;
    int32_t low_cleaned = b->passes > 2 ? unit : cleaned;
    string bits = {r->down, 0};
    for (uint32_t y0 = 0; y0 < b->height; y0 += 4)
        for (uint32_t x = 0; x < b->width; x++)
            for (uint32_t y = y0; y < b->height && y < y0 + 4; y++) {
                int32_t *v = &out[y * b->stride + x], size = *v < 0 ? -*v : *v, low = unit;
                if (!size)
                    continue;
                if (size >= cleaned) {
                    low = low_cleaned;
                    if (b->passes > 2 && next_bit(&bits))
                        size += unit;
                }
                size = b->half ? 2 * size + low : size + (low >> 1);
                *v = *v < 0 ? -size : size;
            }
}

void rk_ht_refine(const rk_ht_block *b, rk_ht_refinement *r)
{
    unstuff(r, b);
    take_significance(r, b);
    propagate(r, b);
    finish(r, b);
}
