# Many pictures of one volume: stacks of planes, and views from all sides. Included by _mpr.pyx.

cdef extern from "kernels/mpr_row.h" nogil:
    ctypedef struct rk_row_table:
        pass
    void rk_row_table_fill(rk_row_table *, uint32_t)

cdef extern from "mpr/stack.h" nogil:
    ctypedef struct rk_mpr_stack:
        const rk_mpr_job *job
        const double *origin
        size_t planes
    ctypedef struct rk_mpr_planes:
        size_t first, count
        void *out
        uint8_t *outside
        void *work
    size_t rk_mpr_stack_work(const rk_mpr_stack *, uint32_t)
    size_t rk_mpr_stack_planes(const rk_mpr_stack *, const rk_mpr_planes *, uint32_t)
    size_t rk_mpr_stack_block(const rk_mpr_stack *)

cdef extern from "mpr/turns.h" nogil:
    ctypedef struct rk_mpr_turns:
        const rk_mpr_job *job
        size_t first, rows, pitch
        int16_t *values
    bool_t rk_mpr_turns_fits(const rk_mpr_job *)
    size_t rk_mpr_turns_plan(rk_mpr_turns *, const rk_mpr_job *)
    size_t rk_mpr_turns_work(const rk_mpr_turns *)
    bool_t rk_mpr_turns_span(const rk_mpr_turns *, size_t, size_t, uint32_t *, uint32_t *, void *)
    bool_t rk_mpr_turns_base(rk_mpr_turns *, uint32_t, uint32_t)
    void rk_mpr_turns_fill(const rk_mpr_turns *, const rk_row_table *, size_t, size_t, void *)
    size_t rk_mpr_turns_view(const rk_mpr_turns *, const rk_row_table *, const rk_mpr_grid *,
                             size_t, size_t, void *, uint8_t *, void *)


cdef void *aligned(void *memory) noexcept nogil:
    """The first place for scratch memory in a block that is RK_MPR_ALIGN bytes too large."""
    return <void *>((<uintptr_t>memory + RK_MPR_ALIGN - 1) & ~<uintptr_t>(RK_MPR_ALIGN - 1))


cdef class Stack:
    cdef Job job
    cdef Array origins
    cdef rk_mpr_stack stack

    def __init__(self, Job job not None, origins, size_t planes):
        if planes < 1 or planes > SIZE_MAX // 3 // 8 // (job.job.grid.rows * job.job.grid.cols):
            raise ValueError("a stack has at least one plane, and fits memory")
        if job.job.grid.lines != NULL:
            raise ValueError("planes of a stack have no lines of their own")
        self.job = job
        self.origins = doubles(origins, "origins", 3 * planes)
        self.stack.job = &job.job
        self.stack.origin = <const double *>self.origins.data
        self.stack.planes = planes
        memcpy(job.job.grid.origin, self.origins.data, 24)

    def block(self):
        return rk_mpr_stack_block(&self.stack)

    def planes(self, size_t first, size_t count, out, outside, *, uint32_t cpu=USE):
        cdef Array to = opened(out, "out", True), mask = octets(outside, "outside", True)
        cdef size_t pixels = self.job.job.grid.rows * self.job.job.grid.cols, empty
        cdef size_t cells = pixels * self.job.job.volume.samples
        cdef rk_mpr_planes part
        cdef void *memory
        known(cpu)
        if count > self.stack.planes or first > self.stack.planes - count:
            raise ValueError(f"there are {self.stack.planes} planes")
        same_size(to, self.stack.planes * cells)
        same_size(mask, self.stack.planes * pixels)
        apart(to, mask)
        if out.dtype.name != TYPES[<int>self.job.job.out]:
            raise TypeError(f"out must be {TYPES[<int>self.job.job.out]}")
        memory = malloc(rk_mpr_stack_work(&self.stack, cpu) + RK_MPR_ALIGN)
        if memory == NULL:
            raise MemoryError
        part.first, part.count = first, count
        part.out = to.out() + first * cells * to.itemsize
        part.outside = mask.out() + first * pixels
        part.work = aligned(memory)
        with nogil:
            empty = rk_mpr_stack_planes(&self.stack, &part, cpu)
        free(memory)
        return empty


