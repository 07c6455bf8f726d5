"""What encoding to JPEG 2000 and to HTJ2K have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from radkit import limits
from radkit._native._j2k_encode import Encoder
from radkit.codecs import _foreign, _j2k_header
from radkit.codecs._common import measured_image
from radkit.codecs._j2k_encoder import open_encoder
from radkit.codecs._jp2_write import Brand, wrap
from radkit.codecs._lossy import LIKE_LOSSLESS, LOWEST_STEP, Coder, code_lossy
from radkit.codecs.frame import CodedFrame, FrameSpec
from radkit.codecs.options import Coding, Lossy
from radkit.errors import EncodeError, OptionError, VerificationError

__all__ = ["Colour", "Job", "encode_array", "encode_labelled", "levels_for"]

Colour = Literal["auto", "rgb", "none"]

# Passes are cut out of a step somewhat below the one that would do alone; a finer one takes time
# and makes nothing better (docs/notes/lossy.md).
FINER = 1.2
# Where all blocks are noise of one size these differ by a decibel, and the best one is another at
# each size. In frames of so many samples parts of this side tell which.
FINERS = (1.1, FINER, 1.35, 1.5, 1.8)  # of an octave, then it is the same again
LARGE, SAMPLE_SIDE = 1 << 22, 256
# Bytes of Part 1 blocks to those of HT blocks of the same coefficients: without loss, and how much
# less with each halving of the bytes (within 0.05 for CT, MR, US, CR and XA at 10:1 to 40:1).
PART_1_SHARE, SHARE_FALLS = 0.94, 0.035
SMALLEST_SHARE = 0.6  # of lossless streams, unless a picture is a pattern that repeats
# The exponent with which bytes fall with the step, at least, where they are those of noise.
NOISE_FALLS = 0.5
# By which factors they must fall for that to be seen, and the highest ratio at which it is.
SEEN_LEAST, SEEN_MOST, SEEN_RATIO = 1.5, 16.0, 100
RUNS = 4  # to have enough bytes to cut; one is enough in most pictures


# OpenJPEG, which most readers of JPEG 2000 are made of, keeps 6 more bits of each coefficient
# in 32; a wavelet level and the colour transform take one more each, and beyond that it is
# silently wrong.
MOST_BITS_PART_1 = 25
MOST_COMPONENTS = 16384
# Ranges of more bits may not fit the transform in 32 bits; the colour transform takes one.
SAFE_BITS = 28


@dataclass(frozen=True, slots=True)
class Job:
    """One image to code: `image` is C-contiguous and its values fit in `bits`."""

    image: np.ndarray
    span: tuple[int, int]  # least and largest value
    bits: int
    signed: bool
    mct: bool
    levels: int
    coding: Coding
    stored_bits: int  # Bits Allocated, the base of ratios
    ht: bool

    @property
    def stored_bytes(self) -> int:
        """Bytes of the image at Bits Allocated."""
        return self.image.size * self.stored_bits // 8


def levels_for(rows: int, cols: int) -> int:
    """Return the fewest levels that bring both sides of the lowest resolution to 64."""
    levels = 0
    while -(-max(rows, cols) // (1 << levels)) > 64:
        levels += 1
    return levels


def usual_levels(rows: int, cols: int) -> int:
    """Return five levels, or as many as leave four samples on the shorter side.

    The samples of the lowest resolution cost nearly their full depth, above all in HT;
    docs/notes/levels.md has what the levels below 64 samples save.
    """
    return max(0, min(5, min(rows, cols).bit_length() - 3))


def _job(
    array: Any,
    bits: int,
    signed: bool,
    mct: bool,
    coding: Coding | None,
    stored_bits: int,
    ht: bool,
) -> Job:
    image, least, largest = measured_image(array, bits, signed)
    rows, cols = image.shape[:2]
    if image.size // (rows * cols) > MOST_COMPONENTS:
        raise EncodeError(f"more than {MOST_COMPONENTS} components", section="T.800 A.5.1")
    if image.ndim == 3 and image.shape[2] == 1:
        image = np.ascontiguousarray(image[..., 0])
    # The encoder takes native words of up to 32 bits, which hold all values of `bits`.
    words = image.dtype.newbyteorder("=")
    if words.itemsize == 8:
        words = np.dtype("u4" if least >= 0 else "i4")
    image = image.astype(words, copy=False)
    layout = coding or Coding()
    if ht and layout.layers:
        raise EncodeError(
            "HTJ2K is written without quality layers",
            hint="Leave Coding.layers empty, or choose jpeg2000",
        )
    levels = layout.levels
    if levels is None:
        tile = layout.tile or (rows, cols)
        sides = min(rows, tile[0]), min(cols, tile[1])
        levels = max(levels_for(*sides), usual_levels(*sides))
        if ht and bits + mct > SAFE_BITS:
            levels = max(levels, 1)  # OpenJPH, through imagecodecs, takes 0 for "default"
    most = MOST_BITS_PART_1 - mct - (levels > 0)
    if not ht and bits > most:
        raise EncodeError(
            f"OpenJPEG, as most readers, takes at most {most} bits at {levels} levels, not {bits}",
            hint="Choose htj2k-lossless",
        )
    limits.check("max_pixels", rows * cols, "rows times columns of a frame")
    # At most an int32 copy and the coefficients.
    limits.check("max_memory_bytes", image.size * 12, "bytes to encode a frame")
    return Job(image, (least, largest), bits, signed, mct, levels, layout, stored_bits, ht)


class _Engine:
    """The ways to code one image; coefficients stay between steps.

    A size is met by Part 1 blocks in three goes. A model of HT blocks gives the step with which
    the image has about that size. Then Part 1 blocks are coded with a finer one, which makes them
    a tenth or so too large. At last they are cut (T.800 J.14.3).
    """

    def __init__(self, job: Job, decode: Callable[[bytes], np.ndarray] | None = None) -> None:
        self.job = job
        self.decode = decode
        self.steps: Encoder | None = None
        self.trials: Encoder | None = None
        self.coded = 0  # bytes of the last run
        self.whole: bytes | None = None
        self.last: tuple[float, bytes] = 0.0, b""

    def _open(self, rows: slice = slice(None), **options: Any) -> Encoder:
        job = self.job
        return open_encoder(
            job.image[rows],
            bits=job.bits,
            signed=job.signed,
            mct=job.mct,
            levels=job.levels,
            coding=job.coding,
            span=job.span,
            **{"ht": job.ht, **options},
        )

    def lossless(self) -> bytes:
        """Code reversibly, with the layers of the layout."""
        if self.whole is not None:
            return self.whole
        if self.job.bits + self.job.mct <= SAFE_BITS:
            return self._lossless()
        try:
            return self._lossless()
        except EncodeError:
            return self._borrowed()

    def _borrowed(self) -> bytes:
        """Code with OpenJPH, whose transform has 64 bits."""
        from radkit.codecs import _openjph

        job = self.job
        _foreign.refuse("OpenJPH")
        return _openjph.encode(
            job.image,
            bits=job.bits,
            signed=job.signed,
            mct=job.mct,
            levels=job.levels,
            coding=job.coding,
        )

    def _lossless(self) -> bytes:
        ratios = self.job.coding.layers
        encoder = self._open(layers=len(ratios) + 1, rated=bool(ratios))
        encoder.run(0.0)
        if ratios:
            encoder.cut([*(int(self.job.stored_bytes / ratio) for ratio in ratios), None])
        return encoder.write()

    def _kept(self) -> Encoder:
        if self.steps is None:
            self.steps = self._open(keep=True, rated=not self.job.ht)
        return self.steps

    def guess(self, size: int) -> float:
        """Return a step with which HT blocks take about `size` bytes."""
        return max(self._kept().step_for(size), LOWEST_STEP)

    def at_step(self, q: float) -> bytes:
        """Code with a quantiser of step q, in units of stored values."""
        if self.last[0] != q:
            encoder = self._kept()
            encoder.run(q)
            self.last = q, encoder.write()
        return self.last[1]

    def _tried(self) -> Encoder:
        """Return an encoder of HT blocks: the same coefficients as of Part 1 ones, much faster."""
        if self.job.ht:
            return self._kept()
        if self.trials is None:
            self.trials = self._open(keep=True, ht=True)
        return self.trials

    def trial(self, q: float) -> bytes:
        """Code with step q so that it decodes to what `at_step` decodes to."""
        encoder = self._tried()
        encoder.run(q)
        return encoder.write()

    def squares(self, q: float) -> float:
        """Return about the mean square error at step q, with that of rounding."""
        return self._tried().squares_at(q) / self.job.image.size + 1 / 12

    def is_larger(self, size: int) -> bool:
        """Return whether Part 1 blocks surely take more bytes without loss.

        The bytes of noise fall fast with the step, and without loss it takes as many as with a
        step of `LIKE_LOSSLESS`. Edges between plain areas take fewer than that, and theirs fall
        slowly. If it may be those, it is counted what HT blocks take.
        """
        encoder, wanted = self._kept(), self._ht_bytes(size)
        whole = encoder.bytes_at(LIKE_LOSSLESS)
        step = encoder.step_for(wanted)
        seen = SEEN_LEAST * wanted < whole < SEEN_MOST * wanted
        seen = seen and size * SEEN_RATIO > self.job.stored_bytes
        if seen and whole > wanted * (step / LIKE_LOSSLESS) ** NOISE_FALLS:
            return True
        # The rows in the middle will do if they take so many bytes alone.
        height = self.job.image.shape[0]
        middle = math.ceil(height * size / (SMALLEST_SHARE * whole))
        if middle < 0.8 * height:
            start = (height - middle) // 2
            part = self._open(slice(start, start + middle), ht=True)
            if part.run(0.0) * SMALLEST_SHARE > size:
                return True
        most = max(int(size / SMALLEST_SHARE), 1)
        return self._open(ht=True).run(0.0, most=most) > most

    def is_larger_ht(self, size: int) -> bool:
        """Return whether HT blocks take more bytes without loss; they are coded up to there."""
        encoder = self._open()
        if encoder.run(0.0, most=size) > size:
            return True
        self.whole = encoder.write()
        return len(self.whole) > size

    def _ht_bytes(self, size: int) -> int:
        """Return the bytes of HT blocks of the step with which Part 1 blocks take `size`."""
        halvings = math.log2(self._kept().bytes_at(LIKE_LOSSLESS) / size)
        share = PART_1_SHARE - SHARE_FALLS * min(max(halvings, 0.0), 6.0)
        return max(int(size / share), 1)

    def _finer(self, step: float, size: int) -> float:
        """Return by what to divide `step` before passes are cut: what is best in a part."""
        image, decode = self.job.image, self.decode
        if decode is None or image.size < LARGE or min(image.shape[:2]) < SAMPLE_SIDE:
            return FINER
        y, x = ((side - SAMPLE_SIDE) // 2 for side in image.shape[:2])
        part = np.ascontiguousarray(image[y : y + SAMPLE_SIDE, x : x + SAMPLE_SIDE])
        sample = _Engine(replace(self.job, image=part))._kept()
        wanted = int(sample.bytes_at(step) * size / self._ht_bytes(size))

        def error(finer: float) -> float:
            sample.run(max(step / finer, LOWEST_STEP))
            sample.cut([wanted])
            return float(np.mean((decode(sample.write()).astype(np.float64) - part) ** 2))

        return min(FINERS, key=error)

    def in_bytes(self, size: int) -> bytes:
        """Code in about `size` bytes, by optimal cuts."""
        encoder = self._kept()
        if self.coded < size:
            step = encoder.step_for(self._ht_bytes(size))
            step /= self._finer(step, size)
            for _ in range(RUNS):
                step = max(step, LOWEST_STEP)
                self.coded = encoder.run(step)
                if self.coded >= size or step == LOWEST_STEP:
                    break
                step *= 0.9 * (self.coded / size) ** 2
        encoder.cut([size])
        return encoder.write()


def _run(
    job: Job, lossy: Lossy | None, decode: Callable[[bytes], np.ndarray]
) -> tuple[bytes, bool]:
    if lossy is None:
        return _Engine(job).lossless(), False
    if job.coding.layers:
        raise OptionError("quality layers are written with lossless coding only")
    if job.bits > 16:
        raise EncodeError(f"lossy coding takes at most 16 bits, not {job.bits}")
    return code_lossy(coder_of(job, decode), lossy)


def coder_of(job: Job, decode: Callable[[bytes], np.ndarray]) -> Coder:
    """Return the ways to code an image that a lossy aim chooses from."""
    engine = _Engine(job, decode)
    return Coder(
        image=job.image,
        stored_bytes=job.stored_bytes,
        peak=(1 << job.bits) - 1,
        lossless=engine.lossless,
        code=engine.at_step,
        decode=decode,
        trial=None if job.ht else engine.trial,
        squares=engine.squares,
        code_to=None if job.ht else engine.in_bytes,
        larger=engine.is_larger_ht if job.ht else engine.is_larger,
        guess=engine.guess,
    )


def _checked(data: bytes, lossy: bool, job: Job) -> bytes:
    """Hold the headers of a new codestream against what was asked for."""
    header = _j2k_header.parse(memoryview(data))
    info = header.info()
    right = (
        info.rows == job.image.shape[0]
        and info.cols == job.image.shape[1]
        and info.precisions == (job.bits,) * info.components
        and info.signs == (job.signed,) * info.components
        and info.ht == job.ht == header.facts["cap"]
        and info.reversible != lossy
        and info.mct == job.mct
        and info.reductions == job.levels
        and info.tile == (job.coding.tile or job.image.shape[:2])
        and info.tlm == job.coding.tlm
        and info.progression == job.coding.progression
        and header.stream.sound == 1.0
        and not info.problems
    )
    if not right:
        raise VerificationError("the encoder wrote other headers than were asked for")
    return data


def _check_call(lossy: Any, coding: Any, bits: Any, signed: Any, threads: Any) -> None:
    """Refuse arguments of another type than they must have; their values are checked later."""
    for name, value, kind in (
        ("lossy", lossy, Lossy),
        ("coding", coding, Coding),
        ("bits", bits, int),
        ("signed", signed, bool),
        ("threads", threads, int),
    ):
        if value is not None and (not isinstance(value, kind) or (kind is int and value is True)):
            raise OptionError(f"{name} must be of {kind.__name__} or None, not {value!r}")
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be >= 1, not {threads!r}")


def encode_array(
    array: Any,
    decode: Callable[[bytes], np.ndarray],
    *,
    ht: bool,
    lossy: Lossy | None,
    coding: Coding | None,
    bits: int | None,
    signed: bool | None,
    colour: str,
    container: str | None,
    threads: int | None,
) -> bytes:
    """Do the work of `jpeg2000.encode` and `htj2k.encode`."""
    _check_call(lossy, coding, bits, signed, threads)
    image = np.asarray(array)
    brand: Brand = "jph" if ht else "jp2"
    if container not in (None, brand):
        raise OptionError(f'container must be "{brand}" or None, not {container!r}')
    if colour not in ("auto", "rgb", "none"):
        raise OptionError(f'colour must be "auto", "rgb" or "none", not {colour!r}')
    if signed is None:
        signed = image.dtype.kind == "i"
    if bits is None:
        bits = 1 if image.dtype == np.bool_ else 8 * image.dtype.itemsize
    three = image.ndim == 3 and image.shape[2] == 3
    if colour == "rgb" and not three:
        raise OptionError('colour="rgb" needs three samples per pixel')
    stored = max(8 * image.dtype.itemsize, 8)
    mct = three and colour != "none"
    job = _job(image, bits, bool(signed), mct, coding, stored, ht)
    data = _checked(*_run(job, lossy, decode), job)
    if container is None:
        return data
    coloured = image.ndim == 3 and image.shape[2] >= 3 and colour != "none"
    return wrap(data, brand, coloured=coloured)


def encode_labelled(
    array: np.ndarray,
    spec: FrameSpec,
    decode: Callable[[bytes], np.ndarray],
    *,
    ht: bool,
    lossy: Lossy | None,
    coding: Coding | None,
    lossless_only: bool,
    method: str,
) -> CodedFrame:
    """Do the work of `encode_frame` of both codings (PS3.5 8.2.4, 8.2.14)."""
    if lossy is not None and lossless_only:
        raise OptionError("this transfer syntax is lossless only", section="PS3.5 A.4.4")
    if lossy is not None and spec.photometric == "PALETTE COLOR":
        raise OptionError("palette indexes cannot be coded lossily", section="PS3.5 8.2.4")
    image = np.asarray(array)
    wanted = (spec.rows, spec.cols) + ((spec.samples,) if spec.samples > 1 else ())
    if image.shape != wanted:
        raise EncodeError(f"the frame has shape {image.shape}, the data set says {wanted}")
    mct = spec.samples == 3 and spec.photometric == "RGB"
    stored = max(spec.bits_allocated, 1)
    job = _job(image, spec.bits_stored, spec.signed, mct, coding, stored, ht)
    data, lost = _run(job, lossy, decode)
    photometric = spec.photometric
    if mct:
        photometric = "YBR_ICT" if lost else "YBR_RCT"
    return CodedFrame(
        data=_checked(data, lost, job),
        photometric=photometric,
        lossy=lost,
        method=method if lost else "",
    )
