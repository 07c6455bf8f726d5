/* The look-up table of JPEG Lossless (jpegll_entry_avx2.h) from a canonical Huffman table. */
#include <string.h>

#include "cpu.h"
#include "jpegll_entry_avx2.h"

#if RK_ARCH_X86

RK_TARGET_BEGIN(RK_ISA_AVX2)

/* at[i] = length | category << 8 of the code at the front of the 12 bits i, 0 if there is none. */
static void list_codes(const rk_huff_canon *canon, uint16_t *at)
{
    memset(at, 0, sizeof(uint16_t) << BITS);
    for (uint32_t l = 1; l <= BITS; l++) {
        for (uint32_t i = 0; i < canon->count[l]; i++) {
            uint32_t category = canon->values[canon->index[l] + i];
            uint16_t *from = at + ((size_t)(canon->first[l] + i) << (BITS - l));
            if (category <= 16)
                for (uint32_t r = 0; r < 1u << (BITS - l); r++)
                    from[r] = (uint16_t)(l | category << 8);
        }
    }
}

/* Bits 0-15 and 48-63 of an entry; `i` is the index, or the lowest bits of it. */
static inline uint64_t pack(uint32_t used, uint32_t beyond, uint32_t count, uint16_t last,
                            uint32_t i)
{
    uint64_t top = (uint16_t)(last - ((i & 1) << beyond));
    return used | (63 - beyond) << 8 | count << 14 | top << 48;
}

/*
 * What may follow a first symbol that ends behind `used` of the 12 bits: an entry for each value
 * `i` of those left. The difference of the first symbol is still to be added.
 */
static uint64_t follow(const uint16_t *codes, uint32_t used, uint32_t i, uint32_t most)
{
    uint32_t count = 1, beyond = 0;
    uint64_t between = 0;
    uint16_t last = 0;
    for (; count < most && beyond == 0; count++) {
        uint32_t left = BITS - used, code = codes[i << used & ((1u << BITS) - 1)];
        uint32_t length = code & 255, category = code >> 8, extra = category & 15;
        if (length == 0 || length + (extra > 0) > left)
            break;
        left -= length;
        beyond = extra > left ? extra - left : 0;
        uint32_t known = extra - beyond, bits = i >> (left - known) & ((1u << known) - 1);
        if (count > 1)
            between = (uint64_t)last << 32;
        last = extend(category, bits << beyond);
        used += length + extra;
    }
    return pack(used, beyond, count, last, i) | between;
}

/* Entries of the n indices from `place` on, all of which begin with a symbol of the difference `d`. */
static void put_symbol(uint64_t *lut, size_t place, const uint64_t *followed, size_t n, uint16_t d)
{
    uint16_t low = n == 1 ? place & 1 : 0; /* else it is one of the bits that follow */
    const uint64_t first = (uint64_t)d << 16, alone = (uint64_t)(uint16_t)(d - low) << 48;
    for (size_t w = 0; w < n; w++)
        lut[place + w] = followed[w] + first + ((followed[w] & 0xC000) == 0x4000 ? alone : 0);
}

/* Entries of the codes of `length` bits and their extra bits, if they take `used` together. */
static void put_codes(uint64_t *lut, const rk_huff_canon *canon, uint32_t length, uint32_t used,
                      const uint64_t *followed)
{
    size_t n = (size_t)1 << (BITS - used);
    for (uint32_t j = 0; j < canon->count[length]; j++) {
        uint32_t category = canon->values[canon->index[length] + j], extra = category & 15;
        size_t place = (size_t)(canon->first[length] + j) << (BITS - length);
        if (category > 16 || length + extra != used)
            continue;
        for (uint32_t x = 0; x < 1u << extra; x++, place += n)
            put_symbol(lut, place, followed, n, extend(category, x));
    }
}

/* Entries of the codes of `length` bits whose extra bits do not end within the 12. */
static void put_longer(uint64_t *lut, const rk_huff_canon *canon, uint32_t length)
{
    for (uint32_t j = 0; j < canon->count[length]; j++) {
        uint32_t category = canon->values[canon->index[length] + j], extra = category & 15;
        uint32_t left = BITS - length;
        uint64_t *at = lut + ((size_t)(canon->first[length] + j) << left);
        if (category > 16 || extra <= left || left == 0)
            continue;
        uint32_t beyond = extra - left;
        for (uint32_t i = 0; i < 1u << left; i++)
            at[i] = pack(length + extra, beyond, 1, extend(category, i << beyond), i);
    }
}

void rk_jpegll_prepare_avx2(rk_jpegll_lut *table, bool alone)
{
    const uint32_t most = alone ? 3 : 1; /* of several tables, each is asked for one symbol in turn */
    const rk_huff_canon *canon = &table->canon;
    uint16_t codes[1 << BITS];
    uint64_t followed[1 << (BITS - 1)];
    uint32_t present = 0; /* bit u: there are symbols of u bits */
    list_codes(canon, codes);
    for (size_t i = 0; i < (size_t)1 << BITS; i++)
        table->lut[i] = NONE;
    for (uint32_t length = 1; length <= BITS; length++) {
        for (uint32_t j = 0; j < canon->count[length]; j++) {
            uint32_t category = canon->values[canon->index[length] + j];
            if (category <= 16 && length + (category & 15) <= BITS)
                present |= 1u << (length + (category & 15));
        }
        put_longer(table->lut, canon, length);
    }
    for (uint32_t used = 1; used <= BITS; used++) {
        if (!(present >> used & 1))
            continue;
        for (uint32_t i = 0; i < 1u << (BITS - used); i++)
            followed[i] = follow(codes, used, i, most);
        for (uint32_t length = 1; length <= used; length++)
            put_codes(table->lut, canon, length, used, followed);
    }
}

RK_TARGET_END
#endif
