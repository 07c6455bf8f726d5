/*
 * kernels/mq_encode.c: MQ encoder (T.800 C.2), and its code strings made into bytes.
 */
#include "mq_encode.h"

#include <string.h>

void rk_mq_encode_reset(rk_mq_encoder *m)
{
    for (unsigned k = 0; k < RK_MQ_CONTEXTS; k++)
        m->state[k] = (uint8_t)(2 * rk_mq_first(k));
}

void rk_mq_encode_start(rk_mq_encoder *m, bool raw)
{
    m->at = m->string;
    m->a = 0x8000;
    m->c = 0;
    m->pending = 0;
    m->raw = raw;
}

/* Adds one to the bits before m->at. The string is less than 1, so this ends within it. */
static void carry(rk_mq_encoder *m)
{
    uint8_t *p = m->at;
    while (p > m->string && ++*--p == 0)
        ;
}

void rk_mq_encode_write(rk_mq_encoder *m)
{
    unsigned stay = m->pending - 24 + 15;
    uint32_t bits = (uint32_t)(m->c >> stay);
    m->c &= ((uint64_t)1 << stay) - 1;
    m->pending -= 24;
    if (bits >> 24)
        carry(m);
    m->at[0] = (uint8_t)(bits >> 16);
    m->at[1] = (uint8_t)(bits >> 8);
    m->at[2] = (uint8_t)bits;
    m->at = m->limit - m->at > 3 ? m->at + 3 : m->limit;
}

void rk_mq_encode_symbol(rk_mq_encoder *m, unsigned context, unsigned bit)
{
    unsigned state = m->state[context], mps = state & 1;
    const rk_mq_row *row = &rk_mq_rows[state >> 1];
    bool likely = bit == mps;
    m->a -= row->qe;
    if (likely && m->a & 0x8000) { /* CODEMPS without renormalising */
        m->c += row->qe;
        return;
    }
    /* The larger sub-interval is that of the more probable symbol; the one of C comes second. */
    if (likely == (m->a < row->qe))
        m->a = row->qe;
    else
        m->c += row->qe;
    if (likely)
        m->state[context] = (uint8_t)(2 * row->nmps + mps);
    else
        m->state[context] = (uint8_t)(2 * row->nlps + (mps ^ row->change));
    while (!(m->a & 0x8000)) { /* RENORME */
        m->a <<= 1;
        m->c <<= 1;
        m->pending++;
    }
    if (m->pending >= RK_MQ_WRITE)
        rk_mq_encode_write(m);
}

rk_mq_point rk_mq_encode_point(const rk_mq_encoder *m)
{
    rk_mq_point p;
    if (m->raw) {
        p.bits = rk_mq_encode_bits(m);
        p.upper = (uint32_t)(m->c >> 15) + 1;
    } else {
        p.bits = rk_mq_encode_bits(m) + 15;
        p.upper = (uint32_t)m->c + m->a;
    }
    return p;
}

/* Moves all bits into the string, and ones (or what D.6 wants of plain bits) behind; returns their number. */
static size_t write_rest(rk_mq_encoder *m)
{
    size_t bits = rk_mq_encode_bits(m);
    if (!m->raw) {
        bits += 15;
        m->c <<= 15;
        m->pending += 15;
    }
    while (m->pending >= 24)
        rk_mq_encode_write(m);
    unsigned fill = 24 - m->pending;
    uint32_t rest = m->raw ? (fill & 1 ? 0xAAAAAA : 0x555555) : 0xFFFFFF;
    m->c = m->c << fill | (uint64_t)(rest & ((1u << fill) - 1)) << 15;
    m->pending += fill;
    rk_mq_encode_write(m);
    memset(m->at, 0xFF, 8);
    return bits;
}

/* The last 24 bits before bit `end` of the string, zeros before the first. */
static uint32_t bits_before(const uint8_t *string, size_t end)
{
    size_t byte = end >> 3;
    uint32_t v = string[byte];
    for (size_t i = 1; i <= 3 && i <= byte; i++)
        v |= (uint32_t)string[byte - i] << (8 * i);
    return v >> (8 - (end & 7));
}

/*
 * The least number of bits of the string that, with ones behind them, stay below the upper end of the
 * interval; they are not below its lower end, for the whole string is not.
 */
static size_t least_bits(const rk_mq_encoder *m, const rk_mq_point *p)
{
    const uint32_t window = 0xFFFFF; /* A is less than 2^16; C has 23 bits at any time */
    uint32_t room = m->raw ? 1 : (p->upper - bits_before(m->string, p->bits)) & window, more = 0;
    size_t drop = 0;
    for (; drop < p->bits; drop++) { /* `more`: what ones in place of the dropped bits add */
        size_t at = p->bits - 1 - drop;
        if (m->string[at >> 3] >> (7 - (at & 7)) & 1)
            continue;
        if (drop > 16 || (more += 1u << drop) >= room)
            break;
    }
    return p->bits - drop;
}

static uint64_t load_big(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void store_big(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

/* A string on its way into bytes. */
typedef struct stuffer {
    const uint8_t *string;
    uint8_t *out;
    size_t capacity, size, bits; /* bits: of the string, so far */
    uint8_t before;
} stuffer;

static bool stuff_byte(stuffer *s)
{
    unsigned width = s->before == 0xFF ? 7 : 8;
    const uint8_t *p = s->string + (s->bits >> 3);
    uint32_t two = (uint32_t)p[0] << 8 | p[1];
    if (s->size == s->capacity)
        return false;
    s->before = (uint8_t)(two >> (16 - (s->bits & 7) - width) & ((1u << width) - 1));
    s->out[s->size++] = s->before;
    s->bits += width;
    return true;
}

/* Writes bytes until `bits` bits are in them. */
static bool stuff(stuffer *s, size_t bits)
{
    while (s->bits < bits) {
        if (s->bits + 56 <= bits && s->before != 0xFF && s->capacity - s->size >= 8) {
            uint64_t v = load_big(s->string + (s->bits >> 3)) << (s->bits & 7), z = ~v | 0xFF;
            if (!((z - 0x0101010101010101u) & ~z & 0x8080808080808000u)) { /* seven bytes without FF */
                store_big(s->out + s->size, v);
                s->size += 7;
                s->bits += 56;
                s->before = 0;
                continue;
            }
        }
        if (!stuff_byte(s))
            return false;
    }
    return true;
}

bool rk_mq_encode_finish(rk_mq_encoder *m, const rk_mq_point *points, size_t count, bool predictable,
                         uint8_t *out, size_t capacity, uint32_t *lengths)
{
    size_t bits = write_rest(m);
    stuffer s = {m->string, out, capacity, 0, 0, 0};
    if (rk_mq_encode_full(m))
        return false;
    size_t most = predictable && m->raw ? bits : least_bits(m, &points[count - 1]);
    for (size_t i = 0; i < count; i++) {
        size_t least = i + 1 < count ? least_bits(m, &points[i]) : most;
        if (!stuff(&s, least < most ? least : most))
            return false;
        if (i + 1 == count && predictable && !m->raw)
            while (s.bits + (s.before == 0xFF ? 7 : 8) < bits - 15 + 8)
                if (!stuff_byte(&s))
                    return false;
        lengths[i] = (uint32_t)(s.size - (s.before == 0xFF)); /* a decoder finds that FF by itself */
    }
    return true;
}
