/* kernels/ht_encode_work.h: what the variants of ht_encode.h share; for them only. */
#ifndef RK_KERNELS_HT_ENCODE_WORK_H
#define RK_KERNELS_HT_ENCODE_WORK_H

#include "ht_encode.h"

/*
 * Code words of quads (T.814 annex C), first quad-row and other rows, by context << 8 | rho << 4 |
 * epsilon, where epsilon marks the samples whose exponent is U, if u > 0. Bits 0-7 length, 16-19 e_k,
 * 24-30 word. 0 for context 0 and rho 0, which has no code word.
 */
extern const uint32_t rk_ht_codes[2][2048];

/* u-VLC of a pair (T.814 table 3, plain), by u of the second quad << 5 | u of the first; both up to 31.
 * Bits 0-7 length, 8-23 word: prefix, prefix, suffix, suffix. */
extern const uint32_t rk_ht_u_codes[1024];

enum {
    /* The most of a block, 5 x 819 samples; and pairs of quads in its first row, 1024 wide. */
    RK_HT_ENCODE_QUADS = 1230,
    RK_HT_ENCODE_PAIRS = 256,
    /* Bits before stuffing: 15 of VLC a quad and 4 of Scup, 6 an event, 31 of MagSgn a sample. */
    RK_HT_ENCODE_VLC = (15 * RK_HT_ENCODE_QUADS + 4) / 8 + 1,
    RK_HT_ENCODE_MAGSGN = 4 * RK_HT_ENCODE_QUADS * (RK_HT_ENCODE_PLANES + 1) / 8 + 1,
    RK_HT_ENCODE_MEL = 6 * (RK_HT_ENCODE_QUADS + RK_HT_ENCODE_PAIRS) / 7 + 2
};

/* Bytes that n bytes can become by stuffing: at least 15 bits go into two bytes. */
#define RK_HT_STUFFED(n) ((n) * 16 / 15 + 2)

/* Bytes of work, the most of any variant. */
#define RK_HT_ENCODE_STATE 131072

/* MEL code words (T.814 7.3.3) of the events so far; `byte` has 8 - `left` bits, 7 - `left` after FF. */
typedef struct rk_ht_mel_writer {
    uint8_t bytes[RK_HT_ENCODE_MEL];
    uint32_t size, byte, left;
    uint32_t k, run;
} rk_ht_mel_writer;

void rk_ht_mel_start(rk_ht_mel_writer *m);

/* `zeros` events 0. */
void rk_ht_mel_zeros(rk_ht_mel_writer *m, uint32_t zeros);

/* One event 1. */
void rk_ht_mel_one(rk_ht_mel_writer *m);

/* Bytes of VLC, the last of them at `bytes`, and the bits of a byte that is not full. */
typedef struct rk_ht_vlc_end {
    const uint8_t *bytes;
    size_t size;
    uint32_t byte, used;
} rk_ht_vlc_end;

/*
 * Ends the three streams (T.814 7.1.1), puts them together in b->out, and sets `size` and `result`.
 * MagSgn is ended already. The first byte of VLC, the last of the segment, is there for Scup.
 */
void rk_ht_encode_join(rk_ht_encode_block *b, const uint8_t *magsgn, size_t size, rk_ht_mel_writer *m,
                       const rk_ht_vlc_end *v);

/* One block by the reference. */
void rk_ht_encode_one(rk_ht_encode_block *b, void *work);

#endif /* RK_KERNELS_HT_ENCODE_WORK_H */
