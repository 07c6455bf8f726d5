# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Plain objects in one call: values out of their heads, native frames into their places."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from radkit.errors import RadkitError

cdef extern from "dicom/scan.h" nogil:
    const uint64_t RK_DCM_UNDEFINED
    ctypedef struct rk_dcm_element:
        uint32_t tag
        uint64_t value
        uint64_t length

cdef extern from "dicom/pick.h" nogil:
    ctypedef struct rk_dcm_span:
        uint64_t offset
        uint32_t length
        uint16_t vr
        bint found

    ctypedef enum rk_dcm_picked:
        RK_DCM_NOT_PLAIN
        RK_DCM_PICKED
        RK_DCM_HEAD_SHORT

    rk_dcm_picked rk_dcm_pick(const unsigned char *head, uint64_t avail, uint64_t size,
                              const uint32_t *tags, size_t n, rk_dcm_span *spans,
                              rk_dcm_element *pixels)
    int rk_dcm_decimals(const unsigned char *text, size_t n, double *out, int max)

cdef extern from "kernels/pack.h" nogil:
    ctypedef struct rk_cell:
        unsigned char shift
        unsigned char bits
        bint is_signed
        bint swap

cdef extern from "dicom/slots.h" nogil:
    ctypedef struct rk_dcm_slot:
        const char *path
        uint64_t offset
        unsigned char *dest

    size_t rk_dcm_fill_slots(const rk_dcm_slot *slots, size_t n, size_t size, size_t itemsize,
                             rk_cell cell, uint32_t cpu)

cdef enum:
    MOST_TAGS = 64


cdef int _width_of(uint16_t vr) noexcept:
    """Bytes of a number of that VR; 0 = text, -1 = neither."""
    if vr == (c"D" | c"S" << 8) or vr == (c"I" | c"S" << 8):
        return 0
    if vr == (c"U" | c"S" << 8) or vr == (c"S" | c"S" << 8):
        return 2
    if vr == (c"U" | c"L" << 8) or vr == (c"S" | c"L" << 8) or vr == (c"F" | c"L" << 8):
        return 4
    return 8 if vr == (c"F" | c"D" << 8) else -1


cdef double _number(const unsigned char *p, uint16_t vr) noexcept:
    """A little endian number; the machines that radkit is built for are little endian."""
    cdef uint16_t u16
    cdef int16_t s16
    cdef uint32_t u32
    cdef int32_t s32
    cdef float f32
    cdef double f64
    if vr == (c"U" | c"S" << 8):
        memcpy(&u16, p, 2)
        return u16
    if vr == (c"S" | c"S" << 8):
        memcpy(&s16, p, 2)
        return s16
    if vr == (c"U" | c"L" << 8):
        memcpy(&u32, p, 4)
        return u32
    if vr == (c"S" | c"L" << 8):
        memcpy(&s32, p, 4)
        return s32
    if vr == (c"F" | c"L" << 8):
        memcpy(&f32, p, 4)
        return f32
    memcpy(&f64, p, 8)
    return f64


def decimals(const unsigned char[::1] text not None):
    """Return the numbers of a DS or IS as floats, or None where one needs the general way."""
    cdef double values[32]
    cdef int count, i
    if text.shape[0] == 0:
        return ()
    count = rk_dcm_decimals(&text[0], text.shape[0], values, 32)
    if count < 0 or count == 32:
        return None
    return tuple([values[i] for i in range(count)])


cdef bint _asked(const uint32_t[::1] tags, const int32_t[::1] widths, double[::1] numbers):
    """Whether the request is one that the arrays can hold."""
    cdef Py_ssize_t i, total = 0
    if tags.shape[0] == 0 or tags.shape[0] > MOST_TAGS or widths.shape[0] != tags.shape[0]:
        return False
    for i in range(tags.shape[0]):
        total += max(widths[i], 0)
    return total <= numbers.shape[0]


