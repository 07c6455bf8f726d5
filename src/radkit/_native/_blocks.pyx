# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Handles on the block decoders of JPEG 2000, for `tests/kernels` and for `benchmarks` only."""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "kernels/cpu.h" nogil:
    uint32_t rk_cpu_detect()

cdef extern from "kernels/t1.h" nogil:
    ctypedef struct rk_t1_segment:
        const uint8_t *data
        uint32_t size
        uint32_t passes
    ctypedef struct rk_t1_block:
        uint32_t width
        uint32_t height
        uint8_t band
        uint8_t style
        uint8_t planes
        uint8_t format
        bint half
        bint cut
        uint32_t passes
        const rk_t1_segment *segments
        uint32_t count
        void *out
        size_t stride
        uint32_t result
        uint64_t peak
    ctypedef void (*rk_t1_decode_fn)(rk_t1_block *, size_t, void *) noexcept
    ctypedef struct rk_t1_table:
        rk_t1_decode_fn decode
    bint rk_t1_work_size(size_t *size, size_t bytes)
    void rk_t1_table_fill(rk_t1_table *t, uint32_t cpu)

cdef extern from "kernels/t1_encode.h" nogil:
    enum:
        RK_T1_PASSES
    ctypedef struct rk_t1_end:
        uint32_t length
        bint closed
        double gain
    ctypedef struct rk_t1_source:
        uint32_t width
        uint32_t height
        uint8_t band
        uint8_t style
        uint8_t format
        uint8_t floor
        bint half
        double weight
        const void *values
        size_t stride
        uint8_t *out
        size_t capacity
        rk_t1_end *ends
        uint32_t result
        uint32_t planes
        uint32_t passes
        size_t size
    ctypedef void (*rk_t1_encode_fn)(rk_t1_source *, size_t, void *) noexcept
    ctypedef struct rk_t1_encode_table:
        rk_t1_encode_fn encode
    size_t rk_t1_encode_capacity(uint32_t width, uint32_t height, uint32_t planes)
    bint rk_t1_encode_work(size_t *size, size_t capacity)
    void rk_t1_encode_table_fill(rk_t1_encode_table *t, uint32_t cpu)

cdef extern from "kernels/ht.h" nogil:
    ctypedef struct rk_ht_block:
        uint32_t width
        uint32_t height
        const uint8_t *cleanup
        const uint8_t *refine
        uint32_t cleanup_size
        uint32_t refine_size
        uint8_t passes
        uint8_t plane
        uint8_t planes
        uint8_t format
        bint half
        bint causal
        void *out
        size_t stride
        uint32_t result
        uint64_t peak
    ctypedef void (*rk_ht_decode_fn)(rk_ht_block *, size_t, void *) noexcept
    ctypedef struct rk_ht_table:
        rk_ht_decode_fn decode
    size_t rk_ht_work_size()
    void rk_ht_table_fill(rk_ht_table *t, uint32_t cpu)

cdef extern from "kernels/ht_encode.h" nogil:
    ctypedef struct rk_ht_encode_block:
        uint32_t width
        uint32_t height
        const void *values
        size_t stride
        uint8_t format
        uint8_t plane
        uint8_t *out
        size_t capacity
        uint32_t result
        uint32_t size
        uint32_t planes
    ctypedef void (*rk_ht_encode_fn)(rk_ht_encode_block *, size_t, void *) noexcept
    ctypedef struct rk_ht_encode_table:
        rk_ht_encode_fn encode
    size_t rk_ht_encode_bound(uint32_t width, uint32_t height, unsigned planes)
    size_t rk_ht_encode_work_size()
    void rk_ht_encode_table_fill(rk_ht_encode_table *t, uint32_t cpu)

DEF PAD = 32

_TYPES = {16: (0, np.int16), 32: (1, np.int32), 64: (2, np.int64)}


