# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of kernels/jpegll.h: one frame at a time, buffers from the caller."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t

include "_status.pxi"

cdef extern from "kernels/jpegll.h" nogil:
    enum:
        RK_JPEGLL_HEADER
        RK_JPEGLL_SLACK
    ctypedef struct rk_jpegll_table:
        size_t (*emit)(uint8_t *, const uint16_t *, size_t, const rk_jpegll_codes *) noexcept nogil
    ctypedef struct rk_jpegll_info:
        uint32_t rows, cols, components, precision, predictor, transform, restart
        uint8_t ids[4]
        int32_t adobe
    ctypedef struct rk_jpegll_result:
        uint64_t sound
        bint no_eoi
    ctypedef struct rk_jpegll_codes:
        pass
    ctypedef struct rk_jpegll_plan:
        size_t rows, cols, components, width
        uint32_t precision, predictor
        rk_jpegll_codes codes
        size_t coded
        bint fits
    void rk_jpegll_table_fill(rk_jpegll_table *t, uint32_t cpu)
    rk_status rk_jpegll_read_info(rk_jpegll_info *info, const uint8_t *data, size_t size)
    bint rk_jpegll_work_size(size_t *work, size_t cols, size_t components)
    rk_status rk_jpegll_decode(const rk_jpegll_table *t, rk_jpegll_result *result,
                               const uint8_t *data, size_t size, uint8_t *out, size_t rows,
                               size_t cols, size_t components, size_t width, uint8_t *work,
                               bint strict)
    void rk_jpegll_plan_make(const rk_jpegll_table *t, rk_jpegll_plan *plan, const uint8_t *data,
                             uint16_t *diff, uint16_t *rows)
    size_t rk_jpegll_write_header(const rk_jpegll_plan *plan, uint8_t *dst)
    size_t rk_jpegll_stuff(uint8_t *dst, const uint8_t *src, size_t n)

SLACK = RK_JPEGLL_SLACK

# In the order of `enum rk_jpegll_rule`.
cdef tuple RULES = (
    ("no fault", None),
    ("the JPEG stream does not begin with SOI", "T.81 B.2.1"),
    ("the JPEG stream ends before its samples", "T.81 B.2.1"),
    ("a JPEG marker segment has a wrong length", "T.81 B.1.1.4"),
    ("the JPEG stream is not of the lossless process (SOF3)", "T.81 table B.1"),
    ("JPEG with arithmetic coding is not supported", "T.81 table B.1"),
    ("hierarchical JPEG is not supported", "T.81 annex J"),
    ("a second image begins inside the JPEG stream", "T.81 B.2.1"),
    ("precision, size or components of the JPEG frame are out of range", "T.81 B.2.2"),
    ("the JPEG frame tells its height at its end (DNL), which is not supported", "T.81 B.2.5"),
    ("JPEG Lossless with subsampled components is not supported", "T.81 B.2.2"),
    ("a Huffman table is broken", "T.81 B.2.4.2"),
    ("a scan uses a Huffman table that is not defined", "T.81 B.2.3"),
    ("a scan does not fit its frame", "T.81 B.2.3"),
    ("the predictor of a scan is not 1 to 7", "T.81 table H.1"),
    ("the point transform of a scan leaves no bits", "T.81 table B.3"),
    ("the restart interval is not a whole number of lines", "T.81 H.1.1"),
    ("a restart marker is out of order", "T.81 B.1.1.3"),
    ("the entropy-coded data end before the samples", "T.81 H.2"),
    ("the entropy-coded data hold a code that is not in the Huffman table", "T.81 F.2.2.3"),
    ("the entropy-coded data hold a difference of more than 16 bits", "T.81 table H.2"),
    ("the JPEG stream ends before all components have come", "T.81 B.2.3"),
    ("the JPEG stream has changed while it was decoded", None),
)


def info(const uint8_t[::1] data not None):
    """Return (rows, cols, components, precision, predictor, transform, restart, ids, adobe).

    Of the markers up to the first scan.
    """
    cdef rk_jpegll_info found
    cdef rk_status status
    cdef const uint8_t *source = &data[0] if data.shape[0] else NULL
    with nogil:
        status = rk_jpegll_read_info(&found, source, <size_t>data.shape[0])
    if status.code != RK_OK:
        raise rk_status_error(status, RULES)
    ids = tuple([found.ids[k] for k in range(found.components)])
    return (found.rows, found.cols, found.components, found.precision, found.predictor,
            found.transform, found.restart, ids, found.adobe)


