# Shared by the bindings (`include "_status.pxi"`): the one place where a status
# of native code becomes an error of radkit.
#
# A room that reports through `rk_status.rule` keeps a tuple of (message, section)
# in the order of its C enum, and calls `rk_status_error(status, RULES)`. One that
# only has a code calls `rk_error(code, "what is wrong", ...)`. Both return the
# error and leave the raising to the caller, outside `nogil`.

from libc.stdint cimport uint16_t as _rk_u16, uint32_t as _rk_u32, uint64_t as _rk_u64

from radkit import errors as _rk_errors

cdef extern from "radkit/status.h" nogil:
    ctypedef enum rk_code:
        RK_OK
        RK_TRUNCATED
        RK_CORRUPT
        RK_UNSUPPORTED
        RK_LIMIT
        RK_NO_MEMORY
        RK_INTERNAL

    ctypedef struct rk_status:
        rk_code code
        _rk_u16 rule
        _rk_u32 frame
        _rk_u64 offset


cdef object rk_error(
    int code, str message, object section=None, object offset=None, object frame=None,
    double decoded=0.0, object hint=None,
):
    """Return the error of `radkit.errors` that stands for `code`.

    `decoded` is the sound share that `TruncatedPixelData` carries.
    """
    cdef dict where = {"section": section, "offset": offset, "frame": frame, "hint": hint}
    if code == RK_TRUNCATED:
        return _rk_errors.TruncatedPixelData(message, decoded=decoded, **where)
    if code == RK_CORRUPT:
        return _rk_errors.CorruptPixelData(message, **where)
    if code == RK_UNSUPPORTED:
        return _rk_errors.UnsupportedTransferSyntax(message, **where)
    if code == RK_LIMIT:
        return _rk_errors.LimitExceeded(message, **where)
    if code == RK_NO_MEMORY:
        return _rk_errors.LimitExceeded(
            message or "the memory of this machine is used up", limit="max_memory_bytes", **where
        )
    return _rk_errors.RadkitError(f"internal error of native code: {message}", **where)


cdef object rk_status_error(rk_status status, tuple rules, double decoded=0.0, object frame=None):
    """Return the error of a status; `rules[status.rule]` is (message, section)."""
    message, section = rules[status.rule] if status.rule < len(rules) else ("unknown rule", None)
    return rk_error(status.code, message, section, status.offset, frame, decoded)
