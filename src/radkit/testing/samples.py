"""Real DICOM files at hand without a download: those inside the pydicom package."""

from __future__ import annotations

from pathlib import Path

from radkit.errors import MissingDependency, OptionError

__all__ = ["SAMPLES", "sample"]

# name -> file of pydicom's test files (MIT). Only files that the wheel carries.
SAMPLES: dict[str, str] = {
    "ct": "CT_small.dcm",  # 128 x 128, 16 bits, explicit little endian
    "ct_j2k": "693_J2KI.dcm",  # 512 x 512, 14 bits, JPEG 2000, lossy
    "ct_j2k_lossless": "J2K_pixelrep_mismatch.dcm",  # 512 x 512, 13 bits; signs disagree
    "deflated": "image_dfl.dcm",  # 512 x 512, 8 bits
    "jpeg12": "JPEG-lossy.dcm",  # 1024 x 256, 12-bit JPEG, process 4
    "jpeg_lossless_rgb": "SC_rgb_jpeg_gdcm.dcm",  # 100 x 100 x 3
    "mr": "MR_small.dcm",  # 64 x 64, 16 bits, explicit little endian
    "mr_big_endian": "MR_small_bigendian.dcm",
    "mr_implicit": "MR_small_implicit.dcm",
    "mr_j2k": "MR_small_jp2klossless.dcm",
    "mr_jpegls": "MR_small_jpeg_ls_lossless.dcm",
    "mr_overlay": "examples_overlay.dcm",  # 300 x 484, 12 bits
    "mr_rle": "MR_small_RLE.dcm",
    "nm_j2k": "JPEG2000.dcm",  # 1024 x 256, 16 bits
    "palette": "examples_palette.dcm",  # 350 x 800, 8 bits, palette
    "report": "reportsi.dcm",  # a structured report: no pixels
    "rt_dose": "rtdose.dcm",  # 15 frames of 10 x 10, 32 bits
    "seg": "liver_1frame.dcm",  # 512 x 512, 1 bit
    "us_j2k": "examples_jpeg2k.dcm",  # 480 x 640 x 3, JPEG 2000, lossless
    "us_jpeg": "examples_ybr_color.dcm",  # 30 frames of 240 x 320 x 3, JPEG
    "us_rgb": "examples_rgb_color.dcm",  # 240 x 320 x 3
}


def sample(name: str) -> Path:
    """Return the path of a real DICOM file by its short name.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.

    Raises
    ------
    OptionError
        There is no sample of that name.
    MissingDependency
        The installed pydicom comes without its test files.

    Examples
    --------
    >>> sample("ct").name
    'CT_small.dcm'
    """
    import pydicom

    if name not in SAMPLES:
        raise OptionError(f"no sample {name!r}; known are {', '.join(SAMPLES)}")
    path = Path(pydicom.__file__).parent / "data" / "test_files" / SAMPLES[name]
    if not path.is_file():
        raise MissingDependency(
            f"pydicom comes without {SAMPLES[name]}", hint="Install pydicom from its wheel"
        )
    return path
