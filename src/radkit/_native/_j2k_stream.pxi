# Included by the bindings that read codestreams: their headers, limits, and errors.

cdef extern from "j2k/stream.h" nogil:
    ctypedef struct rk_j2k_limits:
        uint64_t pixels, tiles, blocks, packets, memory, deadline
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
    ctypedef struct rk_j2k_part:
        size_t sot, body, end
        uint32_t tile
    ctypedef struct rk_j2k_budget:
        size_t left
        uint64_t asked
    ctypedef struct rk_j2k_stream:
        rk_j2k_limits limits
        rk_j2k_budget budget
        uint32_t x0, y0, x1, y1, tx0, ty0, tw, th, across, down, count
        rk_j2k_component *comps
        rk_j2k_params main
        uint8_t least_levels, flags_seen
        uint16_t most_layers
        bint irreversible_seen, mct_seen, roi_seen, cap, plt, tlm, eoc, over, strict
        uint64_t tlm_parts, blocks, packets
        size_t part_count, end, tail
        double sound
        rk_j2k_part *parts
        size_t start
        rk_status fault
    rk_status rk_j2k_stream_read(rk_j2k_stream *s, const uint8_t *data, size_t start, size_t stop,
                                 const rk_j2k_limits *limits, bint strict)
    void rk_j2k_stream_end(rk_j2k_stream *s)
    uint64_t rk_j2k_now()

cdef extern from "j2k/rules.h" nogil:
    enum:
        RK_J2K_MAX_PIXELS
        RK_J2K_MAX_TILES
        RK_J2K_MAX_BLOCKS
        RK_J2K_MAX_PACKETS
        RK_J2K_MAX_WORK
        RK_J2K_MAX_MEMORY
        RK_J2K_MAX_SECONDS

include "_j2k_rules.pxi"


cdef rk_j2k_limits _limits(uint64_t pixels, uint64_t tiles, uint64_t blocks, uint64_t packets,
                           uint64_t memory, double seconds):
    """Return the limits of a call that begins now."""
    cdef rk_j2k_limits limits
    limits.pixels, limits.tiles, limits.blocks = pixels, tiles, blocks
    limits.packets, limits.memory, limits.deadline = packets, memory, 0
    if seconds < 1e9:  # some thirty years
        limits.deadline = rk_j2k_now() + <uint64_t>(1e9 * max(seconds, 0.0))
    return limits
