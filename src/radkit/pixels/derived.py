"""Derived images: samples on planes in the patient, written as DICOM objects.

The pixels become what the class of object can hold: 16 bits for CT, MR and PET, with
slope and intercept beside them. Integers that fit are stored as they are; floats and wider
integers are scaled to 16 bits, which the derivation says.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radkit.errors import (
    CorruptFile,
    EncodeError,
    GeometryError,
    OptionError,
    RadkitError,
    UnsupportedTransferSyntax,
    VerificationError,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from radkit.dicom.uids import TransferSyntax
    from radkit.pixels import Source

__all__ = ["DerivedImage", "DerivedStack", "write_derived"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DerivedStack:
    """Samples on parallel planes, and what is known of them.

    Parameters
    ----------
    array : ndarray
        (slices, rows, cols) or (slices, rows, cols, 3).
    origin, step, down, right : ndarray
        (3,) LPS mm: pixel (0, 0) of slice 0, and the steps of slice, row and column.
    places : ndarray, optional
        (slices, 3) of pixel (0, 0) of each slice, where the steps are uneven.
    thickness : float, optional
        mm of a slice. Default: the smaller side of a pixel.
    slope, intercept, units
        Of the values.
    padding : int, optional
        Stored value that means "nothing here".
    outside : ndarray, optional
        bool (slices, rows, cols), where there is no data.
    frame_of_reference : str, optional
    instances : tuple of str
        SOP Instance UIDs of the sources.
    own_instances : bool
        Each slice has just one source: `instances` has one for each.
    project : str or callable, optional
        How slabs were reduced; None for thin planes.
    """

    array: NDArray[Any]
    origin: Vector
    step: Vector
    down: Vector
    right: Vector
    places: Vector | None = None
    thickness: float | None = None
    slope: float = 1.0
    intercept: float = 0.0
    units: str = ""
    padding: int | None = None
    outside: NDArray[np.bool_] | None = None
    frame_of_reference: str | None = None
    instances: tuple[str, ...] = ()
    own_instances: bool = False
    project: str | Callable[..., Any] | None = None

    @property
    def even(self) -> bool:
        """Whether all steps are the same."""
        return self.places is None

    def place(self, k: int) -> Vector:
        """Return where pixel (0, 0) of a slice lies."""
        if self.places is not None:
            found: Vector = self.places[k]
            return found
        return self.origin + k * self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedImage:
    """One object that was written."""

    path: Path
    instance_uid: str
    size: int
    pixel_bytes: int  # before coding
    coded_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """How samples become stored values of an object."""

    dtype: np.dtype[Any]
    factor: float  # stored = array * factor (1: as it is)
    slope: float
    intercept: float
    padding: int | None
    scaled: bool

    def of(self, plane: NDArray[Any], outside: NDArray[np.bool_] | None, source: int | None) -> Any:
        if not self.scaled:
            return plane.astype(self.dtype)
        info = np.iinfo(self.dtype)
        stored = np.clip(np.rint(plane.astype(np.float64) * self.factor), info.min, info.max)
        found = stored.astype(self.dtype)
        if self.padding is not None:
            nothing = outside if outside is not None else plane == source
            found[nothing] = self.padding
        return found


def write_derived(
    stack: DerivedStack,
    dest: str | os.PathLike[str],
    *,
    like: Source,
    syntax: str = "explicit-le",
    series_description: str | None = None,
    folder: bool = False,
) -> list[DerivedImage]:
    """Write a series of derived images, all of it or nothing.

    Parameters
    ----------
    stack : DerivedStack
        What to write.
    dest : path
        A folder, or the file of a single image.
    like : path, bytes, binary file or pydicom.Dataset
        Gives patient, study, frame of reference, equipment.
    syntax : str
        Transfer syntax, lossless.
    series_description : str, optional
    folder : bool
        `dest` is a folder, made if it is absent.

    Raises
    ------
    GeometryError
        `like` has another frame of reference, or rows and columns are not at right angles.
    EncodeError
        The samples cannot be written in that syntax.
    VerificationError
        What was coded decodes to something else.
    UnsupportedTransferSyntax, OptionError, CorruptFile, TransferError
    """
    from radkit.dicom import open_object
    from radkit.dicom.uids import syntax as syntax_of
    from radkit.pixels._derived_header import (
        CAPTURE,
        PET,
        freeze,
        read_header,
        series_header,
        set_slice,
    )

    target = syntax_of(syntax)
    if not target.encode:
        raise UnsupportedTransferSyntax(f"{target.title} is not written", syntax=target.uid)
    cosine = float(stack.down @ stack.right)
    cosine /= float(np.linalg.norm(stack.down) * np.linalg.norm(stack.right))
    if abs(cosine) > 1e-4:
        raise GeometryError(
            "rows and columns are not at right angles: no image plane", section="PS3.3 C.7.6.2.1.1"
        )
    place = _dest(dest, folder=folder)
    with open_object(like, strict=False) as obj:
        header = read_header(obj)
    try:
        ds = series_header(header, stack, series_description)
    except RadkitError:
        raise
    except Exception as error:  # pydicom reads values late, and fails in many ways
        raise CorruptFile(
            f"the header of like= holds what pydicom cannot read ({type(error).__name__})"
        ) from error
    cells = _cells(stack, wide=ds.SOPClassUID != CAPTURE, pet=ds.SOPClassUID == PET)
    _describe(ds, stack, cells)
    freeze(ds, implicit=target.implicit)
    written: list[DerivedImage] = []
    try:
        for k in range(len(stack.array)):
            set_slice(ds, stack, k, stack.place(k))
            outside = None if stack.outside is None else stack.outside[k]
            pixels = cells.of(stack.array[k], outside, stack.padding)
            written.append(_write_one(ds, pixels, target, place))
    except BaseException:
        for image in written:
            with contextlib.suppress(OSError):  # the reason for it is the one to tell
                image.path.unlink()
        raise
    return written


def _dest(dest: str | os.PathLike[str], *, folder: bool) -> tuple[Path, bool]:
    """Return the path, and whether it is a folder."""
    from radkit.dicom.write import io_errors

    if not isinstance(dest, (str, os.PathLike)):
        raise TypeError(f"dest must be a path, not {type(dest).__name__}")
    text = os.fspath(dest)
    if not isinstance(text, str) or "\0" in text:
        raise OptionError("dest must be a path of text without NUL")
    path = Path(text)
    if folder:
        with io_errors("making the folder", text):
            path.mkdir(parents=True, exist_ok=True)
        return path, True
    return path, text.endswith(("/", os.sep)) or path.is_dir()


def _cells(stack: DerivedStack, *, wide: bool, pet: bool) -> _Cells:
    """Decide how samples are stored; `wide`: 16 bits are the only size that is allowed."""
    array, kind = stack.array, stack.array.dtype.kind
    if kind not in "iuf" or (array.ndim == 4 and (array.dtype != np.uint8 or array.shape[3] != 3)):
        raise EncodeError("only grey values, and RGB of 8 bits, can be written as images")
    padding = _padding(stack)
    if array.ndim == 4:
        return _Cells(
            dtype=array.dtype, factor=1.0, slope=1.0, intercept=0.0, padding=None, scaled=False
        )
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise EncodeError("samples that are no finite numbers cannot be written as an image")
    # A PET image has the intercept 0 (PS3.3 C.8.9.4): only its slope can carry values.
    fits = kind in "iu" and low >= -32768 and high <= (65535 if low >= 0 else 32767)
    if fits and not (pet and stack.intercept != 0):
        size = 1 if array.dtype.itemsize == 1 and not wide else 2
        signed = kind == "i" and (low < 0 or high <= 32767)
        return _Cells(
            dtype=np.dtype(f"{'i' if signed else 'u'}{size}"),
            factor=1.0,
            slope=stack.slope,
            intercept=stack.intercept,
            padding=padding,
            scaled=False,
        )
    if pet and stack.intercept != 0:
        raise EncodeError(
            "PET images have no intercept", section="PS3.3 C.8.9.4", hint="Write Volume.values()"
        )
    largest = max(abs(low), abs(high)) or 1.0
    # The slope is rounded to what the header can hold, upwards, so that all values fit.
    slope = float(np.nextafter(largest / 32767, np.inf))
    from radkit.pixels._derived_header import decimal

    step = float(decimal(slope * stack.slope * (1 + 1e-9))) / stack.slope
    return _Cells(
        dtype=np.dtype(np.int16),
        factor=1 / step,
        slope=step * stack.slope,
        intercept=stack.intercept,
        padding=None if padding is None else -32768,
        scaled=True,
    )


def _padding(stack: DerivedStack) -> int | None:
    """Return the stored value of nothing, if there is one that nothing else has."""
    if stack.padding is not None or stack.outside is None or not stack.outside.any():
        return stack.padding
    values = np.unique(stack.array[stack.outside])
    if stack.array.ndim == 4 or len(values) != 1 or values[0] != int(values[0]):
        return None
    if (stack.array[~stack.outside] == values[0]).any():
        return None
    return int(values[0])


def _describe(ds: Dataset, stack: DerivedStack, cells: _Cells) -> None:
    """Set the attributes of group 0028 that all slices share (PS3.3 C.7.6.3, C.11.1)."""
    from radkit.pixels._derived_header import decimal

    rows, cols = stack.array.shape[1:3]
    colour = stack.array.ndim == 4
    if max(rows, cols) > 65535:
        raise EncodeError(f"an image has at most 65535 rows and columns, not {rows} x {cols}")
    ds.Rows, ds.Columns = rows, cols
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
        return _bits(ds, cells)
    _bits(ds, cells)
    if cells.padding is not None:
        ds.add_new(0x00280120, "SS" if cells.dtype.kind == "i" else "US", cells.padding)
    # CT and PET images have a slope always, others if it says something.
    identity = cells.slope == 1 and cells.intercept == 0
    told = str(ds.get("RescaleType") or "")
    ds.pop("RescaleType", None)
    if not identity or ds.Modality in ("CT", "PT"):
        ds.RescaleSlope, ds.RescaleIntercept = decimal(cells.slope), decimal(cells.intercept)
        if ds.Modality != "PT":
            ds.RescaleType = told or ("HU" if stack.units == "[hnsf'U]" else "US")
    if cells.scaled:
        ds.DerivationDescription += "; values scaled to 16 bits"
    return None


def _bits(ds: Dataset, cells: _Cells) -> None:
    bits = 8 * cells.dtype.itemsize
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = int(cells.dtype.kind == "i")


def _write_one(
    ds: Dataset, pixels: NDArray[Any], target: TransferSyntax, place: tuple[Path, bool]
) -> DerivedImage:
    from radkit.dicom._dataset import dataset_parts
    from radkit.dicom.source import safe_name
    from radkit.dicom.write import write_file
    from radkit.pixels.decoding import decode

    path, folder = place
    if folder:
        path = path / (safe_name(ds.SOPInstanceUID) + ".dcm")
    coded = _set_pixels(ds, pixels, target)
    _set_meta(ds, target)
    data = b"".join(dataset_parts(ds))
    if target.encapsulated and not np.array_equal(decode(data), pixels):
        raise VerificationError("the image decodes to other samples; it was not written")
    write_file(path, data)
    return DerivedImage(
        path=path,
        instance_uid=str(ds.SOPInstanceUID),
        size=len(data),
        pixel_bytes=pixels.nbytes,
        coded_bytes=coded,
    )


def _set_meta(ds: Dataset, target: TransferSyntax) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    from radkit.dicom.splice import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION

    ds.file_meta = FileMetaDataset()
    ds.file_meta.FileMetaInformationGroupLength = 0  # counted by the writer
    ds.file_meta.FileMetaInformationVersion = b"\0\1"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = UID(target.uid)
    ds.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    ds.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    ds.set_original_encoding(target.implicit, True)


def _set_pixels(ds: Dataset, pixels: NDArray[Any], target: TransferSyntax) -> int:
    """Code the pixels, and return their coded bytes."""
    from radkit.codecs.frame import FrameSpec
    from radkit.codecs.registry import encode_frame
    from radkit.dicom.encapsulate import encapsulated_element, offset_tables
    from radkit.dicom.rules import Outcome, check_holds

    if not target.encapsulated:
        data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).tobytes()
        ds.add_new(
            0x7FE00010, "OB" if pixels.itemsize == 1 else "OW", data + b"\0" * (len(data) & 1)
        )
        return len(data)
    bits, colour = int(ds.BitsAllocated), pixels.ndim == 3
    samples, signed = 3 if colour else 1, pixels.dtype.kind == "i"
    photometric = "RGB" if colour else "MONOCHROME2"
    outcome = Outcome(
        photometric=photometric,
        samples=samples,
        bits_allocated=bits,
        bits_stored=bits,
        high_bit=bits - 1,
        signed=signed,
        planar=False,
    )
    check_holds(target, outcome, "int")
    spec = FrameSpec(
        rows=pixels.shape[0],
        cols=pixels.shape[1],
        samples=samples,
        bits_allocated=bits,
        bits_stored=bits,
        signed=signed,
        photometric=photometric,
    )
    coded = encode_frame(target.coding or "", pixels, spec, syntax_uid=target.uid)
    ds.PhotometricInterpretation = coded.photometric
    element = b"".join(encapsulated_element([coded.data], offset_tables([len(coded.data)])))
    ds.add_new(0x7FE00010, "OB", element[12:])  # without the header, which the writer makes
    ds["PixelData"].is_undefined_length = True
    return len(coded.data)
