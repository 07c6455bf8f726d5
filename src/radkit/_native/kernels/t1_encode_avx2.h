/* kernels/t1_encode_avx2.h: the parts of the AVX2 variant of t1_encode.h, for them only. */
#ifndef RK_KERNELS_T1_ENCODE_AVX2_H
#define RK_KERNELS_T1_ENCODE_AVX2_H

#include "t1_encode_work.h"

#define RK_T1_ROW0 0x1111111111111111u /* the samples of a word in the first row of its stripe */
#define RK_T1_ROW3 0x8888888888888888u

enum {
    RK_T1_LANES = 4,                 /* words that are done at once; arrays have as many more */
    RK_T1_WORDS = 256 + RK_T1_LANES, /* of a block: at most 256 stripes of one word */
    RK_T1_BORDERED = 258 * 3 + RK_T1_LANES, /* (stripes + 2) * (words + 2), most in 16 x 1024 */
    RK_T1_ROW = 64 + 2 + 2 * RK_T1_LANES,   /* words of a stripe, most in 1024 x 4, and borders */
    RK_T1_LIST = 2 * RK_BLOCK_AREA + 128
};

/*
 * A word of 64 bits is 16 columns by the 4 rows of a stripe in scan order, bit = 4 * column + row. Arrays of
 * a whole block are stripe by stripe; `significant` and `negative` have a border of zero words.
 */
typedef struct rk_t1_model {
    size_t words, stripes, pitch; /* pitch: of bordered arrays */
    uint32_t width, height;
    uint8_t band;
    bool causal;
    uint64_t significant[RK_T1_BORDERED], negative[RK_T1_BORDERED];
    uint64_t valid[RK_T1_WORDS];
    uint64_t visited[RK_T1_WORDS]; /* coded in this plane already */
    uint64_t refined[RK_T1_WORDS]; /* in an earlier plane */
    uint64_t coded[RK_T1_WORDS];   /* what this pass counts: became significant, or was refined */
    uint64_t plane[31][RK_T1_WORDS];
    uint8_t list[RK_T1_LIST];
} rk_t1_model;

_Static_assert(sizeof(rk_t1_model) <= RK_T1_ENCODE_STATE, "the state of this variant");

/* Fills in the model but for the passes; returns the planes. */
unsigned rk_t1_enter_avx2(rk_t1_model *t, const rk_t1_source *b);

/* Symbols of one pass, as rk_mq_encode_list takes them; returns how many bytes there are. */
size_t rk_t1_list_avx2(rk_t1_model *t, const rk_t1_pass *pass);

#endif /* RK_KERNELS_T1_ENCODE_AVX2_H */
