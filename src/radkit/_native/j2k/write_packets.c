/* Packets: headers and bodies (T.800 B.9, B.10; T.814 B.3). */
#include <string.h>

#include "write.h"

void rk_j2k_put_bytes(rk_j2k_sink *s, const uint8_t *bytes, size_t size)
{
    if (size && s->size < s->capacity && size <= s->capacity - s->size)
        memcpy(s->data + s->size, bytes, size);
    s->size += size;
}

/* ---- bits of a header ------------------------------------------------------------------------ */

/* Top bit first; the byte after FF has seven bits. */
typedef struct bits {
    rk_j2k_sink *sink;
    unsigned byte, left;
} bits;

static void put_bit(bits *b, unsigned bit)
{
    b->byte |= bit << --b->left;
    if (b->left)
        return;
    rk_j2k_put8(b->sink, b->byte);
    b->left = b->byte == 0xFF ? 7 : 8;
    b->byte = 0;
}

static void put_bits(bits *b, uint32_t value, unsigned n)
{
    while (n-- > 0)
        put_bit(b, value >> n & 1);
}

/* A header does not end in FF: a byte of zeros follows that. */
static void close_bits(bits *b)
{
    if (b->left < 8)
        rk_j2k_put8(b->sink, b->byte);
    /* left is 7 with nothing written only behind FF, and then the byte 0 was put above. A byte that
     * is filled up with zeros is never FF. */
}

/* ---- tag trees ------------------------------------------------------------------------------- */

/* Sets a tree up: leaves have `value` already, nodes get the least of their children. */
static void build_tree(rk_j2k_mark *nodes, uint32_t cols, uint32_t rows)
{
    size_t all = rk_j2k_marks_of(cols, rows);
    for (size_t k = 0; k < all; k++) {
        nodes[k].bound = 0;
        nodes[k].known = false;
    }
    while (cols > 1 || rows > 1) {
        uint32_t half = (cols + 1) / 2;
        rk_j2k_mark *up = nodes + (size_t)cols * rows;
        for (uint32_t y = 0; y < rows; y++)
            for (uint32_t x = 0; x < cols; x++) {
                uint16_t value = nodes[(size_t)y * cols + x].value;
                rk_j2k_mark *parent = &up[(size_t)(y / 2) * half + x / 2];
                bool first = !(x & 1) && !(y & 1);
                if (first || value < parent->value)
                    parent->value = value;
            }
        nodes = up;
        cols = half;
        rows = (rows + 1) / 2;
    }
}

/* Says whether the leaf (x, y) is below `threshold`, as far as that is not known yet. */
static void put_tree(bits *b, rk_j2k_mark *nodes, uint32_t cols, uint32_t rows, uint32_t x,
                     uint32_t y, unsigned threshold)
{
    rk_j2k_mark *path[33];
    unsigned depth = 0;
    for (;; x /= 2, y /= 2) {
        path[depth++] = &nodes[(size_t)y * cols + x];
        if (cols <= 1 && rows <= 1)
            break;
        nodes += (size_t)cols * rows;
        cols = (cols + 1) / 2;
        rows = (rows + 1) / 2;
    }
    unsigned low = 0;
    while (depth-- > 0) {
        rk_j2k_mark *node = path[depth];
        low = node->bound > low ? node->bound : low;
        while (low < threshold && low < node->value) {
            put_bit(b, 0);
            low++;
        }
        if (low < threshold && !node->known) {
            put_bit(b, 1);
            node->known = true;
        }
        node->bound = (uint16_t)low;
    }
}

/* ---- header ---------------------------------------------------------------------------------- */

static unsigned log2_of(uint32_t n)
{
    unsigned bits = 0;
    while (n >>= 1)
        bits++;
    return bits;
}

/* Table B.4. */
static void put_passes(bits *b, unsigned n)
{
    if (n <= 2)
        put_bits(b, n == 1 ? 0 : 2, n);
    else if (n <= 5)
        put_bits(b, 0xC | (n - 3), 4);
    else if (n <= 36)
        put_bits(b, 0x1E0 | (n - 6), 9);
    else
        put_bits(b, 0xFF80 | (n - 37), 16);
}

/* What a packet adds to a block. */
typedef struct piece {
    uint32_t from, size, refine;
    uint16_t passes;
} piece;

/* True if the chunk is one of those that the packet brings. */
static bool is_now(const rk_j2k_coded *block, const rk_j2k_bytes *chunk, unsigned layer)
{
    return chunk && chunk != block->stop && chunk->layer == layer;
}