cdef bint _take(const unsigned char *head, rk_dcm_span *spans, const int32_t[::1] widths,
                double[::1] numbers, list texts) except -1:
    """Put what the spans hold into `numbers` and `texts`; False if a value is no number."""
    cdef Py_ssize_t i, place = 0
    cdef int width, k, have
    cdef const unsigned char *value
    cdef char letters[2]
    for i in range(widths.shape[0]):
        value = head + spans[i].offset
        if widths[i] <= 0:
            if not spans[i].found:
                texts.append(None)
            elif widths[i] == 0:
                texts.append((<const char *> value)[:spans[i].length])
            else:
                letters[0] = <char> (spans[i].vr & 0xFF)
                letters[1] = <char> (spans[i].vr >> 8)
                texts.append(letters[:2] + (<const char *> value)[:spans[i].length])
            continue
        if spans[i].found and spans[i].length:
            width = _width_of(spans[i].vr)
            if width < 0 or (width and spans[i].length % width):
                return False
            if width == 0:
                if rk_dcm_decimals(value, spans[i].length, &numbers[place], widths[i]) < 0:
                    return False
            else:
                have = min(<int> (spans[i].length // width), widths[i])
                for k in range(have):
                    numbers[place + k] = _number(value + k * width, spans[i].vr)
        place += widths[i]
    return True


def pick(const unsigned char[::1] head not None, uint64_t size, const uint32_t[::1] tags not None,
         const int32_t[::1] widths not None, double[::1] numbers not None, list texts not None):
    """Pick values out of the head of a plain object; False if it is not plain.

    `tags` ascend. A tag of width w > 0 puts its first w values into `numbers`
    (which holds NaN before), one of width 0 appends its value to `texts`, as
    bytes or None, one of width -1 the same behind the two letters of its VR.
    """
    cdef rk_dcm_span spans[MOST_TAGS]
    if head.shape[0] == 0 or not _asked(tags, widths, numbers):
        return False
    if rk_dcm_pick(&head[0], head.shape[0], size, &tags[0], tags.shape[0], spans,
                   NULL) != RK_DCM_PICKED:
        return False
    return _take(&head[0], spans, widths, numbers, texts)


def pick_image(const unsigned char[::1] head not None, uint64_t size,
               const uint32_t[::1] tags not None, const int32_t[::1] widths not None,
               double[::1] numbers not None, list texts not None):
    """Pick as `pick` does, and find the pixel data.

    Returns (tag, offset of the value, length), with tag 0 if there are none and a
    length of -1 if it is not stated; None if the object is not plain; False if
    more of its head is needed.
    """
    cdef rk_dcm_span spans[MOST_TAGS]
    cdef rk_dcm_element pixels
    cdef rk_dcm_picked found
    if head.shape[0] == 0 or not _asked(tags, widths, numbers):
        return None
    found = rk_dcm_pick(&head[0], head.shape[0], size, &tags[0], tags.shape[0], spans, &pixels)
    if found == RK_DCM_HEAD_SHORT:
        return False
    if found != RK_DCM_PICKED or not _take(&head[0], spans, widths, numbers, texts):
        return None
    return (pixels.tag, pixels.value,
            -1 if pixels.length == RK_DCM_UNDEFINED else <int64_t> pixels.length)


cdef enum:
    MOST_SLOTS = 64


def fill_slots(list paths not None, list offsets not None, list places not None,
               unsigned char[:, ::1] slots not None, *, size_t itemsize, unsigned int bits_stored,
               unsigned int high_bit, bint signed, uint32_t cpu):
    """Read native frames of little endian cells from files into rows of `slots`.

    Frame i is at `offsets[i]` of the file `paths[i]` (bytes, as of `os.fsencode`)
    and goes to row `places[i]`. Returns how many were read: fewer than there
    are if a file could not be opened or is too short for the next one.
    """
    cdef rk_dcm_slot work[MOST_SLOTS]
    cdef rk_cell cell
    cdef Py_ssize_t n = len(paths), i, place
    cdef size_t done, size = slots.shape[1]
    cdef bytes path
    if itemsize not in (1, 2, 4, 8) or size == 0 or size % itemsize:
        raise RadkitError("internal error: slots that are not made of cells")
    if bits_stored < 1 or bits_stored > high_bit + 1 or high_bit >= 8 * itemsize:
        raise RadkitError("internal error: cells that cannot be")
    if n > MOST_SLOTS or len(offsets) != n or len(places) != n:
        raise RadkitError("internal error: too many slots")
    cell.shift = high_bit + 1 - bits_stored
    cell.bits = bits_stored
    cell.is_signed = signed
    cell.swap = False
    for i in range(n):
        place = places[i]
        if not 0 <= place < slots.shape[0]:
            raise RadkitError("internal error: a slot outside of the array")
        path = paths[i]  # kept alive by the list, which nobody else has
        work[i].path = path
        work[i].offset = offsets[i]
        work[i].dest = &slots[place, 0]
    with nogil:
        done = rk_dcm_fill_slots(work, n, size, itemsize, cell, cpu)
    return done
