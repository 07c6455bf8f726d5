"""Pixels of the slices into the array of a volume, on all cores and without a copy between.

Native cells are read from their files straight into place, some files at a time in
one native call. Coded frames are decoded into place. An object of many frames is
opened once. Only values (slopes that differ) and tiles of a mosaic pass through a
frame of their own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radkit import limits
from radkit._native import _pick, cpu
from radkit.errors import CorruptPixelData, LimitExceeded, OptionError, RadkitError
from radkit.volume.items import coded_bytes
from radkit.volume.records import Record

if TYPE_CHECKING:
    from radkit.pixels.frames import Frames

__all__ = ["Pixels"]

AT_ONCE = 16  # files of one native call: some milliseconds, so that a deadline is kept
BYTES_PER_THREAD = 32 << 20  # native cells come at some GB/s: less than this is not worth a thread

_Placed = tuple[int, Record]  # slice, and what belongs there


class Pixels:
    """Reads pixels for one call of `load_volume`."""

    def __init__(
        self,
        *,
        reduce: int,
        layers: int | None,
        threads: int | None,
        deadline: limits.Deadline,
    ) -> None:
        from radkit.pixels.selection import check_scale

        self.reduce, self._layers = check_scale(reduce, layers)
        self._threads = threads
        self.deadline = deadline

    def digest(self, record: Record) -> bytes:
        """Return what is equal for slices of equal samples."""
        import hashlib

        samples = np.ascontiguousarray(self._alone(record))
        return hashlib.blake2b(samples.tobytes(), digest_size=32).digest()

    def fill(
        self,
        array: NDArray[Any],
        records: Sequence[Record | None],
        *,
        values: bool,
        report: Callable[[int], None],
    ) -> None:
        """Fill the slices of an array.

        Parameters
        ----------
        array : ndarray
            (slices, rows, cols[, samples]), C-contiguous.
        records : sequence of Record or None
            What belongs into each slice; None: nothing is written there.
        values : bool
            Apply each slice's rescale; else stored values, and `array` is of their type.
        report : callable
            Called with the number of slices that were filled.
        """
        native: list[_Placed] = []
        single: list[_Placed] = []
        shared: dict[int, list[_Placed]] = {}
        direct = not values and self.reduce == 0 and self._layers is None
        for placed in enumerate(records):
            record = placed[1]
            if record is None:
                continue
            if record.frame is not None or record.tile is not None:
                shared.setdefault(id(record.source), []).append((placed[0], record))
            elif direct and record.native is not None:
                native.append((placed[0], record))
            else:
                single.append((placed[0], record))
        single += self._native(array, native, report)
        with limits.running(self.deadline), contextlib.ExitStack() as stack:
            like = self._opened(stack, single)
            for _ in self._stream(
                lambda one: self._single(array, one, like, values=values), single
            ):
                report(1)
            for group in shared.values():
                self._shared(array, group, values=values, report=report)

    def _stream(
        self, work: Callable[[Any], Any], items: Sequence[Any], *, most: int | None = None
    ) -> Iterator[Any]:
        from radkit.pixels.workers import stream, thread_count

        count = thread_count(self._threads, len(items)) if items else 1
        if most is not None:
            count = min(count, most)

        def timed(item: Any) -> Any:
            self.deadline.check()
            return work(item)

        return stream(timed, items, threads=count, ahead=2 * count if count > 1 else 0)

    # -- native cells --

    def _native(
        self, array: NDArray[Any], placed: list[_Placed], report: Callable[[int], None]
    ) -> list[_Placed]:
        """Read native cells; return the slices that have to be looked at in the general way."""
        kinds: dict[tuple[int, int, bool], list[_Placed]] = {}
        for k, record in placed:
            image = record.image
            kinds.setdefault((image.bits_stored, image.high_bit, image.signed), []).append(
                (k, record)
            )
        parts = [
            (kind, part[at : at + AT_ONCE])
            for kind, part in kinds.items()
            for at in range(0, len(part), AT_ONCE)
        ]
        failed: list[_Placed] = []
        most = 1 + array.nbytes // BYTES_PER_THREAD
        for count, part in self._stream(lambda one: _read_cells(array, *one), parts, most=most):
            report(count)
            failed += part[count:]
        return failed

    # -- everything else --

    def _options(self) -> dict[str, Any]:
        return {"reduce": self.reduce, "layers": self._layers}

    def _alone(self, record: Record, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Decode one slice on its own."""
        from radkit.pixels import decode

        self.deadline.check()
        frame = record.frame or 0
        # What a truncated frame lacks cannot be put right, whatever `strict` says.
        found = decode(
            record.source, frames=frame, out=out, strict=True, threads=1, **self._options()
        )
        if record.tile is None:
            return found
        return _tile(found, record)

    def _opened(self, stack: contextlib.ExitStack, placed: list[_Placed]) -> dict[int, Frames]:
        """Open one object of each kind whose frames lie alone in their files, by its image."""
        found: dict[int, Frames] = {}
        for _, record in placed:
            if record.coded is None or id(record.image) in found:
                continue
            # Here, because a series of native cells needs neither.
            from radkit.pixels.decoding import check_memory
            from radkit.pixels.frames import Frames

            opened = stack.enter_context(Frames(record.source))
            with opened.named():
                opened.check_ability(**self._options())
                check_memory(opened, 1, opened.frame_shape(None, self.reduce), 1)
            found[id(record.image)] = opened
        return found

    def _single(
        self, array: NDArray[Any], placed: _Placed, like: dict[int, Frames], *, values: bool
    ) -> None:
        k, record = placed
        target = None if values else array[k]
        found = self._coded(record, like.get(id(record.image)), target)
        if found is None:
            self._general(array, placed, values=values)
        elif values:
            array[k] = record.modality.apply(found)

    def _coded(
        self, record: Record, like: Frames | None, target: NDArray[Any] | None
    ) -> NDArray[Any] | None:
        """Decode a frame alone in its file; None where anything has to be looked at closely."""
        if like is None or record.coded is None:
            return None
        data = coded_bytes(*record.coded)
        if data is None:
            return None
        try:
            found = like.decode(0, out=target, data=data, **self._options()).array
        except LimitExceeded:
            raise
        except RadkitError:
            return None  # the general way says what is wrong, and with which file
        return found if target is None or found is target else None

    def _general(self, array: NDArray[Any], placed: _Placed, *, values: bool) -> None:
        k, record = placed
        if values:
            array[k] = record.modality.apply(self._alone(record))
            return
        try:
            self._alone(record, array[k])
        except OptionError as error:
            raise _too_wide(record) from error

    def _shared(
        self,
        array: NDArray[Any],
        group: list[_Placed],
        *,
        values: bool,
        report: Callable[[int], None],
    ) -> None:
        """Decode the slices of one object of many frames, or of one mosaic."""
        from radkit.pixels.frames import Frames

        first = group[0][1]
        with Frames(first.source) as opened, opened.named():
            opened.check_ability(**self._options())
            if first.tile is not None:
                self._tiles(array, group, opened, values=values, report=report)
                return
            opened.locate(sorted({record.frame or 0 for _, record in group}))

            def one(placed: _Placed) -> None:
                k, record = placed
                target = None if values else array[k]
                made = opened.decode(record.frame or 0, out=target, **self._options()).array
                if values:
                    array[k] = record.modality.apply(made)
                elif made is not target:
                    raise _too_wide(record)

            for _ in self._stream(one, group):
                report(1)

    def _tiles(
        self,
        array: NDArray[Any],
        group: list[_Placed],
        opened: Any,
        *,
        values: bool,
        report: Callable[[int], None],
    ) -> None:
        self.deadline.check()
        if self.reduce:
            raise OptionError(
                "reduce must be 0 for a mosaic: its low resolutions mix neighbouring slices"
            )
        whole = opened.decode(0, **self._options()).array
        if not values and whole.dtype != array.dtype:
            raise _too_wide(group[0][1])
        for k, record in group:
            tile = _tile(whole, record)
            array[k] = record.modality.apply(tile) if values else tile
            report(1)


def _tile(whole: NDArray[Any], record: Record) -> NDArray[Any]:
    assert record.tile is not None
    row0, row1, col0, col1 = record.tile
    return whole[row0:row1, col0:col1]


def _too_wide(record: Record) -> CorruptPixelData:
    return CorruptPixelData(
        f"a codestream has more bits than Bits Allocated: it does not fit {record.form[3]}",
        frame=record.frame,
        section="PS3.5 8.2",
    )


def _read_cells(
    array: NDArray[Any], kind: tuple[int, int, bool], part: list[_Placed]
) -> tuple[int, list[_Placed]]:
    """Read native frames into their slices; return how many of the part were read."""
    paths: list[bytes] = []
    offsets: list[int] = []
    for _, record in part:
        assert record.native is not None
        paths.append(record.native[0])
        offsets.append(record.native[1])
    bits, high, signed = kind
    done = _pick.fill_slots(
        paths,
        offsets,
        [k for k, _ in part],
        array.reshape(len(array), -1).view(np.uint8),
        itemsize=array.itemsize,
        bits_stored=bits,
        high_bit=high,
        signed=signed,
        cpu=cpu.USE,
    )
    return done, part
