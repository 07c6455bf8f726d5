/*
 * j2k/write.h: a codestream that is to be written: its layout, its tiles, its coded blocks
 * (T.800 annexes A and B, T.814).
 *
 * Coding fills the blocks, whatever made them; writing only reads them and may be repeated,
 * with other cuts of the layers or into more room.
 */
#ifndef RK_J2K_WRITE_H
#define RK_J2K_WRITE_H

#include "tile.h"

#define RK_J2K_PARTS_MAX 255 /* tile-parts of a tile, TNsot */

/* What a tile says of its own. */
typedef struct rk_j2k_own {
    const rk_j2k_coding *comps; /* by component */
    uint16_t layers;
    uint8_t mct;
} rk_j2k_own;

/*
 * What the headers say. Without `components` all are of one kind, as are the tiles; with them `style`,
 * `quant`, `layers` and `mct` are what COD and QCD of the main header say.
 */
typedef struct rk_j2k_layout {
    rk_j2k_rect image;    /* on the reference grid */
    uint32_t tx0, ty0;    /* tile grid; the first tile begins at or before the image */
    uint32_t tw, th;
    uint16_t comps;
    uint8_t depth;
    bool sign;
    rk_j2k_style style;   /* flags with RK_J2K_HT make a Part 15 stream; precincts are always set */
    rk_j2k_quant quant;
    uint8_t order;        /* rk_j2k_order.kind */
    uint16_t layers;
    uint8_t mct;
    bool precincts;       /* say so in COD; else they are all 2^15 */
    bool split;           /* a tile-part for each run of packets of one resolution */
    bool tlm, plt, sop, eph;
    const char *comment;  /* Latin-1, or NULL */
    const rk_j2k_component *components; /* of SIZ, or NULL */
    const rk_j2k_coding *codings;       /* that the main header says, by component */
    const rk_j2k_own *own;              /* by tile; comps is `codings` where nothing differs */
} rk_j2k_layout;

/* Of a block: what the layers up to this one hold together. */
typedef struct rk_j2k_cut {
    uint32_t size;
    uint16_t passes;
} rk_j2k_cut;

/*
 * A code-block. With cuts there is one codeword segment, `size` and `passes` are not used. With chunks it
 * is written as packets of another codestream brought it, and only `planes` is used besides.
 */
typedef struct rk_j2k_coded {
    const uint8_t *data;
    const rk_j2k_cut *cuts; /* one for each layer, or NULL: all is in the first layer */
    const rk_j2k_bytes *chunks;
    const rk_j2k_bytes *stop; /* the first chunk that is left out, or NULL */
    const rk_j2k_bytes *next; /* state of writing: the first chunk of the layers to come */
    uint32_t size;          /* of the first codeword segment */
    uint32_t refine;        /* of the second one (SigProp and MagRef of HT), behind the first */
    uint16_t passes;        /* 0: all zeros, not included */
    uint8_t planes;         /* magnitude bit-planes in the sense of the packet header: Mb - zero planes */
    uint8_t lblock;         /* state of writing */
} rk_j2k_coded;

/* A node of a tag tree (B.10.2): its value, what was sent about it. */
typedef struct rk_j2k_mark {
    uint16_t value, bound;
    bool known;
} rk_j2k_mark;

/* The blocks of a band in one precinct. */
typedef struct rk_j2k_cover {
    uint32_t x, y;       /* of the first one, in the grid of blocks of the band */
    uint32_t cols, rows; /* 0 if the precinct has none */
    rk_j2k_mark *inclusion, *zero; /* trees of the same form */
} rk_j2k_cover;

typedef struct rk_j2k_outband {
    rk_j2k_rect all;
    uint8_t kind;          /* rk_band */
    uint32_t bx, by;       /* the first block's place in the grid of cells that begins at 0 */
    uint32_t across, down;
    rk_j2k_coded *blocks;  /* row by row */
} rk_j2k_outband;

typedef struct rk_j2k_outres {
    rk_j2k_rect all;
    uint8_t ppx, ppy, xcb, ycb;
    uint32_t cols, rows;   /* precincts */
    uint8_t band_count;
    rk_j2k_outband bands[3];
    rk_j2k_cover *covers;  /* 3 for each precinct */
} rk_j2k_outres;

typedef struct rk_j2k_outcomp {
    rk_j2k_rect all;
    rk_j2k_outres *res; /* levels + 1 */
} rk_j2k_outcomp;

/* One precinct of a tile, and where it comes in the order of packets. */
typedef struct rk_j2k_turn {
    uint64_t key[4];
    rk_j2k_outres *res;
    uint32_t precinct;
    uint16_t comp;
    uint8_t number; /* of the resolution */
} rk_j2k_turn;

typedef struct rk_j2k_outtile {
    rk_j2k_rect all;
    const rk_j2k_coding *codings; /* by component, or NULL: as the layout says */
    uint16_t layers;              /* 0: as the layout says */
    rk_j2k_outcomp *comps;
    rk_j2k_turn *turns; /* in the order of the progression, without layers */
    size_t turn_count;
    uint16_t parts;
    /* state of writing: the next packet */
    size_t at, first;
    uint16_t layer;
    uint32_t packets;
    uint8_t part;
} rk_j2k_outtile;

