"""What TLM and PLT say of the lengths of tile-parts and packets, and whether it is true.

T.800 A.7.1, A.7.3. Neither is needed to find anything: SOT and the packet headers are what
decoders go by. But who reads by ranges goes by them, so a wrong one is worth telling.
"""

from __future__ import annotations

import numpy as np

from radkit.codecs._j2k_rewrite import PLT, TLM, segments

__all__ = ["check_plt", "check_tlm", "promised_bytes"]

Parts = tuple[tuple[int, int, int, int], ...]  # tile, offset, header size, body size


def check_tlm(data: memoryview, header: tuple[int, int], parts: Parts) -> bool | None:
    """Return whether TLM lists the tile-parts as they are; None without any."""
    listed = _tile_parts(data, header)
    if listed is None:
        return None
    return listed == [(tile, head + size) for tile, _, head, size in parts]


def promised_bytes(data: memoryview, header: tuple[int, int]) -> int | None:
    """Return the bytes of main header and tile-parts by TLM; None without a sound one."""
    listed = _tile_parts(data, header)
    return sum(size for _, size in listed) + header[1] if listed else None


def _tile_parts(data: memoryview, header: tuple[int, int]) -> list[tuple[int, int]] | None:
    """Return (tile, length) of the tile-parts by TLM; empty if it is broken, None without any."""
    found: dict[int, list[tuple[int, int]]] = {}
    number = 0
    for marker, body in segments(data, header[0] + 2, sum(header)):
        if marker != TLM:
            continue
        wide, long = body[1] >> 4 & 3, 4 if body[1] & 0x40 else 2
        if wide == 3 or (len(body) - 2) % (wide + long):
            return []
        rows = found.setdefault(body[0], [])
        for at in range(2, len(body), wide + long):
            tile = int.from_bytes(body[at : at + wide], "big") if wide else number
            rows.append((tile, int.from_bytes(body[at + wide : at + wide + long], "big")))
            number += 1
    if not found:
        return None
    return [row for key in sorted(found) for row in found[key]]


def check_plt(data: memoryview, parts: Parts, packets: np.ndarray) -> bool | None:
    """Return whether PLT, where it is, lists the packets as they are; None without any."""
    there = False
    order = np.argsort(packets["part"], kind="stable")
    ends = np.searchsorted(packets["part"][order], np.arange(len(parts) + 1))
    sizes = packets["header"].astype(np.int64) + packets["body"].astype(np.int64)
    for number, (_, offset, head, _) in enumerate(parts):
        bodies = {}
        for marker, body in segments(data, offset + 12, offset + head):
            if marker == PLT:
                bodies[body[0]] = bytes(body[1:])
        if not bodies:
            continue
        there = True
        mine = order[ends[number] : ends[number + 1]]
        listed = _lengths(b"".join(bodies[key] for key in sorted(bodies)))
        if listed != sizes[mine].tolist():
            return False
    return True if there else None


def _lengths(coded: bytes) -> list[int]:
    """Return numbers of seven bits a byte, all bytes but the last of each with the top bit set."""
    found, value = [], 0
    for byte in coded:
        value = value << 7 | byte & 127
        if byte < 128:
            found.append(value)
            value = 0
    return found
