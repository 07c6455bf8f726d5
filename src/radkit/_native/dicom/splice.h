/*
 * One object out of another, plain ones only: what stands before and behind the new pixel
 * element, as a meta header and pieces. A piece is a range of the source or bytes given.
 *
 * Plain means: preamble, a sound meta header, explicit VR little endian, tags in order,
 * even lengths, nothing stray, no element of undefined end. Anything else is left to the
 * general way (`radkit.dicom.splice.plan`), which lays out the same bytes for what is plain.
 */
#ifndef RK_DICOM_SPLICE_H
#define RK_DICOM_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dicom/scan.h"

#define RK_DCM_META_ROWS 32
#define RK_DCM_META_ROOM 2048
#define RK_DCM_PIECES 128

/* An element to replace or to put in, whole and encoded; NULL leaves out what stands there. */
typedef struct rk_dcm_edit {
    uint32_t tag;
    const uint8_t *bytes;
    uint64_t size;
} rk_dcm_edit;

/* `size` bytes: given ones, or (NULL) those at `offset` of the source. Never empty. */
typedef struct rk_dcm_piece {
    const uint8_t *bytes;
    uint64_t offset;
    uint64_t size;
} rk_dcm_piece;

typedef enum rk_dcm_laid {
    RK_DCM_LAID,       /* complete */
    RK_DCM_LAID_HEAD,  /* up to the pixel element, which ends at `pixels.end`; go on with the tail */
    RK_DCM_LAID_SHORT, /* plain so far, but more bytes of the source are needed */
    RK_DCM_LAID_NOT    /* not plain, or a refused tag, or more pieces than there is room for */
} rk_dcm_laid;

typedef struct rk_dcm_splice {
    /* Set by the caller. Tags ascend, and are above group 2. */
    const rk_dcm_edit *edits;
    size_t n_edits;
    const uint32_t *refused; /* tags that make an object one for the general way */
    size_t n_refused;
    /* Whole elements of the new meta header: (0002,0010), (0002,0012) with (0002,0013), and
     * (0002,0003) or NULL to take it from the data set. */
    const uint8_t *syntax, *maker, *instance;
    size_t syntax_size, maker_size, instance_size;
    uint64_t max_elements; /* of each walk */
    uint32_t max_depth;

    /* Results. */
    uint8_t meta[RK_DCM_META_ROOM]; /* preamble, prefix, group 2 */
    size_t meta_size;
    rk_dcm_piece pieces[RK_DCM_PIECES];
    size_t n, before;      /* pieces; how many of them stand before the pixel element */
    uint64_t size;         /* bytes of all pieces */
    rk_dcm_element pixels; /* tag 0 if there are none */

    /* State. Zero at the start. */
    rk_dcm_scan scan;
    size_t next_edit, next_refused;
    rk_dcm_element sop[2]; /* (0008,0016) and (0008,0018) */
} rk_dcm_splice;

/*
 * Lays out what stands before the pixel element. `head` holds the first `avail` of the
 * `size` bytes of the source. An object without pixel data is complete then.
 */
rk_dcm_laid rk_dcm_splice_head(rk_dcm_splice *s, const uint8_t *head, uint64_t avail,
                               uint64_t size);

/*
 * After RK_DCM_LAID_HEAD: lays out what stands behind the pixel element. `window` holds the
 * `avail` bytes of the source at `base`, all that it has from there on; it must begin at or
 * before the end of the pixel element or, if that has no length, at or before its value.
 */
rk_dcm_laid rk_dcm_splice_tail(rk_dcm_splice *s, const uint8_t *window, uint64_t base,
                               uint64_t avail);

/* Bytes of an encapsulated pixel element of frames of these sizes, one fragment each; 0 if
 * a frame is too large for a fragment or an offset for the Basic Offset Table (PS3.5 A.4). */
uint64_t rk_dcm_encapsulated_size(const uint64_t *sizes, size_t n);

/* Writes its header and its Basic Offset Table; returns their bytes, 20 + 4 n. */
size_t rk_dcm_encapsulated_head(const uint64_t *sizes, size_t n, uint8_t *out);

/* Writes an item header for a frame of `size` bytes, padded to even. */
void rk_dcm_item_head(uint64_t size, uint8_t out[8]);

#endif /* RK_DICOM_SPLICE_H */
