/* j2k/bits.h: bits of packet headers (T.800 B.10.1). */
#ifndef RK_J2K_BITS_H
#define RK_J2K_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from p to end, top bit first; after FF a byte has seven bits. */
typedef struct rk_j2k_bits {
    const uint8_t *p, *end;
    uint8_t byte;
    uint8_t left; /* bits of `byte` that are not taken yet */
    bool over;    /* a bit was asked for behind the end; it was 0 */
} rk_j2k_bits;

static inline unsigned rk_j2k_bit(rk_j2k_bits *b)
{
    if (b->left == 0) {
        bool stuffed = b->byte == 0xFF;
        if (b->p == b->end) {
            b->over = true;
            return 0;
        }
        b->byte = *b->p++;
        b->left = stuffed ? 7 : 8;
    }
    b->left--;
    return b->byte >> b->left & 1;
}

/* n is at most 32. */
static inline uint32_t rk_j2k_bits_get(rk_j2k_bits *b, unsigned n)
{
    uint32_t v = 0;
    while (n--)
        v = v << 1 | rk_j2k_bit(b);
    return v;
}

/* The end of a header: a last byte FF is followed by a stuffed one. */
static inline void rk_j2k_bits_close(rk_j2k_bits *b)
{
    if (b->byte == 0xFF) {
        if (b->p < b->end)
            b->p++;
        else
            b->over = true;
    }
    b->byte = 0;
    b->left = 0;
}

#endif /* RK_J2K_BITS_H */
