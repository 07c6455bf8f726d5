/* Entries of the look-up table of JPEG Lossless, as the AVX2 variants make and read them. */
#ifndef RK_KERNELS_JPEGLL_ENTRY_AVX2_H
#define RK_KERNELS_JPEGLL_ENTRY_AVX2_H

#include "jpegll.h"

/*
 * An entry of the look-up table stands for the next 12 bits and holds up to three symbols. The
 * last of them may end behind the 12 bits, if its code and a bit of its own lie within:
 *
 *     bits 0-5    bits that they take together, at most 26
 *     bit 7       set if there is none: another road must be taken
 *     bits 8-13   63 less the bits of the last one that lie behind the 12
 *     bits 14-15  how many there are
 *     bits 16-31  difference of the first, if it is not the last
 *     bits 32-47  of the second, if it is not the last
 *     bits 48-63  of the last, but for the bits behind the 12; the lowest of the 12 bits, as it
 *                 comes to lie above these, is taken off, since it is added with them
 */
#define BITS RK_JPEGLL_LUT_BITS
#define NONE 0x80u

/* T.81 F.2.2.1 EXTEND and table H.2, of a category whose `bits` are all there. */
static inline uint16_t extend(uint32_t category, uint32_t bits)
{
    if (category == 16)
        return 32768;
    if (category && bits < 1u << (category - 1))
        bits += 1 - (1u << category);
    return (uint16_t)bits;
}

#endif /* RK_KERNELS_JPEGLL_ENTRY_AVX2_H */
