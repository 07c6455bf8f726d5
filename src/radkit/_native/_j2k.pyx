# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Binding of j2k/: headers and samples of one JPEG 2000 or HTJ2K codestream."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

include "_status.pxi"

cdef extern from "j2k/stream.h" nogil:
    ctypedef struct rk_j2k_limits:
        uint64_t pixels, tiles, blocks, packets, memory
    ctypedef struct rk_j2k_component:
        uint8_t depth, dx, dy
        bint sign
    ctypedef struct rk_j2k_style:
        uint8_t levels, xcb, ycb, flags
        bint reversible
    ctypedef struct rk_j2k_coding:
        rk_j2k_style style
    ctypedef struct rk_j2k_params:
        rk_j2k_coding *comps
        uint8_t progression, mct
        uint16_t layers
    ctypedef struct rk_j2k_budget:
        size_t left
        uint64_t asked
    ctypedef struct rk_j2k_stream:
        rk_j2k_limits limits
        rk_j2k_budget budget
        uint32_t x0, y0, x1, y1, tw, th, across, down, count
        rk_j2k_component *comps
        rk_j2k_params main
        uint8_t least_levels, flags_seen
        uint16_t most_layers
        bint irreversible_seen, mct_seen, roi_seen, cap, plt, tlm, eoc, over, strict
        uint64_t tlm_parts, blocks, packets
        size_t part_count, end, tail
        double sound
        rk_status fault
    rk_status rk_j2k_stream_read(rk_j2k_stream *s, const uint8_t *data, size_t start, size_t stop,
                                 const rk_j2k_limits *limits, bint strict)
    void rk_j2k_stream_end(rk_j2k_stream *s)

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
    ctypedef struct rk_j2k_report:
        uint64_t blocks, damaged, packets, missing
        rk_status fault
    rk_j2k_rect rk_j2k_output_rect(const rk_j2k_stream *s, uint32_t comp,
                                   const rk_j2k_request *request)
    rk_status rk_j2k_decode(rk_j2k_stream *s, const rk_j2k_request *request,
                            rk_j2k_report *report, uint32_t cpu)

cdef extern from "j2k/rules.h" nogil:
    enum:
        RK_J2K_MAX_PIXELS
        RK_J2K_MAX_TILES
        RK_J2K_MAX_BLOCKS
        RK_J2K_MAX_PACKETS
        RK_J2K_MAX_WORK
        RK_J2K_MAX_MEMORY

