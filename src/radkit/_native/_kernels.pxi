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

cdef extern from "kernels/window.h" nogil:
    ctypedef enum rk_window_kind:
        RK_WINDOW_LINEAR
        RK_WINDOW_LINEAR_EXACT
        RK_WINDOW_SIGMOID
    ctypedef enum rk_window_path:
        RK_WINDOW_BY_TABLE
        RK_WINDOW_BY_INTEGER
        RK_WINDOW_BY_REAL
    ctypedef struct rk_window:
        rk_window_kind kind
    ctypedef struct rk_window_fast:
        uint8_t base

ctypedef void (*values_fn)(const rk_window *, int64_t, uint8_t *, size_t) noexcept nogil
ctypedef void (*direct_fn)(const rk_window *, const void *, uint8_t *, size_t) noexcept nogil
ctypedef void (*fast_fn)(const rk_window_fast *, const void *, uint8_t *, size_t) noexcept nogil
ctypedef void (*map_fn)(const uint8_t *, const void *, uint8_t *, size_t) noexcept nogil
ctypedef void (*look_fn)(const uint8_t *, size_t, int64_t, const void *, uint8_t *,
                         size_t) noexcept nogil

cdef extern from "kernels/window.h" nogil:
    ctypedef struct rk_window_table:
        values_fn values
        direct_fn f32, f64, i32, u32
        fast_fn integer, real
        map_fn map8, map16
        look_fn look_u8, look_i8, look_u16, look_i16, look_u32, look_i32
    void rk_window_table_fill(rk_window_table *, uint32_t)
    rk_window rk_window_make(rk_window_kind, double, double, double, double, uint8_t, uint8_t,
                             bool_t)
    double rk_window_grey(const rk_window *)
    rk_window_path rk_window_fit(rk_window_fast *, const rk_window_table *, const uint8_t *,
                                 unsigned int, bool_t, double)

cdef extern from "kernels/palette.h" nogil:
    ctypedef struct rk_palette:
        const void *red
        const void *green
        const void *blue
        size_t entries
        int64_t first

ctypedef void (*palette_fn)(const rk_palette *, const void *, void *, size_t) noexcept nogil

cdef extern from "kernels/palette.h" nogil:
    ctypedef struct rk_palette_table:
        palette_fn u8_8, i8_8, u16_8, i16_8, u8_16, i8_16, u16_16, i16_16
    void rk_palette_table_fill(rk_palette_table *, uint32_t)
