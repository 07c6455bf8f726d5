# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of kernels/jpegscan.h: is a sequential JPEG scan whole?"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

include "_status.pxi"

cdef extern from "kernels/jpegscan.h" nogil:
    enum:
        RK_JPEGSCAN_BLOCKS
    ctypedef struct rk_jpegscan_huff:
        pass
    ctypedef struct rk_jpegscan_leaps:
        pass
    ctypedef struct rk_jpegscan_plan:
        const rk_jpegscan_huff *dc[10]
        const rk_jpegscan_huff *ac[10]
        const rk_jpegscan_leaps *leaps[10]
        uint32_t blocks
        uint64_t mcus
        uint32_t restart
    bint rk_jpegscan_table(rk_jpegscan_huff *t, const uint8_t *counts, const uint8_t *symbols,
                           size_t size)
    rk_status rk_jpegscan_walk(const rk_jpegscan_plan *plan, const uint8_t *data, size_t size,
                               uint64_t *whole, uint64_t *spare)
    void rk_jpegscan_leap(rk_jpegscan_leaps *leaps, const rk_jpegscan_huff *ac)
    size_t rk_jpegscan_marker(const uint8_t *data, size_t size, size_t begin, bint jpegls)

cdef enum:
    MANY_BLOCKS = 1024  # from which on leaps are worth their making
    MOST_KEPT = 32      # tables of 19 KiB

# In the order of `enum rk_jpegscan_rule`.
cdef tuple RULES = (
    ("no fault", None),
    ("a Huffman table is no prefix code", "T.81 C"),
    ("bits that are no code of their Huffman table", "T.81 F.2.2.3"),
    ("a block has more than 64 coefficients", "T.81 F.2.2.2"),
    ("another marker than the restart that is due", "T.81 B.1.1.3"),
    ("the entropy-coded data end before the image is whole", "T.81 B.1.1.5"),
)


def next_marker(const uint8_t[::1] data not None, size_t begin, *, bint jpegls):
    """Return where the marker begins that ends entropy-coded data, the size if none does."""
    cdef size_t size = data.shape[0], found = size
    if begin < size:
        with nogil:
            found = rk_jpegscan_marker(&data[0], size, begin, jpegls)
    return found


cdef class Table:
    """A Huffman table ready for the walk, with its leaps if it is used for AC."""

    cdef rk_jpegscan_huff huff
    cdef rk_jpegscan_leaps leaps
    cdef bint leaping


cdef dict KEPT = {}  # by DHT body: streams of one device share their tables


cdef Table table_of(const uint8_t[::1] body):
    """The table of a DHT body, None if it is no prefix code."""
    cdef Py_ssize_t size = body.shape[0]
    cdef Table table
    if size < 17:
        return None
    key = bytes(body)
    table = KEPT.get(key)
    if table is None:
        table = Table.__new__(Table)
        if not rk_jpegscan_table(&table.huff, &body[0], &body[16], size - 16):
            return None
        if len(KEPT) >= MOST_KEPT:
            KEPT.clear()
        KEPT[key] = table
    return table


def walk(const uint8_t[::1] data not None, *, list tables, list blocks, uint64_t mcus,
         uint32_t restart):
    """Walk the entropy-coded data of one scan.

    `tables` are DHT bodies without their class byte: 16 counts, then symbols.
    `blocks` are pairs of indexes into them, (DC, AC), for each block of an MCU.
    Returns (whole MCUs, spare bytes, error or None).
    """
    cdef list built = []
    cdef Table table, other
    cdef rk_jpegscan_plan plan
    cdef rk_status status
    cdef uint64_t whole = 0, spare = 0
    cdef Py_ssize_t index, dc, ac, size = data.shape[0]
    cdef const uint8_t *source = &data[0] if size else NULL
    if not 1 <= len(tables) <= 8 or not 1 <= len(blocks) <= RK_JPEGSCAN_BLOCKS:
        raise ValueError("1 to 8 tables and 1 to 10 blocks")
    for index in range(len(tables)):
        table = table_of(tables[index])
        if table is None:
            return 0, 0, rk_error(RK_CORRUPT, RULES[1][0], RULES[1][1])
        built.append(table)
    for index in range(len(blocks)):
        dc, ac = blocks[index]
        if not 0 <= dc < len(tables) or not 0 <= ac < len(tables):
            raise ValueError("a block of a table that is not there")
        table, other = built[dc], built[ac]
        plan.dc[index] = &table.huff
        plan.ac[index] = &other.huff
        if not other.leaping and mcus * len(blocks) >= MANY_BLOCKS:
            rk_jpegscan_leap(&other.leaps, &other.huff)
            other.leaping = True
        plan.leaps[index] = &other.leaps if other.leaping else NULL
    plan.blocks = <uint32_t>len(blocks)
    plan.mcus = mcus
    plan.restart = restart
    with nogil:
        status = rk_jpegscan_walk(&plan, source, <size_t>size, &whole, &spare)
    if status.code == RK_OK:
        return whole, spare, None
    return whole, spare, rk_status_error(status, RULES, <double>whole / <double>(mcus or 1))
