/* kernels/mq.h: the MQ coder's tables and code strings (T.800 annex C), for the kernels of t1.h only. */
#ifndef RK_KERNELS_MQ_H
#define RK_KERNELS_MQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

/* Contexts, numbered as T.800 table D.1 to D.4 and D.7 use them. */
enum {
    RK_MQ_ZERO = 0,       /* 0 to 8: zero coding */
    RK_MQ_SIGN = 9,       /* 9 to 13: sign coding */
    RK_MQ_MAGNITUDE = 14, /* 14 to 16: magnitude refinement */
    RK_MQ_RUN = 17,
    RK_MQ_UNIFORM = 18,
    RK_MQ_CONTEXTS = 19
};

/* Table C.2. */
typedef struct rk_mq_row {
    uint16_t qe;
    uint8_t nmps, nlps, change; /* `change`: SWITCH */
} rk_mq_row;

#define RK_MQ_ROWS 47
extern const rk_mq_row rk_mq_rows[RK_MQ_ROWS];

/* Index of a context at the beginning (table D.7); its MPS is 0. */
static inline uint8_t rk_mq_first(unsigned context)
{
    return context == RK_MQ_ZERO ? 4 : context == RK_MQ_RUN ? 3 : context == RK_MQ_UNIFORM ? 46 : 0;
}

/* Bytes of ones behind an unstuffed string. */
#define RK_MQ_TAIL 16

/*
 * The bytes of a segment as a plain string of bits, most significant first: without the stuffed
 * bit after each FF, with the carries that these bits hold added to the bits before them (MQ) or
 * ignored (raw), and up to the first FF that is followed by more than 8F. A carry out of the first
 * bit is dropped. Writes at most size bytes and RK_MQ_TAIL bytes of ones behind; returns how
 * many bytes there are before the tail. The last bits of the last one may be ones that belong
 * to the tail.
 */
size_t rk_mq_unstuff(uint8_t *dst, const uint8_t *src, size_t size, bool raw);

/* A string on its way, for the variants of rk_mq_unstuff. */
typedef struct rk_mq_string {
    uint8_t *dst;
    size_t n;
    uint64_t held;  /* the last `count` bits, fewer than 8, not yet written */
    unsigned count;
    uint8_t before; /* the byte before */
} rk_mq_string;

/* Adds a byte; false at a marker, from where on there are ones (C.3.4). */
static inline bool rk_mq_push(rk_mq_string *s, uint8_t byte, bool raw)
{
    if (s->before != 0xFF) {
        s->held = s->held << 8 | byte;
        s->count += 8;
    } else {
        if (byte > 0x8F)
            return false;
        if (byte & 0x80 && !raw && ++s->held >> s->count) { /* on into the bytes that are written */
            s->held &= (1u << s->count) - 1;
            for (size_t k = s->n; k-- > 0 && ++s->dst[k] == 0;)
                ;
        }
        s->held = s->held << 7 | (byte & 0x7F);
        s->count += 7;
    }
    s->before = byte;
    if (s->count >= 8) {
        s->count -= 8;
        s->dst[s->n++] = (uint8_t)(s->held >> s->count);
        s->held &= (1u << s->count) - 1;
    }
    return true;
}

/* Writes the bits that are held and the tail; returns the bytes before the tail. */
size_t rk_mq_close(rk_mq_string *s);

#endif /* RK_KERNELS_MQ_H */
