# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of j2k/encode.h: an array to one JPEG 2000 or HTJ2K codestream."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

include "_status.pxi"

cdef extern from "j2k/encode.h" nogil:
    ctypedef struct rk_j2k_rect:
        uint32_t x0, y0, x1, y1
    ctypedef struct rk_j2k_style:
        uint8_t levels, xcb, ycb, flags
        bint reversible
        uint8_t precincts[33]
    ctypedef struct rk_j2k_layout:
        rk_j2k_rect image
        uint32_t tx0, ty0, tw, th
        uint16_t comps, layers
        uint8_t depth, order, mct
        rk_j2k_style style
        bint sign, precincts, split, tlm, plt, sop, eph
        const char *comment
    ctypedef struct rk_j2k_source:
        const uint8_t *data
        size_t pitch, stride
    ctypedef struct rk_j2k_task:
        rk_j2k_layout layout
        const rk_j2k_source *sources
        uint8_t bits
        bint sign, keep, rated
        int64_t low, high
        uint32_t cpu
        size_t memory
    ctypedef struct rk_j2k_budget:
        uint64_t asked
    ctypedef struct rk_j2k_writing:
        pass
    ctypedef struct rk_j2k_sink:
        uint8_t *data
        size_t capacity, size
    ctypedef struct rk_j2k_encoder:
        rk_j2k_budget budget
        rk_j2k_writing writing
        uint64_t bytes, most
        double last_slope
        rk_j2k_task task
    rk_status rk_j2k_cut_layers(rk_j2k_encoder *e, const uint64_t *targets)
    rk_status rk_j2k_encoder_open(rk_j2k_encoder *e, const rk_j2k_task *task)
    rk_status rk_j2k_encoder_run(rk_j2k_encoder *e, double step)
    rk_status rk_j2k_encoder_squares_at(rk_j2k_encoder *e, double step, double *squares)
    rk_status rk_j2k_encoder_step_for(rk_j2k_encoder *e, uint64_t bytes, double *step)
    rk_status rk_j2k_encoder_bytes_at(rk_j2k_encoder *e, double step, double *bytes)
    void rk_j2k_encoder_close(rk_j2k_encoder *e)
    uint64_t rk_j2k_encoder_estimate(const rk_j2k_encoder *e)
    rk_status rk_j2k_write(rk_j2k_writing *w, rk_j2k_sink *sink)
    enum:
        RK_J2K_HT
        RK_J2K_TILES
        RK_J2K_PLANES
        RK_J2K_DEPTH
        RK_J2K_PSOT
        RK_J2K_TLM
        RK_J2K_ENOUGH
        RK_J2K_MAX_PACKETS

cdef dict REFUSALS = {
    RK_J2K_TILES: ("more than 65535 tiles", "T.800 A.5.1"),
    RK_J2K_PLANES: ("coefficients have more bit-planes than can be coded", "T.800 E.1"),
    RK_J2K_DEPTH: ("the range of values is too wide for the transform", "T.800 F"),
    RK_J2K_PSOT: ("a tile-part is longer than 32 bits can say", "T.800 A.4.2"),
    RK_J2K_TLM: ("more tile-parts than TLM can tell of", "T.800 A.7.1"),
    RK_J2K_MAX_PACKETS: ("more packets in a tile-part than PLT can tell of", "T.800 A.7.3"),
}


cdef object _error(rk_status status, const rk_j2k_encoder *e):
    """Return the error of a status: what cannot be coded, or what the machine has not."""
    if status.code == RK_UNSUPPORTED:
        text, section = REFUSALS.get(status.rule, ("this layout cannot be coded", None))
        return _rk_errors.EncodeError(text, section=section)
    if status.code == RK_LIMIT:
        return _rk_errors.LimitExceeded(
            f"bytes to encode a frame: {e.budget.asked} more are needed",
            limit="max_memory_bytes", asked=e.budget.asked,
        )
    return rk_error(status.code, "")


