# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of j2k/: headers and samples of one JPEG 2000 or HTJ2K codestream."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_WRITABLE, PyBuffer_Release, \
    PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

include "_status.pxi"
include "_j2k_stream.pxi"

cdef extern from "j2k/decode.h" nogil:
    ctypedef struct rk_j2k_rect:
        uint32_t x0, y0, x1, y1
    ctypedef struct rk_j2k_output:
        uint32_t comp
        uint8_t *data
        size_t pitch, stride
    ctypedef struct rk_j2k_request:
        unsigned reduce
        uint32_t layers
        rk_j2k_rect area
        bint transform
        unsigned bits
        const rk_j2k_output *outputs
        size_t count
        unsigned threads
    ctypedef struct rk_j2k_report:
        uint64_t blocks, damaged, packets, missing
        rk_status fault
    rk_j2k_rect rk_j2k_output_rect(const rk_j2k_stream *s, uint32_t comp,
                                   const rk_j2k_request *request)
    rk_status rk_j2k_decode(rk_j2k_stream *s, const rk_j2k_request *request,
                            rk_j2k_report *report, uint32_t cpu)

cdef extern from "j2k/listing.h" nogil:
    ctypedef struct rk_j2k_packet_fact:
        pass
    ctypedef struct rk_j2k_block_fact:
        pass
    ctypedef struct rk_j2k_listing:
        rk_j2k_packet_fact *packets
        rk_j2k_block_fact *blocks
        size_t packet_count, block_count
        bint with_blocks
        rk_status fault
    rk_status rk_j2k_list(rk_j2k_stream *s, rk_j2k_listing *l)
    void rk_j2k_listing_end(rk_j2k_listing *l)


