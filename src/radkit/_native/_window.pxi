# Windows, tables and palettes of _pixels.pyx: plans, and the calls that use them.

from libc.math cimport isfinite
from libc.string cimport memcpy, memset


cdef rk_window window_of(str kind, double centre, double width, double slope, double intercept,
                         long ymin, long ymax, bint invert) except *:
    """The checked window of one call."""
    cdef rk_window_kind k
    if kind == "LINEAR":
        k = RK_WINDOW_LINEAR
    elif kind == "LINEAR_EXACT":
        k = RK_WINDOW_LINEAR_EXACT
    elif kind == "SIGMOID":
        k = RK_WINDOW_SIGMOID
    else:
        raise ValueError("kind must be LINEAR, LINEAR_EXACT or SIGMOID")
    if not (isfinite(centre) and isfinite(width) and isfinite(slope) and isfinite(intercept)):
        raise ValueError("centre, width, slope and intercept must be finite numbers")
    if width < 1 if k == RK_WINDOW_LINEAR else width <= 0:
        raise ValueError(f"width must be {'>= 1' if k == RK_WINDOW_LINEAR else '> 0'} for {kind}")
    if not 0 <= ymin <= ymax <= 255:
        raise ValueError(f"0 <= ymin <= ymax <= 255 does not hold for {ymin} and {ymax}")
    return rk_window_make(k, centre, width, slope, intercept, <uint8_t>ymin, <uint8_t>ymax,
                          invert)


cdef int depth_16(long bits) except -1:
    if not 1 <= bits <= 16:
        raise ValueError(f"bits is {bits}; 1 to 16 are possible")
    return 0


cdef int64_t lowest(long bits, bint signed) noexcept nogil:
    return -(<int64_t>1 << (bits - 1)) if signed else 0


cdef class WindowPlan:
    """A function from stored values to grey, complete once made."""

    cdef readonly int bits
    cdef readonly bint signed
    cdef readonly bytes table
    cdef bytes map8        # by the bits of a stored value of 8 bits
    cdef bytes map16       # of 16 bits, only if there is no fast kernel
    cdef rk_window_fast fast
    cdef rk_window_path way

    def __init__(self):
        raise TypeError("made by window_plan and table_plan")

    @property
    def path(self):
        if self.way == RK_WINDOW_BY_INTEGER:
            return "integer"
        return "float" if self.way == RK_WINDOW_BY_REAL else "table"


