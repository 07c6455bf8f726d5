/*
 * Native frames from files straight into their places: the plain case of decoding a series.
 *
 * A frame is one run of little endian cells in a file. It is read and its unused
 * bits are put right (kernels/pack.h) piece by piece, while they are in the cache.
 */
#ifndef RK_DICOM_SLOTS_H
#define RK_DICOM_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/pack.h"

typedef struct rk_dcm_slot {
    const char *path;
    uint64_t offset; /* of the frame in the file */
    uint8_t *dest;   /* `size` bytes */
} rk_dcm_slot;

/*
 * Fills the slots in turn; `size` is that of each, a multiple of `itemsize`
 * (1, 2, 4 or 8 bytes a cell). Returns how many were filled: less than `n` if a
 * file could not be opened or is too short, the slot of which holds anything.
 */
size_t rk_dcm_fill_slots(const rk_dcm_slot *slots, size_t n, size_t size, size_t itemsize,
                         rk_cell cell, uint32_t cpu);

#endif /* RK_DICOM_SLOTS_H */
