/* kernels/pack.c: reference and table of pack.h. */
#include "kernels/pack.h"

#include "kernels/cpu.h"
#include "kernels/words.h"

static uint64_t low_bits(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

static uint64_t swapped(uint64_t x, unsigned bytes)
{
    uint64_t y = 0;
    for (unsigned i = 0; i < bytes; i++)
        y |= (x >> (8 * i) & 0xFF) << (8 * (bytes - 1 - i));
    return y;
}

uint64_t rk_pack_mask(rk_cell cell, unsigned cell_bits)
{
    uint64_t mask = low_bits(cell.bits) << cell.shift;
    return cell.swap ? swapped(mask, cell_bits / 8) : mask;
}

/* (x ^ s) - s extends the sign bit s, and does nothing for s = 0. */
static inline uint64_t extended(uint64_t x, unsigned bits, bool is_signed)
{
    uint64_t sign = is_signed ? (uint64_t)1 << (bits - 1) : 0;
    return ((x & low_bits(bits)) ^ sign) - sign;
}

/*
 * One body for every width. The casts through the type cut modulo 2^width; the extension is
 * the same in 64 bits and in fewer.
 */
#define RK_FINISH(bits_, type)                                                           \
    void rk_pack_finish##bits_##_c(const void *src, void *out, size_t n, rk_cell cell)   \
    {                                                                                    \
        const type *in = src;                                                            \
        type *to = out;                                                                  \
        for (size_t i = 0; i < n; i++) {                                                 \
            uint64_t x = cell.swap ? swapped(in[i], sizeof(type)) : in[i];               \
            to[i] = (type)extended(x >> cell.shift, cell.bits, cell.is_signed);          \
        }                                                                                \
    }                                                                                    \
    bool rk_pack_outside##bits_##_c(const void *src, size_t n, rk_cell cell)             \
    {                                                                                    \
        const type *in = src;                                                            \
        const type others = (type)~rk_pack_mask(cell, 8 * sizeof(type));                 \
        type found = 0;                                                                  \
        for (size_t i = 0; i < n; i++)                                                   \
            found |= in[i] & others;                                                     \
        return found != 0;                                                               \
    }

RK_FINISH(8, rk_u8)
RK_FINISH(16, rk_u16)
RK_FINISH(32, rk_u32)
RK_FINISH(64, rk_u64)

#define RK_CONVERT(name, from, to_type)                                                  \
    void rk_pack_convert##name##_c(const void *src, void *out, size_t n, unsigned bits,  \
                                   bool is_signed)                                       \
    {                                                                                    \
        const from *in = src;                                                            \
        to_type *to = out;                                                               \
        for (size_t i = 0; i < n; i++)                                                   \
            to[i] = (to_type)extended(in[i], bits, is_signed);                           \
    }

RK_CONVERT(8to16, rk_u8, rk_u16)
RK_CONVERT(8to32, rk_u8, rk_u32)
RK_CONVERT(16to8, rk_u16, rk_u8)
RK_CONVERT(16to32, rk_u16, rk_u32)
RK_CONVERT(32to8, rk_u32, rk_u8)
RK_CONVERT(32to16, rk_u32, rk_u16)

#define RK_INTERLEAVE(bits_, type)                                                       \
    void rk_pack_interleave##bits_##_c(const void *src, void *out, size_t n,             \
                                       size_t samples)                                   \
    {                                                                                    \
        const type *in = src;                                                            \
        type *to = out;                                                                  \
        for (size_t i = 0; i < n; i++)                                                   \
            for (size_t s = 0; s < samples; s++)                                         \
                to[i * samples + s] = in[s * n + i];                                     \
    }

RK_INTERLEAVE(8, rk_u8)
RK_INTERLEAVE(16, rk_u16)
RK_INTERLEAVE(32, rk_u32)

