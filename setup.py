"""Builds the native part; everything else about the package is in pyproject.toml.

The C files are compiled once into one static library, and each extension module
links what it needs of it. ``RADKIT_BUILT=1`` takes the modules that lie in
``src/`` as they are: an editable installation after ``build_ext --inplace``.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = "src/radkit/_native"
INCLUDE = [NATIVE, f"{NATIVE}/include"]
FLAGS = ["-O3", "-g0", "-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra"]
GLUE: list[str] = []  # for what Cython writes, which takes longest to compile and runs least
LINK = ["-pthread"]
if sanitize := os.environ.get("RADKIT_SANITIZE"):  # e.g. "address,undefined"
    FLAGS += [f"-fsanitize={sanitize}", "-fno-sanitize-recover=all", "-g", "-O1"]
    GLUE = ["-O0", "-g0"]
    LINK += [f"-fsanitize={sanitize}"]
if os.environ.get("RADKIT_COVERAGE"):
    FLAGS += ["--coverage", "-O0"]
    LINK += ["--coverage"]


class BuildNative(build_ext):
    """`build_ext` that makes the static library first."""

    def build_extensions(self) -> None:
        """Give each module the library to link."""
        library = self._library()
        for extension in self.extensions:
            extension.extra_objects = [library]
            extension.depends.append(library)
        super().build_extensions()

    def _library(self) -> str:
        """Compile the C files that are newer than their objects; return the archive."""
        place = Path(self.build_temp, "native")
        place.mkdir(parents=True, exist_ok=True)
        sources = sorted(glob(f"{NATIVE}/*/*.c"))
        objects = {source: place / f"{Path(source).with_suffix('')}.o" for source in sources}
        stale = [source for source in sources if not _current(objects[source])]
        with ThreadPoolExecutor(int(self.parallel or os.cpu_count() or 1)) as pool:
            list(pool.map(lambda source: self._object(source, place), stale))
        archive = place / "libradkit.a"
        if stale or not _newest(archive, objects.values()):
            archive.unlink(missing_ok=True)
            names = [str(path) for path in objects.values()]
            self.compiler.create_static_lib(names, "radkit", output_dir=str(place))
        return str(archive)

    def _object(self, source: str, place: Path) -> None:
        self.compiler.compile(
            [source],
            output_dir=str(place),
            include_dirs=INCLUDE,
            extra_postargs=[*FLAGS, "-MMD"],
        )


def _current(made: Path) -> bool:
    """Whether an object is newer than all that the compiler wrote into its .d file."""
    rule = made.with_suffix(".d")
    if not rule.exists():
        return False
    _, _, needed = rule.read_text().replace("\\\n", " ").partition(":")
    return _newest(made, [Path("setup.py"), *map(Path, needed.split())])


def _newest(made: Path, others: Iterable[Path]) -> bool:
    if not made.exists():
        return False
    when = made.stat().st_mtime
    return all(path.exists() and path.stat().st_mtime <= when for path in others)


def _modules() -> list[Extension]:
    if os.environ.get("RADKIT_BUILT"):
        return []
    from Cython.Build import cythonize

    modules = [
        Extension(
            f"radkit._native.{Path(source).stem}",
            [source],
            include_dirs=INCLUDE,
            depends=glob(f"{NATIVE}/*/*.h") + glob(f"{NATIVE}/include/radkit/*.h"),
            extra_compile_args=[*FLAGS, *GLUE],
            extra_link_args=LINK,
        )
        for source in sorted(glob(f"{NATIVE}/*.pyx"))
    ]
    made: list[Extension] = cythonize(modules, build_dir="build/cython")
    return made


setup(ext_modules=_modules(), cmdclass={"build_ext": BuildNative})
