# The kernels of kernels/{bits,pack,colour,window}.h, as their tables hold them.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "<stdbool.h>" nogil:
    ctypedef bint bool_t "bool"

ctypedef void (*unpack_fn)(const uint8_t *, uint64_t, uint8_t *, size_t) noexcept nogil
ctypedef void (*pack_fn)(const uint8_t *, size_t, uint8_t *, uint64_t) noexcept nogil

cdef extern from "kernels/bits.h" nogil:
    ctypedef struct rk_bits_table:
        unpack_fn unpack
        pack_fn pack
    void rk_bits_table_fill(rk_bits_table *, uint32_t)

cdef extern from "kernels/pack.h" nogil:
    ctypedef struct rk_cell:
        uint8_t shift
        uint8_t bits
        bool_t is_signed
        bool_t swap

ctypedef void (*finish_fn)(const void *, void *, size_t, rk_cell) noexcept nogil
ctypedef bool_t (*outside_fn)(const void *, size_t, rk_cell) noexcept nogil
ctypedef void (*convert_fn)(const void *, void *, size_t, unsigned int, bool_t) noexcept nogil
ctypedef void (*interleave_fn)(const void *, void *, size_t, size_t) noexcept nogil
ctypedef void (*range_fn)(const void *, size_t, int64_t *, int64_t *) noexcept nogil

cdef extern from "kernels/pack.h" nogil:
    ctypedef struct rk_pack_table:
        finish_fn finish8, finish16, finish32, finish64
        outside_fn outside8, outside16, outside32, outside64
        convert_fn convert8to16, convert8to32, convert16to8, convert16to32
        convert_fn convert32to8, convert32to16
        interleave_fn interleave8, interleave16, interleave32
        range_fn range_u8, range_i8, range_u16, range_i16, range_u32, range_i32
    void rk_pack_table_fill(rk_pack_table *, uint32_t)
    void rk_pack_cells32(const uint8_t *, void *, size_t, unsigned int, bool_t)
    void rk_pack_cells64(const uint8_t *, void *, size_t, unsigned int, bool_t)

ctypedef void (*colour_fn)(const uint8_t *, uint8_t *, size_t) noexcept nogil
ctypedef void (*planes_fn)(const uint8_t *, const uint8_t *, const uint8_t *, uint8_t *,
                           size_t) noexcept nogil
ctypedef void (*words_fn)(const void *, void *, size_t, unsigned int) noexcept nogil

cdef extern from "kernels/colour.h" nogil:
    ctypedef struct rk_colour_table:
        colour_fn rgb8
        planes_fn planes8
        colour_fn ybr422_8
        colour_fn rgb422_8
        words_fn rgb16
        words_fn ybr422_16
    void rk_colour_table_fill(rk_colour_table *, uint32_t)
