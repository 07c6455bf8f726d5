# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Pixel kernels of the product: bits, cells, colour, windows, palettes (see _pixels.pyi)."""

from libc.string cimport memcmp

import numpy as np

from radkit._native.cpu import DETECTED, USE

include "_arrays.pxi"
include "_kernels.pxi"


# ---- one-bit pixels ---------------------------------------------------------------------


def unpack_bits(data, uint64_t start_bit, uint64_t count, out, *, uint32_t cpu=USE):
    cdef Array src = octets(data, "data", False), to = octets(out, "out", True)
    cdef rk_bits_table table
    known(cpu)
    if count > 8 * <uint64_t>src.size or start_bit > 8 * <uint64_t>src.size - count:
        raise ValueError(f"data has {src.size} bytes, too few for {count} bits from bit "
                         f"{start_bit} on")
    same_size(to, count)
    apart(src, to)
    rk_bits_table_fill(&table, cpu)
    with nogil:
        table.unpack(src.data, start_bit, to.out(), count)


def pack_bits(values, out, *, uint64_t start_bit=0, uint32_t cpu=USE):
    cdef Array src = octets(values, "values", False), to = octets(out, "out", True)
    cdef rk_bits_table table
    known(cpu)
    if src.size > 8 * <uint64_t>to.size or start_bit > 8 * <uint64_t>to.size - src.size:
        raise ValueError(f"out has {to.size} bytes, too few for {src.size} bits from bit "
                         f"{start_bit} on")
    apart(src, to)
    rk_bits_table_fill(&table, cpu)
    with nogil:
        table.pack(src.data, src.size, to.out(), start_bit)


# ---- cells ------------------------------------------------------------------------------


cdef rk_cell cell_of(size_t itemsize, long bits_stored, long high_bit, bint signed,
                     bint swap) except *:
    cdef rk_cell cell
    if not 1 <= bits_stored <= high_bit + 1 <= <long>(8 * itemsize):
        raise ValueError(f"bits_stored {bits_stored} and high_bit {high_bit} do not fit a cell of "
                         f"{8 * itemsize} bits")
    cell.shift = <uint8_t>(high_bit + 1 - bits_stored)
    cell.bits = <uint8_t>bits_stored
    cell.is_signed = signed
    cell.swap = swap
    return cell


def finish(src, out, *, long bits_stored, long high_bit, bint signed, bint swap=False,
           uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 8), to = integers(out, "out", True, 1, 8)
    cdef rk_cell cell = cell_of(a.itemsize, bits_stored, high_bit, signed, swap)
    cdef rk_pack_table table
    cdef finish_fn fn
    known(cpu)
    if to.itemsize != a.itemsize:
        raise TypeError(f"out has {8 * to.itemsize} bits per element, src {8 * a.itemsize}")
    same_size(to, a.size)
    apart(a, to, same=True)
    rk_pack_table_fill(&table, cpu)
    fn = (table.finish8 if a.itemsize == 1 else table.finish16 if a.itemsize == 2
          else table.finish32 if a.itemsize == 4 else table.finish64)
    with nogil:
        fn(a.data, to.out(), a.size, cell)


def convert(src, out, *, long bits, bint signed, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 4), to = integers(out, "out", True, 1, 4)
    cdef rk_cell cell = cell_of(a.itemsize, bits, bits - 1, signed, False)
    cdef size_t f = a.itemsize, t = to.itemsize
    cdef rk_pack_table table
    cdef convert_fn fn
    cdef finish_fn same
    known(cpu)
    same_size(to, a.size)
    apart(a, to, same=True)
    if f != t and a.data == to.data and a.size:
        raise ValueError("src and out share memory")
    rk_pack_table_fill(&table, cpu)
    if f == t:
        same = table.finish8 if f == 1 else table.finish16 if f == 2 else table.finish32
        with nogil:
            same(a.data, to.out(), a.size, cell)
        return
    if f == 1:
        fn = table.convert8to16 if t == 2 else table.convert8to32
    elif f == 2:
        fn = table.convert16to8 if t == 1 else table.convert16to32
    else:
        fn = table.convert32to8 if t == 1 else table.convert32to16
    with nogil:
        fn(a.data, to.out(), a.size, cell.bits, cell.is_signed)


