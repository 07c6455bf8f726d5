"""The short road: a plain object with one native frame, coded anew without loss.

Most files of an archive are slices of that kind, and reading and writing one in general costs as
much as coding its frame. Here the header is read by one native call, laid out by a second one and
joined to the new codestream by a third. Whatever is not as usual is left to `Recoding`, before
anything was written; where both apply they give the same bytes and the same `Transcoded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from radkit import limits
from radkit._native import _pick, _pixels, _scan, _splice
from radkit.codecs import registry
from radkit.codecs.frame import CodedFrame, FrameSpec
from radkit.dicom import plain, rules
from radkit.dicom.imagepixel import ImagePixel
from radkit.dicom.rules import Outcome
from radkit.dicom.source import Reader
from radkit.dicom.splice import Edit
from radkit.dicom.uids import TransferSyntax
from radkit.dicom.write import Sink
from radkit.errors import VerificationError
from radkit.pixels import samples
from radkit.transcoding.dest import deliver, final_path
from radkit.transcoding.options import Options
from radkit.transcoding.results import Transcoded
from radkit.transcoding.verify import Proof, compare

__all__ = ["short_road"]

# Their frames decode to samples; those of the others are words whose unused bits are looked at.
_CODINGS = frozenset({"jpeg2000", "htj2k", "jpegls", "jpeg-lossless"})
_SYNTAX, _UID, _FRAMES, _LOSSY = 0x00020010, 0x00080018, 0x00280008, 0x00282110
_SAMPLES, _PHOTOMETRIC, _PLANAR = 0x00280002, 0x00280004, 0x00280006
_ROWS, _COLS, _BITS = 0x00280010, 0x00280011, (0x00280100, 0x00280101, 0x00280102, 0x00280103)
_TAGS = sorted(
    (_SYNTAX, _UID, _FRAMES, _LOSSY, _SAMPLES, _PHOTOMETRIC, _PLANAR, _ROWS, _COLS, *_BITS)
)
_NATIVE_TAGS = np.array(_TAGS, np.uint32)
_WIDTHS = np.full(len(_TAGS), -1, np.int32)
_NO_NUMBERS = np.empty(0)
_SAMPLES_OF = {b"MONOCHROME1": 1, b"MONOCHROME2": 1, b"PALETTE COLOR": 1, b"RGB": 3, b"YBR_FULL": 3}
_SAMPLES_OF[b"YBR_RCT"] = 3  # of results; native pixels are never that
# Overlays, which may lie in unused bits, and signatures: the general road knows what to do.
_OVERLAYS = tuple(group << 16 | 0x0010 for group in range(0x6000, 0x6020, 2))
_REFUSED = (0x4FFE0001, *_OVERLAYS, 0xFFFAFFFA)
_DROPPED: rules.Edits = {0x7FE00001: None, 0x7FE00002: None}
_ROOM = 32  # bytes of memory that a byte of the source may come to stand for
_PIXEL_DATA = 0x7FE00010
_EXPLICIT = "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True)
class _Head:
    """What a plain object says of itself, and where its pixel element is."""

    syntax_uid: str
    instance_uid: str
    image: ImagePixel
    value: int
    length: int


def _us(value: bytes | None) -> int:
    """Give the only value of an element of VR US; -1 for anything else."""
    if value is None or len(value) != 4 or value[:2] != b"US":
        return -1
    return value[2] | value[3] << 8


def _text(value: bytes | None, vr: bytes) -> bytes | None:
    """Give the text of an element of that VR, b"" if it is absent; None for another VR."""
    if value is None:
        return b""
    return value[2:].rstrip(b" \0") if value[:2] == vr else None


def _image(found: dict[int, bytes | None]) -> ImagePixel | None:
    """Give the image of a plain header; None where the general road has more to say of it."""
    rows, cols, count = _us(found[_ROWS]), _us(found[_COLS]), _us(found[_SAMPLES])
    allocated, stored, high, signed = (_us(found[tag]) for tag in _BITS)
    photometric = _text(found[_PHOTOMETRIC], b"CS") or b""
    planar = _us(found[_PLANAR])
    usual = (
        rows > 0
        and cols > 0
        and count == _SAMPLES_OF.get(photometric)
        and (planar == 0 or (count == 1 and found[_PLANAR] is None))
        and allocated in (8, 16)
        and 1 < stored <= allocated
        and high == stored - 1
        and (signed == 0 or (signed == 1 and count == 1))
        and _text(found[_FRAMES], b"IS") in (b"", b"1")
        and found[_FRAMES] != b"IS"
        and _text(found[_LOSSY], b"CS") in (b"", b"00")
    )
    if not usual:
        return None
    return ImagePixel(
        rows=rows,
        cols=cols,
        samples=count,
        frames=1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=signed == 1,
        photometric=photometric.decode("ascii"),
        planar=False,
    )


def _head(view: bytes | memoryview) -> _Head | None:
    """Read a plain object by one native call."""
    texts: list[bytes | None] = []
    place = _pick.pick_image(view, len(view), _NATIVE_TAGS, _WIDTHS, _NO_NUMBERS, texts)
    if place is None or isinstance(place, bool) or place[0] != _PIXEL_DATA:
        return None
    found = dict(zip(_TAGS, texts, strict=True))
    image = _image(found)
    syntax, uid = _text(found[_SYNTAX], b"UI"), _text(found[_UID], b"UI")
    if image is None or not syntax or not uid or not uid.isascii() or b"\\" in uid:
        return None
    text = uid.decode("ascii").strip(" \0\r\n\t")
    return _Head(syntax.decode("ascii", "replace"), text, image, place[1], place[2])


def _is_for_it(options: Options) -> bool:
    return (
        options.lossy is None
        and options.verify in (True, False)
        and options.new_uid != "always"
        and options.target.coding in _CODINGS
    )


def short_road(reader: Reader, dest: Any, options: Options) -> tuple[Transcoded, str] | None:
    """Transcode a plain object; None if it, or what is asked, is not for this road.

    Parameters
    ----------
    reader : Reader
        The source.
    dest : path, binary file or None
        As in `transcode`.
    options : Options
        What was asked.

    Returns
    -------
    (Transcoded, str) or None
        The result and the SOP Instance UID.
    """
    view = reader.view()
    if view is None or not _is_for_it(options):
        return None
    now = limits.current()
    if len(view) * _ROOM > now.max_memory_bytes:
        return None
    head = _head(view)
    if head is None or head.syntax_uid != _EXPLICIT or head.image.photometric == "YBR_RCT":
        return None
    image = head.image
    size = image.frame_bytes
    if image.rows * image.cols > now.max_pixels or head.length != size + (size & 1):
        return None
    work = _Work(view, head, options)
    laid = work.lay(_DROPPED)
    array = work.samples() if laid is not None else None
    if laid is None or array is None:
        return None
    coded = work.encode(array)
    if coded.photometric != image.photometric:
        edit = Edit("CS", coded.photometric.encode("ascii"))
        laid = work.lay({**_DROPPED, 0x00280004: edit})
        if laid is None:
            return None
    return work.finish(laid, array, coded, dest), head.instance_uid


class _Work:
    """One object on this road."""

    def __init__(self, view: memoryview, head: _Head, options: Options) -> None:
        self.view = view
        self.head = head
        self.options = options
        self.target: TransferSyntax = options.target
        self.deadline = limits.deadline()
        self.proof: Proof | None = None

    def lay(self, edits: rules.Edits) -> _splice.Laid | None:
        """Lay out what stands around the pixels; None if that is not for native code."""
        laid = plain.lay(self.target, edits, refused=_REFUSED)
        if laid is None or laid.head(self.view, len(self.view)) != _splice.HEAD:
            return None
        return laid if laid.tail(self.view, 0) == _splice.LAID else None

    def samples(self) -> np.ndarray | None:
        """Give the stored values; None if words hold more than their stored bits."""
        image = self.head.image
        kind = np.dtype(f"<u{image.bits_allocated // 8}")
        count = image.rows * image.cols * image.samples
        cells = np.frombuffer(self.view, kind, count, self.head.value)
        cells = np.asarray(cells, kind.newbyteorder("=")).reshape(image.frame_shape)
        if image.bits_stored == image.bits_allocated:
            return cells.view(image.dtype)
        if not image.signed:
            outside = _pixels.any_outside(
                cells, bits_stored=image.bits_stored, high_bit=image.high_bit
            )
            return None if outside else cells
        array = samples.finish_words(cells, image, signed=True)
        return array if np.array_equal(cells, array.view(cells.dtype)) else None

    def encode(self, array: np.ndarray) -> CodedFrame:
        """Code the frame."""
        image = self.head.image
        outcome = Outcome(
            photometric=image.photometric,
            samples=image.samples,
            bits_allocated=image.bits_allocated,
            bits_stored=image.bits_stored,
            high_bit=image.high_bit,
            signed=image.signed,
            planar=False,
        )
        rules.check_holds(self.target, outcome, image.kind)
        self.deadline.check(frame=0)
        return registry.encode_frame(
            self.target.coding or "",
            array,
            _spec(image, image.photometric),
            coding_options=self.options.coding,
            syntax_uid=self.target.uid,
        )

    def finish(
        self, laid: _splice.Laid, array: np.ndarray, coded: CodedFrame, dest: Any
    ) -> Transcoded:
        """Join, prove and write."""
        made = laid.join(self.view, self.view, 0, [coded.data])

        def prove(data: Any) -> None:
            if self.options.verify:
                self.proof = self._proven(data, array)

        def write(out: Sink) -> None:
            out.write(made)

        path = final_path(dest, self.head.instance_uid)
        written = deliver(dest, path, len(made), write, prove)
        proof, size = self.proof, max(len(coded.data), 1)
        image = self.head.image
        count = image.rows * image.cols * image.samples
        ratio = count * image.bits_allocated // 8 / size
        return Transcoded(
            data=written.data,
            path=written.path,
            syntax=self.target,
            way="pixels",
            bytes_in=len(self.view),
            bytes_out=written.size,
            ratio=ratio,
            ratio_stored=count * image.bits_stored / 8 / size,
            total_ratio=ratio,
            max_error=proof.max_error if proof else None,
            psnr=None,
            sha256=proof.sha256 if proof else None,
        )

    def _proven(self, data: Any, before: np.ndarray) -> Proof:
        """Read what was made, decode it, and compare it with the source."""
        self.deadline.check(frame=0)
        head = _head(data)
        source = self.head.image
        if (
            head is None
            or head.syntax_uid != self.target.uid
            or head.image.shape != source.shape
            or head.image.dtype != source.dtype
        ):
            raise VerificationError("the result reads back as another kind of image")
        image = head.image
        spec = _spec(image, image.photometric)
        frame = registry.decode_frame(
            self.target.coding or "", _only_fragment(data, head.value), spec, raw=True
        )
        after, _ = samples.fit_codestream(frame, spec, raw=False)
        figures = compare(before, after, lossy=False, bits_stored=image.bits_stored, frame=0)
        proof = Proof(bits_stored=image.bits_stored)
        proof.add(after, figures)
        return proof


def _spec(image: ImagePixel, photometric: str) -> FrameSpec:
    return FrameSpec(
        rows=image.rows,
        cols=image.cols,
        samples=image.samples,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        signed=image.signed,
        photometric=photometric,
    )


def _only_fragment(data: bytes | memoryview, value: int) -> memoryview:
    """Find the fragment behind the offset table of encapsulated pixel data."""
    table = _scan.Table(value, len(data), items=True, fragments=True, max_depth=1, max_elements=2)
    if table.feed(data, 0) != _scan.DONE or not table.closed or len(table) != 2:
        raise VerificationError("the result does not read back as one fragment")
    _, start, size, _ = table.place(1)
    return memoryview(data)[start : start + size]
