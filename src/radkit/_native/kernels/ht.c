/*
 * kernels/ht.c: reference of the HT code-block decoder (T.814 clause 7), bit by bit, and the
 * table of variants.
 */
#include "ht.h"

#include <string.h>

#include "coef.h"
#include "cpu.h"
#include "ht_work.h"

const uint8_t rk_ht_mel_exponents[13] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5};

enum {
    QUADS = RK_BLOCK_SIDE / 2,  /* in a row, the most */
    FLAGS = (RK_BLOCK_SIDE + 2) * (RK_BLOCK_AREA / RK_BLOCK_SIDE + 2),
    CLEANED = 1, /* significant after the cleanup pass */
    FOUND = 2    /* significant after SigProp */
};

/* ---- bit readers (7.1) -------------------------------------------------------------- */

/* MagSgn and SigProp: forward, from the least significant bit of each byte. */
typedef struct forward {
    const uint8_t *data;
    size_t at, end;
    uint8_t fill; /* what bytes past the end are */
    uint8_t byte, before;
    unsigned left;
} forward;

static unsigned forward_bit(forward *s)
{
    if (s->left == 0) {
        s->before = s->byte;
        s->byte = s->at < s->end ? s->data[s->at++] : s->fill;
        s->left = s->before == 0xFF ? 7 : 8;
    }
    unsigned used = (s->before == 0xFF ? 7u : 8u) - s->left--;
    return s->byte >> used & 1;
}

static uint64_t forward_bits(forward *s, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)forward_bit(s) << i;
    return value;
}

/* VLC and MagRef: backward, from the least significant bit of each byte; zeros past the end. */
typedef struct backward {
    const uint8_t *data;
    size_t at; /* bytes that are left, the last of them is next */
    uint8_t byte;
    unsigned left;
    bool large; /* the byte before was above 8F */
} backward;

static unsigned backward_bit(backward *s)
{
    if (s->left == 0) {
        s->byte = s->at > 0 ? s->data[--s->at] : 0;
        s->left = s->large && (s->byte & 0x7F) == 0x7F ? 7 : 8;
        s->large = s->byte > 0x8F;
    }
    unsigned bit = s->byte & 1;
    s->byte >>= 1;
    s->left--;
    return bit;
}

static unsigned backward_bits(backward *s, unsigned n)
{
    unsigned value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= backward_bit(s) << i;
    return value;
}

/* MEL (7.3.3): forward, from the most significant bit; ones past the end. */
typedef struct mel {
    const uint8_t *data;
    size_t at, end;
    uint8_t byte;
    unsigned left, k;
    unsigned zeros; /* events 0 that are still to be given */
    bool one;       /* and then an event 1 */
} mel;

static unsigned mel_bit(mel *s)
{
    if (s->left == 0) {
        bool stuffed = s->byte == 0xFF;
        s->byte = 0xFF;
        if (s->at < s->end) {
            s->byte = s->data[s->at++];
            if (s->at == s->end) /* shared with VLC, or Scup */
                s->byte |= 0x0F;
        }
        s->left = stuffed ? 7 : 8;
    }
    return s->byte >> --s->left & 1;
}

static unsigned mel_event(mel *s)
{
    if (s->zeros == 0 && !s->one) {
        unsigned exponent = rk_ht_mel_exponents[s->k];
        if (mel_bit(s)) {
            s->zeros = 1u << exponent;
            s->k += s->k < 12;
        } else {
            for (unsigned i = 0; i < exponent; i++)
                s->zeros = s->zeros << 1 | mel_bit(s);
            s->one = true;
            s->k -= s->k > 0;
        }
    }
    if (s->zeros) {
        s->zeros--;
        return 0;
    }
    s->one = false;
    return 1;
}

/* ---- quads (7.3.4 to 7.3.6) --------------------------------------------------------- */

typedef struct quad {
    uint8_t rho, u_off, e_k, e_1;
    uint8_t u;
} quad;

typedef struct decoder {
    uint64_t magnitude[RK_BLOCK_AREA];
    uint8_t negative[RK_BLOCK_AREA];
    uint8_t lowest[RK_BLOCK_AREA]; /* bit-plane in which a sample was coded last */
    uint8_t flags[FLAGS];          /* with a border of one sample; for refinement */
    quad rows[2][QUADS + 2];       /* this quad-row and the one above, an empty quad on each side */
    uint64_t bottom[2][2 * QUADS + 2]; /* 2 mu - 1 of the lower samples of a quad-row, likewise */
    forward magsgn;
    backward vlc;
    mel mel;
} decoder;