cdef uint8_t *_padded(const uint8_t[::1] data) except NULL:
    """A copy with noise behind it, as the contract allows."""
    cdef size_t size = data.shape[0]
    cdef uint8_t *copy = <uint8_t *>aligned_alloc(64, (size + PAD + 63) // 64 * 64)
    if copy is NULL:
        raise MemoryError
    memset(copy, 0xA5, size + PAD)
    if size:
        memcpy(copy, &data[0], size)
    return copy


def _shape(width: int, height: int) -> None:
    if not (1 <= width <= 1024 and 1 <= height <= 1024 and width * height <= 4096):
        raise ValueError(f"no code-block of {width} x {height}")


cdef _cpu(uint32_t cpu):
    if cpu & ~rk_cpu_detect():
        raise ValueError(f"this machine lacks the instructions of cpu={cpu:#x}")


def t1_decode(segments, *, int width, int height, int band, int style, int planes, int passes,
              int bits, bint half, uint32_t cpu, bint cut=False):
    """Decode one Part 1 block: `segments` are pairs of bytes and passes.

    With `cut` the last segment is there in part. Returns the coefficients, the result bits, and the peak.
    """
    cdef rk_t1_table table
    cdef rk_t1_block block
    cdef rk_t1_segment[512] parts
    cdef const uint8_t[::1] data
    cdef size_t size = 0
    cdef uint8_t *memory = NULL
    cdef Py_ssize_t count = len(segments)
    _shape(width, height)
    _cpu(cpu)
    if not (0 <= band < 4 and 0 <= style < 64 and 0 <= planes <= 62 and 0 <= passes and count <= 512):
        raise ValueError("senseless parameters")
    code, dtype = _TYPES[bits]
    out = np.empty((height, width), dtype)
    cdef uint8_t[::1] flat = out.reshape(-1).view(np.uint8)
    for i in range(count):
        parts[i].data = NULL
    try:
        for i in range(count):
            data = segments[i][0]
            parts[i].data = _padded(data)
            parts[i].size = <uint32_t>data.shape[0]
            parts[i].passes = segments[i][1]
            size = max(size, <size_t>data.shape[0])
        if not rk_t1_work_size(&size, size):
            raise MemoryError
        memory = <uint8_t *>aligned_alloc(64, (size + 63) // 64 * 64)
        if memory is NULL:
            raise MemoryError
        memset(&block, 0, sizeof(block))
        block.width, block.height, block.band, block.style = width, height, band, style
        block.planes, block.passes, block.format, block.half = planes, passes, code, half
        block.cut = cut
        block.segments, block.count = parts, <uint32_t>count
        block.out, block.stride = &flat[0], width
        rk_t1_table_fill(&table, cpu)
        with nogil:
            table.decode(&block, 1, memory)
    finally:
        free(memory)
        for i in range(count):
            free(<void *>parts[i].data)
    return out, block.result, block.peak


def t1_encode(values, *, int band, int style, uint32_t cpu, int floor=0, bint half=False,
              double weight=0, capacity=None):
    """Encode one Part 1 block: an int16 or int32 array whose rows are in one piece.

    Returns the bytes of all segments, the passes as (length, closed, gain), the result bits, and the
    magnitude bit-planes.
    """
    cdef rk_t1_encode_table table
    cdef rk_t1_source block
    cdef rk_t1_end[RK_T1_PASSES] ends
    cdef uint8_t *memory = NULL
    cdef const uint8_t[::1] row
    cdef uint8_t[::1] out
    cdef size_t size = 0
    height, width = values.shape
    _shape(width, height)
    _cpu(cpu)
    if not (0 <= band < 4 and 0 <= style < 64 and 0 <= floor < 32
            and values.dtype in (np.int16, np.int32)):
        raise ValueError("senseless parameters")
    if not 0 <= weight < 1e300:
        raise ValueError("senseless weight")
    if values.strides[1] != values.itemsize or values.strides[0] % values.itemsize:
        raise ValueError("rows are not in one piece")
    memset(&block, 0, sizeof(block))
    row = values[0].view(np.uint8)
    block.width, block.height, block.band, block.style = width, height, band, style
    block.format = 0 if values.dtype == np.int16 else 1
    block.floor, block.half, block.weight = floor, half, weight
    block.values, block.stride = &row[0], values.strides[0] // values.itemsize
    block.capacity = rk_t1_encode_capacity(width, height, 31) if capacity is None else capacity
    out = bytearray(block.capacity + 1)
    block.out, block.ends = &out[0], ends
    if not rk_t1_encode_work(&size, block.capacity):
        raise MemoryError
    memory = <uint8_t *>aligned_alloc(64, (size + 63) // 64 * 64)
    if memory is NULL:
        raise MemoryError
    rk_t1_encode_table_fill(&table, cpu)
    with nogil:
        table.encode(&block, 1, memory)
    free(memory)
    passes = [(ends[i].length, bool(ends[i].closed), ends[i].gain) for i in range(block.passes)]
    return bytes(out[:block.size]), passes, block.result, block.planes


def ht_decode(const uint8_t[::1] cleanup not None, const uint8_t[::1] refine not None, *, int width,
              int height, int passes, int plane, int planes, bint causal, int bits, bint half,
              uint32_t cpu):
    """Decode one HT block. Returns the coefficients, the result bits, and the peak."""
    cdef rk_ht_table table
    cdef rk_ht_block block
    cdef uint8_t *first = NULL
    cdef uint8_t *second = NULL
    cdef uint8_t *memory = NULL
    _shape(width, height)
    _cpu(cpu)
    if not (0 <= passes <= 3 and 0 <= plane <= 127 and 0 <= planes <= 127):
        raise ValueError("senseless parameters")
    code, dtype = _TYPES[bits]
    out = np.empty((height, width), dtype)
    cdef uint8_t[::1] flat = out.reshape(-1).view(np.uint8)
    try:
        first = _padded(cleanup)
        second = _padded(refine)
        memory = <uint8_t *>aligned_alloc(64, (rk_ht_work_size() + 63) // 64 * 64)
        if memory is NULL:
            raise MemoryError
        memset(&block, 0, sizeof(block))
        block.width, block.height, block.passes = width, height, passes
        block.plane, block.planes, block.format, block.half = plane, planes, code, half
        block.causal = causal
        block.cleanup, block.cleanup_size = first, <uint32_t>cleanup.shape[0]
        block.refine, block.refine_size = second, <uint32_t>refine.shape[0]
        block.out, block.stride = &flat[0], width
        rk_ht_table_fill(&table, cpu)
        with nogil:
            table.decode(&block, 1, memory)
    finally:
        free(memory)
        free(first)
        free(second)
    return out, block.result, block.peak


def ht_encode(values, *, int plane, uint32_t cpu, capacity=None):
    """Encode one HT block: an int16 or int32 array whose rows are in one piece.

    Returns the bytes of the cleanup segment (empty if there are none or the capacity does not do),
    the result bits, the size, and the magnitude bit-planes.
    """
    cdef rk_ht_encode_table table
    cdef rk_ht_encode_block block
    cdef uint8_t *memory = NULL
    cdef const uint8_t[::1] row
    cdef uint8_t[::1] out
    height, width = values.shape
    _shape(width, height)
    _cpu(cpu)
    if not (0 <= plane <= 31 and values.dtype in (np.int16, np.int32)):
        raise ValueError("senseless parameters")
    if values.strides[1] != values.itemsize or values.strides[0] % values.itemsize:
        raise ValueError("rows are not in one piece")
    memset(&block, 0, sizeof(block))
    row = values[0].view(np.uint8)
    block.width, block.height, block.plane = width, height, plane
    block.values, block.stride = &row[0], values.strides[0] // values.itemsize
    block.format = 0 if values.dtype == np.int16 else 1
    block.capacity = rk_ht_encode_bound(width, height, 30) if capacity is None else capacity
    out = bytearray(block.capacity + 1)
    block.out = &out[0]
    memory = <uint8_t *>aligned_alloc(64, (rk_ht_encode_work_size() + 63) // 64 * 64)
    if memory is NULL:
        raise MemoryError
    rk_ht_encode_table_fill(&table, cpu)
    with nogil:
        table.encode(&block, 1, memory)
    free(memory)
    kept = 0 if block.result else block.size
    return bytes(out[:kept]), block.result, block.size, block.planes