def widen_cells(data, out, *, unsigned int cell_bytes, bint big_endian=False):
    cdef Array src = octets(data, "data", False), to = integers(out, "out", True, 4, 8)
    if not 1 <= cell_bytes <= to.itemsize:
        raise ValueError(f"cells of {cell_bytes} bytes do not fit {8 * to.itemsize} bits")
    if src.size % cell_bytes:
        raise ValueError(f"data of {src.size} bytes is not made of cells of {cell_bytes} bytes")
    same_size(to, src.size // cell_bytes)
    apart(src, to)
    with nogil:
        if to.itemsize == 4:
            rk_pack_cells32(src.data, to.out(), to.size, cell_bytes, big_endian)
        else:
            rk_pack_cells64(src.data, to.out(), to.size, cell_bytes, big_endian)


def any_outside(src, *, long bits_stored, long high_bit, bint swap=False, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 8)
    cdef rk_cell cell = cell_of(a.itemsize, bits_stored, high_bit, False, swap)
    cdef rk_pack_table table
    cdef outside_fn fn
    cdef bint found
    known(cpu)
    rk_pack_table_fill(&table, cpu)
    fn = (table.outside8 if a.itemsize == 1 else table.outside16 if a.itemsize == 2
          else table.outside32 if a.itemsize == 4 else table.outside64)
    with nogil:
        found = fn(a.data, a.size, cell)
    return found != 0


def same_bytes(one, other):
    cdef Array a = opened(one, "one", False)
    cdef Array b = opened(other, "other", False)
    cdef size_t size = a.size * a.itemsize
    cdef bint equal = size == b.size * b.itemsize
    if equal and size:
        with nogil:
            equal = memcmp(a.data, b.data, size) == 0
    return equal


def minmax(src, *, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 4)
    cdef bint signed = a.kind == b"i"
    cdef rk_pack_table table
    cdef range_fn fn
    cdef int64_t low = 0, high = 0
    known(cpu)
    if a.size == 0:
        return None
    rk_pack_table_fill(&table, cpu)
    if a.itemsize == 1:
        fn = table.range_i8 if signed else table.range_u8
    elif a.itemsize == 2:
        fn = table.range_i16 if signed else table.range_u16
    else:
        fn = table.range_i32 if signed else table.range_u32
    with nogil:
        fn(a.data, a.size, &low, &high)
    return low, high


def interleave(src, out, *, size_t samples, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 4), to = integers(out, "out", True, 1, 4)
    cdef rk_pack_table table
    cdef interleave_fn fn
    known(cpu)
    if not 1 <= samples <= 255:
        raise ValueError(f"samples is {samples}; 1 to 255 are possible")
    if to.itemsize != a.itemsize:
        raise TypeError(f"out has {8 * to.itemsize} bits per element, src {8 * a.itemsize}")
    if a.size % samples:
        raise ValueError(f"src of {a.size} elements is not made of {samples} planes")
    same_size(to, a.size)
    apart(a, to)
    rk_pack_table_fill(&table, cpu)
    fn = (table.interleave8 if a.itemsize == 1 else table.interleave16 if a.itemsize == 2
          else table.interleave32)
    with nogil:
        fn(a.data, to.out(), a.size // samples, samples)


# ---- colour -----------------------------------------------------------------------------


cdef unsigned int depth(Array a, Array to, object bits) except 0:
    """Bits per sample of a colour conversion from `a` to `to`."""
    cdef long limit = 8 * a.itemsize, asked = limit if bits is None else bits
    if a.kind != b"u" or to.kind != b"u" or a.itemsize != to.itemsize:
        raise TypeError("src and out must both be uint8 or both uint16")
    if not 1 <= asked <= limit or (limit == 8 and asked != 8):
        raise ValueError(f"bits is {asked}; of uint8 it must be 8, of uint16 1 to 16")
    return asked


def ybr_full_to_rgb(src, out, *, bits=None, bint planar=False, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 2), to = integers(out, "out", True, 1, 2)
    cdef unsigned int b = depth(a, to, bits)
    cdef size_t n = a.size // 3
    cdef rk_colour_table table
    cdef rk_pack_table pack
    known(cpu)
    if a.size % 3:
        raise ValueError(f"src has {a.size} elements, not a multiple of 3")
    same_size(to, a.size)
    apart(a, to, same=not planar)
    rk_colour_table_fill(&table, cpu)
    rk_pack_table_fill(&pack, cpu)
    with nogil:
        if a.itemsize == 1 and planar:
            table.planes8(a.data, a.data + n, a.data + 2 * n, to.out(), n)
        elif a.itemsize == 1:
            table.rgb8(a.data, to.out(), n)
        elif planar:
            pack.interleave16(a.data, to.out(), n, 3)
            table.rgb16(to.out(), to.out(), n, b)
        else:
            table.rgb16(a.data, to.out(), n, b)


cdef size_t pixels_422(Array a, Array to, Py_ssize_t rows, Py_ssize_t cols) except? 0:
    if rows < 0 or cols < 0 or cols % 2:
        raise ValueError(f"{rows} x {cols} cannot be YBR_FULL_422: columns go in pairs")
    if cols and <size_t>rows > a.size // <size_t>cols:
        raise ValueError(f"src has {a.size} elements, too few for {rows} x {cols} pixels")
    same_size(a, 2 * <size_t>rows * <size_t>cols)
    same_size(to, 3 * <size_t>rows * <size_t>cols)
    apart(a, to)
    return <size_t>rows * <size_t>cols


def ybr_422_to_ybr_full(src, out, Py_ssize_t rows, Py_ssize_t cols, *, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 2), to = integers(out, "out", True, 1, 2)
    cdef unsigned int b = depth(a, to, None)
    cdef size_t n = pixels_422(a, to, rows, cols)
    cdef rk_colour_table table
    known(cpu)
    rk_colour_table_fill(&table, cpu)
    with nogil:
        if a.itemsize == 1:
            table.ybr422_8(a.data, to.out(), n)
        else:
            table.ybr422_16(a.data, to.out(), n, b)


def ybr_422_to_rgb(src, out, Py_ssize_t rows, Py_ssize_t cols, *, bits=None, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 2), to = integers(out, "out", True, 1, 2)
    cdef unsigned int b = depth(a, to, bits)
    cdef size_t n = pixels_422(a, to, rows, cols)
    cdef rk_colour_table table
    known(cpu)
    rk_colour_table_fill(&table, cpu)
    with nogil:
        if a.itemsize == 1:
            table.rgb422_8(a.data, to.out(), n)
        else:
            table.ybr422_16(a.data, to.out(), n, b)
            table.rgb16(to.out(), to.out(), n, b)


# ---- windows, tables, palettes ------------------------------------------------------------

include "_window.pxi"
