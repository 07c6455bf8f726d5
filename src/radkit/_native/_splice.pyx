# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Plain objects spliced: laid out by one call, joined to the bytes of the new object by another."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from radkit.errors import EncodeError, LimitExceeded, RadkitError

cdef extern from "dicom/scan.h" nogil:
    const uint64_t RK_DCM_UNDEFINED
    ctypedef struct rk_dcm_element:
        uint32_t tag
        uint64_t value
        uint64_t length
        uint64_t end

cdef extern from "dicom/splice.h" nogil:
    ctypedef struct rk_dcm_edit:
        uint32_t tag
        const uint8_t *bytes
        uint64_t size

    ctypedef struct rk_dcm_piece:
        const uint8_t *bytes
        uint64_t offset
        uint64_t size

    ctypedef enum rk_dcm_laid:
        RK_DCM_LAID
        RK_DCM_LAID_HEAD
        RK_DCM_LAID_SHORT
        RK_DCM_LAID_NOT

    ctypedef struct rk_dcm_splice:
        const rk_dcm_edit *edits
        size_t n_edits
        const uint32_t *refused
        size_t n_refused
        const uint8_t *syntax
        const uint8_t *maker
        const uint8_t *instance
        size_t syntax_size
        size_t maker_size
        size_t instance_size
        uint64_t max_elements
        uint32_t max_depth
        uint8_t *meta
        size_t meta_size
        rk_dcm_piece *pieces
        size_t n
        size_t before
        uint64_t size
        rk_dcm_element pixels

    rk_dcm_laid rk_dcm_splice_head(rk_dcm_splice *s, const uint8_t *head, uint64_t avail,
                                   uint64_t size)
    rk_dcm_laid rk_dcm_splice_tail(rk_dcm_splice *s, const uint8_t *window, uint64_t base,
                                   uint64_t avail)
    uint64_t rk_dcm_encapsulated_size(const uint64_t *sizes, size_t n)
    size_t rk_dcm_encapsulated_head(const uint64_t *sizes, size_t n, uint8_t *out)
    void rk_dcm_item_head(uint64_t size, uint8_t *out)

LAID = RK_DCM_LAID
HEAD = RK_DCM_LAID_HEAD
SHORT = RK_DCM_LAID_SHORT
NOT_PLAIN = RK_DCM_LAID_NOT

cdef enum:
    MOST_EDITS = 64


