# cython: language_level=3
# cython: freethreading_compatible=True
"""The instruction sets of this machine."""

from libc.stdint cimport uint32_t

cdef extern from "kernels/cpu.h" nogil:
    uint32_t rk_cpu_detect()


def detected() -> int:
    """Return the RK_CPU_* bits of this machine (bit 0 AVX2, 1 AVX-512, 2 NEON)."""
    return rk_cpu_detect()
