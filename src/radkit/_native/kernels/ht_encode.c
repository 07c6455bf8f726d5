/*
 * kernels/ht_encode.c: reference of the HT code-block encoder (T.814 clause 7 read from the other
 * side), bit by bit; what all variants share; and the table of variants.
 */
#include "ht_encode.h"

#include <stdbool.h>
#include <string.h>

#include "cpu.h"
#include "ht_encode_work.h"
#include "ht_work.h"
#include "words.h"

/* ---- MEL (7.3.3) -------------------------------------------------------------------- */

void rk_ht_mel_start(rk_ht_mel_writer *m)
{
    m->size = m->byte = m->k = m->run = 0;
    m->left = 8;
}

/* From the most significant bit; a byte behind FF has seven. */
static void mel_bit(rk_ht_mel_writer *m, unsigned bit)
{
    m->byte = m->byte << 1 | bit;
    if (--m->left)
        return;
    m->bytes[m->size++] = (uint8_t)m->byte;
    m->left = m->byte == 0xFF ? 7 : 8;
    m->byte = 0;
}

void rk_ht_mel_zeros(rk_ht_mel_writer *m, uint32_t zeros)
{
    m->run += zeros;
    while (m->run >> rk_ht_mel_exponents[m->k]) {
        m->run -= 1u << rk_ht_mel_exponents[m->k];
        mel_bit(m, 1);
        m->k += m->k < 12;
    }
}

void rk_ht_mel_one(rk_ht_mel_writer *m)
{
    mel_bit(m, 0);
    for (unsigned i = rk_ht_mel_exponents[m->k]; i-- > 0;)
        mel_bit(m, m->run >> i & 1);
    m->run = 0;
    m->k -= m->k > 0;
}

/* ---- end of a segment (7.1.1) ------------------------------------------------------- */

void rk_ht_encode_join(rk_ht_encode_block *b, const uint8_t *magsgn, size_t size, rk_ht_mel_writer *m,
                       const rk_ht_vlc_end *v)
{
    uint8_t between[2];
    size_t extra = 0;
    if (m->run)
        mel_bit(m, 1); /* more zeros than there are quads */
    uint32_t mel = m->byte << m->left & 0xFF, mel_mask = 0xFFu << m->left & 0xFF;
    uint32_t vlc_mask = (1u << v->used) - 1, joint = mel | v->byte;
    if (mel_mask | vlc_mask) {
        /* One byte does for the ends of both, if they agree and it is not that of Scup. */
        bool agree = (joint & mel_mask) == mel && (joint & vlc_mask) == v->byte;
        bool one = agree && joint < 0xFF && v->size > 1;
        between[extra++] = (uint8_t)(one ? joint : mel);
        if (!one)
            between[extra++] = (uint8_t)v->byte;
    }
    size_t suffix = m->size + extra + v->size, total = size + suffix;
    b->size = (uint32_t)total;
    b->result = total > b->capacity ? RK_BLOCK_FULL : 0;
    if (b->result)
        return;
    memcpy(b->out, magsgn, size);
    memcpy(b->out + size, m->bytes, m->size);
    memcpy(b->out + size + m->size, between, extra);
    memcpy(b->out + total - v->size, v->bytes, v->size);
    b->out[total - 1] = (uint8_t)(suffix >> 4);
    b->out[total - 2] = (uint8_t)((b->out[total - 2] & 0xF0) | (suffix & 15));
}

/* ---- bit writers -------------------------------------------------------------------- */

enum { QUADS = RK_BLOCK_SIDE / 2 }; /* in a row, the most */

typedef struct writer {
    uint32_t size, byte, used;
    uint32_t full; /* bits that make a byte: 7 behind FF */
    bool large;    /* the byte before was above 8F */
} writer;

typedef struct encoder {
    const rk_ht_encode_block *b;
    writer up, down; /* MagSgn, VLC */
    rk_ht_mel_writer mel;
    uint8_t rho[2][QUADS + 2];               /* this quad-row and the one above; 0 around */
    uint32_t bottom[2][2 * QUADS + 2];       /* 2 mu - 1 of the lower samples, likewise */
    uint32_t largest;                        /* |v| >> plane */
    uint8_t magsgn[RK_HT_STUFFED(RK_HT_ENCODE_MAGSGN)];
    uint8_t vlc[RK_HT_STUFFED(RK_HT_ENCODE_VLC)]; /* from its end on downward */
} encoder;

_Static_assert(sizeof(encoder) <= RK_HT_ENCODE_STATE, "the state of the reference");

