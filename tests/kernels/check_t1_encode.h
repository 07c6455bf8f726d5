/* tests/kernels/check_t1_encode.h: makes valid Part 1 code-blocks (T.800 annexes C and D). */
#ifndef CHECK_T1_ENCODE_H
#define CHECK_T1_ENCODE_H

#include "kernels/t1.h"

enum { T1_BYTES = 1 << 19, T1_SEGMENTS = 3 * 62 };

/* The bytes of all segments one after the other, and the segments (`data` is not set). */
typedef struct t1_coded {
    uint8_t bytes[T1_BYTES];
    size_t size;
    rk_t1_segment segments[T1_SEGMENTS];
    uint32_t count;
} t1_coded;

/*
 * Encodes width x height values of magnitudes below 2^planes, row by row, as b says (shape,
 * band, style, planes, passes). Segments are as T.800 table D.9 has them.
 */
void t1_encode(t1_coded *to, const rk_t1_block *b, const int64_t *values);

#endif /* CHECK_T1_ENCODE_H */
