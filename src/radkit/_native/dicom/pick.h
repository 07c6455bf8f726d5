/*
 * Some values out of the head of many objects: the plain case of open_object, in one pass.
 *
 * Plain means: preamble, explicit VR little endian, tags in order, and all that is
 * asked for lies in the bytes at hand. Anything else is left to the general way,
 * which also finds the words for what is wrong.
 */
#ifndef RK_DICOM_PICK_H
#define RK_DICOM_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dicom/scan.h"

typedef struct rk_dcm_span {
    uint64_t offset;
    uint32_t length;
    uint16_t vr;
    bool found;
} rk_dcm_span;

typedef enum rk_dcm_picked {
    RK_DCM_NOT_PLAIN, /* `spans` and `pixels` hold nothing of use */
    RK_DCM_PICKED,
    RK_DCM_HEAD_SHORT /* plain so far, but what is wanted lies beyond the bytes at hand */
} rk_dcm_picked;

/*
 * Looks for `n` ascending tags (of group 2 too) in the first `avail` bytes of an
 * object of `size` bytes (at least `avail`; UINT64_MAX if unknown). With `pixels`
 * the walk goes on to the pixel data, whose row it gets; a tag of 0 there means
 * that the data set ends without.
 */
rk_dcm_picked rk_dcm_pick(const uint8_t *head, uint64_t avail, uint64_t size,
                          const uint32_t *tags, size_t n, rk_dcm_span *spans,
                          rk_dcm_element *pixels);

/*
 * Values of a DS or IS (PS3.5 6.2), the first `max` of them into `out`, which
 * must be those that strtod gives. Returns how many; -1 if the text is no number,
 * or one whose exact conversion needs more than one division (over 15 digits,
 * a power of ten above 22).
 */
int rk_dcm_decimals(const uint8_t *text, size_t n, double *out, int max);

/* Whether a Transfer Syntax UID is one of the standard whose data set is explicit little endian. */
bool rk_dcm_plain_syntax(const uint8_t *uid, uint64_t length);

/* Whether 8 bytes begin an element with letters of a VR and a group that is small in little endian. */
bool rk_dcm_looks_explicit(const uint8_t *p);

#endif /* RK_DICOM_PICK_H */
