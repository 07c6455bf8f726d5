"""radkit bench: how fast this machine does it, on given or bundled files.

Each figure is the median of alternating rounds in this process, after a warm-up
round whose results are compared. The project's own figures come from benchmarks/.
"""

from __future__ import annotations

import importlib
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from radkit.cli.common import common_options, complain, console, print_json
from radkit.errors import RadkitError

__all__ = ["bench"]

KINDS = ("decode", "transcode", "reformat", "preview")
ROUNDS = 7
BUNDLED = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "examples_jpeg2k.dcm",
    "examples_rgb_color.dcm",
    "JPEG-lossy.dcm",
)
MOST_FILES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    name: str
    runs: dict[str, Callable[[], Any]]  # who -> what; radkit first


@click.command()
@click.argument("kind", type=click.Choice(KINDS), default="decode")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Folder of files.")
@click.option("--rivals", type=click.Choice(["all", "none"]), default="none", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@common_options
def bench(
    kind: str,
    data: Path | None,
    rivals: str,
    as_json: bool,
    threads: int | None,
    quiet: bool,
) -> int:
    """Measure decode, transcode, reformat or preview on this machine."""
    del threads
    # What a rival cannot decode it says at length; the table says it with a dash.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    makers: dict[str, Callable[[list[Path], bool], Iterator[_Task]]] = {
        "decode": _decode,
        "transcode": _transcode,
        "reformat": _reformat,
        "preview": _preview,
    }
    files = _files(data)
    rows = []
    for task in makers[kind](files, rivals == "all"):
        try:
            rows.append(row := _measure(kind, task))
        except RadkitError as error:
            if not quiet:
                complain(f"{task.name}: left out: {error}")
            continue
        if as_json:
            print_json(row)
    if not rows:
        complain("nothing could be measured")
        return 1
    if not as_json:
        _table(rows)
    return 0


def _files(data: Path | None) -> list[Path]:
    if data is not None:
        found = [data] if data.is_file() else sorted(p for p in data.rglob("*") if p.is_file())
        return found[:MOST_FILES]
    from pydicom.data import get_testdata_file

    paths = [get_testdata_file(name, download=False) for name in BUNDLED]
    return [Path(str(path)) for path in paths if path is not None]


def _decode(files: list[Path], rivals: bool) -> Iterator[_Task]:
    from radkit.pixels import decode

    for path in files:
        runs: dict[str, Callable[[], Any]] = {"radkit": partial(decode, path, threads=1)}
        if rivals:
            runs["pydicom"] = partial(_pydicom_pixels, path)
        yield _Task(name=path.name, runs=runs)


def _transcode(files: list[Path], rivals: bool) -> Iterator[_Task]:
    from radkit.transcoding import transcode

    for path in files:
        runs: dict[str, Callable[[], Any]] = {
            "radkit": partial(transcode, path, None, "htj2k-lossless-rpcl", threads=1)
        }
        if rivals:
            # pydicom writes no HTJ2K; RLE is what both can do.
            runs["radkit, rle"] = partial(transcode, path, None, "rle", threads=1)
            runs["pydicom, rle"] = partial(_pydicom_rle, path)
        yield _Task(name=path.name, runs=runs)


def _pydicom_pixels(path: Path) -> Any:
    import pydicom

    return pydicom.dcmread(path).pixel_array


def _pydicom_rle(path: Path) -> bytes:
    import io

    import pydicom

    ds = pydicom.dcmread(path)
    if ds.file_meta.TransferSyntaxUID.is_compressed:
        ds.decompress()
    ds.compress("1.2.840.10008.1.2.5")
    buffer = io.BytesIO()
    ds.save_as(buffer)
    return buffer.getvalue()


def _preview(files: list[Path], rivals: bool) -> Iterator[_Task]:
    from radkit.preview import thumbnail

    del rivals
    for path in files:
        yield _Task(
            name=path.name,
            runs={"radkit": partial(thumbnail, path, size=256, format="jpeg")},
        )


def _reformat(files: list[Path], rivals: bool) -> Iterator[_Task]:
    import numpy as np

    from radkit.geometry import Plane, stack_affine
    from radkit.mpr import reformat
    from radkit.volume import Volume, load_volume

    try:
        volume = load_volume(files)
    except RadkitError as error:
        complain(f"no volume in the data ({error}); a synthetic one is used")
        values = np.random.default_rng(0).integers(0, 4096, (128, 256, 256), dtype=np.int16)
        affine = stack_affine((1, 0, 0), (0, 1, 0), (0.7, 0.7), (0, 0, 0), (0, 0, 1.25))
        volume = Volume(values, affine)
    planes = {
        "axial": Plane.axial(),
        "coronal": Plane.coronal(),
        "sagittal": Plane.sagittal(),
        "oblique": Plane.from_normal(volume.centre, (0.4, 0.5, 0.77)),
    }
    for name, plane in planes.items():
        runs: dict[str, Callable[[], Any]] = {
            "radkit": partial(reformat, volume, plane, size=(512, 512))
        }
        if rivals and (other := _sitk(volume, plane)) is not None:
            runs["SimpleITK"] = other
        yield _Task(name=name, runs=runs)


def _sitk(volume: Any, plane: Any) -> Callable[[], Any] | None:
    try:
        sitk: Any = importlib.import_module("SimpleITK")
    except ImportError:
        return None
    if volume.sheared or volume.positions is not None:
        return None
    from radkit.mpr import reformat

    grid = reformat(volume, plane, size=(512, 512))
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.spacing[::-1])
    image.SetOrigin(volume.origin)
    image.SetDirection(volume.direction[:, ::-1].ravel().tolist())
    sampler = sitk.ResampleImageFilter()
    sampler.SetSize((512, 512, 1))
    sampler.SetOutputSpacing((grid.spacing[1], grid.spacing[0], 1.0))
    sampler.SetOutputOrigin(grid.affine[:3, 2].tolist())
    frame = (grid.plane.along_row, grid.plane.along_col, grid.plane.normal)
    sampler.SetOutputDirection([frame[col][row] for row in range(3) for col in range(3)])
    sampler.SetNumberOfThreads(1)
    return lambda: sampler.Execute(image)


def _measure(kind: str, task: _Task) -> dict[str, Any]:
    times: dict[str, list[float]] = {who: [] for who in task.runs}
    failed: set[str] = set()
    for number in range(ROUNDS + 1):
        for who, run in task.runs.items():
            if who in failed:
                continue
            start = time.perf_counter()
            try:
                run()
            except Exception:
                # A rival may fail on any file in any way; radkit may not.
                if who.startswith("radkit"):
                    raise
                failed.add(who)
                continue
            if number:  # the first round warms up
                times[who].append(time.perf_counter() - start)
    medians = {who: statistics.median(found) for who, found in times.items() if found}
    return {
        "bench": kind,
        "name": task.name,
        "rounds": ROUNDS,
        "seconds": medians,
        "failed": sorted(failed),
    }


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    who = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    table = Table(title=f"{rows[0]['bench']}: median of {ROUNDS} rounds, ms", title_justify="left")
    table.add_column("")
    for name in who:
        table.add_column(escape(name), justify="right")
    for row in rows:
        cells = [
            f"{row['seconds'][name] * 1000:.2f}" if name in row["seconds"] else "-" for name in who
        ]
        table.add_row(escape(row["name"]), *cells)
    console().print(table)
