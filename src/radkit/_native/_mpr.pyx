# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Planes, slabs and points of a volume (see _mpr.pyi)."""

from cpython.buffer cimport PyBUF_STRIDES
from libc.math cimport fabs, isfinite
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport SIZE_MAX, int16_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from radkit._native.cpu import DETECTED, USE

include "_arrays.pxi"

cdef extern from "mpr/mpr.h" nogil:
    ctypedef bint bool_t "bool"
    ctypedef enum rk_mpr_type:
        RK_MPR_U8
        RK_MPR_F64
    ctypedef enum rk_mpr_kernel:
        RK_MPR_LANCZOS
    ctypedef enum rk_mpr_project:
        RK_MPR_THIN
        RK_MPR_SUM
    ctypedef struct rk_mpr_volume:
        const void *data
        rk_mpr_type type
        size_t side[3]
        ptrdiff_t stride[3]
        unsigned int samples
        bool_t has_padding
        double padding
        const double *position
    ctypedef struct rk_mpr_grid:
        double origin[3]
        double down[3]
        double right[3]
        double into[3]
        size_t rows, cols, depth
        const double *lines
    ctypedef struct rk_mpr_job:
        rk_mpr_volume volume
        rk_mpr_grid grid
        rk_mpr_kernel kernel
        rk_mpr_project project
        rk_mpr_type out
        double fill
    ctypedef struct rk_mpr_part:
        size_t first, count
        void *out
        uint8_t *outside
        void *work
    ctypedef struct rk_mpr_choice:
        const char *name
        size_t (*work)(const rk_mpr_job *) noexcept nogil
        size_t (*rows)(const rk_mpr_job *, const rk_mpr_part *) noexcept nogil
    const rk_mpr_choice *rk_mpr_choose(const rk_mpr_job *, uint32_t)
    size_t rk_mpr_points_c(const rk_mpr_job *, const double *, size_t, double *, uint8_t *)
    void rk_mpr_samples_c(const rk_mpr_job *, size_t, size_t, double *, uint8_t *)
    enum:
        RK_MPR_ALIGN
        RK_MPR_SAMPLES


TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
KERNELS = ("nearest", "linear", "cubic", "lanczos")
PROJECTIONS = ("thin", "max", "min", "mean", "sum")

cdef dict CODES = {name: code for code, name in enumerate(TYPES)}
CODES.update({np.dtype(name): code for code, name in enumerate(TYPES)})


cdef int type_of(object kind, str what) except -1:
    """The code of a name of `TYPES`, or of a dtype in native byte order."""
    found = CODES.get(kind)
    if found is None:
        raise TypeError(f"{what} is {kind}; {', '.join(TYPES)} are possible, in native byte order")
    return found


def knows(kind):
    return kind in CODES


cdef Array doubles(object obj, str name, size_t size):
    """A float64 array of `size` finite numbers."""
    cdef Array a = opened(obj, name, False)
    cdef const double *values = <const double *>a.data
    cdef size_t i
    if a.kind != b"f" or a.itemsize != 8:
        raise TypeError(f"{name} must be float64")
    same_size(a, size)
    for i in range(size):
        if not isfinite(values[i]):
            raise ValueError(f"{name} has a value that is not finite")
    return a


cdef int map_back(affine, double *at, size_t count, size_t every) except -1:
    """Map vectors in mm through the inverse of an affine, in place."""
    cdef Array a = doubles(affine, "affine", 16)
    cdef double m[3][3]
    cdef double v[3]
    cdef double det
    cdef const double *f = <const double *>a.data
    cdef size_t i, j
    for i in range(3):  # the adjugate, from rows (i + 1, i + 2) and columns (j + 1, j + 2)
        for j in range(3):
            m[j][i] = (f[4 * ((i + 1) % 3) + (j + 1) % 3] * f[4 * ((i + 2) % 3) + (j + 2) % 3]
                       - f[4 * ((i + 1) % 3) + (j + 2) % 3] * f[4 * ((i + 2) % 3) + (j + 1) % 3])
    det = f[0] * m[0][0] + f[1] * m[1][0] + f[2] * m[2][0]
    for i in range(count):
        for j in range(3):
            v[j] = at[3 * i + j]
            if every and i % every == 0:
                v[j] -= f[4 * j + 3]
        for j in range(3):
            at[3 * i + j] = (m[j][0] * v[0] + m[j][1] * v[1] + m[j][2] * v[2]) / det
    return 0


