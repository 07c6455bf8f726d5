/* tests/kernels/check_ht_encode.c: a plain encoder of HT code-blocks (T.814 annex D), for check_ht.c. */
#include "check_ht_encode.h"

#include <string.h>

#include "kernels/ht_work.h"

/* Bits from the least significant one; `full` bits make the byte, 7 after FF (or by the VLC rule). */
typedef struct writer {
    uint8_t bytes[70000];
    size_t n;
    unsigned byte, used, full;
    bool backward, large;
} writer;

static void put_bit(writer *w, unsigned bit)
{
    w->byte |= bit << w->used++;
    bool short_byte = w->backward && w->large && w->used == 7 && w->byte == 0x7F;
    if (!short_byte && w->used < w->full)
        return;
    w->bytes[w->n++] = (uint8_t)w->byte;
    w->large = w->byte > 0x8F;
    w->full = !w->backward && w->byte == 0xFF ? 7 : 8;
    w->byte = w->used = 0;
}

static void put(writer *w, uint64_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put_bit(w, value >> i & 1);
}

typedef struct mel_writer {
    uint8_t bytes[1024];
    size_t n;
    unsigned byte, left, k, run;
} mel_writer;

static void mel_bit(mel_writer *m, unsigned bit)
{
    m->byte = m->byte << 1 | bit;
    if (--m->left)
        return;
    m->bytes[m->n++] = (uint8_t)m->byte;
    m->left = m->byte == 0xFF ? 7 : 8;
    m->byte = 0;
}

static void mel_event(mel_writer *m, bool one)
{
    unsigned exponent = rk_ht_mel_exponents[m->k];
    if (!one) {
        if (++m->run == 1u << exponent) {
            mel_bit(m, 1);
            m->run = 0;
            m->k += m->k < 12;
        }
        return;
    }
    mel_bit(m, 0);
    while (exponent-- > 0)
        mel_bit(m, m->run >> exponent & 1);
    m->run = 0;
    m->k -= m->k > 0;
}

typedef struct encoder {
    const rk_ht_block *b;
    const int64_t *values;
    uint64_t chance;
    writer magsgn, vlc;
    mel_writer mel;
    uint8_t rho[2][RK_BLOCK_SIDE / 2 + 2];
    uint64_t bottom[2][RK_BLOCK_SIDE + 4];
} encoder;

static uint64_t draw(encoder *e)
{
    e->chance = e->chance * 6364136223846793005u + 1442695040888963407u;
    return e->chance >> 33;
}

static unsigned length_of(uint64_t x)
{
    unsigned n = 0;
    for (; x; x >>= 1)
        n++;
    return n;
}

static uint64_t size_at(const encoder *e, uint32_t x, uint32_t y)
{
    if (x >= e->b->width || y >= e->b->height)
        return 0;
    int64_t v = e->values[(size_t)y * e->b->width + x];
    return (uint64_t)(v < 0 ? -v : v) >> (e->b->passes > 1);
}

/* u-VLC: prefix, suffix and extension of u (table 3). */
static void put_u(writer *w, unsigned u, int part)
{
    if (part == 0)
        put(w, u == 1 ? 1 : u == 2 ? 2 : u < 5 ? 4 : 0, u == 0 ? 0 : u < 3 ? u : 3);
    else if (part == 1)
        put(w, u < 5 ? u - 3 : u < 33 ? u - 5 : 28 + (u - 33) % 4, u < 3 ? 0 : u < 5 ? 1 : 5);
    else if (u >= 33)
        put(w, (u - 33) / 4, 4);
}

static void put_us(encoder *e, const unsigned *u, bool first)
{
    unsigned v[2] = {u[0], u[1]};
    if (first && u[0] && u[1]) {
        bool large = u[0] > 2 && u[1] > 2;
        mel_event(&e->mel, large);
        if (large) {
            v[0] -= 2;
            v[1] -= 2;
        } else if (u[0] > 2) {
            put_u(&e->vlc, v[0], 0);
            put(&e->vlc, v[1] - 1, 1);
            put_u(&e->vlc, v[0], 1);
            put_u(&e->vlc, v[0], 2);
            return;
        }
    }
    for (int part = 0; part < 3; part++)
        for (int k = 0; k < 2; k++)
            put_u(&e->vlc, v[k], part);
}

/* A code word for the quad, one of those that would do; returns its e_k. */
static unsigned put_code(encoder *e, bool first, unsigned context, unsigned rho, bool u_off, unsigned eps)
{
    const ht_code *rows = first ? ht_first_rows : ht_other_rows;
    size_t n = first ? HT_FIRST_ROWS : HT_OTHER_ROWS, fit = 0;
    const ht_code *taken = NULL;
    for (size_t i = 0; i < n; i++)
        if (rows[i].context == context && rows[i].rho == rho && rows[i].u_off == u_off &&
            (eps & rows[i].e_k) == rows[i].e_1 && draw(e) % ++fit == 0)
            taken = &rows[i];
    put(&e->vlc, taken->word, taken->length);
    return taken->e_k;
}

