# The arrays of a call: any C-contiguous buffer in native byte order, held until the call ends.

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t


cdef class Array:
    """Pointer, element type and element count of one argument."""

    cdef Py_buffer view
    cdef const uint8_t *data
    cdef size_t size      # elements
    cdef size_t itemsize
    cdef str name
    cdef bint held
    cdef char kind        # b"u", b"i" or b"f"

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef uint8_t *out(self) noexcept nogil:
        """The pointer of an array that was opened for writing."""
        return <uint8_t *>self.view.buf


cdef Array opened(object obj, str name, bint writable):
    cdef Array a = Array.__new__(Array)
    cdef int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT
    cdef const char *code
    a.name = name
    try:
        PyObject_GetBuffer(obj, &a.view, flags | PyBUF_WRITABLE if writable else flags)
    except TypeError:
        raise TypeError(f"{name} is not an array or buffer but {type(obj).__name__}") from None
    except (BufferError, ValueError):
        wanted = "writable and C-contiguous" if writable else "C-contiguous"
        raise ValueError(f"{name} is not {wanted}") from None
    a.held = True
    a.data = <const uint8_t *>a.view.buf
    a.itemsize = a.view.itemsize
    a.size = a.view.len // a.view.itemsize if a.view.itemsize > 0 else 0
    code = "B"
    if a.view.format is not NULL:
        code = a.view.format
    if code[0] in b"@=<" and code[1] != 0:  # every machine here is little-endian
        code += 1
    if code[0] in b"BHILQ?c" and code[1] == 0:
        a.kind = b"u"
    elif code[0] in b"bhilq" and code[1] == 0:
        a.kind = b"i"
    elif code[0] in b"fd" and code[1] == 0:
        a.kind = b"f"
    else:
        raise TypeError(f"{name} has elements of format {code!r}; integers or floats in native "
                        "byte order are possible")
    return a


cdef Array integers(object obj, str name, bint writable, size_t low, size_t high):
    """An integer array with elements of `low` to `high` bytes."""
    cdef Array a = opened(obj, name, writable)
    if a.kind == b"f" or not low <= a.itemsize <= high:
        wanted = f"{8 * low}" if low == high else f"{8 * low} to {8 * high}"
        raise TypeError(f"{name} must have integers of {wanted} bits")
    return a


cdef Array octets(object obj, str name, bint writable):
    """A uint8 array (or bytes)."""
    cdef Array a = integers(obj, name, writable, 1, 1)
    if a.kind != b"u":
        raise TypeError(f"{name} must be uint8")
    return a


cdef int same_size(Array a, size_t size) except -1:
    if a.size != size:
        raise ValueError(f"{a.name} has {a.size} elements, not {size}")
    return 0


cdef int apart(Array a, Array b, bint same=False) except -1:
    """Refuse two arrays that share memory; `same`: unless they are the very same."""
    cdef uintptr_t x = <uintptr_t>a.data, y = <uintptr_t>b.data
    cdef size_t m = a.size * a.itemsize, n = b.size * b.itemsize
    if m == 0 or n == 0 or (same and x == y and m == n):
        return 0
    if x < y + n and y < x + m:
        raise ValueError(f"{a.name} and {b.name} share memory")
    return 0


cdef int known(uint32_t cpu) except -1:
    if cpu & ~<uint32_t>DETECTED:
        raise ValueError(f"this machine lacks the instructions of cpu={cpu:#x}")
    return 0