def to_index(affine, mm, *, size_t every):
    out = np.array(mm, np.float64)
    cdef Array to = opened(out, "mm", True)
    map_back(affine, <double *>to.out(), to.size // 3, every)
    return out


cdef int place_of(place, affine, double *twelve) except -1:
    """Four vectors as index coordinates; with `affine` they are in mm."""
    cdef Array a
    cdef size_t i
    if isinstance(place, tuple):
        if len(place) != 12:
            raise ValueError(f"place has {len(place)} elements, not 12")
        for i in range(12):
            twelve[i] = place[i]
    else:
        a = doubles(place, "place", 12)
        memcpy(twelve, a.data, 96)
    if affine is not None:
        map_back(affine, twelve, 4, 4)
    for i in range(12):
        if not isfinite(twelve[i]):
            raise ValueError("place has a value that is not finite")
    return 0


cdef class Job:
    cdef rk_mpr_job job
    cdef Py_buffer view
    cdef bint held
    cdef Array position, lines

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    def __init__(self, array, *, str kernel, str project="thin", out=None, double fill=0,
                 padding=None, position=None, size=(1, 1), size_t depth=1, place=None, affine=None,
                 lines=None):
        if self.held:
            raise ValueError("a job is made once")
        self._volume(array, padding, position)
        self.job.kernel = <rk_mpr_kernel><int>KERNELS.index(kernel)
        self.job.project = <rk_mpr_project><int>PROJECTIONS.index(project)
        self.job.out = (self.job.volume.type if out is None
                        else <rk_mpr_type>type_of(out, "out"))
        if self.job.out != self.job.volume.type and self.job.out < RK_MPR_F64 - 1:
            raise TypeError("out must be the type of the array, float32 or float64")
        self.job.fill = fill
        self._grid(size, depth, place, affine, lines)

    cdef int _volume(self, array, padding, position) except -1:
        cdef rk_mpr_volume *volume = &self.job.volume
        cdef int axis
        if array.ndim != 3 and array.ndim != 4:
            raise ValueError(f"the array has {array.ndim} axes, not 3 or 4")
        volume.type = <rk_mpr_type>type_of(array.dtype, "the array")
        PyObject_GetBuffer(array, &self.view, PyBUF_STRIDES)
        self.held = True
        volume.data = self.view.buf
        volume.samples = self.view.shape[3] if array.ndim == 4 else 1
        if not 1 <= volume.samples <= RK_MPR_SAMPLES:
            raise ValueError(f"a voxel has {volume.samples} samples, not 1 to {RK_MPR_SAMPLES}")
        for axis in range(3):
            if self.view.shape[axis] < 1:
                raise ValueError("the array is empty")
            if self.view.strides[axis] % self.view.itemsize:
                raise ValueError("the array has strides of broken elements")
            volume.side[axis] = self.view.shape[axis]
            volume.stride[axis] = self.view.strides[axis] // self.view.itemsize
        if volume.samples > 1 and self.view.strides[3] != self.view.itemsize:
            raise ValueError("the samples of a voxel do not lie side by side")
        volume.has_padding = padding is not None
        volume.padding = 0 if padding is None else padding
        if position is not None:
            self._slices(position)
        return 0

    cdef int _slices(self, position) except -1:
        cdef size_t n = self.job.volume.side[0], k
        cdef const double *at
        self.position = doubles(position, "position", n)
        at = <const double *>self.position.data
        for k in range(1, n):
            if not at[k] > at[k - 1]:
                raise ValueError("position does not rise")
        self.job.volume.position = at
        return 0

    cdef int _grid(self, size, size_t depth, place, affine, lines) except -1:
        cdef rk_mpr_grid *grid = &self.job.grid
        cdef double twelve[12]
        grid.rows, grid.cols = size
        grid.depth = depth
        if grid.rows < 1 or grid.cols < 1 or depth < 1:
            raise ValueError("a grid has at least one row, one column and one sample")
        if grid.rows > (SIZE_MAX >> 8) // grid.cols // depth:
            raise ValueError("the grid is too large")
        if depth > 1 and self.job.project == RK_MPR_THIN:
            raise ValueError("a slab needs a projection")
        if lines is not None:
            self.lines = doubles(lines, "lines", 9 * grid.rows)
            grid.lines = <const double *>self.lines.data
        elif place is not None:
            place_of(place, affine, twelve)
            memcpy(grid.origin, twelve, 24)
            memcpy(grid.down, twelve + 3, 24)
            memcpy(grid.right, twelve + 6, 24)
            memcpy(grid.into, twelve + 9, 24)
        return 0

    cdef int _part(self, size_t first, size_t count) except -1:
        if count > self.job.grid.rows or first > self.job.grid.rows - count:
            raise ValueError(f"there are {self.job.grid.rows} rows")
        return 0

    def name(self, *, uint32_t cpu=USE):
        known(cpu)
        return rk_mpr_choose(&self.job, cpu).name.decode()

    def rows(self, size_t first, size_t count, out, outside, *, uint32_t cpu=USE):
        cdef Array to = opened(out, "out", True), mask = octets(outside, "outside", True)
        cdef const rk_mpr_choice *choice
        cdef rk_mpr_part part
        cdef size_t pixels = self.job.grid.rows * self.job.grid.cols, empty
        cdef size_t samples = self.job.volume.samples
        cdef void *memory
        known(cpu)
        self._part(first, count)
        same_size(mask, pixels)
        same_size(to, pixels * samples)
        apart(to, mask)
        if type_of(out.dtype, "out") != <int>self.job.out:
            raise TypeError(f"out must be {TYPES[<int>self.job.out]}")
        choice = rk_mpr_choose(&self.job, cpu)
        memory = malloc(choice.work(&self.job) + RK_MPR_ALIGN)
        if memory == NULL:
            raise MemoryError
        part.first, part.count = first, count
        part.out = to.out() + first * self.job.grid.cols * samples * to.itemsize
        part.outside = mask.out() + first * self.job.grid.cols
        part.work = <void *>((<uintptr_t>memory + RK_MPR_ALIGN - 1) & ~<uintptr_t>(RK_MPR_ALIGN - 1))
        with nogil:
            empty = choice.rows(&self.job, &part)
        free(memory)
        return empty

    def points(self, index, out, outside):
        cdef Array at = opened(index, "index", False), to = opened(out, "out", True)
        cdef Array mask = octets(outside, "outside", True)
        cdef size_t n = mask.size, empty
        if at.kind != b"f" or at.itemsize != 8 or to.kind != b"f" or to.itemsize != 8:
            raise TypeError("index and out must be float64")
        same_size(at, 3 * n)
        same_size(to, n * self.job.volume.samples)
        with nogil:
            empty = rk_mpr_points_c(&self.job, <const double *>at.data, n, <double *>to.out(),
                                    mask.out())
        return empty

    def samples(self, size_t first, size_t count, out, there):
        cdef Array to = opened(out, "out", True), mask = octets(there, "there", True)
        self._part(first, count)
        if to.kind != b"f" or to.itemsize != 8:
            raise TypeError("out must be float64")
        same_size(mask, count * self.job.grid.cols * self.job.grid.depth)
        same_size(to, mask.size * self.job.volume.samples)
        with nogil:
            rk_mpr_samples_c(&self.job, first, count, <double *>to.out(), mask.out())


include "_mpr_many.pxi"