static unsigned context_of(encoder *e, uint32_t row, uint32_t q)
{
    const uint8_t *now = e->rho[row & 1] + 1, *above = e->rho[~row & 1] + 1;
    unsigned left = now[(int64_t)q - 1];
    if (row == 0)
        return (left & 3 ? 1 : 0) | (left >> 2 & 1) << 1 | (left >> 3 & 1) << 2;
    const uint8_t *n = above + q;
    return (n[-1] >> 3 & 1) | (n[0] >> 1 & 1) | (left & 12 ? 2 : 0) | ((n[0] >> 3 & 1) | (n[1] >> 1 & 1)) << 2;
}

static unsigned code_quad(encoder *e, uint32_t row, uint32_t q)
{
    uint64_t size[4];
    unsigned rho = 0, exponent[4], most = 0, kappa = 1, eps = 0;
    for (unsigned n = 0; n < 4; n++) {
        size[n] = size_at(e, 2 * q + (n >> 1), 2 * row + (n & 1));
        exponent[n] = size[n] ? length_of(2 * size[n] - 1) : 0;
        rho |= (size[n] != 0) << n;
        most = exponent[n] > most ? exponent[n] : most;
        if (n & 1)
            e->bottom[row & 1][1 + 2 * q + (n >> 1)] = size[n] ? 2 * size[n] - 1 : 0;
    }
    e->rho[row & 1][1 + q] = (uint8_t)rho;
    if (row && rho & (rho - 1)) {
        const uint64_t *above = e->bottom[~row & 1] + 2 * q;
        unsigned expected = length_of(above[0] | above[1] | above[2] | above[3]);
        kappa = expected > 2 ? expected - 1 : 1;
    }
    unsigned u = most > kappa ? most - kappa : 0, known = 0, context = context_of(e, row, q);
    for (unsigned n = 0; n < 4; n++)
        eps |= (u && exponent[n] == u + kappa) << n;
    if (context == 0)
        mel_event(&e->mel, rho != 0);
    if (context || rho)
        known = put_code(e, row == 0, context, rho, u != 0, eps);
    for (unsigned n = 0; n < 4; n++)
        if (size[n]) {
            int64_t v = e->values[(size_t)(2 * row + (n & 1)) * e->b->width + 2 * q + (n >> 1)];
            put(&e->magsgn, 2 * (size[n] - 1) + (v < 0), u + kappa - (known >> n & 1));
        }
    return u;
}

/* Joins the three streams (clause 7.1.1, annex D). */
static bool join(encoder *e, ht_coded *to)
{
    writer *g = &e->magsgn, *v = &e->vlc;
    mel_writer *m = &e->mel;
    if (g->used) {
        unsigned last = (g->byte | 0xFFu << g->used) & (g->full == 7 ? 0x7F : 0xFF);
        if (last != 0xFF)
            g->bytes[g->n++] = (uint8_t)last;
    } else if (g->full == 7) {
        g->n--;
    }
    if (m->run)
        mel_bit(m, 1);
    unsigned mel = m->byte << m->left & 0xFF, mel_mask = 0xFFu << m->left & 0xFF;
    unsigned vlc_mask = 0xFFu >> (8 - v->used), joint = mel | v->byte;
    bool agree = (joint & mel_mask) == mel && (joint & vlc_mask) == v->byte && joint < 0xFF && v->n >= 2;
    if (mel_mask | vlc_mask) {
        m->bytes[m->n++] = (uint8_t)(agree ? joint : mel);
        if (!agree)
            v->bytes[v->n++] = (uint8_t)v->byte;
    }
    size_t suffix = m->n + v->n;
    if (suffix > 4079 || g->n + suffix > RK_HT_CLEANUP_MAX)
        return false;
    memcpy(to->cleanup, g->bytes, g->n);
    memcpy(to->cleanup + g->n, m->bytes, m->n);
    for (size_t i = 0; i < v->n; i++)
        to->cleanup[g->n + suffix - 1 - i] = v->bytes[i];
    to->cleanup_size = g->n + suffix;
    to->cleanup[to->cleanup_size - 1] = (uint8_t)(suffix >> 4);
    to->cleanup[to->cleanup_size - 2] = (uint8_t)((to->cleanup[to->cleanup_size - 2] & 0xF0) | (suffix & 15));
    return true;
}

/* ---- refinement ---- */

