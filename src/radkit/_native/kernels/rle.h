/* kernels/rle.h: RLE of DICOM (PS3.5 annex G): PackBits over byte planes. */
#ifndef RK_KERNELS_RLE_H
#define RK_KERNELS_RLE_H

#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

/* Header: count, then 15 offsets, all uint32 little endian (PS3.5 G.5). */
#define RK_RLE_HEADER 64
#define RK_RLE_MAX_SEGMENTS 15

/* Most bytes that n bytes of one row can become: a literal of 128 costs one byte more. */
#define RK_RLE_ROW_BOUND(n) ((n) + (n) / 128 + 1)

/* One segment and the byte plane that it fills. */
typedef struct rk_rle_plane {
    const uint8_t *src;
    size_t size; /* bytes of the segment */
    uint8_t *dst;
    size_t n;    /* bytes of the plane */
    size_t done; /* out: bytes of the plane that the segment gave, <= n */
} rk_rle_plane;

/*
 * Unpacks `count` segments. What a segment holds beyond its plane is ignored; one
 * that ends early, also in the middle of a literal, leaves done < n and the bytes
 * from `done` on unspecified. Reads nothing outside src[0..size), writes nothing
 * outside dst[0..n). Planes do not overlap. No allocation, no error path.
 */
typedef void rk_rle_unpack_fn(rk_rle_plane *planes, size_t count);

/*
 * Weaves byte planes into cells: out[i * planes + order[k]] = plane k [i], plane k
 * starting at in + k * n. `out` has n * planes bytes, `order` is a permutation.
 */
typedef void rk_rle_weave_fn(uint8_t *out, const uint8_t *in, size_t n, size_t planes,
                             const uint8_t *order);

/* Takes one byte of each cell: plane[i] = in[i * stride]; reads nothing past the last. */
typedef void rk_rle_split_fn(uint8_t *plane, const uint8_t *in, size_t n, size_t stride);

/*
 * Packs one row of n bytes: at each token start a run of 2 to 128 equal bytes if
 * there is one, else a literal up to the next run of three (at most 128 bytes), so
 * that the byte -128 is never written (PS3.5 G.3.1). Writes at most
 * RK_RLE_ROW_BOUND(n) bytes to dst and may touch nothing past them. Returns the
 * number written.
 */
typedef size_t rk_rle_pack_fn(uint8_t *dst, const uint8_t *row, size_t n);

typedef struct rk_rle_table {
    rk_rle_unpack_fn *unpack;
    rk_rle_weave_fn *weave;
    rk_rle_split_fn *split;
    rk_rle_pack_fn *pack;
} rk_rle_table;

/* The reference: plain C, every variant is compared with it. */
rk_rle_unpack_fn rk_rle_unpack_c;
rk_rle_weave_fn rk_rle_weave_c;
rk_rle_split_fn rk_rle_split_c;
rk_rle_pack_fn rk_rle_pack_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_rle_unpack_fn rk_rle_unpack_avx2;
rk_rle_weave_fn rk_rle_weave_avx2;
rk_rle_split_fn rk_rle_split_avx2;
rk_rle_pack_fn rk_rle_pack_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_rle_table_fill(rk_rle_table *t, uint32_t cpu);

/* Index into the table of paragraphs of the binding (_rle.pyx). */
enum rk_rle_rule {
    RK_RLE_OK,
    RK_RLE_SHORT_HEADER,
    RK_RLE_COUNT,
    RK_RLE_OFFSETS,
    RK_RLE_SHORT_SEGMENT
};

/*
 * Decodes one frame: checks the header, unpacks `samples * width` segments and
 * weaves them into `cells` pixels of `samples` little-endian cells of `width` bytes.
 * `out` has cells * samples * width bytes, `scratch` as many (unused, and may be
 * NULL, for one plane). Bytes of a plane that its segment does not give are 0 and
 * the status is RK_TRUNCATED; `*sound` counts the bytes that were there.
 */
RK_MUST_CHECK rk_status rk_rle_decode(const rk_rle_table *t, const uint8_t *data, size_t size,
                                      uint8_t *out, uint8_t *scratch, size_t cells,
                                      size_t samples, size_t width, size_t *sound);

/* Most bytes that rk_rle_encode writes, or false if that does not fit size_t. */
RK_MUST_CHECK bool rk_rle_bound(size_t *bound, size_t rows, size_t cols, size_t planes);

/*
 * Encodes `rows` rows of `cols` pixels (as for rk_rle_decode) into `dst`, which has
 * rk_rle_bound() bytes; `plane` has cols bytes. Returns the number of bytes written,
 * 0 if an offset does not fit 32 bits.
 */
RK_MUST_CHECK size_t rk_rle_encode(const rk_rle_table *t, uint8_t *dst, const uint8_t *in,
                                   uint8_t *plane, size_t rows, size_t cols, size_t samples,
                                   size_t width);

#endif /* RK_KERNELS_RLE_H */
