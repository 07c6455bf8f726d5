/*
 * kernels/ht_encode_avx2.h: the parts of the AVX2 variant of ht_encode.h, for them only.
 *
 *   ht_encode_quads_avx2.c  all that can be said of a quad-row without bit positions: rho, U, u, epsilon,
 *                           contexts; in 16-bit lanes (narrow), or in 32-bit ones (wide)
 *   ht_encode_bits_avx2.c   code words and MagSgn bits of the row, and the stuffing of finished bits
 *   ht_encode_avx2.c        blocks: rows as lanes want them, the way to take, the segment
 */
#ifndef RK_KERNELS_HT_ENCODE_AVX2_H
#define RK_KERNELS_HT_ENCODE_AVX2_H

#include <stdbool.h>

#include "ht_encode_work.h"

enum {
    RK_HT_ROW = RK_BLOCK_SIDE / 2, /* quads, the most */
    RK_HT_NARROW_BITS = 15         /* of a magnitude in 16-bit lanes */
};

/*
 * One quad-row. Quads behind the last one up to a multiple of 8 are all zero: no rho, u, context.
 * A quad is one word of four samples of 16 bits (narrow), or two words of two samples of 32 bits.
 */
typedef struct rk_ht_encode_row {
    _Alignas(32) uint64_t values[2 * RK_HT_ROW]; /* 2 (mu - 1) + sign */
    _Alignas(32) uint64_t masks[2 * RK_HT_ROW];  /* U ones of each significant sample */
    _Alignas(32) uint64_t pairs[RK_HT_ROW / 2];  /* low half: index into rk_ht_u_codes */
    _Alignas(32) uint32_t codes[RK_HT_ROW];      /* what rk_ht_codes says */
    _Alignas(32) uint16_t index[RK_HT_ROW];      /* into rk_ht_codes */
    _Alignas(32) uint8_t eps[RK_HT_ROW];
    uint32_t silent[RK_HT_ROW / 32], some[RK_HT_ROW / 32]; /* a bit a quad: context 0; rho not 0 */
    bool words, samples; /* some quad has a code word; some sample is significant */
} rk_ht_encode_row;

/* What the next row needs of a row; zeros around. */
typedef struct rk_ht_encode_above {
    _Alignas(32) uint16_t narrow[16 + RK_BLOCK_SIDE + 16]; /* 2 mu - 1 of the lower samples, from 16 on */
    _Alignas(32) uint32_t wide[16 + RK_BLOCK_SIDE + 16];
    _Alignas(32) uint8_t rho[32 + RK_HT_ROW + 32]; /* from 32 on */
} rk_ht_encode_above;

/* Bits one behind the other; `n` < 8 of them are in `held`. */
typedef struct rk_ht_bits {
    uint8_t *at;
    uint64_t held;
    uint32_t n;
} rk_ht_bits;

typedef struct rk_ht_encode_state {
    rk_ht_encode_row row;
    rk_ht_encode_above above[2];
    rk_ht_mel_writer mel;
    rk_ht_bits magsgn, vlc;
    _Alignas(32) int32_t lanes[2][RK_BLOCK_SIDE]; /* rows that cannot be read in place: int16_t or int32_t */
    /* Bits before and after stuffing; room for steps of 32 bytes. */
    uint8_t magsgn_bits[RK_HT_ENCODE_MAGSGN + 64], magsgn_bytes[RK_HT_STUFFED(RK_HT_ENCODE_MAGSGN) + 64];
    uint8_t vlc_bits[RK_HT_ENCODE_VLC + 64], vlc_bytes[RK_HT_STUFFED(RK_HT_ENCODE_VLC) + 64];
} rk_ht_encode_state;

_Static_assert(sizeof(rk_ht_encode_state) <= RK_HT_ENCODE_STATE, "the state of this variant");

/*
 * Fills s->row from two rows of `quads` quads (values of -(2^15 - 1) to 2^15 - 1, resp. 2^30 - 1; a
 * whole number of 8 quads can be read) and s->above[turn ^ 1] for the next row. Returns
 * all magnitudes in one OR.
 */
uint32_t rk_ht_quads_narrow_avx2(rk_ht_encode_state *s, const void *upper, const void *lower, uint32_t quads,
                                 uint32_t row);
uint32_t rk_ht_quads_wide_avx2(rk_ht_encode_state *s, const void *upper, const void *lower, uint32_t quads,
                               uint32_t row);

/* MEL events and VLC bits of s->row; sets its `codes`. */
void rk_ht_code_first_avx2(rk_ht_encode_state *s, uint32_t quads);
void rk_ht_code_other_avx2(rk_ht_encode_state *s, uint32_t quads);

/* MagSgn bits of s->row. */
void rk_ht_magsgn_avx2(rk_ht_encode_state *s, uint32_t quads, bool wide);

/* MagSgn bits as bytes (T.814 7.1.2), with its end; returns how many. 64 bytes behind the bits can be read. */
size_t rk_ht_stuff_magsgn_avx2(uint8_t *bytes, const uint8_t *bits, size_t n);

/* VLC bits as bytes from `end` downward; the first byte is there for Scup, the first four bits are ones. */
rk_ht_vlc_end rk_ht_stuff_vlc_avx2(uint8_t *end, const uint8_t *bits, size_t n);

#endif /* RK_KERNELS_HT_ENCODE_AVX2_H */