typedef struct refiner {
    const rk_ht_block *b;
    uint8_t flags[1026 * 6]; /* 1 cleanup, 2 SigProp */
    writer up, down;
} refiner;

static uint8_t *flags_at(refiner *r, int64_t x, int64_t y)
{
    return r->flags + (y + 1) * ((int64_t)r->b->width + 2) + x + 1;
}

static bool is_member(refiner *r, int64_t x, int64_t y)
{
    unsigned any = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            if (!(r->b->causal && dy == 1 && (y & 3) == 3))
                any |= *flags_at(r, x + dx, y + dy);
    return !*flags_at(r, x, y) && any;
}

static void code_group(refiner *r, ht_coded *to, const int64_t *values, int64_t x0, int64_t y0)
{
    int64_t w = r->b->width, h = r->b->height;
    for (int64_t x = x0; x < x0 + 4 && x < w; x++)
        for (int64_t y = y0; y < y0 + 4 && y < h; y++)
            if (is_member(r, x, y)) {
                unsigned bit = values[y * w + x] & 1;
                put(&r->up, bit, 1);
                *flags_at(r, x, y) = bit ? 2 : 0;
            }
    for (int64_t x = x0; x < x0 + 4 && x < w; x++)
        for (int64_t y = y0; y < y0 + 4 && y < h; y++)
            if (*flags_at(r, x, y) == 2) {
                put(&r->up, values[y * w + x] < 0, 1);
                to->magnitude[y * w + x] = (uint64_t)1 << (r->b->plane - 1);
                to->lowest[y * w + x] = r->b->plane - 1;
            }
}

static bool refine(ht_coded *to, const rk_ht_block *b, const int64_t *values)
{
    static refiner r;
    int64_t w = b->width, h = b->height;
    memset(&r, 0, sizeof r);
    r.b = b;
    r.up.full = r.down.full = 8;
    r.down.backward = r.down.large = true;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            *flags_at(&r, x, y) = to->magnitude[y * w + x] != 0;
    for (int64_t y = 0; y < h; y += 4)
        for (int64_t x = 0; x < w; x += 4)
            code_group(&r, to, values, x, y);
    for (int64_t y0 = 0; y0 < h && b->passes > 2; y0 += 4)
        for (int64_t x = 0; x < w; x++)
            for (int64_t y = y0; y < y0 + 4 && y < h; y++)
                if (*flags_at(&r, x, y) == 1) {
                    put(&r.down, values[y * w + x] & 1, 1);
                    to->magnitude[y * w + x] |= (uint64_t)(values[y * w + x] & 1) << (b->plane - 1);
                    to->lowest[y * w + x] = b->plane - 1;
                }
    if (r.up.used || r.up.full == 7)
        r.up.bytes[r.up.n++] = (uint8_t)r.up.byte;
    if (r.down.used)
        r.down.bytes[r.down.n++] = (uint8_t)r.down.byte;
    memcpy(to->refine, r.up.bytes, r.up.n);
    for (size_t i = 0; i < r.down.n; i++)
        to->refine[r.up.n + r.down.n - 1 - i] = r.down.bytes[i];
    to->refine_size = r.up.n + r.down.n;
    return to->refine_size <= RK_HT_REFINE_MAX;
}

bool ht_encode(ht_coded *to, const rk_ht_block *b, const int64_t *values, uint64_t chance)
{
    static encoder e;
    uint32_t quads = (b->width + 1) / 2, rows = (b->height + 1) / 2;
    memset(&e, 0, sizeof e);
    e.b = b;
    e.values = values;
    e.chance = chance;
    e.magsgn.full = 8;
    e.vlc = (writer){.bytes = {0xFF}, .n = 1, .byte = 15, .used = 4, .full = 8, .backward = true, .large = true};
    e.mel.left = 8;
    to->refine_size = 0;
    for (uint32_t row = 0; row < rows; row++) {
        memset(e.rho[row & 1], 0, sizeof e.rho[0]);
        memset(e.bottom[row & 1], 0, sizeof e.bottom[0]);
        for (uint32_t q = 0; q < quads; q += 2) {
            unsigned u[2] = {code_quad(&e, row, q), 0};
            if (q + 1 < quads)
                u[1] = code_quad(&e, row, q + 1);
            put_us(&e, u, row == 0);
        }
    }
    for (uint32_t y = 0; y < b->height; y++)
        for (uint32_t x = 0; x < b->width; x++) {
            to->magnitude[(size_t)y * b->width + x] = size_at(&e, x, y) << b->plane;
            to->lowest[(size_t)y * b->width + x] = b->plane;
        }
    return join(&e, to) && (b->passes < 2 || refine(to, b, values));
}