#define RK_RANGE(name, type)                                                             \
    void rk_pack_range_##name##_c(const void *src, size_t n, int64_t *low, int64_t *high) \
    {                                                                                    \
        const type *in = src;                                                            \
        if (n == 0)                                                                      \
            return;                                                                      \
        type least = in[0], most = in[0];                                                \
        for (size_t i = 1; i < n; i++) {                                                 \
            least = in[i] < least ? in[i] : least;                                       \
            most = in[i] > most ? in[i] : most;                                          \
        }                                                                                \
        *low = least;                                                                    \
        *high = most;                                                                    \
    }

RK_RANGE(u8, rk_u8)
RK_RANGE(i8, rk_i8)
RK_RANGE(u16, rk_u16)
RK_RANGE(i16, rk_i16)
RK_RANGE(u32, rk_u32)
RK_RANGE(i32, rk_i32)

static uint64_t cell_at(const uint8_t *src, unsigned bytes, bool big_endian)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < bytes; i++)
        x |= (uint64_t)src[big_endian ? bytes - 1 - i : i] << (8 * i);
    return x;
}

void rk_pack_cells32(const uint8_t *src, void *out, size_t n, unsigned cell_bytes,
                     bool big_endian)
{
    rk_u32 *to = out;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint32_t)cell_at(src + i * cell_bytes, cell_bytes, big_endian);
}

void rk_pack_cells64(const uint8_t *src, void *out, size_t n, unsigned cell_bytes,
                     bool big_endian)
{
    rk_u64 *to = out;
    for (size_t i = 0; i < n; i++)
        to[i] = cell_at(src + i * cell_bytes, cell_bytes, big_endian);
}

static void fill_c(rk_pack_table *t)
{
    *t = (rk_pack_table){
        .finish8 = rk_pack_finish8_c,
        .finish16 = rk_pack_finish16_c,
        .finish32 = rk_pack_finish32_c,
        .finish64 = rk_pack_finish64_c,
        .outside8 = rk_pack_outside8_c,
        .outside16 = rk_pack_outside16_c,
        .outside32 = rk_pack_outside32_c,
        .outside64 = rk_pack_outside64_c,
        .convert8to16 = rk_pack_convert8to16_c,
        .convert8to32 = rk_pack_convert8to32_c,
        .convert16to8 = rk_pack_convert16to8_c,
        .convert16to32 = rk_pack_convert16to32_c,
        .convert32to8 = rk_pack_convert32to8_c,
        .convert32to16 = rk_pack_convert32to16_c,
        .interleave8 = rk_pack_interleave8_c,
        .interleave16 = rk_pack_interleave16_c,
        .interleave32 = rk_pack_interleave32_c,
        .range_u8 = rk_pack_range_u8_c,
        .range_i8 = rk_pack_range_i8_c,
        .range_u16 = rk_pack_range_u16_c,
        .range_i16 = rk_pack_range_i16_c,
        .range_u32 = rk_pack_range_u32_c,
        .range_i32 = rk_pack_range_i32_c,
    };
}

void rk_pack_table_fill(rk_pack_table *t, uint32_t cpu)
{
    fill_c(t);
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->finish8 = rk_pack_finish8_avx2;
        t->finish16 = rk_pack_finish16_avx2;
        t->finish32 = rk_pack_finish32_avx2;
        t->outside8 = rk_pack_outside8_avx2;
        t->outside16 = rk_pack_outside16_avx2;
        t->outside32 = rk_pack_outside32_avx2;
        t->convert8to16 = rk_pack_convert8to16_avx2;
        t->convert16to8 = rk_pack_convert16to8_avx2;
        t->convert16to32 = rk_pack_convert16to32_avx2;
        t->convert32to16 = rk_pack_convert32to16_avx2;
        t->interleave8 = rk_pack_interleave8_avx2;
        t->interleave16 = rk_pack_interleave16_avx2;
        t->range_u8 = rk_pack_range_u8_avx2;
        t->range_u16 = rk_pack_range_u16_avx2;
        t->range_i32 = rk_pack_range_i32_avx2;
    }
#else
    (void)cpu;
#endif
}
