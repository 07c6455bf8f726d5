/*
 * j2k/stripes.h: from the bytes of code-blocks to rows of a tile-component.
 *
 * No band lies in memory as a whole. Of each resolution there is a strip: a few rows of
 * code-blocks of its bands. The wavelet levels form a chain: the top one is asked for a row, takes
 * rows of its bands from its strip and rows of LL from the level below; a strip that is used up
 * is decoded anew further down. A hand is what one thread works with.
 *
 *   survey.c   looks through the code-blocks of a tile before any is decoded
 *   batch.c    code-blocks, many at a time, to coefficients
 *   stripes.c  strips and chains
 *   paint.c    rows to samples of the caller's array, parts of a tile side by side
 *   team.c     threads
 */
#ifndef RK_J2K_STRIPES_H
#define RK_J2K_STRIPES_H

#include "decode.h"

/* A tile-component that is decoded. */
typedef struct rk_j2k_plane {
    const rk_j2k_tilecomp *comp;
    uint32_t index;   /* of the component */
    rk_dwt_type type; /* the narrowest that may do */
    bool doubtful;    /* 16 bits may do: its LL band will tell */
    int32_t offset;   /* that is then added to LL, and so to every sample */
    bool any;         /* a block brought something */
} rk_j2k_plane;

/* What the code-blocks of a tile ask for. */
typedef struct rk_j2k_survey {
    bool ht, plain;   /* kinds of blocks */
    uint32_t longest; /* bytes of any segment, at most */
} rk_j2k_survey;

/* What was found wrong with code-blocks; `fault` is the first one in the order of components,
 * resolutions, precincts, bands and blocks, whatever was decoded first. */
typedef struct rk_j2k_verdict {
    uint64_t damaged;
    rk_status fault;
    uint64_t order[2];
} rk_j2k_verdict;

typedef struct rk_j2k_strip {
    struct rk_j2k_chain *chain;
    const rk_j2k_res *res;
    const rk_j2k_window *window;
    unsigned r;
    rk_dwt_type type;   /* of the coefficients */
    uint32_t depth;     /* code-block rows of a strip */
    uint32_t from, to;  /* those in memory, counted from row 0 of the bands */
    uint32_t end;       /* the last one that is needed + 1 */
    size_t stride;      /* in coefficients */
    void *data[3];      /* of each band's `hold`, as far as it lies in these rows */
    uint32_t y0[3];     /* row of the band at data */
    uint64_t peaks[3];  /* largest magnitudes so far; */
    uint64_t low_peak;  /* of the LL rows that this level took, or of `low` */
    int16_t *low;       /* of the strip of LL, if `doubtful`: its rows, with the offset */
    uint32_t judged[3]; /* blocks of rows below have been judged */
    rk_idwt level;      /* if r > 0: gives rows of this resolution */
} rk_j2k_strip;

typedef struct rk_j2k_chain {
    struct rk_j2k_hand *hand;
    const rk_j2k_plane *plane;
    rk_dwt_type type;
    bool transformed;       /* its rows go through the component transform */
    rk_j2k_window *windows; /* by resolution, for the rows that are asked for */
    rk_j2k_strip *strips;   /* by resolution */
    size_t next;            /* row, if there is no level at all */
} rk_j2k_chain;

/* Where a block of a batch goes. */
typedef struct rk_j2k_place {
    rk_j2k_strip *strip;
    const rk_j2k_block *block;
    uint64_t order[2];
    void *out;
    uint8_t band;
    bool judged; /* what is wrong with it has been said */
} rk_j2k_place;

typedef struct rk_j2k_hand {
    const rk_j2k_tile *tile;
    const rk_j2k_kernels *kernels;
    rk_j2k_budget budget;
    rk_j2k_arena arena; /* what stays */
    rk_j2k_arena rows;  /* strips and rows of the chains */
    rk_j2k_arena bytes; /* segments of the present batch */
    rk_t1_block *t1;
    rk_ht_block *ht;
    rk_j2k_place *t1_places, *ht_places;
    size_t room, t1_count, ht_count;
    void *work;
    int64_t *slow;      /* coefficients of one block */
    rk_j2k_verdict new; /* of the strips that are being decoded */
    rk_j2k_verdict verdict;
    bool wide;          /* 16 bits are not enough */
    rk_status status;   /* of the machine, or a limit */
} rk_j2k_hand;

/* survey.c: counts the code-blocks that are decoded and the work they ask for beyond what their
 * bytes pay for; sets `any` of the planes. */
RK_MUST_CHECK rk_status rk_j2k_look_through(rk_j2k_tile *t, rk_j2k_plane *planes, size_t n,
                                            rk_j2k_survey *survey);

/* batch.c */
RK_MUST_CHECK rk_status rk_j2k_hand_open(rk_j2k_hand *h, const rk_j2k_tile *t,
                                         const rk_j2k_kernels *kernels,
                                         const rk_j2k_survey *survey, size_t memory);
void rk_j2k_hand_close(rk_j2k_hand *h);
/* Adds the code-blocks of the rows that the strip has now. */
RK_MUST_CHECK rk_status rk_j2k_batch_add(rk_j2k_hand *h, rk_j2k_strip *strip);
/* Decodes all that were added. */
RK_MUST_CHECK rk_status rk_j2k_batch_flush(rk_j2k_hand *h);
/* Adds what `b` found to `a`. */
void rk_j2k_verdict_add(rk_j2k_verdict *a, const rk_j2k_verdict *b);

/* stripes.c: memory for the strips of a chain whose hand, plane and transformed are set, and its windows
 * for rows [y0, y1) of the top resolution. */
RK_MUST_CHECK rk_status rk_j2k_chain_open(rk_j2k_chain *c, uint32_t y0, uint32_t y1);
/* Begins with row y0, in chain->type; again after some rows, if need be. */
RK_MUST_CHECK rk_status rk_j2k_chain_begin(rk_j2k_chain *c, uint32_t y0, uint32_t y1);
/* Decodes the first strips of n chains, all in one batch. */
void rk_j2k_chains_fill(rk_j2k_hand *h, rk_j2k_chain *chains, size_t n);
/* The next row; it stays until the next call. If hand->wide or hand->status says so
 * afterwards, it is of no use, nor are later ones. */
const void *rk_j2k_chain_next(rk_j2k_chain *c);

/* paint.c: decodes the planes of the tile and stores them. */
RK_MUST_CHECK rk_status rk_j2k_paint(rk_j2k_painter *p, rk_j2k_tile *t);
/* A tile that never came. */
void rk_j2k_paint_nothing(const rk_j2k_painter *p, uint32_t number);

/* team.c: calls work(context, 0 ... n - 1), each in a thread of its own as far as there are any. */
void rk_j2k_team(void (*work)(void *context, size_t number), void *context, size_t n);

#endif /* RK_J2K_STRIPES_H */
