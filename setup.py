"""Builds the native part; everything else about the package is in pyproject.toml."""

import os
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

NATIVE = "src/radkit/_native"
FLAGS = ["-O3", "-g0", "-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra"]
LINK = ["-pthread"]
if sanitize := os.environ.get("RADKIT_SANITIZE"):  # e.g. "address,undefined"
    FLAGS += [f"-fsanitize={sanitize}", "-fno-sanitize-recover=all", "-g", "-O1"]
    LINK += [f"-fsanitize={sanitize}"]
if os.environ.get("RADKIT_COVERAGE"):
    FLAGS += ["--coverage", "-O0"]
    LINK += ["--coverage"]


def extension(name: str, *patterns: str) -> Extension:
    """One module: its .pyx and the C files that match the patterns."""
    sources = [f"{NATIVE}/{name}.pyx"]
    for pattern in patterns:
        sources += sorted(glob(f"{NATIVE}/{pattern}.c"))
    return Extension(
        f"radkit._native.{name}",
        sources,
        include_dirs=[NATIVE, f"{NATIVE}/include"],
        depends=glob(f"{NATIVE}/*/*.h") + glob(f"{NATIVE}/include/radkit/*.h"),
        extra_compile_args=FLAGS,
        extra_link_args=LINK,
    )


setup(
    ext_modules=cythonize(
        [
            extension("_cpu", "kernels/cpu"),
            extension("_scan", "dicom/scan", "dicom/pick"),
            extension("_rle", "kernels/cpu", "kernels/rle*"),
            extension("_jpegscan", "kernels/jpegscan"),
            extension("_jpegll", "kernels/cpu", "kernels/jpegll*", "kernels/huff*"),
            extension(
                "_j2k",
                "kernels/cpu",
                "kernels/t1*",
                "kernels/mq*",
                "kernels/ht*",
                "kernels/dwt*",
                "kernels/mct*",
                "kernels/pack*",
                "kernels/quant*",
                "j2k/[!erw]*",  # not encode*, recode*, write*
            ),
            extension(
                "_j2k_encode",
                "kernels/cpu",
                "kernels/t1*",
                "kernels/mq*",
                "kernels/ht*",
                "kernels/dwt*",
                "kernels/mct*",
                "kernels/pack*",
                "kernels/samples*",
                "j2k/arena",
                "j2k/spare",
                "j2k/encode*",
                "j2k/write*",
            ),
            extension(
                "_j2k_recode",
                "kernels/cpu",
                "kernels/t1*",
                "kernels/mq*",
                "kernels/ht*",
                "kernels/dwt*",
                "kernels/pack*",
                "kernels/quant*",
                "j2k/arena",
                "j2k/clock",
                "j2k/geometry",
                "j2k/listing",
                "j2k/markers",
                "j2k/packets",
                "j2k/progression",
                "j2k/recode*",
                "j2k/segments",
                "j2k/spare",
                "j2k/tileparts",
                "j2k/write*",
            ),
            extension("_blocks", "kernels/cpu", "kernels/mq*", "kernels/t1*", "kernels/ht*"),
            extension(
                "_transforms",
                "kernels/cpu",
                "kernels/dwt*",
                "kernels/mct*",
                "kernels/pack*",
                "kernels/quant*",
            ),
            extension(
                "_pixels",
                "kernels/cpu",
                "kernels/bits*",
                "kernels/pack*",
                "kernels/colour*",
                "kernels/window*",
                "kernels/palette*",
            ),
        ],
        build_dir="build/cython",
    )
)
