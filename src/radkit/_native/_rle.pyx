# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of kernels/rle.h: one frame at a time, buffers from the caller."""

from libc.stdint cimport uint8_t, uint32_t

include "_status.pxi"

cdef extern from "kernels/rle.h" nogil:
    ctypedef struct rk_rle_table:
        pass
    void rk_rle_table_fill(rk_rle_table *t, uint32_t cpu)
    rk_status rk_rle_decode(const rk_rle_table *t, const uint8_t *data, size_t size,
                            uint8_t *out, uint8_t *scratch, size_t cells, size_t samples,
                            size_t width, size_t *sound)
    bint rk_rle_bound(size_t *bound, size_t rows, size_t cols, size_t planes)
    size_t rk_rle_encode(const rk_rle_table *t, uint8_t *dst, const uint8_t *data,
                         uint8_t *plane, size_t rows, size_t cols, size_t samples, size_t width)

MAX_SEGMENTS = 15

# In the order of `enum rk_rle_rule`.
cdef tuple RULES = (
    ("no fault", None),
    ("the RLE header of 64 bytes is cut short", "PS3.5 G.5"),
    ("the RLE header counts other segments than the samples and their bytes need", "PS3.5 G.2"),
    ("the offsets of the RLE segments do not ascend from 64", "PS3.5 G.5"),
    ("an RLE segment ends before its plane is full", "PS3.5 G.3"),
)


def decode(const uint8_t[::1] data not None, uint8_t[::1] out not None,
           uint8_t[::1] scratch not None, *, size_t samples, size_t width, uint32_t cpu,
           bint strict):
    """Decode one frame into `out`; return the share of bytes that were there.

    `out` holds pixels of `samples` little-endian cells of `width` bytes, `scratch`
    as many bytes if there is more than one plane. With `strict` a short segment
    raises, else its missing bytes are 0; a broken header raises either way.
    """
    cdef rk_rle_table table
    cdef rk_status status
    cdef size_t total = out.shape[0], planes = samples * width, sound = 0
    cdef const uint8_t *source = &data[0] if data.shape[0] else NULL
    if not 1 <= samples <= MAX_SEGMENTS or not 1 <= width <= MAX_SEGMENTS:
        raise ValueError("samples and width must be 1 to 15")
    if planes > MAX_SEGMENTS or total == 0 or total % planes:
        raise ValueError(f"{total} bytes cannot be {planes} planes")
    if planes > 1 and <size_t>scratch.shape[0] < total:
        raise ValueError("scratch is too small")
    rk_rle_table_fill(&table, cpu)
    cdef uint8_t *work = &scratch[0] if planes > 1 else NULL
    with nogil:
        status = rk_rle_decode(&table, source, <size_t>data.shape[0], &out[0], work,
                               total // planes, samples, width, &sound)
    cdef double share = <double>sound / <double>total
    if status.code == RK_OK or (status.code == RK_TRUNCATED and sound and not strict):
        return share
    raise rk_status_error(status, RULES, share)


def bound(size_t rows, size_t cols, size_t planes) -> int:
    """Return the most bytes that `encode` writes, 0 if that cannot be counted."""
    cdef size_t most = 0
    return most if rk_rle_bound(&most, rows, cols, planes) else 0


def encode(const uint8_t[::1] data not None, uint8_t[::1] dst not None,
           uint8_t[::1] plane not None, *, size_t rows, size_t cols, size_t samples,
           size_t width, uint32_t cpu):
    """Encode one frame into `dst`; return the number of bytes, 0 if above 4 GiB.

    `dst` has `bound()` bytes, `plane` as many as there are columns.
    """
    cdef rk_rle_table table
    cdef size_t planes = samples * width, most = 0, size = 0
    if not 1 <= samples <= MAX_SEGMENTS or not 1 <= width <= MAX_SEGMENTS or planes > MAX_SEGMENTS:
        raise ValueError("samples and width must be 1 to 15, together at most 15")
    if rows == 0 or cols == 0 or not rk_rle_bound(&most, rows, cols, planes):
        raise ValueError("the size is out of range")
    if <size_t>data.shape[0] != rows * cols * planes:
        raise ValueError(f"{data.shape[0]} bytes are not {rows} x {cols} x {planes}")
    if <size_t>dst.shape[0] < most or <size_t>plane.shape[0] < cols:
        raise ValueError("dst or plane is too small")
    rk_rle_table_fill(&table, cpu)
    with nogil:
        size = rk_rle_encode(&table, &dst[0], &data[0], &plane[0], rows, cols, samples, width)
    return size