typedef struct rk_j2k_writing {
    rk_j2k_layout layout;
    uint32_t across, down; /* tiles */
    unsigned levels;       /* the most of any component */
    rk_j2k_outtile *tiles;
    rk_j2k_arena *arena;
} rk_j2k_writing;

/* Bytes go to `data` as far as they fit; `size` counts all. */
typedef struct rk_j2k_sink {
    uint8_t *data; /* NULL if capacity is 0 */
    size_t capacity, size;
} rk_j2k_sink;

/* write_tiles.c: makes tiles, resolutions, bands, precincts and blocks of w->layout. */
RK_MUST_CHECK rk_status rk_j2k_writing_open(rk_j2k_writing *w, const rk_j2k_layout *layout,
                                            rk_j2k_arena *arena);
/* Nodes of a tag tree over cols x rows leaves, none of them 0. */
size_t rk_j2k_marks_of(uint32_t cols, uint32_t rows);
/* Index into quant.steps of a band of resolution r. */
static inline unsigned rk_j2k_step_index(unsigned r, unsigned kind)
{
    return r == 0 ? 0 : 3 * (r - 1) + kind;
}
/* Mb of such a band (E.1). */
unsigned rk_j2k_quant_planes(const rk_j2k_quant *quant, unsigned r, unsigned kind);
unsigned rk_j2k_band_planes(const rk_j2k_layout *layout, unsigned r, unsigned kind);
/* Layers of a tile. */
static inline uint16_t rk_j2k_out_layers(const rk_j2k_writing *w, const rk_j2k_outtile *t)
{
    return t->layers ? t->layers : w->layout.layers;
}
/* How a component of a tile is coded. */
static inline const rk_j2k_style *rk_j2k_out_style(const rk_j2k_writing *w,
                                                   const rk_j2k_outtile *t, unsigned comp)
{
    return t->codings ? &t->codings[comp].style : &w->layout.style;
}

/* write_order.c: fills `turns` of a tile. */
RK_MUST_CHECK rk_status rk_j2k_set_turns(rk_j2k_writing *w, rk_j2k_outtile *t);
/* Tile-parts that it takes, with as many layers as there are now. */
uint16_t rk_j2k_count_parts(const rk_j2k_writing *w, const rk_j2k_outtile *t);
/* Back to the first packet, nothing sent. */
void rk_j2k_unwrite(rk_j2k_writing *w, rk_j2k_outtile *t);
/* The precinct whose packet comes now, or NULL at the end; then on to the next. */
const rk_j2k_turn *rk_j2k_turn_now(const rk_j2k_writing *w, const rk_j2k_outtile *t);
void rk_j2k_turn_next(const rk_j2k_writing *w, rk_j2k_outtile *t);

/* write_packets.c: one packet of the tile's layer. */
void rk_j2k_write_packet(const rk_j2k_writing *w, rk_j2k_outtile *t, const rk_j2k_turn *turn,
                         rk_j2k_sink *sink);

/* write_markers.c: SOC and the main header; TLM has room for `parts` entries, to be filled in. */
void rk_j2k_write_main(const rk_j2k_writing *w, rk_j2k_sink *sink, size_t parts, size_t *tlm);
bool rk_j2k_has_precincts(const rk_j2k_style *style);
bool rk_j2k_same_style(const rk_j2k_style *a, const rk_j2k_style *b);
bool rk_j2k_same_quant(const rk_j2k_quant *a, const rk_j2k_quant *b);
/* Segments of what tile number `tile` says otherwise than the main header. */
void rk_j2k_write_own(const rk_j2k_writing *w, uint32_t tile, rk_j2k_sink *sink);
/* Fills in entry number `index`. `at` is what rk_j2k_write_main set. */
void rk_j2k_set_tlm(const rk_j2k_writing *w, rk_j2k_sink *sink, size_t at, size_t index,
                    uint32_t tile, uint32_t size);
/* Whether the segments of TLM can say so many tile-parts. */
bool rk_j2k_tlm_holds(const rk_j2k_writing *w, size_t parts);

/*
 * write.c: the whole codestream. sink->size is what it takes; if that is above the capacity,
 * RK_LIMIT comes back and `data` is of no use.
 */
RK_MUST_CHECK rk_status rk_j2k_write(rk_j2k_writing *w, rk_j2k_sink *sink);

static inline void rk_j2k_put8(rk_j2k_sink *s, uint32_t v)
{
    if (s->size < s->capacity)
        s->data[s->size] = (uint8_t)v;
    s->size++;
}

static inline void rk_j2k_put16(rk_j2k_sink *s, uint32_t v)
{
    rk_j2k_put8(s, v >> 8);
    rk_j2k_put8(s, v);
}

static inline void rk_j2k_put32(rk_j2k_sink *s, uint32_t v)
{
    rk_j2k_put16(s, v >> 16);
    rk_j2k_put16(s, v);
}

void rk_j2k_put_bytes(rk_j2k_sink *s, const uint8_t *bytes, size_t size);

#endif /* RK_J2K_WRITE_H */
