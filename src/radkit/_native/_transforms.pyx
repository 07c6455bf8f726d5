# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Handles on wavelets and component transforms, for `tests/kernels` and `benchmarks` only."""

import numpy as np

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from radkit._native.cpu import DETECTED, USE

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "kernels/dwt.h" nogil:
    ctypedef struct rk_span:
        uint32_t start
        uint32_t stop
    ctypedef struct rk_dwt_filter:
        uint8_t steps
        uint8_t size
    ctypedef struct rk_dwt_band:
        void *data
        size_t stride
    ctypedef struct rk_dwt_level:
        rk_span x, y, cols, rows
        rk_dwt_band ll, hl, lh, hh
    ctypedef struct rk_idwt:
        uint64_t next
    ctypedef enum rk_dwt_type:
        RK_DWT_INT16
        RK_DWT_INT32
        RK_DWT_INT64
        RK_DWT_FLOAT
    rk_span rk_span_low(rk_span)
    rk_span rk_span_high(rk_span)
    size_t rk_span_size(rk_span)
    rk_span rk_span_window(rk_span want, rk_span all, unsigned int reach)
    bint rk_dwt_scratch(size_t *size, const rk_dwt_filter *, const rk_dwt_level *)
    void rk_idwt_plane(const rk_dwt_filter *, const rk_dwt_level *, void *, size_t, void *)
    void rk_fdwt_plane(const rk_dwt_filter *, const rk_dwt_level *, const void *, size_t, void *)
    void rk_idwt_begin(rk_idwt *, const rk_dwt_filter *, const rk_dwt_level *, rk_idwt *, void *)
    void *rk_idwt_next(rk_idwt *)

cdef extern from "kernels/dwt53.h" nogil:
    ctypedef struct rk_dwt53_table:
        void *join_i16
    bint rk_dwt53_fits(unsigned int, uint64_t, uint64_t, uint64_t, uint64_t)
    rk_dwt_filter rk_dwt53_inverse(const rk_dwt53_table *, rk_dwt_type)
    rk_dwt_filter rk_dwt53_forward(const rk_dwt53_table *, rk_dwt_type)
    void rk_dwt53_table_fill(rk_dwt53_table *, uint32_t)

cdef extern from "kernels/dwt97.h" nogil:
    ctypedef struct rk_dwt97_table:
        void *join
    rk_dwt_filter rk_dwt97_inverse(const rk_dwt97_table *)
    rk_dwt_filter rk_dwt97_forward(const rk_dwt97_table *)
    void rk_dwt97_table_fill(rk_dwt97_table *, uint32_t)

ctypedef void (*mct_fn)(void *, void *, void *, size_t) noexcept nogil

cdef extern from "kernels/mct.h" nogil:
    ctypedef struct rk_mct_range:
        int32_t low, high
        uint32_t add

ctypedef void (*store_fn)(const void *const *, const rk_mct_range *, size_t, void *, size_t,
                          size_t) noexcept nogil

cdef extern from "kernels/mct.h" nogil:
    ctypedef struct rk_mct_table:
        mct_fn irct_i16, irct_i32, irct_i64, iict, frct_i16, frct_i32, fict
        store_fn i16_8, i16_16, i16_32, i32_8, i32_16, i32_32
        store_fn i64_8, i64_16, i64_32, f32_8, f32_16, f32_32
    rk_mct_range rk_mct_range_of(unsigned int bits, bint is_signed)
    void rk_mct_table_fill(rk_mct_table *, uint32_t)

cdef extern from "kernels/quant.h" nogil:
    float rk_quant_scale(int, int, int, unsigned int)

cdef enum:
    LEVELS = 33


cdef void *address(object array) except? NULL:
    return <void *><uintptr_t>array.ctypes.data


cdef rk_dwt_filter chosen(object dtype, bint inverse, uint32_t cpu) except *:
    cdef rk_dwt53_table t53
    cdef rk_dwt97_table t97
    cdef rk_dwt_type type
    if cpu & ~<uint32_t>DETECTED:
        raise ValueError(f"this machine lacks the instructions of cpu={cpu:#x}")
    if dtype == np.float32:
        rk_dwt97_table_fill(&t97, cpu)
        return rk_dwt97_inverse(&t97) if inverse else rk_dwt97_forward(&t97)
    type = {"int16": RK_DWT_INT16, "int32": RK_DWT_INT32, "int64": RK_DWT_INT64}[dtype.name]
    rk_dwt53_table_fill(&t53, cpu)
    return rk_dwt53_inverse(&t53, type) if inverse else rk_dwt53_forward(&t53, type)


cdef rk_span span(object pair) except *:
    cdef rk_span s
    s.start, s.stop = pair
    if s.start > s.stop:
        raise ValueError(f"{pair} ends before it starts")
    return s


cdef tuple pair(rk_span s):
    return s.start, s.stop


def window(want, all, unsigned int reach):
    return pair(rk_span_window(span(want), span(all), reach))


