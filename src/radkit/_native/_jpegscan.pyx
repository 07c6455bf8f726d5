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
    ctypedef struct rk_jpegscan_plan:
        const rk_jpegscan_huff *dc[10]
        const rk_jpegscan_huff *ac[10]
        uint32_t blocks
        uint64_t mcus
        uint32_t restart
    bint rk_jpegscan_table(rk_jpegscan_huff *t, const uint8_t *counts, const uint8_t *symbols,
                           size_t size)
    rk_status rk_jpegscan_walk(const rk_jpegscan_plan *plan, const uint8_t *data, size_t size,
                               uint64_t *whole, uint64_t *spare)

# In the order of `enum rk_jpegscan_rule`.
cdef tuple RULES = (
    ("no fault", None),
    ("a Huffman table is no prefix code", "T.81 C"),
    ("bits that are no code of their Huffman table", "T.81 F.2.2.3"),
    ("a block has more than 64 coefficients", "T.81 F.2.2.2"),
    ("another marker than the restart that is due", "T.81 B.1.1.3"),
    ("the entropy-coded data end before the image is whole", "T.81 B.1.1.5"),
)


def walk(const uint8_t[::1] data not None, *, list tables, list blocks, uint64_t mcus,
         uint32_t restart):
    """Walk the entropy-coded data of one scan.

    `tables` are DHT bodies without their class byte: 16 counts, then symbols.
    `blocks` are pairs of indexes into them, (DC, AC), for each block of an MCU.
    Returns (whole MCUs, spare bytes, error or None).
    """
    cdef rk_jpegscan_huff built[8]
    cdef rk_jpegscan_plan plan
    cdef rk_status status
    cdef uint64_t whole = 0, spare = 0
    cdef const uint8_t[::1] table
    cdef Py_ssize_t index, dc, ac, size = data.shape[0]
    cdef const uint8_t *source = &data[0] if size else NULL
    if not 1 <= len(tables) <= 8 or not 1 <= len(blocks) <= RK_JPEGSCAN_BLOCKS:
        raise ValueError("1 to 8 tables and 1 to 10 blocks")
    for index in range(len(tables)):
        table = tables[index]
        if table.shape[0] < 17 or not rk_jpegscan_table(&built[index], &table[0], &table[16],
                                                        table.shape[0] - 16):
            return 0, 0, rk_error(RK_CORRUPT, RULES[1][0], RULES[1][1])
    for index in range(len(blocks)):
        dc, ac = blocks[index]
        if not 0 <= dc < len(tables) or not 0 <= ac < len(tables):
            raise ValueError("a block of a table that is not there")
        plan.dc[index] = &built[dc]
        plan.ac[index] = &built[ac]
    plan.blocks = <uint32_t>len(blocks)
    plan.mcus = mcus
    plan.restart = restart
    with nogil:
        status = rk_jpegscan_walk(&plan, source, <size_t>size, &whole, &spare)
    if status.code == RK_OK:
        return whole, spare, None
    return whole, spare, rk_status_error(status, RULES, <double>whole / <double>(mcus or 1))
