/* kernels/jpegll.h: JPEG Lossless, Huffman coded (T.81 process 14, SOF3, annex H). */
#ifndef RK_KERNELS_JPEGLL_H
#define RK_KERNELS_JPEGLL_H

#include <stddef.h>
#include <stdint.h>

#include "huff.h"
#include "radkit/status.h"

#define RK_JPEGLL_MAX_COMPONENTS 4
#define RK_JPEGLL_LUT_BITS 12
#define RK_JPEGLL_RATE 10
/* Entries behind the differences of a batch that a variant may overwrite. */
#define RK_JPEGLL_SLACK 16
/* Differences that are decoded in one go if lines are short. */
#define RK_JPEGLL_BATCH 4096

/* Index into the table of paragraphs of the binding (_jpegll.pyx). */
enum rk_jpegll_rule {
    RK_JPEGLL_OK,
    RK_JPEGLL_NO_SOI,
    RK_JPEGLL_ENDS,        /* before the first scan */
    RK_JPEGLL_SEGMENT,     /* length of a marker segment */
    RK_JPEGLL_PROCESS,     /* another SOF */
    RK_JPEGLL_ARITHMETIC,
    RK_JPEGLL_HIERARCHICAL,
    RK_JPEGLL_SECOND_FRAME,
    RK_JPEGLL_FRAME,       /* values of SOF3 */
    RK_JPEGLL_DNL,
    RK_JPEGLL_SAMPLING,
    RK_JPEGLL_TABLE,       /* DHT */
    RK_JPEGLL_NO_TABLE,
    RK_JPEGLL_SCAN,        /* values of SOS */
    RK_JPEGLL_PREDICTOR,
    RK_JPEGLL_TRANSFORM,
    RK_JPEGLL_RESTART,     /* interval is not whole lines */
    RK_JPEGLL_MARKER,      /* restart marker missing or out of order */
    RK_JPEGLL_DATA_ENDS,   /* entropy-coded data too short */
    RK_JPEGLL_CODE,        /* no such Huffman code */
    RK_JPEGLL_CATEGORY,    /* SSSS above 16 */
    RK_JPEGLL_COMPONENTS,  /* scans missing */
    RK_JPEGLL_CHANGED      /* not the stream whose size was asked before */
};

/* What the markers up to the first scan say. */
typedef struct rk_jpegll_info {
    uint32_t rows, cols, components, precision;
    uint32_t predictor, transform; /* of the first scan; transform is Pt, the shift */
    uint32_t restart;              /* DRI, samples per component; 0 = none */
    uint8_t ids[RK_JPEGLL_MAX_COMPONENTS];
    int32_t adobe;                 /* transform of APP14 "Adobe", -1 if there is none */
} rk_jpegll_info;

/* Entropy-coded data of a restart interval, or a part that holds all that is asked for,
 * without stuffing, and how far it is read. */
typedef struct rk_jpegll_bits {
    const uint8_t *data; /* RK_PAD zero bytes follow */
    size_t size;         /* bytes */
    size_t at;           /* next bit */
    /* Those decoded ahead, the next ones; room for RK_JPEGLL_SLACK more than any call asks for. */
    uint16_t *spare;
    size_t ahead_n;
    uint32_t rate; /* bits of a difference lately, times 2^RK_JPEGLL_RATE; 0 if unknown */
    rk_code code;        /* why decoding stopped */
    uint16_t rule;
} rk_jpegll_bits;

/* A table for decoding; `lut` is filled by rk_jpegll_prepare_fn, as its variant reads it. */
typedef struct rk_jpegll_lut {
    uint64_t lut[1 << RK_JPEGLL_LUT_BITS];
    rk_huff_canon canon;
} rk_jpegll_lut;

/* `alone`: all components of the scan use this table; rk_jpegll_diff_fn is to be told the same. */
typedef void rk_jpegll_prepare_fn(rk_jpegll_lut *table, bool alone);

/*
 * Decodes `n` differences (T.81 H.1.2.2), the tables in turn, one per component;
 * `n` is a multiple of `components`. Returns how many there were: less than n
 * only if the data end (RK_TRUNCATED) or hold no code (RK_CORRUPT), as b->code says;
 * then b must not be used again. diff[n .. n + RK_JPEGLL_SLACK) may be overwritten;
 * diff[returned .. n) is unspecified.
 */