def fits(unsigned int bits, uint64_t ll, uint64_t hl, uint64_t lh, uint64_t hh):
    return rk_dwt53_fits(bits, ll, hl, lh, hh)


def quant_scale(int bits, int gain, int exponent, unsigned int mantissa):
    return rk_quant_scale(bits, gain, exponent, mantissa)


cdef rk_dwt_band band(object array, object dtype, rk_span x, rk_span y, rk_span all_x,
                      rk_span all_y) except *:
    """The part [y, x) of the whole band, which `array` holds."""
    cdef rk_dwt_band b
    cdef size_t itemsize = array.itemsize
    shape = (rk_span_size(all_y), rk_span_size(all_x))
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(f"a band of {array.shape} {array.dtype} instead of {shape} {dtype}")
    b.stride = shape[1]
    b.data = NULL
    if rk_span_size(x) and rk_span_size(y):
        b.data = (<uint8_t *>address(array)
                  + ((y.start - all_y.start) * b.stride + x.start - all_x.start) * itemsize)
    return b


cdef class Scratch:
    cdef void *data

    def __cinit__(self, size_t size):
        self.data = aligned_alloc(64, (size + 63) // 64 * 64 + 64)
        if self.data is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.data)


cdef Scratch scratch_of(const rk_dwt_filter *f, const rk_dwt_level *level):
    cdef size_t size
    if not rk_dwt_scratch(&size, f, level):
        raise OverflowError("the level is too wide")
    return Scratch(size)


def forward(plane, uint32_t x0, uint32_t y0, *, uint32_t cpu=USE):
    cdef rk_dwt_filter f = chosen(plane.dtype, False, cpu)
    cdef rk_dwt_level level
    cdef rk_span low_x, low_y, high_x, high_y
    rows, cols = plane.shape
    if not plane.flags.c_contiguous:
        raise ValueError("the plane is not C-contiguous")
    level.x = level.cols = span((x0, x0 + cols))
    level.y = level.rows = span((y0, y0 + rows))
    low_x, high_x = rk_span_low(level.x), rk_span_high(level.x)
    low_y, high_y = rk_span_low(level.y), rk_span_high(level.y)
    bands = [np.empty((rk_span_size(y), rk_span_size(x)), plane.dtype)
             for y, x in ((low_y, low_x), (low_y, high_x), (high_y, low_x), (high_y, high_x))]
    level.ll = band(bands[0], plane.dtype, low_x, low_y, low_x, low_y)
    level.hl = band(bands[1], plane.dtype, high_x, low_y, high_x, low_y)
    level.lh = band(bands[2], plane.dtype, low_x, high_y, low_x, high_y)
    level.hh = band(bands[3], plane.dtype, high_x, high_y, high_x, high_y)
    cdef Scratch scratch = scratch_of(&f, &level)
    cdef void *src = address(plane)
    with nogil:
        rk_fdwt_plane(&f, &level, src, rk_span_size(level.x), scratch.data)
    return tuple(bands)


