# Included by _j2k.pyx: what can be wrong with a codestream, and the errors that say it.

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
    ("time to decode a frame", None),
    ("the memory of this machine is used up", None),
    ("the decoder contradicts itself", None),
)


cdef object _error(const rk_j2k_stream *s, rk_status status, double decoded=0.0):
    """Return the error of a status; for limits with what was asked and allowed."""
    if status.code != RK_LIMIT:
        return rk_status_error(status, RULES, decoded)
    cdef str limit
    cdef uint64_t allowed
    if status.rule == RK_J2K_MAX_SECONDS:
        return _rk_errors.LimitExceeded(
            "time is over: max_seconds was reached within a frame",
            limit="max_seconds",
            offset=status.offset,
            hint="Raise it with radkit.limits.use(max_seconds=...) if the object is trusted",
        )
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