typedef size_t rk_jpegll_diff_fn(rk_jpegll_bits *b, uint16_t *diff, size_t n,
                                 const rk_jpegll_lut *const *tables, size_t components);

/* part[k][i] = diff[i * components + k], n each. */
typedef void rk_jpegll_split_fn(uint16_t *const *part, const uint16_t *diff, size_t n,
                                size_t components);

/*
 * One line: row[0] = start + diff[0], the others by `predictor` 1 to 7 of T.81 table
 * H.1, all modulo 2^16. Predictor 1 does not look at `above`, which may be NULL then.
 * `row` may be `diff`.
 */
typedef void rk_jpegll_predict_fn(uint16_t *row, const uint16_t *above, const uint16_t *diff,
                                  size_t n, unsigned predictor, uint16_t start);

/* Where samples go: byte ((i * stride) + place[k]) * width for sample i of component k. */
typedef struct rk_jpegll_layout {
    size_t components, stride, width; /* width: 1 or 2 bytes */
    size_t place[RK_JPEGLL_MAX_COMPONENTS];
    unsigned transform; /* shift left after decoding */
    uint16_t mask;      /* 2^P - 1: differences count modulo 2^16, samples modulo 2^P */
} rk_jpegll_layout;

typedef void rk_jpegll_store_fn(uint8_t *out, const uint16_t *const *rows, size_t n,
                                const rk_jpegll_layout *to);

/*
 * One line by predictor 1 straight from the differences of n pixels, the components in turn, to
 * `out`, for layouts of all components in their order. `first[k]` is what the first sample of
 * component k is predicted from and becomes that sample; it counts modulo 2^16 and is shifted
 * left by `transform` already.
 */
typedef void rk_jpegll_line_fn(uint8_t *out, const uint16_t *diff, size_t n, uint16_t *first,
                               const rk_jpegll_layout *to);

/* Codes of the 17 categories for an encoder: code << SSSS, and code plus extra bits. */
typedef struct rk_jpegll_codes {
    uint64_t code[17];
    uint8_t length[17];
} rk_jpegll_codes;

/*
 * Writes the codes of n differences and pads the last byte with ones. `dst` has 16 bytes
 * more than these take. Returns the bytes used. Every category that occurs has a code.
 */
typedef size_t rk_jpegll_emit_fn(uint8_t *dst, const uint16_t *diff, size_t n,
                                 const rk_jpegll_codes *codes);

/* Adds to histogram[SSSS] for each difference (T.81 table H.2). */
typedef void rk_jpegll_count_fn(uint64_t *histogram, const uint16_t *diff, size_t n);

typedef struct rk_jpegll_table {
    rk_jpegll_prepare_fn *prepare;
    rk_jpegll_diff_fn *diff;
    rk_jpegll_split_fn *split;
    rk_jpegll_predict_fn *predict;
    rk_jpegll_store_fn *store;
    rk_jpegll_line_fn *line;
    rk_jpegll_emit_fn *emit;
    rk_jpegll_count_fn *count;
} rk_jpegll_table;

/* The reference: plain C, every variant is compared with it. */
rk_jpegll_prepare_fn rk_jpegll_prepare_c;
rk_jpegll_diff_fn rk_jpegll_diff_c;
rk_jpegll_split_fn rk_jpegll_split_c;
rk_jpegll_predict_fn rk_jpegll_predict_c;
rk_jpegll_store_fn rk_jpegll_store_c;
rk_jpegll_line_fn rk_jpegll_line_c;
rk_jpegll_emit_fn rk_jpegll_emit_c;
rk_jpegll_count_fn rk_jpegll_count_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_jpegll_prepare_fn rk_jpegll_prepare_avx2;
rk_jpegll_diff_fn rk_jpegll_diff_avx2;
rk_jpegll_split_fn rk_jpegll_split_avx2;
rk_jpegll_predict_fn rk_jpegll_predict_avx2;
rk_jpegll_store_fn rk_jpegll_store_avx2;
rk_jpegll_line_fn rk_jpegll_line_avx2;
rk_jpegll_emit_fn rk_jpegll_emit_avx2;
rk_jpegll_count_fn rk_jpegll_count_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_jpegll_table_fill(rk_jpegll_table *t, uint32_t cpu);

