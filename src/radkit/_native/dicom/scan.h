/*
 * Walk over the data elements of one data set (PS3.5 7.1, 7.5), window by window.
 *
 * The source may be larger than what is in memory: the caller gives windows of it
 * and is told where to go on. Values are jumped over, never read; sequences and
 * items of undefined length are walked to their end without recursion. Everything
 * that is open while walking has undefined length (what has a length is jumped
 * over), so a depth and one bit are the whole stack.
 */
#ifndef RK_DICOM_SCAN_H
#define RK_DICOM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

#define RK_DCM_UNDEFINED UINT64_MAX
#define RK_DCM_VR(a, b) ((uint16_t)((uint16_t)(a) | (uint16_t)(b) << 8))

/* Offsets are absolute in the source, not in the window. */
typedef struct rk_dcm_element {
    uint32_t tag;
    uint16_t vr;     /* two letters, the first in the low byte; 0 = implicit */
    uint16_t nested; /* undefined length: the inside is implicit little endian (UN) */
    uint64_t offset; /* of the tag */
    uint64_t value;
    uint64_t length; /* RK_DCM_UNDEFINED if not stated */
    uint64_t end;    /* first byte after it; RK_DCM_UNDEFINED if not walked to */
} rk_dcm_element;

typedef enum rk_dcm_event {
    RK_DCM_DONE,   /* the data set is over */
    RK_DCM_MORE,   /* go on with a window that holds the byte at `pos` and `need` bytes from it */
    RK_DCM_FULL,   /* `out` is full: call again */
    RK_DCM_PIXELS, /* the last element of `out` is top-level pixel data, not jumped over */
    RK_DCM_OTHER,  /* stop_group: an element of another group stands at `pos` */
    RK_DCM_BAD     /* see `status` */
} rk_dcm_event;

/* Index into the table of messages of the binding. */
typedef enum rk_dcm_rule {
    RK_DCM_RULE_NONE,
    RK_DCM_RULE_HEADER_CUT,
    RK_DCM_RULE_VALUE_CUT,
    RK_DCM_RULE_NOT_CLOSED,
    RK_DCM_RULE_NOT_ITEM,
    RK_DCM_RULE_STRAY_DELIMITER,
    RK_DCM_RULE_UNDEFINED_LENGTH,
    RK_DCM_RULE_DEPTH,
    RK_DCM_RULE_ELEMENTS,
    RK_DCM_RULE_ITEM_CUT,
    RK_DCM_RULE_ITEMS,
    RK_DCM_RULE_ITEM_LENGTH
} rk_dcm_rule;

typedef struct rk_dcm_scan {
    /* Set by the caller. */
    uint64_t pos;          /* next byte to look at */
    uint64_t end;          /* of the data set, at the latest */
    uint64_t max_elements; /* rows of the table; what is nested costs time, no memory */
    uint32_t max_depth;    /* of sequences, the first level being 1 */
    bool implicit;
    bool big_endian;
    bool stop_at_pixels;
    bool items;            /* list the items of a sequence: start with depth = 1 */
    bool fragments;        /* with `items`: they must have a length (PS3.5 A.4) */
    int32_t stop_group;    /* stop at the first element of another group; -1 = never */

    /* State. Zero at the start. */
    uint64_t count;
    uint64_t need;
    uint32_t depth;          /* of open sequences */
    bool in_item;            /* between the elements of an item, else between items */
    uint32_t implicit_depth; /* from this depth on: implicit little endian (inside UN); 0 = none */
    uint32_t last_tag;
    bool unordered;          /* tags did not ascend strictly */
    bool stray;              /* delimiters outside of any sequence were passed over */
    bool odd;                /* a value of odd length was seen */
    bool closed;             /* with `items`: the sequence delimiter was seen */
    rk_dcm_element open;     /* row of undefined length being walked */
    rk_status status;
} rk_dcm_scan;

/*
 * Goes on at s->pos; `window` holds the bytes [base, base + size) of the source.
 * Appends rows to out[*n], *n < capacity on entry: top-level elements or, with
 * `items`, the items of one sequence (an item without a length gets the length
 * of what is inside, and `nested` = 1). Allocates nothing, and ends: each step moves `pos` forward by at least 8 bytes.
 */
rk_dcm_event rk_dcm_scan_run(rk_dcm_scan *s, const uint8_t *window, uint64_t base, uint64_t size,
                             rk_dcm_element *out, size_t capacity, size_t *n);

/* Whether a VR is a known one with a 16-bit length (PS3.5 table 7.1-1). */
bool rk_dcm_has_short_length(uint16_t vr);

#endif /* RK_DICOM_SCAN_H */