/* Table of contexts: 7.3.5, equations 1 and 2. */
static unsigned first_context(const quad *f)
{
    return ((f->rho & 3) != 0) | (f->rho & 4) >> 1 | (f->rho & 8) >> 1;
}

static unsigned other_context(const quad *f, const quad *n)
{
    unsigned west = (n[-1].rho & 8) || (n[0].rho & 2);
    unsigned left = (f->rho & 4) || (f->rho & 8);
    unsigned east = (n[0].rho & 8) || (n[1].rho & 2);
    return west | left << 1 | east << 2;
}

/* The code word of a quad (7.3.5). */
static void read_code(decoder *d, quad *q, unsigned context, bool first)
{
    backward ahead = d->vlc;
    uint32_t entry = rk_ht_lookup[!first][context << 7 | backward_bits(&ahead, 7)];
    backward_bits(&d->vlc, entry & 63);
    q->u_off = entry >> 6 & 1;
    q->rho = entry >> 12 & 15;
    q->e_k = entry >> 16 & 15;
    q->e_1 = entry >> 20 & 15;
}

/* u-VLC (7.3.6, table 3): prefix, suffix, extension. */
static unsigned u_prefix(backward *s)
{
    if (backward_bit(s))
        return 1;
    if (backward_bit(s))
        return 2;
    return backward_bit(s) ? 3 : 5;
}

static unsigned u_suffix(backward *s, unsigned prefix)
{
    return prefix < 3 ? 0 : backward_bits(s, prefix == 3 ? 1 : 5);
}

static unsigned u_extension(backward *s, unsigned suffix)
{
    return suffix < 28 ? 0 : 4 * backward_bits(s, 4);
}

static void read_u(decoder *d, quad *q, bool first)
{
    backward *s = &d->vlc;
    unsigned prefix[2] = {0, 0}, suffix[2], more[2], add = 0;
    bool both = first && q[0].u_off && q[1].u_off;
    if (both && mel_event(&d->mel)) {
        add = 2;
        both = false;
    }
    if (q[0].u_off)
        prefix[0] = u_prefix(s);
    if (both && prefix[0] > 2)
        prefix[1] = 1 + backward_bit(s); /* one bit instead of a prefix */
    else if (q[1].u_off)
        prefix[1] = u_prefix(s);
    for (int k = 0; k < 2; k++)
        suffix[k] = u_suffix(s, prefix[k]);
    for (int k = 0; k < 2; k++)
        more[k] = u_extension(s, suffix[k]);
    for (int k = 0; k < 2; k++)
        q[k].u = q[k].u_off ? (uint8_t)(prefix[k] + suffix[k] + more[k] + add) : 0;
}

/* rho, e_k, e_1 and u of one quad-row. */
static void read_row(decoder *d, const rk_ht_block *b, uint32_t row)
{
    uint32_t quads = (b->width + 1) / 2;
    quad *now = d->rows[row & 1] + 1;
    const quad *above = d->rows[~row & 1] + 1;
    memset(d->rows[row & 1], 0, sizeof d->rows[0]);
    for (uint32_t q = 0; q < quads; q += 2) {
        for (uint32_t k = q; k < q + 2 && k < quads; k++) {
            unsigned context = row ? other_context(&now[(int64_t)k - 1], above + k)
                                   : first_context(&now[(int64_t)k - 1]);
            if (context || mel_event(&d->mel))
                read_code(d, now + k, context, row == 0);
        }
        read_u(d, now + q, row == 0);
    }
}

/* kappa (7.3.7): the exponent that the row above lets one expect. */
static unsigned predicted(const uint64_t *above, uint32_t q, unsigned rho)
{
    uint64_t around = above[2 * (int64_t)q - 1] | above[2 * q] | above[2 * q + 1] | above[2 * q + 2];
    unsigned exponent = 0;
    if (!(rho & (rho - 1))) /* gamma: two or more samples are significant */
        return 1;
    while (around) {
        exponent++;
        around >>= 1;
    }
    return exponent > 2 ? exponent - 1 : 1;
}

/* 0, or RK_BLOCK_DAMAGED or RK_BLOCK_WIDE: checks the bounds U of one quad-row. */
static uint32_t check_row(const rk_ht_block *b, unsigned largest)
{
    if (largest > b->planes + 1u)
        return RK_BLOCK_DAMAGED;
    if (b->format == RK_COEF_INT16 && largest > RK_HT_U_INT16)
        return RK_BLOCK_WIDE;
    return 0;
}

