"""Inputs of the public targets, made of seeds by a random generator of their own."""

from __future__ import annotations

import random
import struct

__all__ = ["Mutator", "StreamMutator"]

WORDS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000]
WORDS += [0xFFFFFFFF, 0xFFFFFFFE, 64, 16, 8, 12, 65535 * 65535 & 0xFFFFFFFF]
TOKENS = [
    b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"\xfe\xff\x0d\xe0", b"\xff\xff\xff\xff",
    b"\xff\xd8\xff", b"\xff\xd9", b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\x93", b"\xff\xc3",
    b"\xe0\x7f\x10\x00", b"\x28\x00\x10\x00", b"SQ\0\0\xff\xff\xff\xff", b"UN\0\0", b"OW", b"OB",
]  # fmt: skip
SOD, SOT = 0xFF93, 0xFF90


class Mutator:
    """Changes of bytes, words and pieces; half of them in the front, where headers are."""

    def __init__(self, corpus: list[bytes], seed: int) -> None:
        self.random = random.Random(seed)
        self.corpus = corpus

    def word(self) -> bytes:
        """Return an interesting number in some width and byte order."""
        form = self.random.choice(["<B", "<H", ">H", "<I", ">I", "<Q"])
        size = struct.calcsize(form)
        return struct.pack(form, self.random.choice(WORDS) & ((1 << 8 * size) - 1))

    def step(self, data: bytearray) -> bytearray:
        """Return `data` with one change."""
        r = self.random
        place = r.randrange(len(data) + 1)
        # Headers are small and pixels are many: half of the changes go to the front.
        if r.random() < 0.5:
            place = r.randrange(min(len(data), 2000) + 1)
        kind = r.randrange(8)
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << r.randrange(8)
        elif kind == 1:
            new = self.word()
            data[place : place + len(new)] = new
        elif kind == 2:
            del data[place : place + r.choice([1, 2, 4, 8, 16, 100, 1000])]
        elif kind == 3:
            del data[place:]
            data += bytes(r.randrange(256) for _ in range(2))
        elif kind == 4:
            size = r.choice([1, 2, 4, 8, 64])
            data[place:place] = data[place : place + size] * r.choice([1, 2, 50])
        elif kind == 5:
            data[place:place] = r.choice(TOKENS)
        elif kind == 6:
            other = r.choice(self.corpus)
            data[place:] = other[r.randrange(len(other) + 1) :]
        else:
            data[-2:] = bytes(r.randrange(256) for _ in range(2))
        return data

    def next(self) -> bytes:
        """Return the next input."""
        data = bytearray(self.random.choice(self.corpus))
        for _ in range(1 + int(self.random.expovariate(0.7))):
            data = self.step(data)
        return bytes(data[: 1 << 20])


class StreamMutator(Mutator):
    """Changes that know marker segments and tile-parts, and put Psot right (T.800 A.4.2)."""

    def step(self, data: bytearray) -> bytearray:
        """Return `data`, a codestream and two option bytes, with one change."""
        r = self.random
        if r.random() < 0.15:
            return super().step(data)
        segments, bodies = self.places(data)
        kind = r.randrange(5)
        if kind == 0:
            data[-2:] = bytes(r.randrange(256) for _ in range(2))
        elif kind == 1 and bodies:
            self.change_body(data, *r.choice(bodies))
        elif kind == 2 and bodies:
            part, _, end = r.choice(bodies)
            copy = data[part:end]
            where = r.choice(bodies)[0]
            data[where : where if r.random() < 0.5 else where + len(copy)] = copy
        elif segments:
            self.change_segment(data, *r.choice(segments), again=kind == 3)
        return data

    def places(
        self, data: bytearray
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Return (SOT or 0, start, end) of marker segments, and of the packets of tile-parts."""
        segments, bodies = [], []
        at, part, end = max(data.find(b"\xff\x4f\xff\x51"), 0) + 2, 0, 0
        while len(data) - at >= 6:
            marker, size = struct.unpack_from(">HH", data, at)
            if marker == SOD:
                if end < at + 2:
                    break
                bodies.append((part, at + 2, end))
                at, part = end, 0
                continue
            if marker < 0xFF30 or marker == 0xFFD9 or size < 2:
                break
            if marker == SOT and len(data) - at >= 14:
                length = int.from_bytes(data[at + 6 : at + 10], "big")
                part, end = at, min(at + length, len(data) - 2) if length >= 14 else len(data) - 2
            segments.append((part, at, min(at + 2 + size, len(data) - 2)))
            at += 2 + size
        return segments, bodies

    def mend(self, data: bytearray, part: int, more: int) -> None:
        """Add to the length of a tile-part."""
        length = int.from_bytes(data[part + 6 : part + 10], "big")
        if part and length and self.random.random() < 0.9:
            data[part + 6 : part + 10] = max(length + more, 0).to_bytes(4, "big")

    def change_body(self, data: bytearray, part: int, start: int, end: int) -> None:
        """Change a byte, or put in or take out a few."""
        r = self.random
        place = r.randrange(start, max(end, start + 1))
        kind = r.randrange(3)
        if kind == 0 and place < len(data) - 2:
            data[place] ^= 1 << r.randrange(8)
        elif kind == 1:
            data[place:place] = new = r.randbytes(r.choice((1, 2, 9)))
            self.mend(data, part, len(new))
        else:
            gone = min(r.choice((1, 2, 30)), end - place)
            del data[place : place + gone]
            self.mend(data, part, -gone)

    def change_segment(
        self, data: bytearray, part: int, start: int, end: int, *, again: bool
    ) -> None:
        """Change a field of a segment; or say it again, or not at all."""
        r = self.random
        if not again:
            place = r.randrange(min(start + 4, end - 1), end)
            small = r.choice(
                (data[place] + 1, data[place] - 1, r.randrange(9), 1 << r.randrange(8))
            )
            data[place] = small & 255
        elif r.random() < 0.5:
            data[end:end] = copy = data[start:end]
            self.mend(data, part, len(copy))
        else:
            del data[start:end]
            self.mend(data, part, start - end)
