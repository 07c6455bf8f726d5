/*
 * j2k/stream.h: what the headers of a codestream say (T.800 annex A).
 *
 * The walk over the headers checks everything that later stages rely on and keeps an index
 * of the tile-parts. Segments of tiles are checked in that walk and read again when the tile
 * is decoded, so that nothing is kept for each tile but where its parts are.
 */
#ifndef RK_J2K_STREAM_H
#define RK_J2K_STREAM_H

#include "arena.h"
#include "rules.h"

#define RK_J2K_LEVELS_MAX 32
#define RK_J2K_STEPS_MAX (3 * RK_J2K_LEVELS_MAX + 1)
#define RK_J2K_ORDERS_MAX 1024

/* Markers, T.800 table A.1. */
enum {
    RK_SOC = 0xFF4F,
    RK_CAP = 0xFF50,
    RK_SIZ = 0xFF51,
    RK_COD = 0xFF52,
    RK_COC = 0xFF53,
    RK_TLM = 0xFF55,
    RK_PLM = 0xFF57,
    RK_PLT = 0xFF58,
    RK_QCD = 0xFF5C,
    RK_QCC = 0xFF5D,
    RK_RGN = 0xFF5E,
    RK_POC = 0xFF5F,
    RK_PPM = 0xFF60,
    RK_PPT = 0xFF61,
    RK_CRG = 0xFF63,
    RK_COM = 0xFF64,
    RK_SOT = 0xFF90,
    RK_SOP = 0xFF91,
    RK_EPH = 0xFF92,
    RK_SOD = 0xFF93,
    RK_EOC = 0xFFD9
};

/* Code-block style bits beyond those of kernels/t1.h. */
#define RK_J2K_HT 0x40u
#define RK_J2K_MIXED 0x80u

typedef struct rk_j2k_limits {
    uint64_t pixels, tiles, blocks, packets, memory;
    uint64_t deadline; /* by rk_j2k_now; 0 = none */
} rk_j2k_limits;

/* A component in SIZ. */
typedef struct rk_j2k_component {
    uint8_t depth; /* 1 to 38 */
    uint8_t dx, dy; /* XRsiz, YRsiz */
    bool sign;
} rk_j2k_component;

/* SPcod, SPcoc. */
typedef struct rk_j2k_style {
    uint8_t levels;   /* NL, 0 to 32 */
    uint8_t xcb, ycb; /* exponents, 2 to 10, their sum at most 12 */
    uint8_t flags;
    bool reversible;
    uint8_t precincts[RK_J2K_LEVELS_MAX + 1]; /* PPy << 4 | PPx by resolution */
} rk_j2k_style;

/* Sqcd, SPqcd. */
typedef struct rk_j2k_quant {
    uint8_t style; /* 0 none, 1 derived, 2 expounded */
    uint8_t guard;
    uint8_t bands;
    uint16_t steps[RK_J2K_STEPS_MAX]; /* exponent << 11 | mantissa */
} rk_j2k_quant;

/* Who said it: a later word of at least the same rank replaces an earlier one (A.6). */
enum { RK_J2K_NOBODY, RK_J2K_MAIN, RK_J2K_MAIN_ONE, RK_J2K_TILE, RK_J2K_TILE_ONE };

typedef struct rk_j2k_coding {
    rk_j2k_style style;
    rk_j2k_quant quant;
    uint8_t roi; /* s of the maxshift method */
    uint8_t style_rank, quant_rank, roi_rank;
} rk_j2k_coding;

/* One progression: an entry of POC, or what COD says. */
typedef struct rk_j2k_order {
    uint32_t comp0, comp1;
    uint16_t layers;
    uint8_t res0, res1;
    uint8_t kind; /* 0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL */
} rk_j2k_order;

/* What COD, COC, QCD, QCC, RGN and POC say, of the main header or of a tile. */
typedef struct rk_j2k_params {
    rk_j2k_coding *comps;
    rk_j2k_order *orders; /* room for RK_J2K_ORDERS_MAX, or NULL as long as there are none */
    size_t order_count;
    bool orders_of_tile;
    uint8_t progression;
    uint16_t layers;
    uint8_t mct;
    uint32_t seen; /* bits of segments that may stand once in a header */
} rk_j2k_params;

typedef struct rk_j2k_part {
    size_t sot;         /* offset of the marker */
    size_t header;      /* first byte behind SOT */
    size_t body, end;   /* packets; body > end is impossible */
    size_t packed, packed_size; /* its packet headers in the joined PPM data */
    uint32_t next;      /* next part of the tile + 1, 0 = none */
    uint32_t tile;
} rk_j2k_part;