/* A sample of quad q (7.3.8): its magnitude and sign; gives 2 mu - 1. */
static uint64_t read_sample(decoder *d, const rk_ht_block *b, const quad *q, unsigned n, unsigned u,
                            uint32_t x, uint32_t y)
{
    if (!(q->rho >> n & 1))
        return 0;
    unsigned known = q->e_k >> n & 1, bits = u - known;
    uint64_t v = forward_bits(&d->magsgn, bits) | (uint64_t)(q->e_1 >> n & known) << bits;
    if (x < b->width && y < b->height) {
        size_t i = (size_t)y * b->width + x;
        d->magnitude[i] = ((v >> 1) + 1) << b->plane;
        d->negative[i] = v & 1;
        d->lowest[i] = b->plane;
    }
    return v | 1;
}

static uint32_t read_values(decoder *d, const rk_ht_block *b, uint32_t row)
{
    uint32_t quads = (b->width + 1) / 2;
    const quad *now = d->rows[row & 1] + 1;
    const uint64_t *above = d->bottom[~row & 1] + 1;
    uint64_t *bottom = d->bottom[row & 1] + 1;
    unsigned bounds[QUADS], largest = 0;
    memset(d->bottom[row & 1], 0, sizeof d->bottom[0]);
    for (uint32_t q = 0; q < quads; q++) {
        bounds[q] = now[q].u + (row ? predicted(above, q, now[q].rho) : 1);
        if (bounds[q] > largest)
            largest = bounds[q];
    }
    uint32_t bad = check_row(b, largest);
    if (bad)
        return bad;
    for (uint32_t q = 0; q < quads; q++)
        for (unsigned n = 0; n < 4; n++) {
            uint32_t x = 2 * q + (n >> 1), y = 2 * row + (n & 1);
            uint64_t e = read_sample(d, b, &now[q], n, bounds[q], x, y);
            if (n & 1)
                bottom[x] = e;
        }
    return 0;
}

static uint32_t cleanup(decoder *d, const rk_ht_block *b)
{
    const uint8_t *bytes = b->cleanup;
    size_t size = b->cleanup_size;
    size_t suffix = (size_t)bytes[size - 1] << 4 | (bytes[size - 2] & 15);
    uint8_t last = bytes[size - 2];
    d->magsgn = (forward){.data = bytes, .end = size - suffix, .fill = 0xFF};
    d->mel = (mel){.data = bytes, .at = size - suffix, .end = size - 1};
    d->vlc = (backward){.data = bytes + size - suffix, .at = suffix - 2, .byte = last >> 4};
    d->vlc.left = (last >> 4 & 7) == 7 ? 3 : 4;
    d->vlc.large = (last | 0x0F) > 0x8F;
    for (uint32_t row = 0; row < (b->height + 1) / 2; row++) {
        read_row(d, b, row);
        uint32_t bad = read_values(d, b, row);
        if (bad)
            return bad;
    }
    return 0;
}

/* ---- refinement (7.4, 7.5) ---------------------------------------------------------- */

static uint8_t *flags_at(decoder *d, const rk_ht_block *b, uint32_t x, uint32_t y)
{
    return d->flags + (size_t)(y + 1) * (b->width + 2) + x + 1;
}

/* One of eight neighbours is significant; those of the next stripe do not count if `causal`. */
static bool has_neighbour(decoder *d, const rk_ht_block *b, uint32_t x, uint32_t y)
{
    const uint8_t *f = flags_at(d, b, x, y);
    ptrdiff_t row = (ptrdiff_t)b->width + 2;
    unsigned any = f[-1] | f[1] | f[-row - 1] | f[-row] | f[-row + 1];
    if (!b->causal || (y & 3) != 3)
        any |= f[row - 1] | f[row] | f[row + 1];
    return any != 0;
}

/* SigProp of four columns of a stripe: their significance bits, then their signs. */
static void propagate(decoder *d, const rk_ht_block *b, forward *bits, uint32_t x0, uint32_t y0)
{
    uint32_t x1 = b->width - x0 < 4 ? b->width : x0 + 4;
    uint32_t y1 = b->height - y0 < 4 ? b->height : y0 + 4;
    for (uint32_t x = x0; x < x1; x++)
        for (uint32_t y = y0; y < y1; y++)
            if (!*flags_at(d, b, x, y) && has_neighbour(d, b, x, y) && forward_bit(bits))
                *flags_at(d, b, x, y) = FOUND;
    for (uint32_t x = x0; x < x1; x++)
        for (uint32_t y = y0; y < y1; y++)
            if (*flags_at(d, b, x, y) == FOUND) {
                size_t i = (size_t)y * b->width + x;
                d->magnitude[i] = (uint64_t)1 << (b->plane - 1);
                d->negative[i] = (uint8_t)forward_bit(bits);
                d->lowest[i] = b->plane - 1;
            }
}