static void magsgn_bits(encoder *e, uint32_t value, unsigned n)
{
    writer *w = &e->up;
    for (unsigned i = 0; i < n; i++) {
        w->byte |= (value >> i & 1) << w->used;
        if (++w->used < w->full)
            continue;
        e->magsgn[w->size++] = (uint8_t)w->byte;
        w->full = w->byte == 0xFF ? 7 : 8;
        w->byte = w->used = 0;
    }
}

/* Ones up to the end; bytes FF there are not written, a decoder reads ones behind the end. */
static void magsgn_end(encoder *e)
{
    writer *w = &e->up;
    while (w->used)
        magsgn_bits(e, 1, 1);
    if (w->size && e->magsgn[w->size - 1] == 0xFF)
        w->size--;
}

/* Seven ones behind a byte above 8F are a byte of their own. */
static void vlc_bits(encoder *e, uint32_t value, unsigned n)
{
    writer *w = &e->down;
    for (unsigned i = 0; i < n; i++) {
        w->byte |= (value >> i & 1) << w->used;
        w->used++;
        if (w->used < 8 && !(w->large && w->used == 7 && w->byte == 0x7F))
            continue;
        e->vlc[sizeof e->vlc - ++w->size] = (uint8_t)w->byte;
        w->large = w->byte > 0x8F;
        w->byte = w->used = 0;
    }
}

/* ---- quads (7.3.4 to 7.3.8) --------------------------------------------------------- */

typedef struct quad {
    uint32_t size[4]; /* mu */
    bool negative[4];
    unsigned rho, largest, u;
} quad;

static unsigned length_of(uint32_t x)
{
    unsigned n = 0;
    for (; x; x >>= 1)
        n++;
    return n;
}

static void read_quad(encoder *e, quad *q, uint32_t row, uint32_t at)
{
    const rk_ht_encode_block *b = e->b;
    memset(q, 0, sizeof *q);
    for (unsigned n = 0; n < 4; n++) {
        uint32_t x = 2 * at + (n >> 1), y = 2 * row + (n & 1);
        if (x >= b->width || y >= b->height)
            continue;
        size_t i = (size_t)y * b->stride + x;
        int32_t v = b->format == RK_COEF_INT16 ? ((const rk_i16 *)b->values)[i] : ((const rk_i32 *)b->values)[i];
        q->size[n] = (v < 0 ? 0 - (uint32_t)v : (uint32_t)v) >> b->plane;
        q->negative[n] = v < 0;
        q->rho |= (unsigned)(q->size[n] != 0) << n;
        if (q->size[n] > q->largest)
            q->largest = q->size[n];
    }
    if (q->largest > e->largest)
        e->largest = q->largest;
}

static uint32_t twice(uint32_t size)
{
    return size ? 2 * size - 1 : 0;
}

/* 7.3.5, equations 1 and 2. */
static unsigned context_of(const encoder *e, uint32_t row, uint32_t at)
{
    unsigned f = e->rho[row & 1][at];
    const uint8_t *above = e->rho[~row & 1] + at;
    if (row == 0)
        return (f & 3 ? 1 : 0) | (f & 4 ? 2 : 0) | (f & 8 ? 4 : 0);
    unsigned west = (above[0] & 8) || (above[1] & 2), east = (above[1] & 8) || (above[2] & 2);
    return west | (f & 12 ? 2 : 0) | east << 2;
}

/* kappa (7.3.7). */
static unsigned predicted(const encoder *e, uint32_t row, uint32_t at, unsigned rho)
{
    const uint32_t *above = e->bottom[~row & 1] + 2 * at;
    if (row == 0 || !(rho & (rho - 1)))
        return 1;
    unsigned expected = length_of(above[0] | above[1] | above[2] | above[3]);
    return expected > 2 ? expected - 1 : 1;
}

/* MEL event, code word and MagSgn bits of a quad; sets its u. */
static void code_quad(encoder *e, quad *q, uint32_t row, uint32_t at)
{
    read_quad(e, q, row, at);
    unsigned kappa = predicted(e, row, at, q->rho), most = length_of(twice(q->largest));
    unsigned bound = most > kappa ? most : kappa, eps = 0, context = context_of(e, row, at);
    q->u = bound - kappa;
    for (unsigned n = 0; n < 4; n++)
        eps |= (unsigned)(q->u && length_of(twice(q->size[n])) == bound) << n;
    if (context == 0 && q->rho)
        rk_ht_mel_one(&e->mel);
    else if (context == 0)
        rk_ht_mel_zeros(&e->mel, 1);
    uint32_t code = rk_ht_codes[row > 0][context << 8 | q->rho << 4 | eps];
    vlc_bits(e, code >> 24, code & 0xFF);
    for (unsigned n = 0; n < 4; n++)
        if (q->size[n])
            magsgn_bits(e, twice(q->size[n]) - 1 + q->negative[n], bound - (code >> 16 >> n & 1));
    e->rho[row & 1][at + 1] = (uint8_t)q->rho;
    e->bottom[row & 1][2 * at + 1] = twice(q->size[1]);
    e->bottom[row & 1][2 * at + 2] = twice(q->size[3]);
}

