# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Tables of data elements or items, filled window by window by the native walk."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from radkit.errors import CorruptFile, LimitExceeded, RadkitError

cdef extern from "radkit/status.h" nogil:
    ctypedef enum rk_code:
        RK_OK
        RK_TRUNCATED
        RK_CORRUPT
        RK_LIMIT

    ctypedef struct rk_status:
        rk_code code
        uint16_t rule
        uint64_t offset

cdef extern from "dicom/scan.h" nogil:
    const uint64_t RK_DCM_UNDEFINED
    ctypedef struct rk_dcm_element:
        uint32_t tag
        uint16_t vr
        uint16_t nested
        uint64_t offset
        uint64_t value
        uint64_t length
        uint64_t end

    ctypedef enum rk_dcm_event:
        RK_DCM_DONE
        RK_DCM_MORE
        RK_DCM_FULL
        RK_DCM_PIXELS
        RK_DCM_OTHER
        RK_DCM_BAD

    ctypedef struct rk_dcm_scan:
        uint64_t pos
        uint64_t end
        uint64_t max_elements
        uint32_t max_depth
        bint implicit
        bint big_endian
        bint stop_at_pixels
        bint items
        bint fragments
        int32_t stop_group
        uint64_t count
        uint64_t need
        uint32_t depth
        bint unordered
        bint stray
        bint odd
        bint closed
        rk_status status

    rk_dcm_event rk_dcm_scan_run(rk_dcm_scan *s, const unsigned char *window, uint64_t base,
                                 uint64_t size, rk_dcm_element *out, size_t capacity, size_t *n)

DONE = RK_DCM_DONE
MORE = RK_DCM_MORE
PIXELS = RK_DCM_PIXELS
OTHER = RK_DCM_OTHER
BAD = RK_DCM_BAD

# In the order of rk_dcm_rule: message, section of PS3.5, field of Limits.
_RULES = (
    ("no fault", None, None),
    ("the data end inside the header of an element", "PS3.5 7.1", None),
    ("the value of an element reaches beyond the end of the data", "PS3.5 7.1", None),
    ("the data end inside a sequence of undefined length", "PS3.5 7.5.2", None),
    ("something else stands where an item must begin", "PS3.5 7.5", None),
    ("an item or a delimiter stands outside of any sequence", "PS3.5 7.5", None),
    ("undefined length with a VR that cannot have it", "PS3.5 7.1.2", None),
    ("sequences are nested too deep", "PS3.5 7.5", "max_depth"),
    ("too many data elements", None, "max_elements"),
    ("an item reaches beyond the end of the data", "PS3.5 7.5", None),
    ("too many items or fragments", None, "max_elements"),
    ("a fragment of undefined length", "PS3.5 A.4", None),
)

cdef str _vr_text(uint16_t vr):
    cdef char letters[2]
    if vr == 0:
        return ""
    letters[0] = <char> (vr & 0xFF)
    letters[1] = <char> (vr >> 8)
    return letters[:2].decode("ascii")