cdef bytes expanded(const uint8_t *table, size_t entries, int width, bint signed):
    """The table by all stored values of `width` bits, in the order of their bits."""
    cdef bytes whole = bytes(1 << width)
    cdef uint8_t *to = <uint8_t *><char *>whole
    cdef size_t half = <size_t>1 << (width - 1), inside
    cdef const uint8_t *middle
    if not signed:
        inside = min(entries, 2 * half)
        memcpy(to, table, inside)
        memset(to + inside, table[entries - 1], 2 * half - inside)
        return whole
    middle = table + entries // 2
    inside = min(entries // 2, half)
    memcpy(to, middle, inside)
    memset(to + inside, table[entries - 1], half - inside)
    memset(to + half, table[0], half - inside)
    memcpy(to + 2 * half - inside, middle - inside, inside)
    return whole


cdef WindowPlan plan_of(bytes table, long bits, bint signed, double grey, uint32_t cpu):
    """`grey` < 0: nothing but the table."""
    cdef WindowPlan plan = WindowPlan.__new__(WindowPlan)
    cdef const uint8_t *entries = <const uint8_t *><const char *>table
    cdef rk_window_table kernels
    rk_window_table_fill(&kernels, cpu)
    plan.bits = bits
    plan.signed = signed
    plan.table = table
    plan.map8 = expanded(entries, len(table), 8, signed)
    plan.way = RK_WINDOW_BY_TABLE
    if grey >= 0:
        with nogil:
            plan.way = rk_window_fit(&plan.fast, &kernels, entries, bits, signed, grey)
    if plan.way == RK_WINDOW_BY_TABLE:
        plan.map16 = expanded(entries, len(table), 16, signed)
    return plan


def window_plan(str kind not None, double centre, double width, *, double slope=1.0,
                double intercept=0.0, long bits, bint signed, bint invert=False, long ymin=0,
                long ymax=255, uint32_t cpu=USE):
    cdef rk_window w = window_of(kind, centre, width, slope, intercept, ymin, ymax, invert)
    cdef rk_window_table kernels
    cdef bytes table
    cdef uint8_t *to
    cdef double grey
    known(cpu)
    depth_16(bits)
    rk_window_table_fill(&kernels, cpu)
    table = bytes(1 << bits)
    to = <uint8_t *><char *>table  # nobody else has seen it
    grey = -1.0 if w.kind == RK_WINDOW_SIGMOID else rk_window_grey(&w)
    with nogil:
        kernels.values(&w, lowest(bits, signed), to, <size_t>1 << bits)
    return plan_of(table, bits, signed, grey, cpu)


def table_plan(table, *, long bits, bint signed, int64_t first=0, uint32_t cpu=USE):
    cdef Array entries = octets(table, "table", False)
    cdef rk_window_table kernels
    cdef bytes whole
    cdef uint8_t *to
    known(cpu)
    depth_16(bits)
    filled(entries, first)
    values = np.arange(1 << bits, dtype=np.int32) + lowest(bits, signed)
    whole = bytes(1 << bits)
    cdef Array stored = integers(values, "values", False, 4, 4)
    to = <uint8_t *><char *>whole
    rk_window_table_fill(&kernels, cpu)
    with nogil:
        kernels.look_i32(entries.data, entries.size, first, stored.data, to, stored.size)
    return plan_of(whole, bits, signed, -1.0, cpu)


cdef int filled(Array table, int64_t first) except -1:
    if table.size == 0:
        raise ValueError(f"{table.name} is empty")
    if not -(<int64_t>1 << 62) < first < <int64_t>1 << 62:
        raise ValueError("first is beyond all stored values")
    return 0


def window_table(str kind not None, double centre, double width, *, double slope=1.0,
                 double intercept=0.0, long bits, bint signed, bint invert=False, long ymin=0,
                 long ymax=255, uint32_t cpu=USE):
    cdef rk_window w = window_of(kind, centre, width, slope, intercept, ymin, ymax, invert)
    cdef rk_window_table kernels
    cdef Array to
    known(cpu)
    depth_16(bits)
    out = np.empty(1 << bits, dtype=np.uint8)
    to = octets(out, "out", True)
    rk_window_table_fill(&kernels, cpu)
    with nogil:
        kernels.values(&w, lowest(bits, signed), to.out(), to.size)
    return out


def apply_window(src, out, WindowPlan plan not None, *, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 2), to = octets(out, "out", True)
    cdef const uint8_t *map8 = <const uint8_t *><const char *>plan.map8
    cdef const uint8_t *map16 = NULL
    cdef rk_window_table kernels
    known(cpu)
    if (a.kind == b"i") != plan.signed:
        raise TypeError(f"src must be {'signed' if plan.signed else 'unsigned'} for this plan")
    same_size(to, a.size)
    apart(a, to)
    if plan.map16 is not None:
        map16 = <const uint8_t *><const char *>plan.map16
    rk_window_table_fill(&kernels, cpu)
    with nogil:
        if a.itemsize == 1:
            kernels.map8(map8, a.data, to.out(), a.size)
        elif plan.way == RK_WINDOW_BY_INTEGER:
            kernels.integer(&plan.fast, a.data, to.out(), a.size)
        elif plan.way == RK_WINDOW_BY_REAL:
            kernels.real(&plan.fast, a.data, to.out(), a.size)
        else:
            kernels.map16(map16, a.data, to.out(), a.size)


def apply_table(src, table, out, *, int64_t first=0, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 4), entries = octets(table, "table", False)
    cdef Array to = octets(out, "out", True)
    cdef bint signed = a.kind == b"i"
    cdef rk_window_table kernels
    cdef look_fn look
    known(cpu)
    filled(entries, first)
    same_size(to, a.size)
    apart(a, to)
    apart(entries, to)
    rk_window_table_fill(&kernels, cpu)
    if a.itemsize == 1:
        look = kernels.look_i8 if signed else kernels.look_u8
    elif a.itemsize == 2:
        look = kernels.look_i16 if signed else kernels.look_u16
    else:
        look = kernels.look_i32 if signed else kernels.look_u32
    with nogil:
        look(entries.data, entries.size, first, a.data, to.out(), a.size)


def window_float(src, out, str kind not None, double centre, double width, *, double slope=1.0,
                 double intercept=0.0, bint invert=False, long ymin=0, long ymax=255,
                 uint32_t cpu=USE):
    cdef rk_window w = window_of(kind, centre, width, slope, intercept, ymin, ymax, invert)
    cdef Array a = opened(src, "src", False), to = octets(out, "out", True)
    cdef rk_window_table kernels
    cdef direct_fn direct
    known(cpu)
    rk_window_table_fill(&kernels, cpu)
    if a.kind == b"f":
        direct = kernels.f32 if a.itemsize == 4 else kernels.f64
    elif a.itemsize == 4:
        direct = kernels.i32 if a.kind == b"i" else kernels.u32
    else:
        raise TypeError("src must be float32, float64, int32 or uint32")
    same_size(to, a.size)
    apart(a, to)
    with nogil:
        direct(&w, a.data, to.out(), a.size)


cdef object entries_of(object table, str name, size_t itemsize):
    """The table as an array of entries of `itemsize` bytes, those of the output."""
    cdef Array a = integers(table, name, False, 1, 2)
    if a.kind != b"u":
        raise TypeError(f"{name} must be uint8 or uint16")
    if not 1 <= a.size <= 65536:
        raise ValueError(f"{name} has {a.size} entries; 1 to 65536 are possible")
    flat = np.frombuffer(table, dtype=np.uint8 if a.itemsize == 1 else np.uint16)
    if a.itemsize == itemsize:
        return flat
    return (flat >> 8).astype(np.uint8) if itemsize == 1 else flat.astype(np.uint16)


def palette_rgb(src, red, green, blue, int64_t first, out, *, uint32_t cpu=USE):
    cdef Array a = integers(src, "src", False, 1, 2), to = integers(out, "out", True, 1, 2)
    cdef Array r = integers(entries_of(red, "red", to.itemsize), "red", False, 1, 2)
    cdef Array g = integers(entries_of(green, "green", to.itemsize), "green", False, 1, 2)
    cdef Array b = integers(entries_of(blue, "blue", to.itemsize), "blue", False, 1, 2)
    cdef bint signed = a.kind == b"i", bytes_out = to.itemsize == 1
    cdef rk_palette_table table
    cdef palette_fn fn
    cdef rk_palette p
    known(cpu)
    if to.kind != b"u":
        raise TypeError("out must be uint8 or uint16")
    same_size(g, r.size)
    same_size(b, r.size)
    filled(r, first)
    if a.size > (<size_t>-1) // 3:
        raise ValueError("src is too large")
    same_size(to, 3 * a.size)
    for other in (a, r, g, b):
        apart(other, to)
    p.red, p.green, p.blue, p.entries, p.first = r.data, g.data, b.data, r.size, first
    rk_palette_table_fill(&table, cpu)
    if a.itemsize == 1 and bytes_out:
        fn = table.i8_8 if signed else table.u8_8
    elif bytes_out:
        fn = table.i16_8 if signed else table.u16_8
    elif a.itemsize == 1:
        fn = table.i8_16 if signed else table.u8_16
    else:
        fn = table.i16_16 if signed else table.u16_16
    with nogil:
        fn(&p, a.data, to.out(), a.size)