/* u-VLC (7.3.6, table 3). U is at most 31, so no u needs an extension. */
static void u_prefix(encoder *e, unsigned u)
{
    if (u)
        vlc_bits(e, u == 1 ? 1 : u == 2 ? 2 : u < 5 ? 4 : 0, u < 3 ? u : 3);
}

static void u_suffix(encoder *e, unsigned u)
{
    if (u > 2)
        vlc_bits(e, u < 5 ? u - 3 : u - 5, u < 5 ? 1 : 5);
}

static void code_u(encoder *e, unsigned u0, unsigned u1, bool first)
{
    bool both = first && u0 && u1, bit = both && u0 > 2 && u1 <= 2;
    if (both && u0 > 2 && u1 > 2) {
        rk_ht_mel_one(&e->mel);
        u0 -= 2;
        u1 -= 2;
    } else if (both) {
        rk_ht_mel_zeros(&e->mel, 1);
    }
    u_prefix(e, u0);
    if (bit)
        vlc_bits(e, u1 - 1, 1); /* instead of a prefix */
    else
        u_prefix(e, u1);
    u_suffix(e, u0);
    if (!bit)
        u_suffix(e, u1);
}

static void code_row(encoder *e, uint32_t row)
{
    uint32_t quads = (e->b->width + 1) / 2;
    memset(e->rho[row & 1], 0, sizeof e->rho[0]);
    memset(e->bottom[row & 1], 0, sizeof e->bottom[0]);
    for (uint32_t at = 0; at < quads; at += 2) {
        quad q[2] = {{.u = 0}, {.u = 0}};
        code_quad(e, &q[0], row, at);
        if (at + 1 < quads)
            code_quad(e, &q[1], row, at + 1);
        code_u(e, q[0].u, q[1].u, row == 0);
    }
}

/* ---- blocks ------------------------------------------------------------------------- */

/* Magnitudes beyond what the buffers are made for are found before anything is coded. */
static bool is_wide(encoder *e)
{
    quad q;
    for (uint32_t row = 0; row < (e->b->height + 1) / 2; row++)
        for (uint32_t at = 0; at < (e->b->width + 1) / 2; at++)
            read_quad(e, &q, row, at);
    return e->largest >> RK_HT_ENCODE_PLANES;
}

void rk_ht_encode_one(rk_ht_encode_block *b, void *work)
{
    encoder *e = work;
    memset(e, 0, sizeof *e);
    e->b = b;
    e->up.full = 8;
    rk_ht_mel_start(&e->mel);
    b->size = b->result = 0;
    bool wide = is_wide(e);
    b->planes = length_of(e->largest);
    if (wide)
        b->result = RK_BLOCK_WIDE;
    if (wide || b->planes == 0)
        return;
    e->down.large = true; /* the byte of Scup counts as FF, and the lower half of the next is taken */
    e->down.size = 1;
    vlc_bits(e, 15, 4);
    for (uint32_t row = 0; row < (b->height + 1) / 2; row++)
        code_row(e, row);
    magsgn_end(e);
    rk_ht_vlc_end v = {.bytes = e->vlc + sizeof e->vlc - e->down.size, .size = e->down.size};
    v.byte = e->down.byte;
    v.used = e->down.used;
    rk_ht_encode_join(b, e->magsgn, e->up.size, &e->mel, &v);
}

void rk_ht_encode_c(rk_ht_encode_block *blocks, size_t n, void *work)
{
    for (size_t i = 0; i < n; i++)
        rk_ht_encode_one(&blocks[i], work);
}

size_t rk_ht_encode_bound(uint32_t width, uint32_t height, unsigned planes)
{
    size_t rows = ((size_t)height + 1) / 2, quads = ((size_t)width + 1) / 2;
    size_t magsgn = (size_t)width * height * (planes + 1);
    size_t vlc = 15 * quads * rows + 4, mel = 6 * (quads * rows + (quads + 1) / 2) + 1;
    return 2 * (magsgn + vlc + mel) / 15 + 6; /* 15 bits in two bytes, a byte more at each end */
}

size_t rk_ht_encode_work_size(void)
{
    return RK_HT_ENCODE_STATE;
}

void rk_ht_encode_table_fill(rk_ht_encode_table *t, uint32_t cpu)
{
    t->encode = rk_ht_encode_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        t->encode = rk_ht_encode_avx2;
#else
    (void)cpu;
#endif
}