cdef class Laid:
    """The layout of one object to be written; to be used by one thread at a time.

    Parameters
    ----------
    syntax, maker : bytes
        Whole elements (0002,0010), and (0002,0012) with (0002,0013).
    instance : bytes or None
        Whole element (0002,0003); None takes it from the data set.
    edits : sequence of (tag, bytes or None)
        Whole elements to replace or to put in, None to leave one out. Tags ascend, above
        group 2.
    refused : sequence of int
        Ascending tags that leave the object to the general way.
    max_elements, max_depth : int
        Limits of the walk.
    """

    cdef rk_dcm_splice splice
    cdef rk_dcm_edit edits[MOST_EDITS]
    cdef uint32_t refused[MOST_EDITS]
    cdef tuple held
    cdef readonly int state

    def __cinit__(self, bytes syntax not None, bytes maker not None, bytes instance,
                  edits not None, refused not None, *, uint64_t max_elements,
                  uint32_t max_depth):
        cdef rk_dcm_splice *s = &self.splice
        cdef uint32_t last = 0x2FFFF
        cdef bytes value
        if len(edits) > MOST_EDITS or len(refused) > MOST_EDITS:
            raise RadkitError("internal error: more edits than a plain object has")
        self.held = (syntax, maker, instance, tuple(edits))
        for tag, value in self.held[3]:
            self.edits[s.n_edits].tag = tag
            if self.edits[s.n_edits].tag <= last:
                raise RadkitError("internal error: edits out of order")
            last = tag
            if value is not None:
                self.edits[s.n_edits].bytes = <const uint8_t *>PyBytes_AS_STRING(value)
                self.edits[s.n_edits].size = len(value)
            s.n_edits += 1
        for tag in refused:
            self.refused[s.n_refused] = tag
            s.n_refused += 1
        s.edits = self.edits
        s.refused = self.refused
        s.syntax, s.syntax_size = <const uint8_t *>PyBytes_AS_STRING(syntax), len(syntax)
        s.maker, s.maker_size = <const uint8_t *>PyBytes_AS_STRING(maker), len(maker)
        if instance is not None:
            s.instance = <const uint8_t *>PyBytes_AS_STRING(instance)
            s.instance_size = len(instance)
        s.max_elements = max_elements
        s.max_depth = max_depth
        self.state = -1

    def head(self, const uint8_t[::1] head not None, uint64_t size) -> int:
        """Lay out what stands before the pixel element; `head` begins an object of `size` bytes."""
        if self.state != -1 or <uint64_t>head.shape[0] > size or head.shape[0] == 0:
            raise RadkitError("internal error: a head that cannot be")
        self.state = rk_dcm_splice_head(&self.splice, &head[0], head.shape[0], size)
        return self.state

    def tail(self, const uint8_t[::1] window not None, uint64_t base) -> int:
        """Lay out what stands behind it; `window` is the rest of the object from `base` on."""
        cdef const uint8_t *first = NULL
        if self.state != RK_DCM_LAID_HEAD:
            raise RadkitError("internal error: a tail without a head")
        if window.shape[0]:
            first = &window[0]
        self.state = rk_dcm_splice_tail(&self.splice, first, base, window.shape[0])
        return self.state

    @property
    def pixels(self) -> tuple:
        """Tag of the source's pixel element (0: none), offset of its value, length, end; or -1."""
        cdef rk_dcm_element *e = &self.splice.pixels
        return (e.tag, e.value, -1 if e.length == RK_DCM_UNDEFINED else e.length,
                -1 if e.end == RK_DCM_UNDEFINED else e.end)

    def join(self, const uint8_t[::1] head not None, const uint8_t[::1] tail not None,
             uint64_t base, list frames) -> bytes:
        """Return the whole new object, with an encapsulated pixel element if there are frames.

        `head` and `tail` are the bytes that were laid out, the latter those at `base`.
        """
        cdef uint64_t pixels = 0, total
        cdef size_t n = 0 if frames is None else len(frames)
        cdef uint64_t *sizes = NULL
        cdef bytes made
        cdef uint8_t *at
        cdef size_t i
        if self.state != RK_DCM_LAID:
            raise RadkitError("internal error: a layout that is not complete")
        try:
            if frames is not None:
                sizes = <uint64_t *>malloc((n + 1) * sizeof(uint64_t))
                if sizes == NULL:
                    raise LimitExceeded("no memory for the sizes of the frames",
                                        limit="max_memory_bytes", asked=n * sizeof(uint64_t))
                for i in range(n):
                    sizes[i] = len(frames[i])
                pixels = rk_dcm_encapsulated_size(sizes, n)
                if pixels == 0:
                    raise EncodeError("the coded frames are too large for a Basic Offset Table",
                                      section="PS3.5 A.4")
            total = self.splice.meta_size + self.splice.size + pixels
            made = PyBytes_FromStringAndSize(NULL, total)
            at = <uint8_t *>PyBytes_AS_STRING(made)
            memcpy(at, self.splice.meta, self.splice.meta_size)
            at += self.splice.meta_size
            at = self.copied(at, 0, self.splice.before, head, 0)
            if frames is not None:
                at += rk_dcm_encapsulated_head(sizes, n, at)
                for i in range(n):
                    at = _item(at, frames[i], sizes[i])
                memcpy(at, b"\xfe\xff\xdd\xe0\0\0\0\0", 8)
                at += 8
            at = self.copied(at, self.splice.before, self.splice.n, tail, base)
            if at != <uint8_t *>PyBytes_AS_STRING(made) + total:
                raise RadkitError("internal error: a layout of another size")
            return made
        finally:
            free(sizes)

    cdef uint8_t *copied(self, uint8_t *at, size_t first, size_t stop,
                         const uint8_t[::1] window, uint64_t base) except NULL:
        cdef rk_dcm_piece *piece
        cdef size_t i
        cdef uint64_t size = window.shape[0]
        for i in range(first, stop):
            piece = &self.splice.pieces[i]
            if piece.bytes != NULL:
                memcpy(at, piece.bytes, piece.size)
            elif piece.offset < base or piece.size > size or \
                    piece.offset - base > size - piece.size:
                raise RadkitError("internal error: a piece outside of the bytes at hand")
            else:
                memcpy(at, &window[piece.offset - base], piece.size)
            at += piece.size
        return at


cdef uint8_t *_item(uint8_t *at, frame, uint64_t size) except NULL:
    """Write one fragment, padded to even."""
    cdef Py_buffer view
    PyObject_GetBuffer(frame, &view, PyBUF_C_CONTIGUOUS)
    try:
        if <uint64_t>view.len != size:
            raise RadkitError("internal error: a frame of another size")
        rk_dcm_item_head(size, at)
        if size:
            memcpy(at + 8, view.buf, size)
        at += 8 + size
        if size & 1:
            at[0] = 0
            at += 1
        return at
    finally:
        PyBuffer_Release(&view)
