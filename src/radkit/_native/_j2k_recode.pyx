# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of j2k/recode.h: code-blocks of Part 1 into those of Part 15, and back."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

include "_status.pxi"
include "_j2k_stream.pxi"

cdef extern from "j2k/rules.h" nogil:
    enum:
        RK_J2K_TILES
        RK_J2K_ROI
        RK_J2K_PLANES
        RK_J2K_PSOT
        RK_J2K_TLM

cdef extern from "j2k/recode.h" nogil:
    ctypedef struct rk_j2k_recoding:
        bint ht, keep, split, tlm, plt
        uint8_t order
        const char *comment
        uint32_t cpu
    ctypedef struct rk_j2k_writing:
        pass
    ctypedef struct rk_j2k_sink:
        uint8_t *data
        size_t capacity, size
    ctypedef struct rk_j2k_recoder:
        rk_j2k_writing writing
        uint64_t cut
    rk_status rk_j2k_recoder_open(rk_j2k_recoder *r, rk_j2k_stream *s,
                                  const rk_j2k_recoding *task)
    rk_status rk_j2k_recoder_run(rk_j2k_recoder *r)
    rk_status rk_j2k_recoder_fit(rk_j2k_recoder *r, uint64_t room, uint64_t *least)
    uint64_t rk_j2k_recoder_estimate(const rk_j2k_recoder *r)
    void rk_j2k_recoder_close(rk_j2k_recoder *r)
    rk_status rk_j2k_write(rk_j2k_writing *w, rk_j2k_sink *sink)

# What an intact codestream may hold that is not recoded.
cdef dict REFUSALS = {
    RK_J2K_TILES: ("more than 65535 tiles", "T.800 A.5.1"),
    RK_J2K_ROI: ("a region of interest is lossy, HT blocks cannot have it", "T.800 H"),
    RK_J2K_PLANES: ("coefficients have more bit-planes than can be recoded", "T.800 E.1"),
    RK_J2K_PSOT: ("a tile-part is longer than 32 bits can say", "T.800 A.4.2"),
    RK_J2K_TLM: ("more tile-parts than TLM can tell of", "T.800 A.7.1"),
    RK_J2K_MAX_PACKETS: ("more packets in a tile-part than PLT can tell of", "T.800 A.7.3"),
}


cdef object _wrong(const rk_j2k_stream *s, rk_status status):
    """Return the error of a status: the source is at fault, or of a kind that is not recoded."""
    if status.code != RK_UNSUPPORTED or status.rule not in REFUSALS:
        return _error(s, status)
    text, section = REFUSALS[status.rule]
    return _rk_errors.EncodeError(
        f"code-blocks are not recoded: {text}",
        section=section,
        hint="Decode the image and encode it",
    )


def recode(const uint8_t[::1] data not None, size_t start, size_t stop, *, bint ht,
           unsigned order, bint split, bint tlm, bint plt, bytes comment not None,
           uint64_t pixels, uint64_t tiles, uint64_t blocks, uint64_t packets, uint64_t memory,
           double seconds, uint32_t cpu, room=None):
    """Recode data[start:stop] to code-blocks of one kind: HT, or Part 1.

    With `room` blocks keep their bytes, as many of them as make the best picture within so
    many bytes.

    Returns the codestream, and how many blocks of the source end above bit-plane 0; with `room`
    the codestream, None if there is no room for one, and the bytes that it takes at least.
    """
    cdef rk_j2k_stream s
    cdef rk_j2k_recoder r
    cdef rk_j2k_recoding task
    cdef rk_j2k_limits limits
    cdef rk_status status
    cdef uint64_t most = 0 if room is None else room, least = 0
    if not start <= stop <= <size_t>data.shape[0] or stop == 0 or order > 4:
        raise ValueError("start and stop are not inside the data, or there is no such order")
    limits = _limits(pixels, tiles, blocks, packets, memory, seconds)
    task.ht, task.order, task.split, task.tlm, task.plt = ht, order, split, tlm, plt
    task.keep = room is not None
    task.comment, task.cpu = PyBytes_AS_STRING(comment), cpu
    cdef const uint8_t *source = &data[0]
    try:
        with nogil:
            status = rk_j2k_stream_read(&s, source, start, stop, &limits, True)
        if status.code != RK_OK:
            raise _wrong(&s, status)
        try:
            with nogil:
                status = rk_j2k_recoder_open(&r, &s, &task)
                if status.code == RK_OK:
                    status = rk_j2k_recoder_run(&r)
                if status.code == RK_OK and task.keep:
                    status = rk_j2k_recoder_fit(&r, most, &least)
            if status.code != RK_OK:
                raise _wrong(&s, status)
            if task.keep:
                return (_written(&s, &r) if least <= most else None), least
            return _written(&s, &r), r.cut
        finally:
            rk_j2k_recoder_close(&r)
    finally:
        rk_j2k_stream_end(&s)


cdef bytes _written(const rk_j2k_stream *s, rk_j2k_recoder *r):
    cdef rk_j2k_sink sink
    cdef rk_status status
    cdef uint64_t size = rk_j2k_recoder_estimate(r)
    while True:
        written = PyBytes_FromStringAndSize(NULL, size)
        sink.data = <uint8_t *>PyBytes_AS_STRING(written)
        sink.capacity, sink.size = size, 0
        with nogil:
            status = rk_j2k_write(&r.writing, &sink)
        if status.code == RK_OK:
            return written[: sink.size]
        if status.code != RK_LIMIT or sink.size <= size:
            raise _wrong(s, status)
        size = sink.size