# In the order of `enum rk_j2k_rule`.
cdef tuple RULES = (
    ("no fault", None),
    ("no SOC where the codestream begins", "T.800 A.4.1"),
    ("SIZ does not follow SOC", "T.800 A.5.1"),
    ("the codestream ends within its main header", "T.800 A.2"),
    ("no marker where one must be", "T.800 A.1.1"),
    ("a marker that may not stand in the main header", "T.800 A.1.1"),
    ("a marker segment has a wrong length", "T.800 A.1.1"),
    ("a second segment of a kind that may stand once", "T.800 A.2"),
    ("SIZ has a wrong number of components", "T.800 A.5.1"),
    ("the image area is empty", "T.800 A.5.1"),
    ("the tile grid does not cover the image", "T.800 B.3"),
    ("more than 65535 tiles", "T.800 A.5.1"),
    ("a component has more than 38 bits", "T.800 A.5.1"),
    ("a component has subsampling 0", "T.800 A.5.1"),
    ("COD has no known order, no layers, or no known component transform", "T.800 A.6.1"),
    ("more than 32 decomposition levels", "T.800 A.6.1"),
    ("a code-block is larger than 4096 samples or 1024 a side", "T.800 A.6.1"),
    ("the codestream uses a wavelet of JPEG 2000 Part 2", "T.800 A.6.1"),
    ("the codestream needs extensions of JPEG 2000 Part 2", "T.800 A.5.1"),
    ("a precinct size 0 above the lowest resolution", "T.800 A.6.1"),
    ("a segment is for a component that does not exist", "T.800 A.6.2"),
    ("a quantisation style that does not exist", "T.800 A.6.4"),
    ("the number of quantisation steps does not fit the levels", "T.800 A.6.4"),
    ("the quantisation style does not go with the wavelet", "T.800 A.6.4"),
    ("RGN is not of the one style there is", "T.800 A.6.3"),
    ("POC describes no progression", "T.800 A.6.6"),
    ("more than 1024 progression changes", "T.800 A.6.6"),
    ("packed packet headers are repeated, mixed, or end early", "T.800 A.7.4"),
    ("TLM has a wrong length", "T.800 A.7.1"),
    ("CRG has a wrong length", "T.800 A.9.1"),
    ("COD or QCD is missing", "T.800 A.1.2"),
    ("a component transform needs three components of one kind", "T.800 G.2"),
    ("no SOT or EOC where one must be", "T.800 A.4.2"),
    ("SOT has a wrong length", "T.800 A.4.2"),
    ("SOT of a tile that does not exist", "T.800 A.4.2"),
    ("a tile-part is out of turn", "T.800 A.4.2"),
    ("a tile-part is shorter than its header", "T.800 A.4.2"),
    ("a marker that may not stand in the header of a tile-part", "T.800 A.4.2"),
    ("a tile-part ends within its header", "T.800 A.4.2"),
    ("a code-block style that is not known", "T.800 A.6.1"),
    ("more bit-planes than a decoder can hold", "T.800 E.1"),
    ("the packets of a tile end early", "T.800 B.9"),
    ("a packet header ends early", "T.800 B.10"),
    ("the bytes of a packet end early", "T.800 B.9"),
    ("a code-block has more missing bit-planes than its band has planes", "T.800 B.10.5"),
    ("a code-block has more coding passes than its bit-planes allow", "T.800 B.10.6"),
    ("a code-block has segments of more than 32 bits of length", "T.800 B.10.7"),
    ("an HT code-block has a length that cannot be", "T.814 B.3"),
    ("the bytes of a code-block contradict themselves", "T.800 D"),
    ("rows times columns of a frame", None),
    ("tiles of a codestream", None),
    ("code-blocks of a codestream", None),
    ("packets of a codestream", None),
    ("work that a codestream asks for, beside its size", None),
    ("bytes to decode a frame", None),
    ("the memory of this machine is used up", None),
    ("the decoder contradicts itself", None),
)


cdef object _error(const rk_j2k_stream *s, rk_status status, double decoded=0.0):
    """Return the error of a status; for limits with what was asked and allowed."""
    if status.code != RK_LIMIT:
        return rk_status_error(status, RULES, decoded)
    cdef str limit
    cdef uint64_t allowed
    if status.rule == RK_J2K_MAX_PIXELS:
        limit, allowed = "max_pixels", s.limits.pixels
    elif status.rule == RK_J2K_MAX_TILES:
        limit, allowed = "max_tiles", s.limits.tiles
    elif status.rule == RK_J2K_MAX_MEMORY:
        limit, allowed = "max_memory_bytes", s.limits.memory
    elif status.rule == RK_J2K_MAX_BLOCKS:
        limit, allowed = "max_blocks", s.limits.blocks
    else:
        limit, allowed = "max_blocks", s.limits.packets
    return _rk_errors.LimitExceeded(
        f"{RULES[status.rule][0]}: {s.budget.asked} asked, {limit} allows {allowed}",
        limit=limit,
        allowed=allowed,
        asked=s.budget.asked,
        offset=status.offset,
        hint=f"Raise it with radkit.limits.use({limit}=...) if the object is trusted",
    )