/* ---- markers (jpegll_parse.c) ---- */

typedef struct rk_jpegll_scan {
    uint32_t components;
    uint32_t place[RK_JPEGLL_MAX_COMPONENTS]; /* index in the frame */
    uint32_t table[RK_JPEGLL_MAX_COMPONENTS];
    uint32_t predictor, transform;
} rk_jpegll_scan;

/* All that markers have said so far. */
typedef struct rk_jpegll_parser {
    const uint8_t *data;
    size_t size, at;
    rk_jpegll_info info;
    bool framed;                /* SOF3 was met */
    uint32_t defined;           /* bit t: table t is defined */
    rk_huff_spec tables[4];
    rk_jpegll_scan scan;
    bool ended;                 /* EOI was met */
} rk_jpegll_parser;

void rk_jpegll_parser_start(rk_jpegll_parser *p, const uint8_t *data, size_t size);

/* Reads markers up to the next scan: p->at is then its entropy-coded data. At EOI the
 * status is RK_OK and p->ended; at the end of the data RK_TRUNCATED. Linear in the bytes. */
RK_MUST_CHECK rk_status rk_jpegll_next_scan(rk_jpegll_parser *p);

/*
 * Copies entropy-coded data from p->at on, without stuffing and fill bytes: at most `room`
 * bytes, and RK_PAD zero bytes behind them. `*ended` says that a marker or the end of the data
 * was reached, where p->at then is. Returns the bytes before the zeros.
 */
size_t rk_jpegll_unstuff(rk_jpegll_parser *p, uint8_t *dst, size_t room, bool *ended);

/* ---- whole frames ---- */

RK_MUST_CHECK rk_status rk_jpegll_read_info(rk_jpegll_info *info, const uint8_t *data, size_t size);

/* Bytes of work that rk_jpegll_decode needs, or false if they cannot be counted. */
RK_MUST_CHECK bool rk_jpegll_work_size(size_t *work, size_t cols, size_t components);

typedef struct rk_jpegll_result {
    uint64_t sound; /* samples that were decoded */
    bool no_eoi;    /* the data end without EOI behind a complete frame */
} rk_jpegll_result;

/*
 * Decodes into `out` (rows x cols x components, 1 byte per sample up to P = 8, else 2).
 * `rows`, `cols`, `components`, `width` are those for which `out` was made; another
 * header is RK_CORRUPT. `work` is 64-byte aligned. If `strict` the first fault ends the
 * decoding, else it goes on at the next restart marker or scan; samples that could not
 * be decoded are 0, and the status is that of the first fault.
 */
RK_MUST_CHECK rk_status rk_jpegll_decode(const rk_jpegll_table *t, rk_jpegll_result *result,
                                         const uint8_t *data, size_t size, uint8_t *out,
                                         size_t rows, size_t cols, size_t components,
                                         size_t width, uint8_t *work, bool strict);

/* What an encoder finds out before it writes. */
typedef struct rk_jpegll_plan {
    size_t rows, cols, components, width;
    uint32_t precision, predictor;
    rk_huff_spec table;
    rk_jpegll_codes codes;
    size_t coded; /* bytes of entropy-coded data before stuffing */
    bool fits;    /* no sample has bits above the precision */
} rk_jpegll_plan;

/*
 * Differences of all samples into `diff` (rows * cols * components, and RK_JPEGLL_SLACK)
 * and the optimal table. Set rows to predictor of the plan before; `row` has cols *
 * components entries.
 */
void rk_jpegll_plan_make(const rk_jpegll_table *t, rk_jpegll_plan *plan, const uint8_t *in,
                         uint16_t *diff, uint16_t *rows);

/* Writes the markers before the data; dst has RK_JPEGLL_HEADER bytes. Returns their size. */
#define RK_JPEGLL_HEADER 128
size_t rk_jpegll_write_header(const rk_jpegll_plan *plan, uint8_t *dst);

/* Copies n bytes with a 00 behind each FF. Returns the bytes written, at most 2 n. */
size_t rk_jpegll_stuff(uint8_t *dst, const uint8_t *src, size_t n);

#endif /* RK_KERNELS_JPEGLL_H */