def work_size(size_t cols, size_t components) -> int:
    """Return the bytes of work that `decode` needs, alignment included."""
    cdef size_t work = 0
    if not rk_jpegll_work_size(&work, cols, components):
        raise ValueError("the size is out of range")
    return work + 64


def decode(const uint8_t[::1] data not None, uint8_t[::1] out not None,
           uint8_t[::1] work not None, *, size_t rows, size_t cols, size_t components,
           size_t width, uint32_t cpu, bint strict):
    """Decode one frame; return (samples that were decoded, EOI is missing, first fault).

    With `strict` a fault raises. Else it is returned, unless nothing was decoded.
    """
    cdef rk_jpegll_table table
    cdef rk_jpegll_result result
    cdef rk_status status
    cdef size_t size = data.shape[0], need = 0, total
    if not (1 <= rows <= 65535 and 1 <= cols <= 65535 and 1 <= components <= 4
            and 1 <= width <= 2) or not rk_jpegll_work_size(&need, cols, components):
        raise ValueError("the size is out of range")
    total = rows * cols * components
    if <size_t>out.shape[0] != total * width or <size_t>work.shape[0] < need + 64:
        raise ValueError("out or work has a wrong size")
    cdef const uint8_t *source = &data[0] if size else NULL
    cdef uint8_t *aligned = &work[0] + (64 - <uintptr_t>&work[0] % 64)
    rk_jpegll_table_fill(&table, cpu)
    with nogil:
        status = rk_jpegll_decode(&table, &result, source, size, &out[0], rows, cols, components,
                                  width, aligned, strict)
    if status.code == RK_OK:
        return result.sound, bool(result.no_eoi), None
    fault = rk_status_error(status, RULES, <double>result.sound / <double>total)
    if strict or result.sound == 0:
        raise fault
    return result.sound, bool(result.no_eoi), fault


def encode(const uint8_t[::1] data not None, uint16_t[::1] diff not None,
           uint16_t[::1] lines not None, *, size_t rows, size_t cols, size_t components,
           size_t width, uint32_t precision, uint32_t predictor, uint32_t cpu):
    """Encode one frame; return its bytes, or None if a sample has more bits than `precision`.

    `diff` has an entry per sample and `SLACK` more, `lines` has two per sample of a line.
    """
    cdef rk_jpegll_table table
    cdef rk_jpegll_plan plan
    cdef size_t total, used, head
    if not (1 <= rows <= 65535 and 1 <= cols <= 65535 and 1 <= components <= 4
            and 1 <= width <= 2 and 2 <= precision <= 16 and 1 <= predictor <= 7):
        raise ValueError("the size, precision or predictor is out of range")
    total = rows * cols * components
    if <size_t>data.shape[0] != total * width or <size_t>lines.shape[0] < 2 * cols * components:
        raise ValueError("data or lines has a wrong size")
    if <size_t>diff.shape[0] < total + RK_JPEGLL_SLACK:
        raise ValueError("diff has a wrong size")
    rk_jpegll_table_fill(&table, cpu)
    plan.rows, plan.cols, plan.components, plan.width = rows, cols, components, width
    plan.precision, plan.predictor = precision, predictor
    with nogil:
        rk_jpegll_plan_make(&table, &plan, &data[0], &diff[0], &lines[0])
    if not plan.fits:
        return None
    cdef bytearray coded = bytearray(plan.coded + 16)
    cdef uint8_t[::1] coded_view = coded
    with nogil:
        used = table.emit(&coded_view[0], &diff[0], total, &plan.codes)
    if used != plan.coded:
        raise rk_error(RK_INTERNAL, "the size of the coded data is not what was planned")
    cdef uint8_t[::1] room = bytearray(RK_JPEGLL_HEADER + used + coded.count(b"\xff") + 2)
    with nogil:
        head = rk_jpegll_write_header(&plan, &room[0])
        used = head + rk_jpegll_stuff(&room[head], &coded_view[0], used)
        room[used] = 0xFF
        room[used + 1] = 0xD9
    return bytes(room[:used + 2])
