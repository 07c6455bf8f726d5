"""The frames of the benchmarks, and streams and files made of them.

CT  8 of the 40 slices of data/ct-head-1mm (every fifth from the third), 512 x 512,
    12 bits stored in 16, unsigned.
US  a real ultrasound frame, 640 x 480 RGB (NEMA WG-04 US1; it also comes with pydicom),
    and seven copies of it rolled by 60 rows each, so that a pass has eight frames.
MG  a real mammogram, 4664 x 3064, 12 bits (NEMA WG-04 MG1, decoded from a lossy copy), plus
    Gaussian noise of sigma 6 grey levels, clipped to 0 ... 4095, seed 1. One frame is a pass.
CT16  the CT slices times 16, plus noise in the four low bits (uniform, seed 1): all 16 bits.
S64, S128  the middle of the CT slices, cut into 64 x 64 and 128 x 128: 32 frames.

Where the repository's shared data are absent, CT and MG are synthetic stand-ins,
and every row made of them says so in its name ("@stand-in").
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rivals

__all__ = ["FRAMES", "bits_of", "ct_files", "frames", "label", "spec_of", "stream", "work_dir"]

Array = np.ndarray[Any, Any]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
CACHE = ROOT / ".cache" / "benchmarks"
MG_SEED, MG_SIGMA = 1, 6.0
CT16_SEED = 1
MG_SHA256 = "7dae14c3"  # first digits, of the array with that seed (NumPy's PCG64)
BITS = {"ct": 12, "us": 8, "mg": 12, "ct16": 16, "s64": 12, "s128": 12}
FRAMES = tuple(BITS)
LOSSY_RATIO = 40 / 3  # 10 : 1 of the 12 bits
UID = "1.2.826.0.1.3680043.8.498.9.{}"


def bits_of(kind: str) -> int:
    """Return Bits Stored of a kind of frame."""
    return BITS[kind]


def real(kind: str) -> bool:
    """Whether a kind of frame is the real one here."""
    if kind in ("ct", "ct16", "s64", "s128"):
        return (SHARED / "ct-head-1mm" / "002.dcm").exists()
    return kind == "us" or (SHARED / "syntaxes" / "j2k_lossy_mg12.dcm").exists()


def label(row: str, kind: str) -> str:
    """Return the name of a row, marked if its frames are stand-ins."""
    return row if real(kind) else f"{row}@stand-in"


def phantom(rows: int, cols: int, *, seed: int) -> Array:
    """Return a synthetic 12-bit slice: discs and rings on air, with scanner-like noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols]
    r = np.hypot((y - rows / 2) / (0.42 * rows), (x - cols / 2) / (0.36 * cols))
    image = np.where(r < 1, 1040.0, 30.0)
    image[(r > 0.9) & (r < 1)] = 2200
    for _ in range(6):
        cy, cx = rng.uniform(0.3, 0.7, 2) * (rows, cols)
        inside = np.hypot(y - cy, x - cx) < rng.uniform(0.02, 0.08) * rows
        image[inside] = rng.uniform(900, 1400)
    noise = rng.normal(0, 12, (rows, cols)) * np.where(r < 1, 1.0, 0.2)
    return np.clip(np.rint(image + noise), 0, 4095).astype(np.uint16)


def ct_frames() -> tuple[Array, ...]:
    if not real("ct"):
        return tuple(phantom(512, 512, seed=i) for i in range(8))
    import pydicom

    files = sorted((SHARED / "ct-head-1mm").glob("*.dcm"))[2::5]
    return tuple(pydicom.dcmread(f).pixel_array.astype(np.uint16) for f in files)


def us_frames() -> tuple[Array, ...]:
    import imagecodecs
    import pydicom
    from pydicom.data import get_testdata_file
    from pydicom.encaps import get_frame

    path = get_testdata_file("examples_jpeg2k.dcm", download=False)
    frame = imagecodecs.jpeg2k_decode(
        get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)
    )
    return tuple(np.ascontiguousarray(np.roll(frame, 60 * i, axis=0)) for i in range(8))


def mg_frames() -> tuple[Array, ...]:
    if not real("mg"):
        return (phantom(4664, 3064, seed=MG_SEED),)
    kept = CACHE / "mg.npy"
    if kept.exists():
        return (np.load(kept),)
    import imagecodecs
    import pydicom
    from pydicom.encaps import get_frame

    dataset = pydicom.dcmread(SHARED / "syntaxes" / "j2k_lossy_mg12.dcm")
    decoded = imagecodecs.jpeg2k_decode(get_frame(dataset.PixelData, 0, number_of_frames=1)).astype(
        np.float64
    )
    noise = np.random.default_rng(MG_SEED).normal(0, MG_SIGMA, decoded.shape)
    frame = np.clip(np.rint(decoded + noise), 0, 4095).astype(np.uint16)
    found = hashlib.sha256(frame.tobytes()).hexdigest()
    if not found.startswith(MG_SHA256):
        raise RuntimeError(f"the mammogram is another one here: {found}")
    CACHE.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}.npy")
    np.save(part, frame)
    part.replace(kept)
    return (frame,)


def ct16_frames() -> tuple[Array, ...]:
    rng = np.random.default_rng(CT16_SEED)
    return tuple(
        (frame << 4) | rng.integers(0, 16, frame.shape, np.uint16) for frame in frames("ct")
    )