typedef struct rk_j2k_tile_index {
    uint32_t first, last; /* part + 1, 0 = none */
    uint16_t parts;
    uint8_t promised; /* largest TNsot */
} rk_j2k_tile_index;

typedef struct rk_j2k_stream {
    const uint8_t *data;
    size_t start, stop; /* SOC, and where the data end */
    bool strict;
    rk_j2k_limits limits;
    rk_j2k_budget budget;
    rk_j2k_arena arena;
    /* SIZ */
    uint16_t rsiz;
    uint32_t x0, y0, x1, y1;     /* image area */
    uint32_t tx0, ty0, tw, th;   /* tile grid */
    uint32_t across, down;       /* tiles */
    uint32_t count;              /* of components */
    rk_j2k_component *comps;
    rk_j2k_params main;
    /* what occurs anywhere, tiles included */
    uint8_t least_levels;
    uint16_t most_layers;
    uint8_t flags_seen;
    bool irreversible_seen, mct_seen, roi_seen, poc_seen;
    bool cap, plt, tlm;
    uint64_t tlm_parts;
    /* packed packet headers, joined */
    const uint8_t *ppm;
    size_t ppm_size;
    bool packed_main, packed_tile;
    /* tile-parts */
    rk_j2k_part *parts;
    size_t part_count, part_room;
    rk_j2k_tile_index *tiles;
    size_t end;      /* behind EOC, or where the walk ended */
    bool eoc, over;  /* over: more tile-parts than TNsot says */
    double sound;    /* share of the bytes that were promised */
    size_t tail;     /* bytes behind EOC, if any of them is not 0 */
    rk_status fault; /* that ended the walk, if not strict */
    uint64_t blocks, packets; /* of the tiles that were opened so far */
} rk_j2k_stream;

/*
 * Reads all headers of the codestream that begins at data[start]. Memory stays with `s` until
 * rk_j2k_stream_end, whatever is returned. A fault in the header of a tile-part ends the walk;
 * with `strict` it is returned, else it is kept in s->fault.
 */
RK_MUST_CHECK rk_status rk_j2k_stream_read(rk_j2k_stream *s, const uint8_t *data, size_t start,
                                           size_t stop, const rk_j2k_limits *limits, bool strict);
void rk_j2k_stream_end(rk_j2k_stream *s);

/* segments.c */
RK_MUST_CHECK rk_status rk_j2k_read_siz(rk_j2k_stream *s, const uint8_t *p, size_t size,
                                        size_t at);
/* A segment of a main header (tile false) or a tile's; p may be NULL to check it only. */
RK_MUST_CHECK rk_status rk_j2k_read_segment(rk_j2k_stream *s, rk_j2k_params *p, unsigned marker,
                                            const uint8_t *body, size_t size, size_t at,
                                            bool tile);
/* What the segments say together, for the components of a header. */
RK_MUST_CHECK rk_status rk_j2k_check_params(const rk_j2k_stream *s, const rk_j2k_params *p,
                                            size_t at);

/* tileparts.c */
RK_MUST_CHECK rk_status rk_j2k_read_parts(rk_j2k_stream *s, size_t at);
/* True if no component has a sample in the tile: encoders may leave it out. */
bool rk_j2k_is_empty(const rk_j2k_stream *s, uint32_t tile);
/* The segments of all parts of a tile go into `p`, its PPT into `ppt`, which is joined in `a`. */
RK_MUST_CHECK rk_status rk_j2k_read_tile_headers(rk_j2k_stream *s, uint32_t tile,
                                                 rk_j2k_params *p, rk_j2k_arena *a,
                                                 const uint8_t **ppt, size_t *ppt_size);

/* clock.c: nanoseconds of a clock that only goes forward. */
uint64_t rk_j2k_now(void);

/* True if the time of the call is over. Reading the clock takes some 30 ns: ask once for each
 * some thousand code-blocks or packets. May be asked by several threads at once. */
static inline bool rk_j2k_late(const rk_j2k_stream *s)
{
    return s->limits.deadline != 0 && rk_j2k_now() > s->limits.deadline;
}

/* The status of a call whose time is over. */
static inline rk_status rk_j2k_too_late(const rk_j2k_stream *s)
{
    return rk_j2k_fail(RK_LIMIT, RK_J2K_MAX_SECONDS, s->start);
}

static inline uint32_t rk_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t rk_be32(const uint8_t *p)
{
    return rk_be16(p) << 16 | rk_be16(p + 2);
}

/* Marker segments without a length (A.1.3). */
static inline bool rk_j2k_is_bare(unsigned marker)
{
    return marker >= 0xFF30 && marker <= 0xFF3F;
}

#endif /* RK_J2K_STREAM_H */