cdef class Stream:
    """A codestream whose headers were read and checked. One thread at a time."""

    cdef rk_j2k_stream s
    cdef const uint8_t[::1] data
    cdef bint busy, opened

    def __init__(self, const uint8_t[::1] data not None, size_t start, size_t stop, *,
                 uint64_t pixels, uint64_t tiles, uint64_t blocks, uint64_t packets,
                 uint64_t memory, bint strict):
        cdef rk_j2k_limits limits
        cdef rk_status status
        if not start <= stop <= <size_t>data.shape[0] or stop == 0:
            raise ValueError("start and stop are not inside the data")
        if self.opened:
            raise ValueError("the stream is open already")
        self.opened, self.data = True, data
        limits.pixels, limits.tiles, limits.blocks = pixels, tiles, blocks
        limits.packets, limits.memory = packets, memory
        cdef const uint8_t *source = &data[0]
        with nogil:
            status = rk_j2k_stream_read(&self.s, source, start, stop, &limits, strict)
        if status.code != RK_OK:
            raise _error(&self.s, status)

    def __dealloc__(self):
        rk_j2k_stream_end(&self.s)

    def facts(self) -> dict:
        """Return what the headers say."""
        cdef rk_j2k_stream *s = &self.s
        cdef uint32_t k
        cdef rk_j2k_style *style = &s.main.comps[0].style
        return {
            "size": (s.x1, s.y1),
            "origin": (s.x0, s.y0),
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

    def decode(self, uint8_t[::1] out not None, list places, *, unsigned bits, unsigned reduce,
               uint32_t layers, tuple area, bint transform, size_t memory, uint32_t cpu):
        """Decode into `out`; return (blocks, damaged, packets, missing, first fault).

        `memory` are the bytes that may be taken beside `out`.
        `places` has (component, offset, pitch, stride, rows, cols) of each output: bytes to its
        first sample and from row to row, samples from column to column. `area` is
        (x0, y0, x1, y1) on the reference grid.
        """
        cdef rk_j2k_request request
        cdef rk_j2k_report report
        cdef rk_status status
        cdef rk_j2k_rect rect
        cdef size_t count = len(places), size = out.shape[0], k
        cdef size_t offset, pitch, stride, rows, cols, last
        request.reduce, request.layers, request.transform = reduce, layers, transform
        request.bits, request.count = bits, count
        request.area.x0, request.area.y0, request.area.x1, request.area.y1 = area
        if not (self.s.x0 <= request.area.x0 < request.area.x1 <= self.s.x1
                and self.s.y0 <= request.area.y0 < request.area.y1 <= self.s.y1):
            raise ValueError("the area is not inside the image")
        if (bits != 8 and bits != 16 and bits != 32) or layers < 1 or count < 1 or size < 1 \
                or reduce > self.s.least_levels:
            raise ValueError("bits, layers, reduce or places are out of range")
        if <size_t>len({place[0] for place in places}) != count:
            raise ValueError("a component has two places")
        if self.busy or not self.opened:
            raise ValueError("the stream is being decoded in another thread")
        cdef rk_j2k_output *outputs = <rk_j2k_output *>malloc(count * sizeof(rk_j2k_output))
        if outputs == NULL:
            raise MemoryError
        try:
            self.busy = True
            for k in range(count):
                comp, offset, pitch, stride, rows, cols = places[k]
                if not 0 <= comp < self.s.count or self.s.comps[comp].depth > 32:
                    raise ValueError("no such component, or one of more than 32 bits")
                rect = rk_j2k_output_rect(&self.s, comp, &request)
                if rect.x1 - rect.x0 != cols or rect.y1 - rect.y0 != rows or not rows or not cols:
                    raise ValueError("a component is of another size")
                last = offset + (rows - 1) * pitch + ((cols - 1) * stride + 1) * (bits // 8)
                if offset > size or pitch > size or stride < 1 or stride > size or last > size:
                    raise ValueError("a component does not fit its place")
                outputs[k].comp, outputs[k].data = comp, &out[0] + offset
                outputs[k].pitch, outputs[k].stride = pitch, stride
            request.outputs = outputs
            self.s.blocks = self.s.packets = 0
            if memory < self.s.budget.left:
                self.s.budget.left = memory
            with nogil:
                status = rk_j2k_decode(&self.s, &request, &report, cpu)
        finally:
            self.busy = False
            free(outputs)
        if status.code != RK_OK:
            raise _error(&self.s, status, self.s.sound)
        fault = None
        if report.fault.code != RK_OK:
            fault = _error(&self.s, report.fault, self.s.sound)
        return report.blocks, report.damaged, report.packets, report.missing, fault
