/* Differences of JPEG Lossless (jpegll.h) with AVX2 and BMI: chains of look-ups, two in turn. */
#include <string.h>

#include "cpu.h"
#include "jpegll_entry_avx2.h"

#if RK_ARCH_X86

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* Bytes at the end of the data that only the reference reads: so no entry ends behind the data. */
#define KEEP 8
/* Fewest differences for which it pays to begin in the middle. */
#define PAIR 512
/* Look-ups behind the guess at whose ends chains may meet: ten symbols are enough for nearly all. */
#define MEET 24
/* Bits that MEET look-ups and what comes with them stay within. */
#define NEAR 1024

/* A rotation: of one instruction and into another register, as shifts by a constant are not. */
static inline uint64_t turn(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

/* A place in the bits, and those from there on, at the top of `bits`. */
typedef struct chain {
    uint64_t bits;
    size_t at;
    uint16_t *o;
} chain;

/* At least 57 bits are sure then. */
static inline void refill(chain *c, const uint8_t *data)
{
    uint64_t word;
    memcpy(&word, data + (c->at >> 3), 8);
    c->bits = __builtin_bswap64(word) << (c->at & 7);
}

/* The entry for the next bits, and whether it holds a symbol. */
static inline const uint8_t *look_up(const chain *c, const uint64_t *lut)
{
    return (const uint8_t *)(lut + (c->bits >> (64 - BITS)));
}

static inline bool holds(const uint8_t *entry)
{
    return __builtin_expect(!(entry[0] & NONE), 1);
}

/* Two of these may follow a refill: 56 bits are sure, and an entry takes 26 at most. */
static inline void follow(chain *c, const uint8_t *entry)
{
    uint32_t first;
    uint16_t last;
    uint64_t used = entry[0], tail = entry[1];
    memcpy(&first, entry + 2, 4);
    memcpy(&last, entry + 6, 2);
    last = (uint16_t)(last + (turn(c->bits, 65 - BITS) >> (tail & 63)));
    memcpy(c->o, &first, 4);
    c->o += tail >> 6;
    memcpy(c->o - 1, &last, 2);
    c->bits <<= used & 63;
    c->at += used;
}

/* The symbol that no entry holds. The caller has just refilled: a symbol has at most 31 bits.
 * False, and nothing used, if there is no such code. */
static inline bool take_long(chain *c, const rk_huff_canon *canon)
{
    for (unsigned length = 1; length <= 16; length++) {
        uint32_t code = (uint32_t)(c->bits >> (64 - length)) - canon->first[length];
        if (code >= canon->count[length])
            continue;
        uint32_t category = canon->values[canon->index[length] + code], extra = category & 15;
        if (category > 16)
            return false;
        /* two shifts, for `extra` may be 0 */
        *c->o++ = extend(category, (uint32_t)(c->bits << length >> 1 >> (63 - extra)));
        c->at += length + extra;
        return true;
    }
    return false;
}

static inline bool take_any(chain *c, const uint8_t *data, const rk_jpegll_lut *table)
{
    refill(c, data);
    const uint8_t *entry = look_up(c, table->lut);
    if (!holds(entry))
        return take_long(c, &table->canon);
    follow(c, entry);
    return true;
}

/* Goes on to `stop` or to the bit `end`, and a little beyond. False if there is no such code. */
static bool run_alone(chain *from, const uint8_t *data, size_t end, const uint16_t *stop,
                      const rk_jpegll_lut *table)
{
    const uint64_t *lut = table->lut;
    chain c = *from;
    bool sound = true;
    while (sound && c.o < stop && c.at < end) {
        refill(&c, data);
        const uint8_t *entry = look_up(&c, lut);
        if (holds(entry)) {
            follow(&c, entry);
            entry = look_up(&c, lut);
            if (holds(entry)) {
                follow(&c, entry);
                continue;
            }
        }
        refill(&c, data);
        sound = take_long(&c, &table->canon);
    }
    *from = c;
    return sound;
}

/*
 * Two chains in turn, until the first one is at `middle`, where the second one began, or a stop
 * or the end is reached, or there is no such code. A chain waits for load after shift after load;
 * in turn they need not wait for each other.
 */
static void run_pair(chain *first, chain *second, const uint8_t *data, size_t middle, size_t end,
                     const uint16_t *stop, const uint16_t *second_stop,
                     const rk_jpegll_lut *table)
{
    const uint64_t *lut = table->lut;
    chain a = *first, b = *second;
    bool sound = true;
    while (sound && a.at < middle && b.at < end && a.o < stop && b.o < second_stop) {
        refill(&a, data);
        refill(&b, data);
        const uint8_t *x = look_up(&a, lut), *y = look_up(&b, lut);
        if (holds(x) && holds(y)) {
            follow(&a, x);
            follow(&b, y);
            x = look_up(&a, lut);
            y = look_up(&b, lut);
            if (holds(x) && holds(y)) {
                follow(&a, x);
                follow(&b, y);
                continue;
            }
        }
        sound = take_any(&a, data, table) && take_any(&b, data, table);
    }
    *first = a;
    *second = b;
}

/* Where a chain has been, and how many symbols it had by then. */
typedef struct visits {
    size_t place[MEET], symbols[MEET];
} visits;

/* Begins at the guess. False if there is no such code: the guess was a bad one. */
static bool visit(visits *seen, chain *c, const uint8_t *data, const rk_jpegll_lut *table)
{
    const uint16_t *start = c->o;
    for (size_t i = 0; i < MEET; i++) {
        seen->place[i] = c->at;
        seen->symbols[i] = (size_t)(c->o - start);
        if (!take_any(c, data, table))
            return false;
    }
    return true;
}

/* Steps by symbols to a place that was visited; returns which, MEET if there is none. */
static size_t meet(const visits *seen, chain *c, const uint8_t *data, const uint16_t *stop,
                   const rk_jpegll_lut *table)
{
    size_t i = 0;
    while (i < MEET && c->at != seen->place[i]) {
        if (c->at > seen->place[i]) {
            i++;
            continue;
        }
        refill(c, data);
        if (c->o >= stop || !take_long(c, &table->canon))
            return MEET;
    }
    return i;
}

/*
 * Takes over what the second chain has read since it was at the place where the first one is
 * now, up to `stop`; what is beyond comes first in the next call.
 */
static void stitch(rk_jpegll_bits *b, chain *c, const chain *second, const uint16_t *from,
                   const uint16_t *stop)
{
    size_t got = (size_t)(second->o - from), left = (size_t)(stop - c->o);
    size_t now = got < left ? got : left;
    memcpy(c->o, from, now * sizeof *from);
    b->ahead_n = got - now;
    memmove(b->spare, from + now, b->ahead_n * sizeof *from);
    c->o += now;
    c->at = second->at;
}

/*
 * A Huffman decoder has no state but its place in the bits. So a second chain begins at a guess
 * further on, and once the first one comes to a place where the second has been, all that the
 * second has read since then is right. The guess is beyond the half, so that together they have
 * read all that is asked for, or more. False if nothing came of it.
 */
static bool run_two(rk_jpegll_bits *b, chain *c, size_t end, const uint16_t *stop,
                    const rk_jpegll_lut *table)
{
    size_t n = (size_t)(stop - c->o);
    size_t middle = c->at + (size_t)((n / 2 + n / 32) * (uint64_t)b->rate >> RK_JPEGLL_RATE);
    visits seen;
    if (n < PAIR || middle < c->at + NEAR || middle + NEAR > end)
        return false;
    chain d = {0, middle, b->spare};
    if (!visit(&seen, &d, b->data, table))
        return false;
    run_pair(c, &d, b->data, middle, end, stop, b->spare + n, table);
    if (!run_alone(c, b->data, middle, stop, table) || c->o >= stop)
        return false;
    size_t i = meet(&seen, c, b->data, stop, table);
    if (i == MEET)
        return false;
    stitch(b, c, &d, b->spare + seen.symbols[i], stop);
    return true;
}

static void run_joint(rk_jpegll_bits *b, chain *c, size_t end, const uint16_t *stop,
                      const rk_jpegll_lut *table)
{
    while (run_two(b, c, end, stop, table))
        continue;
    run_alone(c, b->data, end, stop, table);
}

/* A table per component, of one symbol per entry, in turn, beginning with that of `k`. */
static void run_in_turn(chain *c, const uint8_t *data, size_t end, const uint16_t *stop,
                        const rk_jpegll_lut *const *tables, size_t components, size_t k)
{
    while (c->o < stop && c->at < end && take_any(c, data, tables[k]))
        k = k + 1 < components ? k + 1 : 0;
}

size_t rk_jpegll_diff_avx2(rk_jpegll_bits *b, uint16_t *diff, size_t n,
                           const rk_jpegll_lut *const *tables, size_t components)
{
    bool joint = true;
    for (size_t k = 1; k < components; k++)
        joint &= tables[k] == tables[0];
    if (b->ahead_n >= n || b->size <= KEEP)
        return rk_jpegll_diff_c(b, diff, n, tables, components);

    size_t had = b->ahead_n, end = 8 * (b->size - KEEP);
    memcpy(diff, b->spare, had * sizeof *diff);
    b->ahead_n = 0;
    chain c = {0, b->at, diff + had};
    const uint16_t *stop = diff + n;
    if (joint)
        run_joint(b, &c, end, stop, tables[0]);
    else
        run_in_turn(&c, b->data, end, stop, tables, components, had % components);

    size_t made = (size_t)(c.o - diff), read = made + b->ahead_n - had;
    if (read > 0)
        b->rate = (uint32_t)(((c.at - b->at) << RK_JPEGLL_RATE) / read);
    b->at = c.at;
    if (made > n) { /* the last entry held more than was asked for */
        b->ahead_n = made - n;
        memcpy(b->spare, stop, b->ahead_n * sizeof *stop);
    }
    if (made >= n)
        return n;
    /* the end is near, or there is no such code: the reference goes on from here */
    const rk_jpegll_lut *turned[RK_JPEGLL_MAX_COMPONENTS];
    for (size_t k = 0; k < components; k++)
        turned[k] = tables[(made + k) % components];
    return made + rk_jpegll_diff_c(b, diff + made, n - made, turned, components);
}

RK_TARGET_END
#endif
