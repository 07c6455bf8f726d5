"""Transcode a real series to lossless HTJ2K, prove that nothing was lost, show it.

    python demo/run.py               the bundled material
    python demo/run.py FOLDER        your own files

Writes transcoded files, pictures and report.html into demo-out/. The sources are
only read.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import measure
import pictures
from measure import MAIN, Proof, Row
from mni import Unavailable, write_mni
from report import html_report
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

import radkit
from radkit.errors import RadkitError
from radkit.transcoding import transcode

HOME = Path(__file__).resolve().parents[1]
BUDGET_S = 30.0
COMPARED = 200  # objects of a user's folder that go through all syntaxes
LOOSE = {
    "CT_small.dcm": "CT, 16 bits",
    "MR_small.dcm": "MR, 16 bits",
    "examples_rgb_color.dcm": "ultrasound in colour",
    "examples_jpeg2k.dcm": "ultrasound in colour, JPEG 2000",
    "693_J2KI.dcm": "CT, JPEG 2000, lossy",
}

console = Console()


def main() -> int:
    """Run the demonstration and return the exit code."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("source", nargs="?", type=Path, help="a folder of DICOM files")
    options.add_argument("--out", type=Path, default=HOME / "demo-out")
    given = options.parse_args()
    start = time.perf_counter()
    out: Path = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    if given.source is None:
        series, loose, about = bundled(out)
    else:
        series, loose = given.source.resolve(), []
        about = "Your own files."
        if not series.is_dir():
            console.print(f"[red]{series} is not a folder[/]")
            return 2
        if series in (out, *out.parents) or out in series.parents:
            console.print("[red]source and output must be apart: choose another --out[/]")
            return 2
    code = show(series, loose, about, out)
    console.print(f"{time.perf_counter() - start:.0f} s in all")
    return code


