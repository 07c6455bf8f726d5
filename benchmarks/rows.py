"""The rows: what each measures, the ratio it is to reach, and whether the smoke run has it.

A target is the peer's time over radkit's. `None`: the row shows a cost and
promises nothing (work done by a borrowed codec, or a count rather than a time).
Where the work says "AVX-512", the target is that of AVX2 alone, which is what radkit has.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROWS", "Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    work: str
    target: float | None = None
    quick: bool = True


ROWS: dict[str, Row] = {
    "rle-decode-ct": Row("RLE, 12 in 16 bit, one CT slice", 2.0),
    "rle-decode-rgb": Row("RLE, 8 bit RGB, US, interleaved result", 1.6),
    "rle-decode-mg": Row("RLE, one mammogram", None, quick=False),
    "rle-encode-ct": Row("CT slice to RLE", 6.0),
    "rle-encode-rgb": Row("US RGB to RLE", 6.0),
    "jpegll-decode-ct": Row("JPEG Lossless SV1, 12 bit, one CT slice", 4.8),
    "jpegll-decode-rgb": Row("JPEG Lossless SV1, 8 bit RGB, US", 3.3),
    "jpegll-decode-mg": Row("JPEG Lossless SV1, one mammogram", 3.6, quick=False),
    "jpegll-encode-ct": Row("CT slice to JPEG Lossless SV1", 5.0),
    "j2k-decode-ct": Row("JPEG 2000 Lossless, CT slice", 1.8),
    "j2k-decode-us": Row("JPEG 2000 Lossless, US RGB", 1.8, quick=False),
    "j2k-decode-mg": Row("JPEG 2000 Lossless, one mammogram", 1.8, quick=False),
    "j2k-decode-16": Row(
        "JPEG 2000 Lossless, CT slice filled up to true 16 bits", 1.8, quick=False
    ),
    "j2k-decode-small64": Row("JPEG 2000 Lossless, 64 x 64", 1.8),
    "j2k-decode-small128": Row("JPEG 2000 Lossless, 128 x 128", 1.8, quick=False),
    "j2k-decode-lossy-ct": Row("JPEG 2000, 9/7, CT slice at 13 : 1", 1.8, quick=False),
    "j2k-decode-ct-cold": Row(
        "as j2k-decode-ct, into memory never touched before", 1.8, quick=False
    ),
    "j2k-decode-reduce2-ct": Row("JPEG 2000, a quarter of each side", 2.0),
    "j2k-decode-region-ct": Row("JPEG 2000, the middle 128 x 128", 4.0),
    "j2k-decode-region-mg": Row("JPEG 2000, 256 x 256 of a mammogram", 4.0, quick=False),
    "j2k-region-of-mg": Row("256 x 256 of a mammogram against all of it", 50.0, quick=False),
    "j2k-reduce3-of-mg": Row("an eighth of each side against all of it", 8.0, quick=False),
    "j2k-mg-2threads": Row("one mammogram in 2 threads, own speed-up", 1.8, quick=False),
    "j2k-encode-ct": Row("CT slice to JPEG 2000 Lossless; 3x with AVX-512", 2.0),
    "j2k-encode-us": Row("US RGB to JPEG 2000 Lossless; 3x with AVX-512", 2.0, quick=False),
    "j2k-encode-mg": Row("mammogram to JPEG 2000 Lossless; 3x with AVX-512", 2.0, quick=False),
    "j2k-encode-16": Row(
        "CT slice filled up to true 16 bits to JPEG 2000 Lossless; 3x with AVX-512",
        2.0,
        quick=False,
    ),
    "j2k-encode-lossy-ct": Row("CT slice to JPEG 2000, 10 : 1 of the stored bytes", 4.0),
    "j2k-encode-lossy-mg": Row(
        "mammogram to JPEG 2000, 10 : 1 of the stored bytes", 4.0, quick=False
    ),
    "j2k-size-ct": Row("bytes of 8 CT slices in JPEG 2000 Lossless", 0.995),
    "j2k-size-us": Row("bytes of US RGB in JPEG 2000 Lossless", 0.995, quick=False),
    "j2k-size-mg": Row("bytes of a mammogram in JPEG 2000 Lossless", 0.995, quick=False),
    "htj2k-decode-ct": Row("HTJ2K Lossless, CT slice", 2.7),
    "htj2k-decode-us": Row("HTJ2K Lossless, US RGB", 1.9),
    "htj2k-decode-mg": Row("HTJ2K Lossless, one mammogram", 1.9, quick=False),
    "htj2k-decode-16": Row("HTJ2K Lossless, CT slice filled up to true 16 bits", 2.1),
    "htj2k-decode-small64": Row("HTJ2K Lossless, 64 x 64", 1.9),
    "htj2k-decode-small128": Row("HTJ2K Lossless, 128 x 128", 1.9),
    "htj2k-decode-lossy-ct": Row("HTJ2K, 9/7, CT slice at 13 : 1", 1.9),
    "htj2k-decode-ct-cold": Row("as htj2k-decode-ct, into memory never touched before", 1.9),
    "htj2k-decode-reduce2-ct": Row("HTJ2K, a quarter of each side", 2.5),
    "htj2k-region-of-mg": Row("256 x 256 of a mammogram against all of it", 20.0, quick=False),
    "htj2k-reduce3-of-mg": Row("an eighth of each side against all of it", 8.0, quick=False),
    "htj2k-mg-2threads": Row("one mammogram in 2 threads, own speed-up", 1.8, quick=False),
    "htj2k-encode-ct": Row("CT slice to HTJ2K Lossless; 3.5x with AVX-512", 2.5),
    "htj2k-encode-us": Row("US RGB to HTJ2K Lossless; 3.5x with AVX-512", 2.5),
    "htj2k-encode-mg": Row("mammogram to HTJ2K Lossless", 3.0, quick=False),
    "htj2k-encode-16": Row(
        "CT slice filled up to true 16 bits to HTJ2K Lossless; 3.5x with AVX-512", 2.5
    ),
    "htj2k-encode-lossy-ct": Row(
        "CT slice to HTJ2K at 10 : 1; the peer is given the step, radkit finds it", None
    ),
    "htj2k-size-ct": Row("bytes of 8 CT slices in HTJ2K Lossless", 0.995),
    "htj2k-size-us": Row("bytes of US RGB in HTJ2K Lossless", 0.995),
    "htj2k-size-mg": Row("bytes of a mammogram in HTJ2K Lossless", 0.995, quick=False),
    "transcode-j2k-htj2k-ct": Row(
        "CT slice, JPEG 2000 to HTJ2K by code-blocks; 2.8x with AVX-512", 2.0
    ),
    "transcode-htj2k-j2k-ct": Row(
        "CT slice, HTJ2K to JPEG 2000 by code-blocks; 2.8x with AVX-512", 2.0
    ),
    "transcode-file-j2k-htj2k": Row(
        "CT path, JPEG 2000 to HTJ2K file, not verified; 2.8x with AVX-512", 2.0
    ),
    "transcode-file-j2k-htj2k-verified": Row(
        "the same, both decoded and compared", None, quick=False
    ),
    "index-j2k-mg": Row(
        "where all packets of a mammogram are, without decoding", 100.0, quick=False
    ),
    "index-htj2k-mg": Row("the same, HTJ2K", 10.0, quick=False),
    "truncate-j2k-mg": Row("mammogram cut to a quarter of each side", 100.0, quick=False),
    "truncate-htj2k-mg": Row("the same, HTJ2K", 20.0, quick=False),
    "truncate-bytes-j2k-mg": Row("mammogram cut to a tenth of the bytes", 100.0, quick=False),
    "jpegls-decode-ct": Row("JPEG-LS Lossless, CT slice", 1.0),
    "jpegls-encode-ct": Row("CT slice to JPEG-LS Lossless", 1.0),
    "jpeg12-decode-ct": Row("JPEG Extended, 12 bit, CT slice", 1.0),
    "jpeg8-decode-us": Row("JPEG Baseline, quality 90, US", 1.0),
    "window-ct": Row("CT slice, linear window, uint16 to uint8", 25.0),
    "window-ct-table": Row("the same, against np.take with a ready table", 5.0),
    "ybr-rgb": Row("YBR_FULL to RGB, 640 x 480", 40.0),
    "preview-thumbnail-ct": Row("HTJ2K CT object to a thumbnail of 256 pixels", 10.0),
    "preview-thumbnail-ct-reduced": Row("the same, against reduced decoding", 2.0),
    "preview-thumbnail-mg": Row("HTJ2K mammogram to a thumbnail of 256 pixels", 20.0, quick=False),
    "preview-thumbnail-mg-reduced": Row("the same, against reduced decoding", 2.0, quick=False),
    "preview-best-ct": Row("a quarter of an HTJ2K CT slice's bytes to the full size", 1.9),
    "preview-schedule": Row("order and ranges of 40 HTJ2K files, against their headers", None),
    "preview-volume-pyramid": Row("40 CT slices to OME-Zarr of three levels", None, quick=False),
    "unpack-bits": Row("512 x 512 x 1 bit to uint8", 1.8),
    "splice-memory": Row("CT file in memory, new syntax and codestream, to bytes", 60.0),
    "splice-file": Row("the same, path to closed and synced file, source read whole", 14.0),
    "splice-file-header": Row("the same, source pixels not needed", 45.0),
    "header-scan": Row("path to 20 geometry and pixel attributes", 40.0),
    "file-j2k": Row("CT path to JPEG 2000 Lossless file", 3.0),
    "file-j2k-verified": Row("the same, decoded again and compared", None),
    "file-htj2k": Row("CT path to HTJ2K Lossless file, not verified", 5.0),
    "file-htj2k-verified": Row("the same, decoded again and compared", 4.0),
    "file-jpegls": Row("CT path to JPEG-LS Lossless file", 1.3),
    "file-jpegls-verified": Row("the same, decoded again and compared", None),
    "file-j2k-to-rpcl": Row("CT path to HTJ2K RPCL file, decoded again and compared", 10.0),
    "frame-of-many": Row("one frame of a 1 GiB multi-frame file", None),
    "frame-of-many-whole": Row("the same, against reading it whole", None),
    "threads-2-rle": Row("64 CT slices in 2 threads, own speed-up", 1.8),
    "threads-2-jpegll": Row("64 CT slices in 2 threads, own speed-up", 1.8),
    "threads-2-j2k": Row("64 CT slices in 2 threads, own speed-up", 1.8, quick=False),
    "threads-2-htj2k": Row("64 CT slices in 2 threads, own speed-up", 1.8),
    "threads-2-htj2k-iter": Row("the same through iter_frames", 1.8, quick=False),
    "threads-2-htj2k-many": Row("64 objects through decode_many", 1.8, quick=False),
    "threads-2-file": Row("64 CT paths to HTJ2K RPCL files, verified", 1.8, quick=False),
    "threads-2-machine": Row("the same work in 2 processes: what two cores give", quick=False),
    "mpr-linear-parallel": Row("512 x 512 plane, rows along an axis", 25.0),
    "mpr-linear-radial": Row("the same, a plane that holds the slice axis", 11.0),
    "mpr-linear-oblique": Row("the same, double oblique", 7.0),
    "mpr-linear-sagittal": Row("the same, near sagittal", 6.5),
    "mpr-nearest-parallel": Row("nearest, rows along an axis", 7.0, quick=False),
    "mpr-nearest-oblique": Row("nearest, double oblique", 6.0, quick=False),
    "mpr-nearest-sagittal": Row("nearest, near sagittal", 5.0, quick=False),
    "mpr-cubic-parallel": Row("cubic, rows along an axis", 42.0, quick=False),
    "mpr-cubic-oblique": Row("cubic, double oblique", 6.0, quick=False),
    "mpr-cubic-sagittal": Row("cubic, near sagittal", 6.0, quick=False),
    "mpr-slab-parallel-max": Row("10 mm maximum, rows along an axis", 70.0, quick=False),
    "mpr-slab-parallel-mean": Row("10 mm mean, rows along an axis", 60.0, quick=False),
    "mpr-slab-oblique-max": Row("10 mm maximum, double oblique", 8.5, quick=False),
    "mpr-slab-oblique-mean": Row("10 mm mean, double oblique", 8.5, quick=False),
    "mpr-resample-iso": Row("512 x 512 x 400 to 1 mm", 15.0, quick=False),
    "mpr-stack-parallel": Row("48 planes, rows along an axis", 28.0, quick=False),
    "mpr-stack-oblique": Row("48 planes, double oblique", 9.5, quick=False),
    "mpr-stack-sagittal": Row("48 planes, near sagittal", 11.0, quick=False),
    "mpr-coronal": Row("one coronal plane", 8.0, quick=False),
    "mpr-sagittal": Row("one sagittal plane", 3.5, quick=False),
    "mpr-coronals": Row("all 512 coronal planes", 9.0, quick=False),
    "mpr-sagittals": Row("all 512 sagittal planes", 33.0, quick=False),
    "mpr-rotating-mip": Row("maximum projection, 36 views about the slice axis", 60.0, quick=False),
    "mpr-rotating-mip-any": Row("maximum projection, any axis", 9.0, quick=False),
    "import": Row("import radkit over import numpy, fresh processes", None),
    "memory-j2k-mg": Row("peak memory beyond the stream, in frames", None, quick=False),
    "memory-htj2k-mg": Row("peak memory beyond the stream, in frames", None, quick=False),
    "memory-rle-ct": Row("peak memory beyond the stream, in frames", None),
    "mpr-load": Row("40 CT files to one array with geometry", 13.0),
    "mpr-load-vtk": Row("the same, against a reader without orientation", 3.5),
    "mpr-load-1000": Row(
        "1000 CT files of 512 x 512 to one array, all of it new memory", None, quick=False
    ),
    "mpr-first": Row("fresh process to the first oblique slice, over loading alone", 1 / 1.1),
    "mpr-first-sitk": Row("the same, against a process of the peer", None),
}
