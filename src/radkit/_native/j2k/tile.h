/*
 * j2k/tile.h: the geometry of one tile (T.800 annex B) and what its packets bring.
 *
 * Coordinates are absolute, on the grid of the component, resolution or band that they are of.
 * They fit 32 bits; sums and products of them are made in 64.
 */
#ifndef RK_J2K_TILE_H
#define RK_J2K_TILE_H

#include "kernels/t1.h"
#include "stream.h"

/* Half open. */
typedef struct rk_j2k_rect {
    uint32_t x0, y0, x1, y1;
} rk_j2k_rect;

static inline bool rk_j2k_is_void(rk_j2k_rect r)
{
    return r.x0 >= r.x1 || r.y0 >= r.y1;
}

static inline rk_j2k_rect rk_j2k_meet(rk_j2k_rect a, rk_j2k_rect b)
{
    return (rk_j2k_rect){a.x0 > b.x0 ? a.x0 : b.x0, a.y0 > b.y0 ? a.y0 : b.y0,
                         a.x1 < b.x1 ? a.x1 : b.x1, a.y1 < b.y1 ? a.y1 : b.y1};
}

/* ceil(n / 2^shift) */
static inline uint32_t rk_j2k_shrink(uint32_t n, unsigned shift)
{
    return (uint32_t)(((uint64_t)n + ((uint64_t)1 << shift) - 1) >> shift);
}

/* Bytes of one codeword segment that one packet brought. */
typedef struct rk_j2k_bytes {
    struct rk_j2k_bytes *next;
    const uint8_t *data;
    uint32_t size;
    uint16_t segment; /* its number in the block */
    uint16_t layer;   /* of the packet */
    uint8_t passes;   /* that it adds to the segment */
} rk_j2k_bytes;

enum {
    RK_J2K_INCLUDED = 1,
    RK_J2K_IS_HT = 2,      /* decided: HT block */
    RK_J2K_IS_PLAIN = 4,   /* decided: Part 1 block */
    RK_J2K_BLOCK_CUT = 8,  /* bytes are missing */
    RK_J2K_SEGMENT_CUT = 16 /* the last segment is there in part */
};

typedef struct rk_j2k_block {
    rk_j2k_bytes *first, *last;
    uint16_t passes; /* so far */
    uint8_t zero;    /* missing bit-planes */
    uint8_t lblock;
    uint8_t flags;
} rk_j2k_block;

/* A node of a tag tree (B.10.2): the value is at least `bound`, and known to be it. */
typedef struct rk_j2k_node {
    uint16_t bound;
    bool known;
} rk_j2k_node;

/* The part of a precinct in one band. */
typedef struct rk_j2k_cell {
    uint32_t bx, by;     /* number of its first code-block in the grid of the band */
    uint32_t cols, rows; /* code-blocks */
    rk_j2k_block *blocks;
    rk_j2k_node *inclusion, *zero; /* two trees of the same form */
} rk_j2k_cell;

typedef struct rk_j2k_precinct {
    rk_j2k_cell cells[3];
} rk_j2k_precinct;

typedef struct rk_j2k_band {
    rk_j2k_rect all; /* the band */
    uint8_t kind;    /* rk_band */
    uint8_t planes;  /* Mb, ROI not counted */
    float scale;     /* half of the quantisation step; 1 if reversible */
} rk_j2k_band;

/* What a part of a tile-component takes of a resolution and of its bands. */
typedef struct rk_j2k_window {
    rk_j2k_rect want; /* what the next resolution, or the caller, takes */
    rk_j2k_rect need; /* what must be transformed to get that */
    struct {
        rk_j2k_rect need; /* of the band */
        rk_j2k_rect hold; /* `need` out to the borders of code-blocks: what is decoded */
    } bands[3];
} rk_j2k_window;

typedef struct rk_j2k_res {
    rk_j2k_rect all;
    rk_j2k_rect hits; /* precincts that matter, by column and row */
    uint8_t ppx, ppy;   /* precincts, as exponents */
    uint8_t xcb, ycb;   /* code-blocks, as exponents */
    uint32_t cols, rows; /* precincts */
    uint8_t band_count;
    rk_j2k_band bands[3];
    uint16_t *layers;            /* next layer by precinct */
    rk_j2k_precinct **precincts; /* NULL until a packet brings something */
} rk_j2k_res;

typedef struct rk_j2k_tilecomp {
    rk_j2k_rect all;
    const rk_j2k_coding *coding;
    rk_j2k_res *res;  /* levels + 1 */
    rk_j2k_window *windows; /* 0 to top, for all that is asked for */
    uint8_t top;      /* largest resolution that is decoded */
    bool wanted;
} rk_j2k_tilecomp;

/* What is asked for. */
typedef struct rk_j2k_wish {
    unsigned reduce;
    uint32_t layers; /* at least 1 */
    rk_j2k_rect area; /* on the reference grid, inside the image area */
    const uint8_t *comps; /* by component: 1 if it is to be decoded */
} rk_j2k_wish;

typedef struct rk_j2k_tile {
    rk_j2k_stream *stream;
    const rk_j2k_wish *wish;
    rk_j2k_arena arena; /* all that the tile needs */
    uint32_t number;
    rk_j2k_rect all;    /* on the reference grid */
    rk_j2k_params params;
    rk_j2k_tilecomp *comps;
    uint64_t packets;   /* that exist */
    uint64_t wanted;    /* that matter, still to come */
    /* where the packets are */
    const uint8_t *ppt;
    size_t ppt_size;
    /* result */
    uint64_t blocks, damaged; /* of those that are decoded */
    uint64_t packets_wanted, packets_found;
    rk_status fault; /* the first, if not strict */
} rk_j2k_tile;

/* geometry.c: the tile on the reference grid, within the image area. */
rk_j2k_rect rk_j2k_tile_rect(const rk_j2k_stream *s, uint32_t number);
/* Sets up the tile up to where packets can be read. */
RK_MUST_CHECK rk_status rk_j2k_tile_open(rk_j2k_tile *t, rk_j2k_stream *s,
                                         const rk_j2k_wish *wish, uint32_t number);
/* Makes a precinct, its code-blocks and tag trees. */
RK_MUST_CHECK rk_status rk_j2k_precinct_make(rk_j2k_tile *t, rk_j2k_tilecomp *c, unsigned r,
                                             uint32_t k);
void rk_j2k_tile_close(rk_j2k_tile *t);
/* Sets windows[0 ... top] to what is needed for `want` of the top resolution. */
void rk_j2k_windows(const rk_j2k_tilecomp *c, rk_j2k_rect want, rk_j2k_window *windows);

/* packets.c: reads all packets of the tile that matter. */
RK_MUST_CHECK rk_status rk_j2k_read_packets(rk_j2k_tile *t);

/* True if precinct k of a wanted component and resolution matters. */
static inline bool rk_j2k_hits(const rk_j2k_res *res, uint32_t k)
{
    uint32_t i = k % res->cols, j = k / res->cols;
    return i >= res->hits.x0 && i < res->hits.x1 && j >= res->hits.y0 && j < res->hits.y1;
}

/* Nodes of a tag tree over cols x rows leaves. */
size_t rk_j2k_tree_size(uint32_t cols, uint32_t rows);

#endif /* RK_J2K_TILE_H */