cdef class Stream:
    """A codestream whose headers were read and checked. One thread at a time.

    `seconds` is the time that all calls together may take from now on.
    """

    cdef rk_j2k_stream s
    cdef const uint8_t[::1] data
    cdef bint busy, opened

    def __init__(self, const uint8_t[::1] data not None, size_t start, size_t stop, *,
                 uint64_t pixels, uint64_t tiles, uint64_t blocks, uint64_t packets,
                 uint64_t memory, double seconds, bint strict):
        cdef rk_j2k_limits limits
        cdef rk_status status
        if not start <= stop <= <size_t>data.shape[0] or stop == 0:
            raise ValueError("start and stop are not inside the data")
        if self.opened:
            raise ValueError("the stream is open already")
        self.data = data
        limits = _limits(pixels, tiles, blocks, packets, memory, seconds)
        cdef const uint8_t *source = &data[0]
        with nogil:
            status = rk_j2k_stream_read(&self.s, source, start, stop, &limits, strict)
        if status.code != RK_OK:
            error = _error(&self.s, status)
            rk_j2k_stream_end(&self.s)
            self.s.count = 0
            raise error
        self.opened = True

    def __dealloc__(self):
        rk_j2k_stream_end(&self.s)

    @property
    def count(self) -> int:
        """Components."""
        return self.s.count

    @property
    def shape(self) -> tuple:
        """(rows, cols) of the image area."""
        return self.s.y1 - self.s.y0, self.s.x1 - self.s.x0

    @property
    def reductions(self) -> int:
        """Fewest wavelet levels of any tile and component."""
        return self.s.least_levels

    @property
    def sound(self) -> float:
        """Share of the bytes that the headers promise."""
        return self.s.sound

    @property
    def ht(self) -> bool:
        """High-throughput code-blocks."""
        return self.s.flags_seen & 0x40 != 0

    @property
    def mct(self) -> bool:
        """A component transform is used."""
        return self.s.mct_seen

    @property
    def reversible(self) -> bool:
        """No wavelet or quantisation that loses something."""
        return not self.s.irreversible_seen

    @property
    def plain(self) -> bool:
        """Headers without anything that must be told of."""
        cdef rk_j2k_stream *s = &self.s
        return (s.eoc and not s.tail and not s.over and s.fault.code == RK_OK
                and (s.cap or not s.flags_seen & 0x40)
                and (not s.tlm or s.tlm_parts == s.part_count))

    def samples(self, comps):
        """Return (bits, signed, alike, whole, one) of components; None for all of them.

        `bits` and `signed` are those of an integer that holds any of their samples, `alike`
        is whether they agree in both, `whole` whether they have a sample for each pixel,
        `one` whether they have the same grid.
        """
        cdef rk_j2k_component *c
        cdef rk_j2k_component *first = NULL
        cdef bint signed = False, alike = True, whole = True, one = True
        cdef uint32_t k
        cdef unsigned bits = 0
        for k in range(self.s.count) if comps is None else comps:
            if k >= self.s.count:
                raise ValueError("no such component")
            c = &self.s.comps[k]
            first = c if first == NULL else first
            signed = signed or c.sign
            alike = alike and c.depth == first.depth and c.sign == first.sign
            whole = whole and c.dx == 1 and c.dy == 1
            one = one and c.dx == first.dx and c.dy == first.dy
        # An unsigned component beside a signed one needs a bit more.
        for k in range(self.s.count) if comps is None else comps:
            c = &self.s.comps[k]
            bits = max(bits, <unsigned>c.depth + (signed and not c.sign))
        return bits, signed, alike, whole, one

    cdef int _ask(self, rk_j2k_request *request, unsigned reduce, area) except -1:
        """Fill in which part of the image is wanted: (y0, y1, x0, x1), or None for all."""
        cdef rk_j2k_stream *s = &self.s
        cdef uint64_t y0 = 0, y1 = s.y1 - s.y0, x0 = 0, x1 = s.x1 - s.x0
        if area is not None:
            y0, y1, x0, x1 = area
            if not (y0 < y1 <= s.y1 - s.y0 and x0 < x1 <= s.x1 - s.x0):
                raise ValueError("the area is not inside the image")
        if reduce > s.least_levels:
            raise ValueError("reduce is out of range")
        request.reduce = reduce
        request.area.y0, request.area.y1 = s.y0 + <uint32_t>y0, s.y0 + <uint32_t>y1
        request.area.x0, request.area.x1 = s.x0 + <uint32_t>x0, s.x0 + <uint32_t>x1
        return 0

    def rect(self, uint32_t comp, unsigned reduce, area):
        """Return (y0, y1, x0, x1) of a component on its own grid after `reduce` halvings.

        `area` is (row0, row1, col0, col1) in pixels of the image, or None for all of it.
        """
        cdef rk_j2k_request request
        cdef rk_j2k_rect rect
        if comp >= self.s.count:
            raise ValueError("no such component")
        self._ask(&request, reduce, area)
        rect = rk_j2k_output_rect(&self.s, comp, &request)
        return rect.y0, rect.y1, rect.x0, rect.x1

    def facts(self) -> dict:
        """Return what the headers say."""
        cdef rk_j2k_stream *s = &self.s
        cdef uint32_t k
        if not self.opened:
            raise ValueError("the stream is not open")
        cdef rk_j2k_style *style = &s.main.comps[0].style
        return {
            "size": (s.x1, s.y1),
            "origin": (s.x0, s.y0),
            "start": s.start,
            "grid": (s.tx0, s.ty0),
            "tile": (s.tw, s.th),
            "tiles": (s.across, s.down),
            "precisions": tuple([s.comps[k].depth for k in range(s.count)]),
            "signs": tuple([bool(s.comps[k].sign) for k in range(s.count)]),
            "steps": tuple([(s.comps[k].dx, s.comps[k].dy) for k in range(s.count)]),
            "order": s.main.progression,
            "layers": s.most_layers,
            "block": (1 << style.ycb, 1 << style.xcb),
            "reductions": s.least_levels,
            "reversible": not s.irreversible_seen,
            "mct": bool(s.mct_seen),
            "ht": bool(s.flags_seen & 0x40),
            "cap": bool(s.cap),
            "roi": bool(s.roi_seen),
            "plt": bool(s.plt),
            "tlm": bool(s.tlm),
            "tlm_parts": s.tlm_parts,
            "parts": s.part_count,
            "over": bool(s.over),
            "eoc": bool(s.eoc),
            "end": s.end,
            "tail": s.tail,
            "sound": s.sound,
            "fault": None if s.fault.code == RK_OK else _error(s, s.fault, s.sound),
        }

    def parts(self) -> list:
        """Return (tile, offset of SOT, offset of the body, end) of each tile-part."""
        cdef size_t k
        return [(self.s.parts[k].tile, self.s.parts[k].sot, self.s.parts[k].body,
                 self.s.parts[k].end) for k in range(self.s.part_count)]

    def packets(self, bint blocks):
        """Return (packets, blocks, first fault): tables as in j2k/listing.h, as bytes.

        All packet headers are read, no code-block is decoded. Without `blocks` their table
        is empty.
        """
        cdef rk_j2k_listing listing
        cdef rk_status status
        if self.busy or not self.opened:
            raise ValueError("the stream is being decoded in another thread")
        memset(&listing, 0, sizeof(listing))
        listing.with_blocks = blocks
        try:
            self.busy = True
            with nogil:
                status = rk_j2k_list(&self.s, &listing)
            if status.code != RK_OK:
                raise _error(&self.s, status, self.s.sound)
            fault = None
            if listing.fault.code != RK_OK:
                fault = _error(&self.s, listing.fault, self.s.sound)
            return (
                (<char *>listing.packets)[:listing.packet_count * sizeof(rk_j2k_packet_fact)]
                if listing.packet_count else b"",
                (<char *>listing.blocks)[:listing.block_count * sizeof(rk_j2k_block_fact)]
                if listing.block_count else b"",
                fault,
            )
        finally:
            self.busy = False
            rk_j2k_listing_end(&listing)

    def decode(self, out, comps, unsigned reduce, area, uint32_t layers, bint transform,
               uint32_t cpu, unsigned threads=1):
        """Decode into `out`; return (blocks, damaged, packets, missing, first fault).

        `out` is a writable C-contiguous array of (rows, cols, components) in integers of 8, 16
        or 32 bits; `comps` says which components, None for all. `area` is as in `rect`.
        """
        cdef rk_j2k_request request
        cdef rk_j2k_report report
        cdef rk_status status
        cdef Py_buffer view
        cdef rk_j2k_output *outputs = NULL
        cdef size_t taken
        if layers < 1:
            raise ValueError("layers is out of range")
        self._ask(&request, reduce, area)
        request.layers, request.transform = layers, transform
        request.threads = threads
        request.count = self.s.count if comps is None else len(comps)
        if self.busy or not self.opened:
            raise ValueError("the stream is being decoded in another thread")
        PyObject_GetBuffer(out, &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
        try:
            self.busy = True
            outputs = <rk_j2k_output *>malloc((request.count + 1) * sizeof(rk_j2k_output))
            if outputs == NULL:
                raise MemoryError
            request.bits = 8 * view.itemsize
            if view.itemsize != 1 and view.itemsize != 2 and view.itemsize != 4:
                raise ValueError("out must have 8, 16 or 32 bits")
            self._place(&request, comps, outputs, &view)
            request.outputs = outputs
            self.s.blocks = self.s.packets = 0
            taken = min(<size_t>view.len, self.s.budget.left)
            self.s.budget.left -= taken  # `out` is part of what may be taken
            with nogil:
                status = rk_j2k_decode(&self.s, &request, &report, cpu)
            self.s.budget.left += taken
        finally:
            self.busy = False
            free(outputs)
            PyBuffer_Release(&view)
        if status.code != RK_OK:
            raise _error(&self.s, status, self.s.sound)
        fault = None
        if report.fault.code != RK_OK:
            fault = _error(&self.s, report.fault, self.s.sound)
        return report.blocks, report.damaged, report.packets, report.missing, fault

    cdef int _place(self, const rk_j2k_request *request, comps, rk_j2k_output *outputs,
                    Py_buffer *view) except -1:
        """Lay the samples of the components side by side in the buffer."""
        cdef size_t count = request.count, size = view.itemsize, k
        cdef uint64_t rows, cols, room
        cdef uint32_t comp
        cdef rk_j2k_rect rect
        if count < 1 or (comps is not None and <size_t>len(set(comps)) != count):
            raise ValueError("each component may be given once")
        room = <uint64_t>view.len // (count * size)
        for k in range(count):
            comp = k if comps is None else comps[k]
            if comp >= self.s.count or self.s.comps[comp].depth > 32:
                raise ValueError("no such component, or one of more than 32 bits")
            rect = rk_j2k_output_rect(&self.s, comp, request)
            rows, cols = rect.y1 - rect.y0, rect.x1 - rect.x0
            if not rows or not cols or <uint64_t>view.len != (rows * cols) * count * size \
                    or rows * cols != room:
                raise ValueError("a component is of another size")
            outputs[k].comp, outputs[k].data = comp, <uint8_t *>view.buf + k * size
            outputs[k].pitch, outputs[k].stride = cols * count * size, count
        return 0