cdef class Turns:
    cdef Job job
    cdef rk_mpr_turns turns
    cdef void *memory
    cdef size_t size

    def __dealloc__(self):
        free(self.memory)

    def __init__(self, Job job not None):
        if self.job is not None:
            raise ValueError("turns are made once")
        if not rk_mpr_turns_fits(&job.job):
            raise ValueError("views of this kind are not made by turning")
        self.job = job
        self.size = rk_mpr_turns_plan(&self.turns, &job.job)

    @property
    def nbytes(self):
        return self.size

    def prepare(self):
        cdef uint32_t lowest = 65535, highest = 0
        cdef bint fine
        cdef void *work
        if self.memory != NULL:
            raise ValueError("turns are prepared once")
        work = self._work()
        with nogil:
            fine = (rk_mpr_turns_span(&self.turns, 0, self.job.job.volume.side[0], &lowest,
                                      &highest, aligned(work))
                    and rk_mpr_turns_base(&self.turns, lowest, highest))
        free(work)
        if not fine:
            return False
        self.memory = malloc(self.size + RK_MPR_ALIGN)
        if self.memory == NULL:
            raise MemoryError
        self.turns.values = <int16_t *>aligned(self.memory)
        return True

    cdef void *_work(self) except NULL:
        cdef void *work = malloc(rk_mpr_turns_work(&self.turns) + RK_MPR_ALIGN)
        if work == NULL:
            raise MemoryError
        return work

    def fill(self, size_t first, size_t count, *, uint32_t cpu=USE):
        cdef size_t rows = self.job.job.volume.side[1]
        cdef rk_row_table row
        cdef void *work
        known(cpu)
        if self.memory == NULL:
            raise ValueError("turns are not prepared")
        if count > rows or first > rows - count:
            raise ValueError(f"there are {rows} rows in the volume")
        rk_row_table_fill(&row, cpu)
        work = self._work()
        with nogil:
            rk_mpr_turns_fill(&self.turns, &row, first, count, aligned(work))
        free(work)

    def view(self, place, size_t first, size_t count, out, outside, *, uint32_t cpu=USE):
        cdef Array to = opened(out, "out", True), mask = octets(outside, "outside", True)
        cdef Array at = doubles(place, "place", 12)
        cdef rk_mpr_job job = self.job.job
        cdef size_t pixels = job.grid.rows * job.grid.cols, empty
        cdef rk_row_table row
        cdef void *work
        known(cpu)
        memcpy(job.grid.origin, at.data, 24)
        memcpy(job.grid.down, at.data + 24, 24)
        memcpy(job.grid.right, at.data + 48, 24)
        memcpy(job.grid.into, at.data + 72, 24)
        if self.memory == NULL:
            raise ValueError("turns are not prepared")
        if not (rk_mpr_turns_fits(&job) and self._same_rows(&job.grid)):
            raise ValueError("the view has other rows than the first one")
        if count > job.grid.cols or first > job.grid.cols - count:
            raise ValueError(f"there are {job.grid.cols} columns")
        same_size(to, pixels)
        same_size(mask, pixels)
        apart(to, mask)
        if out.dtype.name != TYPES[<int>job.out]:
            raise TypeError(f"out must be {TYPES[<int>job.out]}")
        rk_row_table_fill(&row, cpu)
        work = self._work()
        with nogil:
            empty = rk_mpr_turns_view(&self.turns, &row, &job.grid, first, count, to.out(),
                                      mask.out(), aligned(work))
        free(work)
        return empty

    cdef bint _same_rows(self, const rk_mpr_grid *grid) noexcept:
        cdef const rk_mpr_grid *own = &self.job.job.grid
        return (fabs(grid.origin[0] - own.origin[0]) < 1e-6
                and fabs(grid.down[0] - own.down[0]) * <double>own.rows < 1e-6)