static void refine(decoder *d, const rk_ht_block *b)
{
    forward up = {.data = b->refine, .end = b->refine_size};
    backward down = {.data = b->refine, .at = b->refine_size, .large = true};
    for (uint32_t y = 0; y < b->height; y++)
        for (uint32_t x = 0; x < b->width; x++)
            *flags_at(d, b, x, y) = d->magnitude[(size_t)y * b->width + x] ? CLEANED : 0;
    for (uint32_t y = 0; y < b->height; y += 4)
        for (uint32_t x = 0; x < b->width; x += 4)
            propagate(d, b, &up, x, y);
    if (b->passes < 3)
        return;
    for (uint32_t y0 = 0; y0 < b->height; y0 += 4)
        for (uint32_t x = 0; x < b->width; x++)
            for (uint32_t y = y0; y < b->height && y < y0 + 4; y++)
                if (*flags_at(d, b, x, y) == CLEANED) {
                    size_t i = (size_t)y * b->width + x;
                    d->magnitude[i] |= (uint64_t)backward_bit(&down) << (b->plane - 1);
                    d->lowest[i] = b->plane - 1;
                }
}

/* ---- blocks ------------------------------------------------------------------------- */

uint32_t rk_ht_refused(const rk_ht_block *b)
{
    unsigned planes = b->plane + b->planes + (b->half ? 1u : 0u);
    if (b->cleanup_size < 2 || b->cleanup_size > RK_HT_CLEANUP_MAX || b->planes == 0 ||
        b->refine_size > RK_HT_REFINE_MAX || b->passes > 3 || (b->passes > 1 && b->plane == 0))
        return RK_BLOCK_DAMAGED;
    const uint8_t *end = b->cleanup + b->cleanup_size;
    uint32_t suffix = (uint32_t)end[-1] << 4 | (end[-2] & 15);
    if (suffix < 2 || suffix > b->cleanup_size || suffix > 4079)
        return RK_BLOCK_DAMAGED;
    if (b->format == RK_COEF_INT16 && (b->plane || b->half || b->passes > 1))
        return RK_BLOCK_WIDE;
    return planes > (b->format == RK_COEF_INT64 ? 61 : 30) ? RK_BLOCK_WIDE : 0;
}

static size_t coefficient_size(const rk_ht_block *b)
{
    return b->format == RK_COEF_INT16 ? 2 : b->format == RK_COEF_INT32 ? 4 : 8;
}

void rk_ht_clear(const rk_ht_block *b)
{
    size_t size = coefficient_size(b);
    for (uint32_t y = 0; y < b->height; y++)
        memset((uint8_t *)b->out + y * b->stride * size, 0, b->width * size);
}

static void write_block(const decoder *d, rk_ht_block *b)
{
    for (uint32_t y = 0; y < b->height; y++)
        for (uint32_t x = 0; x < b->width; x++) {
            size_t i = (size_t)y * b->width + x, to = (size_t)y * b->stride + x;
            uint64_t size = rk_coef_size(d->magnitude[i], d->lowest[i], b->half);
            int64_t value = d->negative[i] ? -(int64_t)size : (int64_t)size;
            if (size > b->peak)
                b->peak = size;
            rk_coef_store(b->out, b->format, to, value);
        }
}

void rk_ht_decode_one(rk_ht_block *b, void *work)
{
    decoder *d = work;
    b->peak = 0;
    b->result = b->passes ? rk_ht_refused(b) : 0;
    if (b->result || !b->passes) {
        rk_ht_clear(b);
        return;
    }
    memset(d, 0, sizeof *d);
    b->result = cleanup(d, b);
    if (b->result) {
        rk_ht_clear(b);
        return;
    }
    if (b->passes > 1)
        refine(d, b);
    write_block(d, b);
}

void rk_ht_decode_c(rk_ht_block *blocks, size_t n, void *work)
{
    for (size_t i = 0; i < n; i++)
        rk_ht_decode_one(&blocks[i], work);
}

_Static_assert(sizeof(decoder) <= RK_HT_STATE, "the state of the reference");

size_t rk_ht_work_size(void)
{
    return RK_HT_STATE;
}

void rk_ht_table_fill(rk_ht_table *t, uint32_t cpu)
{
    t->decode = rk_ht_decode_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        t->decode = rk_ht_decode_avx2;
#else
    (void)cpu;
#endif
}