cdef class Encoder:
    """One image, coded by `run` and written by `write`. One thread at a time."""

    cdef rk_j2k_encoder e
    cdef rk_j2k_source *sources
    cdef const uint8_t[::1] data
    cdef bytes comment
    cdef bint opened, ran, busy

    def __init__(self, const uint8_t[::1] data not None, list places, *, tuple size, unsigned bits,
                 bint sign, tuple span, unsigned depth, bint signed, unsigned levels,
                 tuple block, tuple tile, tuple precincts, unsigned order, unsigned layers,
                 bint mct, bint ht, bint split, bint tlm, bint plt, bint sop, bint eph,
                 bytes comment, bint keep, bint rated, size_t memory, uint32_t cpu):
        cdef rk_j2k_task task
        cdef rk_status status
        cdef size_t total = data.shape[0], offset, pitch, stride, last, k
        cdef uint32_t rows, cols
        memset(&task, 0, sizeof(task))
        rows, cols = size
        if self.opened:
            raise ValueError("the encoder is open already")
        if bits not in (8, 16, 32) or not 1 <= depth <= 32 or levels > 32 \
                or not 1 <= len(places) <= 16384 or not 1 <= layers <= 65535 or order > 4 \
                or not rows or not cols or len(precincts) > 33 or (mct and len(places) < 3):
            raise ValueError("a parameter is out of range")
        self.opened, self.data, self.comment = True, data, comment
        self.sources = <rk_j2k_source *>calloc(len(places), sizeof(rk_j2k_source))
        if self.sources == NULL:
            raise MemoryError
        for k in range(<size_t>len(places)):
            offset, pitch, stride = places[k]
            last = offset + (rows - 1) * pitch + ((cols - 1) * stride + 1) * (bits // 8)
            if offset > total or pitch > total or not 1 <= stride <= total or last > total:
                raise ValueError("a component does not lie in the data")
            self.sources[k].data = &data[0] + offset
            self.sources[k].pitch, self.sources[k].stride = pitch, stride
        task.layout.image.x0 = task.layout.image.y0 = 0
        task.layout.image.x1, task.layout.image.y1 = cols, rows
        task.layout.tx0 = task.layout.ty0 = 0
        task.layout.th, task.layout.tw = tile
        if not task.layout.th or not task.layout.tw:
            raise ValueError("a tile has no samples")
        task.layout.comps, task.layout.depth = <uint16_t>len(places), depth
        task.layout.sign = signed
        task.layout.style.levels = levels
        task.layout.style.ycb, task.layout.style.xcb = block
        if not 2 <= task.layout.style.ycb <= 10 or not 2 <= task.layout.style.xcb <= 10 \
                or task.layout.style.ycb + task.layout.style.xcb > 12:
            raise ValueError("a code-block of that size cannot be")
        task.layout.style.flags = RK_J2K_HT if ht else 0
        task.layout.precincts = len(precincts) > 0
        for k in range(33):
            task.layout.style.precincts[k] = 0xFF
            if k < <size_t>len(precincts):
                y, x = precincts[k]
                if not (k > 0) <= y <= 15 or not (k > 0) <= x <= 15:
                    raise ValueError("a precinct of that size cannot be")
                task.layout.style.precincts[k] = y << 4 | x
        task.layout.order, task.layout.layers, task.layout.mct = order, layers, mct
        task.layout.split, task.layout.tlm, task.layout.plt = split, tlm, plt
        task.layout.sop, task.layout.eph = sop, eph
        task.layout.comment = PyBytes_AS_STRING(self.comment)
        task.sources, task.bits, task.sign = self.sources, bits, sign
        task.low, task.high = span
        task.keep, task.rated, task.cpu, task.memory = keep, rated, cpu, memory
        with nogil:
            status = rk_j2k_encoder_open(&self.e, &task)
        if status.code != RK_OK:
            raise _error(status, &self.e)

    def __dealloc__(self):
        rk_j2k_encoder_close(&self.e)
        free(self.sources)

    def run(self, double step, uint64_t most=0) -> int:
        """Code all blocks, reversibly if `step` is 0; return their bytes.

        With `most`, coding ends when the blocks have more bytes, and there is nothing to write then.
        """
        cdef rk_status status
        if self.busy or not 0 <= step < 1e30:
            raise ValueError("the encoder is busy, or the step is none")
        self.e.most = most
        self.busy = True
        self.ran = False
        with nogil:
            status = rk_j2k_encoder_run(&self.e, step)
        self.busy = False
        if status.code == RK_LIMIT and status.rule == RK_J2K_ENOUGH:
            return self.e.bytes
        if status.code != RK_OK:
            raise _error(status, &self.e)
        self.ran = True
        return self.e.bytes

    def step_for(self, uint64_t size) -> float:
        """Return the step at which HT blocks make a codestream of about `size` bytes.

        A model says so, mostly within 3 %; nothing is coded. The encoder must keep coefficients.
        """
        cdef double step = 0
        cdef rk_status status
        self._prepare_model()
        with nogil:
            status = rk_j2k_encoder_step_for(&self.e, size, &step)
        self.busy = False
        if status.code != RK_OK:
            raise _error(status, &self.e)
        return step

    def bytes_at(self, double step) -> float:
        """Return about how many bytes HT blocks take at a step, as `step_for` has it."""
        cdef double size = 0
        cdef rk_status status
        if not 0 < step < 1e30:
            raise ValueError("the step is none")
        self._prepare_model()
        with nogil:
            status = rk_j2k_encoder_bytes_at(&self.e, step, &size)
        self.busy = False
        if status.code != RK_OK:
            raise _error(status, &self.e)
        return size

    def squares_at(self, double step) -> float:
        """Return about the squared error of all samples at a step, before they are rounded.

        Nothing is coded or transformed back. The encoder must keep coefficients.
        """
        cdef double squares = 0
        cdef rk_status status
        if not 0 < step < 1e30:
            raise ValueError("the step is none")
        self._prepare_model()
        with nogil:
            status = rk_j2k_encoder_squares_at(&self.e, step, &squares)
        self.busy = False
        if status.code != RK_OK:
            raise _error(status, &self.e)
        return squares

    cdef int _prepare_model(self) except -1:
        if self.busy or not self.e.task.keep:
            raise ValueError("the encoder is busy, or keeps no coefficients")
        self.busy = True
        self.ran = False
        return 0

    def cut(self, list targets) -> float:
        """Fill the layers up to so many bytes of codestream, None for all there are.

        Return the squared error that the last bytes of the last layer with a target gain, per byte.
        """
        cdef uint64_t *sizes
        cdef rk_status status
        cdef size_t count = len(targets), k
        if self.busy or not self.ran or not self.e.task.rated \
                or count != self.e.task.layout.layers:
            raise ValueError("nothing has been coded that can be cut so")
        sizes = <uint64_t *>calloc(count, sizeof(uint64_t))
        if sizes == NULL:
            raise MemoryError
        try:
            for k in range(count):
                sizes[k] = <uint64_t>-1 if targets[k] is None else targets[k]
            self.busy = True
            with nogil:
                status = rk_j2k_cut_layers(&self.e, sizes)
        finally:
            self.busy = False
            free(sizes)
        if status.code != RK_OK:
            raise _error(status, &self.e)
        return self.e.last_slope

    def write(self, room=None) -> bytes:
        """Return the codestream of the last run. `room` bytes are tried first."""
        cdef rk_j2k_sink sink
        cdef rk_status status
        cdef uint64_t size = rk_j2k_encoder_estimate(&self.e) if room is None else room
        if self.busy or not self.ran:
            raise ValueError("nothing has been coded")
        while True:
            written = PyBytes_FromStringAndSize(NULL, size)
            sink.data = <uint8_t *>PyBytes_AS_STRING(written)
            sink.capacity, sink.size = size, 0
            self.busy = True
            with nogil:
                status = rk_j2k_write(&self.e.writing, &sink)
            self.busy = False
            if status.code == RK_OK:
                return written[: sink.size]
            if status.code != RK_LIMIT or sink.size <= size:
                raise _error(status, &self.e)
            size = sink.size

    def write_into(self, uint8_t[::1] room not None) -> int:
        """Write the codestream of the last run to `room` if it fits; return its size either way."""
        cdef rk_j2k_sink sink
        cdef rk_status status
        if self.busy or not self.ran:
            raise ValueError("nothing has been coded")
        sink.capacity, sink.size = room.shape[0], 0
        sink.data = &room[0] if sink.capacity else NULL
        self.busy = True
        with nogil:
            status = rk_j2k_write(&self.e.writing, &sink)
        self.busy = False
        if status.code != RK_OK and (status.code != RK_LIMIT or sink.size <= sink.capacity):
            raise _error(status, &self.e)
        return sink.size