cdef class Table:
    """Rows of one data set, item or sequence; one thread at a time may feed it.

    Offsets are absolute in the source. A length of -1 means undefined, an end
    of -1 not walked to. Reading rows is safe from any thread once fed.
    """

    cdef rk_dcm_scan scan
    cdef rk_dcm_element *rows
    cdef size_t n
    cdef size_t capacity

    def __cinit__(self, uint64_t pos, uint64_t end, *, bint implicit=False, bint big_endian=False,
                  int stop_group=-1, bint stop_at_pixels=False, bint items=False,
                  bint fragments=False, uint32_t max_depth=32, uint64_t max_elements=1 << 20):
        self.scan.pos = pos
        self.scan.end = end
        self.scan.implicit = implicit
        self.scan.big_endian = big_endian
        self.scan.stop_group = stop_group
        self.scan.stop_at_pixels = stop_at_pixels
        self.scan.items = items
        self.scan.fragments = fragments
        self.scan.depth = 1 if items else 0
        self.scan.max_depth = max_depth
        self.scan.max_elements = max_elements

    def __dealloc__(self):
        free(self.rows)

    cdef int grow(self) except -1:
        cdef size_t wanted = 64 if self.capacity == 0 else self.capacity * 2
        cdef void *rows = realloc(self.rows, wanted * sizeof(rk_dcm_element))
        if rows == NULL:
            raise LimitExceeded("no memory for the table of data elements",
                                limit="max_memory_bytes", asked=wanted * sizeof(rk_dcm_element))
        self.rows = <rk_dcm_element *> rows
        self.capacity = wanted
        return 0

    def feed(self, const unsigned char[::1] window not None, uint64_t base) -> int:
        """Walk on over the bytes that stand at `base` of the source; return the event."""
        cdef uint64_t size = window.shape[0]
        cdef const unsigned char *first = NULL
        cdef rk_dcm_event event
        if size:
            first = &window[0]
        while True:
            if self.n == self.capacity:
                self.grow()
            with nogil:
                event = rk_dcm_scan_run(&self.scan, first, base, size, self.rows, self.capacity,
                                        &self.n)
            if event != RK_DCM_FULL:
                return event

    def error(self):
        """Return the error that stands for the event BAD."""
        cdef int rule = self.scan.status.rule
        message, section, limit = _RULES[rule]
        offset = self.scan.status.offset
        if self.scan.status.code == RK_LIMIT:
            allowed = self.scan.max_depth if limit == "max_depth" else self.scan.max_elements
            return LimitExceeded(
                f"{message}: {limit} allows {allowed}", limit=limit, allowed=allowed,
                asked=allowed + 1, offset=offset, section=section,
                hint=f"Raise it with radkit.limits.use({limit}=...) if the object is trusted")
        if self.scan.status.code in (RK_TRUNCATED, RK_CORRUPT):
            return CorruptFile(message, offset=offset, section=section)
        return RadkitError(f"internal error of the element walk: {message}", offset=offset)

    def resume(self, uint64_t pos):
        """Set where the next `feed` goes on, behind pixel data."""
        self.scan.pos = pos

    @property
    def pos(self) -> int:
        """Byte where the walk stands."""
        return self.scan.pos

    @property
    def need(self) -> int:
        """Bytes that the next window must at least hold from `pos`."""
        return self.scan.need

    @property
    def truncated(self) -> bool:
        """The fault is that the data end too early."""
        return self.scan.status.code == RK_TRUNCATED

    @property
    def unordered(self) -> bool:
        """Tags do not ascend, or one stands twice."""
        return self.scan.unordered

    @property
    def stray(self) -> bool:
        """Delimiters or zeros that belong to nothing were passed over."""
        return self.scan.stray

    @property
    def odd(self) -> bool:
        """A value or fragment of odd length was seen."""
        return self.scan.odd

    @property
    def closed(self) -> bool:
        """The delimiter of the sequence was seen."""
        return self.scan.closed

    def __len__(self) -> int:
        return self.n

    cpdef Py_ssize_t find(self, uint32_t tag) noexcept:
        """Return the row of a tag, the last one if it stands twice, or -1."""
        cdef size_t low = 0, high = self.n, middle
        if self.scan.unordered:
            while high > 0:
                high -= 1
                if self.rows[high].tag == tag:
                    return <Py_ssize_t> high
            return -1
        while low < high:
            middle = (low + high) // 2
            if self.rows[middle].tag < tag:
                low = middle + 1
            else:
                high = middle
        return <Py_ssize_t> low if low < self.n and self.rows[low].tag == tag else -1

    cdef int check(self, Py_ssize_t i) except -1:
        if i < 0 or <size_t> i >= self.n:
            raise RadkitError(f"internal error: row {i} of {self.n}")
        return 0

    def row(self, Py_ssize_t i) -> tuple:
        """Return (tag, vr, offset, value, length, end) of row `i`."""
        self.check(i)
        cdef rk_dcm_element *e = &self.rows[i]
        return (e.tag, _vr_text(e.vr), e.offset, e.value,
                -1 if e.length == RK_DCM_UNDEFINED else e.length,
                -1 if e.end == RK_DCM_UNDEFINED else e.end)

    cpdef tuple place(self, Py_ssize_t i):
        """Return (vr, value, length, end) of row `i`; the length is -1 if undefined."""
        self.check(i)
        cdef rk_dcm_element *e = &self.rows[i]
        return (_vr_text(e.vr), e.value, -1 if e.length == RK_DCM_UNDEFINED else e.length,
                -1 if e.end == RK_DCM_UNDEFINED else e.end)

    def locate(self, uint32_t tag):
        """Return `place` of the row of a tag, or None."""
        cdef Py_ssize_t i = self.find(tag)
        return None if i < 0 else self.place(i)

    def runs(self, const uint32_t[::1] stops not None, const uint32_t[::1] inserts not None,
             int64_t pixels) -> list:
        """Cut the rows into ranges that are copied as they are and rows that are not.

        Returns (start, end, row) in file order: bytes to copy, up to a gap (row -1) or
        to a row that stands for itself. Such are group lengths, the row at offset
        `pixels`, tags of `stops`, and the first row at or behind each tag of
        `inserts`; both ascend.
        """
        cdef list found = []
        cdef size_t i, at = 0, n_stops = stops.shape[0], n_inserts = inserts.shape[0]
        cdef size_t low, high, middle
        cdef uint64_t start = 0, end = 0
        cdef rk_dcm_element *e
        cdef bint alone
        for i in range(self.n):
            e = &self.rows[i]
            alone = (e.tag & 0xFFFF) == 0 or (pixels >= 0 and e.offset == <uint64_t>pixels)
            if at < n_inserts and e.tag >= inserts[at]:
                alone = True
                while at < n_inserts and inserts[at] <= e.tag:
                    at += 1
            if e.end == RK_DCM_UNDEFINED:
                alone = True
            if not alone:
                low, high = 0, n_stops
                while low < high:
                    middle = (low + high) // 2
                    if stops[middle] < e.tag:
                        low = middle + 1
                    else:
                        high = middle
                alone = low < n_stops and stops[low] == e.tag
            if alone:
                found.append((start, end, i))
                start = end = 0
            elif e.offset != end or start == end:
                if end > start:
                    found.append((start, end, -1))
                start, end = e.offset, e.end
            else:
                end = e.end
        if end > start:
            found.append((start, end, -1))
        return found

    def spans(self, uint64_t[::1] values not None, uint64_t[::1] sizes not None):
        """Copy offset of the value and size of all rows into two arrays of that length."""
        cdef size_t i
        if <size_t> values.shape[0] != self.n or <size_t> sizes.shape[0] != self.n:
            raise RadkitError("internal error: arrays for items of another length")
        for i in range(self.n):
            values[i] = self.rows[i].value
            sizes[i] = self.rows[i].length