def cut_frames(side: int) -> tuple[Array, ...]:
    corners = [(y, x) for y in (256 - side, 256) for x in (256 - side, 256)]
    return tuple(
        np.ascontiguousarray(frame[y : y + side, x : x + side])
        for frame in frames("ct")
        for y, x in corners
    )


@functools.cache
def frames(kind: str) -> tuple[Array, ...]:
    """Return the frames of one pass: "ct", "us", "mg", "ct16", "s64" or "s128"."""
    makers = {
        "ct": ct_frames,
        "us": us_frames,
        "mg": mg_frames,
        "ct16": ct16_frames,
        "s64": lambda: cut_frames(64),
        "s128": lambda: cut_frames(128),
    }
    made = makers[kind]()
    for frame in made:
        frame.setflags(write=False)
    return made


@functools.cache
def stream(coding: str, kind: str) -> tuple[bytes, ...]:
    """Return the coded frames: one producer per coding, the one that `performance.md` names."""
    producer = {
        "rle": rivals.rle_encode_pylibjpeg,
        "jpegll": rivals.jpegll_turbo_encode,
        "jpeg": rivals.jpeg_encode,
        "jpegls": rivals.jpegls_encode,
        "j2k": rivals.j2k_encode,
        "htj2k": rivals.htj2k_encode,
    }[coding]
    return tuple(producer(frame, BITS[kind]) for frame in frames(kind))


@functools.cache
def lossy_stream(coding: str) -> tuple[bytes, ...]:
    """Return the CT slices coded irreversibly, at about 13 : 1 of the stored bytes."""
    maker = {"j2k": rivals.j2k_encode_lossy, "htj2k": rivals.htj2k_encode_lossy}[coding]
    return tuple(maker(frame, BITS["ct"], LOSSY_RATIO) for frame in frames("ct"))


def spec_of(kind: str, *, photometric: str | None = None) -> Any:
    """Return the `FrameSpec` that the data set of such a frame states."""
    from radkit.codecs.frame import FrameSpec

    frame = frames(kind)[0]
    colour = frame.ndim == 3
    return FrameSpec(
        rows=frame.shape[0],
        cols=frame.shape[1],
        samples=frame.shape[2] if colour else 1,
        bits_allocated=frame.itemsize * 8,
        bits_stored=BITS[kind],
        photometric=photometric or ("RGB" if colour else "MONOCHROME2"),
    )


def work_dir() -> Path:
    """Return a directory in memory where there is one, else the cache."""
    shm = Path("/dev/shm")
    base = shm if shm.is_dir() and os.access(shm, os.W_OK) else CACHE
    made = base / f"radkit-bench-{os.getpid()}"
    made.mkdir(parents=True, exist_ok=True)
    return made


def plain_object(frame: Array, bits: int, *, number: int = 1) -> bytes:
    """Return an Explicit VR Little Endian object around one frame, with a fair-sized header."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID.format(number)
    ds.PatientName, ds.PatientID, ds.Modality = "Bench^Mark", "MADE", "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = UID.format("8.1"), UID.format("8.2")
    ds.Rows, ds.Columns = frame.shape[:2]
    ds.SamplesPerPixel = 1 if frame.ndim == 2 else frame.shape[2]
    ds.PhotometricInterpretation = "MONOCHROME2" if frame.ndim == 2 else "RGB"
    if frame.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = frame.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelSpacing, ds.SliceThickness = [0.5, 0.5], 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    ds.WindowCenter, ds.WindowWidth = 40, 400
    ds.PixelData = frame.tobytes()
    ds["PixelData"].VR = "OW" if frame.itemsize > 1 else "OB"
    out = DicomBytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


@functools.cache
def ct_files() -> tuple[Path, ...]:
    """Return the eight CT objects as files in memory (tmpfs where there is one)."""
    folder = work_dir()
    if real("ct"):
        blobs = [f.read_bytes() for f in sorted((SHARED / "ct-head-1mm").glob("*.dcm"))[2::5]]
    else:
        blobs = [plain_object(f, 12, number=i) for i, f in enumerate(frames("ct"))]
    paths = []
    for i, blob in enumerate(blobs):
        path = folder / f"ct{i}.dcm"
        path.write_bytes(blob)
        paths.append(path)
    return tuple(paths)


def large_multiframe(path: Path, *, gibibytes: float = 1.0) -> int:
    """Write a native multi-frame object of that size, sparse bytes avoided; return its frames."""
    frame = frames("ct")[0]
    count = int(gibibytes * (1 << 30)) // frame.nbytes
    head = plain_object(frame, 12)
    cut = head.rindex(struct.pack("<HH2sxxI", 0x7FE0, 0x0010, b"OW", frame.nbytes))
    # Number of Frames sits right before Rows in group 0028, which ends where the pixels begin.
    text = str(count).encode()
    text += b" " * (len(text) % 2)
    element = struct.pack("<HH2sH", 0x0028, 0x0008, b"IS", len(text)) + text
    place = head.index(struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2))
    with path.open("wb") as out:
        out.write(head[:place] + element + head[place:cut])
        out.write(struct.pack("<HH2sxxI", 0x7FE0, 0x0010, b"OW", frame.nbytes * count))
        for i in range(count):
            out.write(np.roll(frames("ct")[i % 8], i, axis=0).tobytes())
    return count
