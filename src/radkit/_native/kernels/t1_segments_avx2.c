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
    size_t n = 0, i = 0;
    uint64_t held = 0;
    unsigned count = 0;
    uint8_t before = 0;
    while (i < size) {
        if (size - i >= 8 && before != 0xFF) {
            uint64_t v = load64(src + i), z = ~v;
            if (!((z - 0x0101010101010101u) & ~z & 0x8080808080808080u)) {
                v = __builtin_bswap64(v);
                uint64_t out = __builtin_bswap64(count ? held << (64 - count) | v >> count : v);
                memcpy(dst + n, &out, 8);
                n += 8;
                i += 8;
                held = v & ((1ull << count) - 1);
                before = 0;
                continue;
            }
        }
        uint8_t byte = src[i++];
        if (before != 0xFF) {
            held = held << 8 | byte;
            count += 8;
        } else {
            if (byte > 0x8F)
                break;
            if (byte & 0x80 && !raw) {
                held++;
                if (held >> count) {
                    held &= (1u << count) - 1;
                    for (size_t k = n; k-- > 0 && ++dst[k] == 0;)
                        ;
                }
            }
            held = held << 7 | (byte & 0x7F);
            count += 7;
        }
        before = byte;
        if (count >= 8) {
            count -= 8;
            dst[n++] = (uint8_t)(held >> count);
            held &= (1u << count) - 1;
        }
    }
    if (count)
        dst[n++] = (uint8_t)(held << (8 - count) | 0xFFu >> count);
    memset(dst + n, 0xFF, RK_MQ_TAIL);
    return n;
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