static piece piece_of(const rk_j2k_coded *block, unsigned layer)
{
    piece p = {0};
    if (block->chunks) {
        for (const rk_j2k_bytes *c = block->next; is_now(block, c, layer); c = c->next)
            p.passes = (uint16_t)(p.passes + c->passes);
        return p;
    }
    if (!block->cuts)
        return layer ? (piece){0} : (piece){0, block->size, block->refine, block->passes};
    rk_j2k_cut before = {0}, now = block->cuts[layer];
    if (layer)
        before = block->cuts[layer - 1];
    return (piece){before.size, now.size - before.size, 0, (uint16_t)(now.passes - before.passes)};
}

/* The first layer that the block is in; `layers` if none. */
static uint16_t first_layer(const rk_j2k_coded *block, unsigned layers)
{
    if (block->chunks)
        return block->chunks->layer;
    if (!block->cuts)
        return block->passes ? 0 : (uint16_t)layers;
    unsigned k = 0;
    while (k < layers && block->cuts[k].passes == 0)
        k++;
    return (uint16_t)k;
}

/* Bits that Lblock must be for a length of so many passes (B.10.7). */
static unsigned need_of(unsigned need, uint32_t size, unsigned passes)
{
    unsigned room = log2_of(passes), bits_of = size ? log2_of(size) + 1 : 0;
    return bits_of > need + room ? bits_of - room : need;
}

static void raise_lblock(bits *b, rk_j2k_coded *block, unsigned need)
{
    for (; block->lblock < need; block->lblock++)
        put_bit(b, 1);
    put_bit(b, 0);
}

static void put_chunk_lengths(bits *b, rk_j2k_coded *block, unsigned layer)
{
    unsigned need = block->lblock;
    for (const rk_j2k_bytes *c = block->next; is_now(block, c, layer); c = c->next)
        need = need_of(need, c->size, c->passes);
    raise_lblock(b, block, need);
    for (const rk_j2k_bytes *c = block->next; is_now(block, c, layer); c = c->next)
        put_bits(b, c->size, need + log2_of(c->passes));
}

static void put_lengths(bits *b, rk_j2k_coded *block, const piece *p, bool ht)
{
    /* A cleanup pass has a segment of its own, SigProp and MagRef share one (T.814 B.3). */
    unsigned passes[2] = {ht ? 1 : p->passes, ht ? p->passes - 1u : 0};
    uint32_t sizes[2] = {p->size, p->refine};
    unsigned need = block->lblock;
    for (unsigned k = 0; k < 2 && passes[k]; k++)
        need = need_of(need, sizes[k], passes[k]);
    raise_lblock(b, block, need);
    for (unsigned k = 0; k < 2 && passes[k]; k++)
        put_bits(b, sizes[k], need + log2_of(passes[k]));
}

static void put_block(bits *b, rk_j2k_cover *cover, rk_j2k_coded *block, uint32_t x, uint32_t y,
                      unsigned layer, bool ht)
{
    piece p = piece_of(block, layer);
    uint16_t first = cover->inclusion[(size_t)y * cover->cols + x].value;
    if (first >= layer)
        put_tree(b, cover->inclusion, cover->cols, cover->rows, x, y, layer + 1);
    else
        put_bit(b, p.passes > 0);
    if (!p.passes)
        return;
    if (first == layer) {
        uint16_t zero = cover->zero[(size_t)y * cover->cols + x].value;
        put_tree(b, cover->zero, cover->cols, cover->rows, x, y, zero + 1u);
    }
    put_passes(b, p.passes);
    if (block->chunks)
        put_chunk_lengths(b, block, layer);
    else
        put_lengths(b, block, &p, ht);
}

/* Bit-planes that the zero planes of a packet header count from: Mb, with a region of interest more. */
static unsigned planes_of(const rk_j2k_writing *w, const rk_j2k_outtile *t,
                          const rk_j2k_turn *turn, unsigned kind)
{
    if (!t->codings)
        return rk_j2k_band_planes(&w->layout, turn->number, kind);
    const rk_j2k_coding *c = &t->codings[turn->comp];
    return rk_j2k_quant_planes(&c->quant, turn->number, kind) + c->roi;
}

