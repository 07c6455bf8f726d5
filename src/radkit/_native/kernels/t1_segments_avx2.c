/* kernels/t1_segments_avx2.c: beginning of a segment, in the AVX2 variant of t1.h. */
#include <string.h>

#include "cpu.h"
#include "t1_avx2.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

static inline uint64_t load64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* rk_mq_unstuff, eight bytes at a time where there is no FF. */
static size_t unstuff(uint8_t *dst, const uint8_t *src, size_t size, bool raw)
{
    rk_mq_string s = {.dst = dst};
    for (size_t i = 0; i < size;) {
        if (size - i >= 8 && s.before != 0xFF) {
            uint64_t v = load64(src + i), z = ~v;
            if (!((z - 0x0101010101010101u) & ~z & 0x8080808080808080u)) {
                v = __builtin_bswap64(v);
                uint64_t out = s.count ? s.held << (64 - s.count) | v >> s.count : v;
                out = __builtin_bswap64(out);
                memcpy(dst + s.n, &out, 8);
                s.n += 8;
                i += 8;
                s.held = v & ((1ull << s.count) - 1);
                s.before = 0;
                continue;
            }
        }
        if (!rk_mq_push(&s, src[i++], raw))
            break;
    }
    return rk_mq_close(&s);
}

void rk_t1_open_avx2(rk_t1_coder *m, const rk_t1_segment *segment, bool raw, uint8_t *string)
{
    m->at = string;
    m->end = string + unstuff(string, segment->data, segment->size, raw);
    uint64_t first = __builtin_bswap64(load64(m->at)) >> 16; /* 48 bits */
    m->a = 1ull << 63;
    m->ahead = 48;
    m->c = raw ? first << 16 : first << 15 | 1 << 14; /* or behind a zero, with the one behind them */
    m->at += 6;
    if (m->at > m->end)
        m->at = m->end;
}

void rk_t1_reset_avx2(rk_t1_state *t)
{
    for (unsigned k = 0; k < RK_MQ_CONTEXTS; k++)
        t->context[k] = t->states[2 * rk_mq_first(k)];
}

RK_TARGET_END