cdef class Inverse:
    """Levels from the coarsest to the finest; runs as often as it is called."""

    cdef rk_dwt_filter f
    cdef rk_dwt_level levels[LEVELS]
    cdef rk_idwt lines[LEVELS]
    cdef int count
    cdef bint by_lines
    cdef object dtype
    cdef list held, scratch, planes
    cdef readonly object out

    def __init__(self, ll, details, x, y, *, cols=None, rows=None, by_lines=False,
                 uint32_t cpu=USE):
        cdef rk_span all_x[LEVELS]
        cdef rk_span all_y[LEVELS]
        cdef int i
        cdef Scratch scratch
        self.count = len(details)
        if not 1 <= self.count < LEVELS:
            raise ValueError(f"{self.count} levels")
        self.dtype, self.by_lines = ll.dtype, by_lines
        self.f = chosen(ll.dtype, True, cpu)
        self.held, self.scratch, self.planes = [ll, *details], [], []
        all_x[self.count - 1], all_y[self.count - 1] = span(x), span(y)
        for i in reversed(range(self.count - 1)):
            all_x[i], all_y[i] = rk_span_low(all_x[i + 1]), rk_span_low(all_y[i + 1])
        want_x = span(x if cols is None else cols)
        want_y = span(y if rows is None else rows)
        for i in reversed(range(self.count)):
            self.levels[i].cols, self.levels[i].rows = want_x, want_y
            self.levels[i].x = rk_span_window(want_x, all_x[i], self.f.steps)
            self.levels[i].y = rk_span_window(want_y, all_y[i], self.f.steps)
            self.place(i, all_x[i], all_y[i], ll, details[i])
            scratch = scratch_of(&self.f, &self.levels[i])
            self.scratch.append(scratch)
            want_x, want_y = rk_span_low(self.levels[i].x), rk_span_low(self.levels[i].y)
        self.scratch.reverse()
        self.planes.reverse()
        for i in range(1, self.count):
            self.levels[i].ll.data = address(self.planes[i - 1])
            self.levels[i].ll.stride = self.planes[i - 1].shape[1]
        self.out = self.planes[self.count - 1]

    cdef int place(self, int i, rk_span all_x, rk_span all_y, object ll, object three) except -1:
        cdef rk_dwt_level *v = &self.levels[i]
        cdef rk_span low_x = rk_span_low(v.x), high_x = rk_span_high(v.x)
        cdef rk_span low_y = rk_span_low(v.y), high_y = rk_span_high(v.y)
        hl, lh, hh = three
        v.hl = band(hl, self.dtype, high_x, low_y, rk_span_high(all_x), rk_span_low(all_y))
        v.lh = band(lh, self.dtype, low_x, high_y, rk_span_low(all_x), rk_span_high(all_y))
        v.hh = band(hh, self.dtype, high_x, high_y, rk_span_high(all_x), rk_span_high(all_y))
        if i == 0:
            v.ll = band(ll, self.dtype, low_x, low_y, rk_span_low(all_x), rk_span_low(all_y))
        self.planes.append(np.empty((rk_span_size(v.rows), rk_span_size(v.cols)), self.dtype))
        return 0

    def __call__(self):
        cdef uint8_t *to = <uint8_t *>address(self.out)
        cdef size_t width = rk_span_size(self.levels[self.count - 1].cols) * self.f.size
        cdef const uint8_t *row
        cdef int i
        cdef void *scratch[LEVELS]
        cdef void *planes[LEVELS]
        for i in range(self.count):
            scratch[i] = (<Scratch>self.scratch[i]).data
            planes[i] = address(self.planes[i])
        with nogil:
            if not self.by_lines:
                for i in range(self.count):
                    rk_idwt_plane(&self.f, &self.levels[i], planes[i],
                                  rk_span_size(self.levels[i].cols), scratch[i])
            else:
                for i in range(self.count):
                    rk_idwt_begin(&self.lines[i], &self.f, &self.levels[i],
                                  &self.lines[i - 1] if i else NULL, scratch[i])
                row = <const uint8_t *>rk_idwt_next(&self.lines[self.count - 1])
                while row is not NULL:
                    memcpy(to, row, width)
                    to += width
                    row = <const uint8_t *>rk_idwt_next(&self.lines[self.count - 1])
        return self.out


cdef mct_fn transform_of(const rk_mct_table *t, str name) except NULL:
    if name == "irct int16":
        return t.irct_i16
    if name == "irct int32":
        return t.irct_i32
    if name == "irct int64":
        return t.irct_i64
    if name == "iict float32":
        return t.iict
    if name == "frct int16":
        return t.frct_i16
    if name == "frct int32":
        return t.frct_i32
    if name == "fict float32":
        return t.fict
    raise ValueError(name)


def component_transform(name, a, b, c, *, uint32_t cpu=USE):
    cdef rk_mct_table t
    cdef void *x = address(a)
    cdef void *y = address(b)
    cdef void *z = address(c)
    cdef size_t n = a.size
    cdef mct_fn fn
    if cpu & ~<uint32_t>DETECTED or not a.size == b.size == c.size:
        raise ValueError("unknown cpu or different sizes")
    rk_mct_table_fill(&t, cpu)
    fn = transform_of(&t, f"{name} {a.dtype.name}")
    with nogil:
        fn(x, y, z, n)


cdef store_fn store_of(const rk_mct_table *t, str source, int size) except NULL:
    if source == "int16":
        return t.i16_8 if size == 1 else t.i16_16 if size == 2 else t.i16_32
    if source == "int32":
        return t.i32_8 if size == 1 else t.i32_16 if size == 2 else t.i32_32
    if source == "int64":
        return t.i64_8 if size == 1 else t.i64_16 if size == 2 else t.i64_32
    if source == "float32":
        return t.f32_8 if size == 1 else t.f32_16 if size == 2 else t.f32_32
    raise ValueError(source)


def store_samples(planes, out, *, unsigned int bits, bint signed, uint32_t cpu=USE):
    """Planes of equal type and size into `out`, the last axis of which are the samples."""
    cdef rk_mct_table t
    cdef rk_mct_range range_[4]
    cdef const void *src[4]
    cdef size_t count = len(planes), n = planes[0].size, stride = out.shape[out.ndim - 1]
    cdef void *to = address(out)
    cdef store_fn fn
    cdef size_t k
    if (cpu & ~<uint32_t>DETECTED or not 1 <= count <= min(4, stride) or out.size != n * stride
            or not out.flags.c_contiguous):
        raise ValueError("unknown cpu or shapes that do not fit")
    for k in range(count):
        if planes[k].size != n or planes[k].dtype != planes[0].dtype:
            raise ValueError("planes differ")
        src[k] = address(planes[k])
        range_[k] = rk_mct_range_of(bits, signed)
    rk_mct_table_fill(&t, cpu)
    fn = store_of(&t, planes[0].dtype.name, out.itemsize)
    with nogil:
        fn(src, range_, count, to, stride, n)