/* Trees of all precincts as before the first packet. */
void rk_j2k_unwrite(rk_j2k_writing *w, rk_j2k_outtile *t)
{
    unsigned layers = rk_j2k_out_layers(w, t);
    t->at = t->first = 0;
    t->layer = 0;
    t->packets = 0;
    t->part = 0;
    t->parts = rk_j2k_count_parts(w, t);
    for (size_t n = 0; n < t->turn_count; n++) {
        const rk_j2k_turn *turn = &t->turns[n];
        for (unsigned k = 0; k < turn->res->band_count; k++) {
            rk_j2k_cover *cover = &turn->res->covers[3 * (size_t)turn->precinct + k];
            rk_j2k_outband *band = &turn->res->bands[k];
            unsigned planes = planes_of(w, t, turn, band->kind);
            for (uint32_t y = 0; y < cover->rows; y++)
                for (uint32_t x = 0; x < cover->cols; x++) {
                    rk_j2k_coded *block =
                        &band->blocks[(size_t)(cover->y + y) * band->across + cover->x + x];
                    size_t leaf = (size_t)y * cover->cols + x;
                    block->lblock = 3;
                    block->next = block->chunks;
                    cover->inclusion[leaf].value = first_layer(block, layers);
                    /* Blocks that are in no layer may not make the zero planes of others dear. */
                    cover->zero[leaf].value =
                        (uint16_t)(block->planes < planes ? planes - block->planes : 0);
                }
            if (cover->rows == 0)
                continue;
            build_tree(cover->inclusion, cover->cols, cover->rows);
            build_tree(cover->zero, cover->cols, cover->rows);
        }
    }
}

/* ---- packet ---------------------------------------------------------------------------------- */

static rk_j2k_coded *block_at(const rk_j2k_turn *turn, unsigned k, uint32_t x, uint32_t y)
{
    const rk_j2k_cover *cover = &turn->res->covers[3 * (size_t)turn->precinct + k];
    const rk_j2k_outband *band = &turn->res->bands[k];
    return &band->blocks[(size_t)(cover->y + y) * band->across + cover->x + x];
}

static bool put_header(const rk_j2k_writing *w, const rk_j2k_turn *turn, unsigned layer,
                       rk_j2k_sink *sink)
{
    bits b = {sink, 0, 8};
    bool any = false, ht = w->layout.style.flags & RK_J2K_HT;
    rk_j2k_cover *covers = &turn->res->covers[3 * (size_t)turn->precinct];
    for (unsigned k = 0; k < turn->res->band_count; k++)
        for (uint32_t y = 0; y < covers[k].rows && !any; y++)
            for (uint32_t x = 0; x < covers[k].cols && !any; x++)
                any = piece_of(block_at(turn, k, x, y), layer).passes > 0;
    put_bit(&b, any);
    for (unsigned k = 0; any && k < turn->res->band_count; k++)
        for (uint32_t y = 0; y < covers[k].rows; y++)
            for (uint32_t x = 0; x < covers[k].cols; x++)
                put_block(&b, &covers[k], block_at(turn, k, x, y), x, y, layer, ht);
    close_bits(&b);
    return any;
}

static void put_body(rk_j2k_coded *block, unsigned layer, rk_j2k_sink *sink)
{
    if (block->chunks) {
        for (; is_now(block, block->next, layer); block->next = block->next->next)
            rk_j2k_put_bytes(sink, block->next->data, block->next->size);
        return;
    }
    piece p = piece_of(block, layer);
    if (p.passes)
        rk_j2k_put_bytes(sink, block->data + p.from, (size_t)p.size + p.refine);
}

void rk_j2k_write_packet(const rk_j2k_writing *w, rk_j2k_outtile *t, const rk_j2k_turn *turn,
                         rk_j2k_sink *sink)
{
    const rk_j2k_cover *covers = &turn->res->covers[3 * (size_t)turn->precinct];
    unsigned layer = t->layer;
    if (w->layout.sop) {
        rk_j2k_put16(sink, RK_SOP);
        rk_j2k_put16(sink, 4);
        rk_j2k_put16(sink, t->packets & 0xFFFF);
    }
    t->packets++;
    bool any = put_header(w, turn, layer, sink);
    if (w->layout.eph)
        rk_j2k_put16(sink, RK_EPH);
    for (unsigned k = 0; any && k < turn->res->band_count; k++)
        for (uint32_t y = 0; y < covers[k].rows; y++)
            for (uint32_t x = 0; x < covers[k].cols; x++)
                put_body(block_at(turn, k, x, y), layer, sink);
}