def bundled(out: Path) -> tuple[Path, list[Path], str]:
    """Return the folder of the bundled series, the loose files, and words about them."""
    from pydicom.data import get_testdata_file

    paths = [get_testdata_file(name, download=False) for name in LOOSE]
    loose = [Path(str(path)) for path in paths if path is not None]
    folder = out / "series"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        write_mni(folder, HOME / ".cache" / "demo")
    except Unavailable as error:
        console.print(
            f"[yellow]The MNI152 volume cannot be had ({error}); the DICOM files that come with "
            "pydicom are used alone. With a network, run again.[/]"
        )
        folder.mkdir(parents=True, exist_ok=True)
        for path in loose:
            shutil.copy(path, folder / path.name)
        return folder, [], "DICOM files that come with pydicom."
    about = (
        "MNI152 T1, the average of 152 healthy heads (McConnell Brain Imaging Centre), from the "
        "nilearn package, written as a DICOM MR series: 189 slices of 233 x 197, 1 mm, 16 bits "
        "allocated. Its values use only 8 of these bits, so every codec does better here than "
        "on a scanner's own series."
    )
    return folder, loose, about


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a progress function for a terminal; None if there is none."""
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(series: Path, loose: list[Path], about: str, out: Path) -> int:
    """Do it all for one folder, and write the report."""
    everything = sorted(path for path in series.rglob("*") if path.is_file())
    files = measure.images(everything)
    if not files:
        console.print(f"[red]no DICOM image among {len(everything)} files[/]")
        return 1
    dest = out / "transcoded"
    shutil.rmtree(dest, ignore_errors=True)
    console.print(f"[bold]{len(files)} images[/], {measure.stored_bytes(files) / 1e6:.1f} MB")
    with progress(MAIN) as report:
        main_row, done = measure.transcode(files, series, dest, MAIN, report)
    if main_row.failed:
        console.print(f"[yellow]{main_row.failed} images cannot be transcoded: passed on as is[/]")
    if not done:
        return 1
    files = done
    with console.status("comparing value for value"):
        proof = measure.prove(files, series, dest)
    rows = [original(files), *others(files, series), main_row]
    print_rows(rows)
    print_proof(proof)
    results = [dest / path.relative_to(series) for path in files]
    volume = pictures.largest_volume(results)
    planes = []
    if volume is not None:
        planes = pictures.planes(volume, pictures.window_of(files[len(files) // 2]))
    middle = [files[len(files) * part // 8] for part in (3, 4, 5)] if loose else files[:24]
    thumbs = pictures.thumbnails([*loose, *middle])
    table = loose_rows(loose)
    save_pictures(out, planes, thumbs)
    page = html_report(
        title=f"radkit: {len(files)} images in lossless HTJ2K, proven",
        about=about,
        rows=rows,
        proof=proof,
        levels=measure.levels(results),
        planes=planes,
        thumbs=thumbs,
        others=table,
        foot=machine(),
    )
    target = out / "report.html"
    target.write_text(page, encoding="utf-8")
    console.print(f"report: [bold]{os.path.relpath(target)}[/]")
    lost = proof.different or proof.second_different or main_row.different
    return 4 if lost else 0


def original(files: list[Path]) -> Row:
    """Return the row of the files as they are."""
    return Row(
        syntax="as it was",
        bytes=measure.stored_bytes(files),
        encode_s=None,
        decode_s=measure.decode_seconds(files),
        voxels=0,
        different=None,
    )


def others(files: list[Path], series: Path) -> list[Row]:
    """Return the rows of the other syntaxes; none for a large folder."""
    if len(files) > COMPARED:
        console.print(f"more than {COMPARED} images: the other syntaxes are left out")
        return []
    with progress("other syntaxes") as report:
        return measure.compare_syntaxes(files, series, report, BUDGET_S)


def print_rows(rows: list[Row]) -> None:
    """Print the table of syntaxes."""
    table = Table(title="The same series in each transfer syntax", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("MB", "%", "encode s", "decode s", "differ", "line s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.syntax,
            f"{row.bytes / 1e6:.2f}",
            f"{100 * row.bytes / rows[0].bytes:.1f}",
            "" if row.encode_s is None else f"{row.encode_s:.2f}",
            f"{row.decode_s:.2f}",
            "" if row.different is None else f"{row.different:,}",
            f"{row.line_s:.1f}",
            style="bold green" if row.syntax == MAIN and row.different == 0 else None,
        )
    table.caption = "encode: verification included; differ: values; line: 2 Mbit/s"
    table.caption_justify = "left"
    console.print(table)


def print_proof(proof: Proof) -> None:
    """Print what was compared."""
    style = "green" if proof.different == 0 else "red"
    console.print(
        f"[{style}]{proof.voxels:,} values of {proof.objects:,} objects compared, "
        f"{proof.different:,} different[/]"
    )
    console.print(f"SHA-256 before  {proof.digest_before}")
    console.print(f"SHA-256 after   {proof.digest_after}")
    if proof.second_objects:
        console.print(
            f"second opinion, {proof.second}: {proof.second_objects:,} objects, "
            f"{proof.second_different:,} values different"
        )
    console.print(
        f"elements changed besides the pixel data: {', '.join(proof.headers_changed) or 'none'}"
    )


def loose_rows(loose: list[Path]) -> list[tuple[str, ...]]:
    """Return table rows of single files: transcoded in memory, verified."""
    rows = []
    for path in loose:
        was = radkit.inspect(path).syntax.name
        try:
            done = transcode(path, None, MAIN)
        except RadkitError as error:
            rows.append((path.name, was, f"{path.stat().st_size:,}", type(error).__name__, "-"))
            continue
        different = "-" if done.max_error is None else "0" if done.max_error == 0 else "some"
        label = f"{path.name}: {LOOSE.get(path.name, '')}"
        rows.append((label, was, f"{done.bytes_in:,}", f"{done.bytes_out:,}", different))
    return rows


def save_pictures(
    out: Path, planes: list[pictures.Picture], thumbs: list[pictures.Picture]
) -> None:
    """Write the PNG files beside the report."""
    for name, found in (("planes", planes), ("thumbnails", thumbs)):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(found):
            stem = picture.name if name == "planes" else f"{number:02d}"
            (folder / f"{stem}.png").write_bytes(picture.png)


def machine() -> str:
    """Say what it was measured with."""
    names = ("radkit", "imagecodecs", "numpy", "pydicom")
    told = ", ".join(f"{name} {version(name)}" for name in names)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Python {platform.python_version()}, {told}; {cores} cores, {platform.machine()}. "
        "Times are of one run on this machine. MB are 1,000,000 bytes."
    )


if __name__ == "__main__":
    sys.exit(main())
