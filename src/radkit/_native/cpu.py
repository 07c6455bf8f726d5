"""The instruction sets that kernels may use: what the machine has, capped by RADKIT_CPU.

`RADKIT_CPU` is `c`, `avx2`, `avx512` or `neon` and is read once, at import. It
changes speed only, never a result.
"""

from __future__ import annotations

import os

from radkit._native import _cpu

AVX2 = 1 << 0
AVX512 = 1 << 1
NEON = 1 << 2

_CAPS = {"c": 0, "avx2": AVX2, "avx512": AVX2 | AVX512, "neon": NEON}


def _allowed() -> int:
    cap = _CAPS.get(os.environ.get("RADKIT_CPU", "").strip().lower())
    found = _cpu.detected()
    return found if cap is None else found & cap


DETECTED: int = _cpu.detected()
USE: int = _allowed()
