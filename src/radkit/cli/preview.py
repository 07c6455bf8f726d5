"""radkit preview: small pictures of files, sidecars, plans and a report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from radkit.cli.common import (
    common_options,
    complain,
    exit_code,
    parse_window,
    print_json,
    worst,
)
from radkit.errors import RadkitError

__all__ = ["preview", "write_file"]


def make_folder(folder: Path) -> None:
    """Make a folder for results, if it is not there."""
    from radkit.dicom.write import io_errors

    with io_errors("making the folder of the results", str(folder)):
        folder.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file or none, in a folder that is made if it is not there."""
    from radkit.dicom import write

    make_folder(path.parent)
    write.write_file(path, data)


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of what is written. Not needed by --plan.",
)
@click.option(
    "--size",
    type=click.IntRange(1, 4096),
    default=512,
    show_default=True,
    help="Longest side in pixels.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["png", "jpeg", "webp", "avif", "jxl"]),
    default="png",
    show_default=True,
    help="PNG is exact, the others are lossy.",
)
@click.option(
    "--window", metavar="C,W", help="Centre and width, or auto; default: as the header says."
)
@click.option("--sheet", is_flag=True, help="One contact sheet of all FILES, a series.")
@click.option("--sidecar", is_flag=True, help="Byte ranges of each file as JSON, no pictures.")
@click.option("--report", is_flag=True, help="One HTML page: what slow lines show of a series.")
@click.option("--plan", is_flag=True, help="The order in which to send FILES, a series.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the line, in kbit/s; for --plan.",
)
@click.option(
    "--budget", type=click.FloatRange(min=0), help="Seconds there are; for --plan, needs --rate."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@common_options
def preview(
    files: tuple[str, ...],
    folder: Path | None,
    size: int,
    form: Literal["png", "jpeg", "webp", "avif", "jxl"],
    window: str | None,
    sheet: bool,
    sidecar: bool,
    report: bool,
    plan: bool,
    rate: float | None,
    budget: float | None,
    as_json: bool,
    threads: int | None,
    quiet: bool,
) -> int:
    """Write a small picture of each of FILES into a folder, or what else is asked for."""
    del threads
    if sum((sheet, sidecar, report, plan)) > 1:
        raise click.UsageError("--sheet, --sidecar, --report and --plan exclude each other")
    if (rate is not None or budget is not None) and not plan:
        raise click.UsageError("--rate and --budget need --plan")
    shown = parse_window(window, "header")
    if plan:
        return _plan(files, rate, budget, as_json)
    if folder is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    out = _Output(folder, as_json, quiet)
    if sheet:
        return out.sheet(files, size, shown, form)
    if report:
        return out.report(files, shown)
    for name in files:
        with out.trying(name):
            if sidecar:
                out.sidecar(name)
            else:
                out.picture(name, size, shown, form)
    return worst(out.codes)


class _Output:
    """Files written into a folder, each told on stdout."""

    def __init__(self, folder: Path, as_json: bool, quiet: bool) -> None:
        self.codes = [0]
        self._folder = folder
        self._json = as_json
        self._quiet = quiet
        self._taken: set[Path] = set()

    @contextlib.contextmanager
    def trying(self, name: str) -> Iterator[None]:
        """Tell of an object that fails, and go on."""
        try:
            yield
        except RadkitError as error:
            self.codes.append(exit_code(error))
            complain(f"{name}: {error}")
            if self._json:
                kind = type(error).__name__
                print_json({"source": name, "error": kind, "message": str(error)})

    def picture(self, name: str, size: int, window: Any, form: Any) -> None:
        from radkit.preview import thumbnail

        data = thumbnail(name, size=size, window=window, format=form)
        self._write(name, Path(name).stem, form, data)

    def sidecar(self, name: str) -> None:
        from radkit.preview import sidecar

        self._write(name, Path(name).name, "radkit.json", sidecar(name).to_bytes())

    def sheet(self, files: Sequence[str], size: int, window: Any, form: Any) -> int:
        from radkit.preview import thumbnail

        data = thumbnail(_series(files), size=size, window=window, format=form, kind="sheet")
        self._write(files[0], "sheet", form, data)
        return 0

    def report(self, files: Sequence[str], window: Any) -> int:
        from radkit.preview import report

        path = self._folder / "preview.html"
        make_folder(self._folder)
        report(_series(files), path, window=window)
        self._tell(files[0], path, path.stat().st_size)
        return 0

    def _write(self, name: str, stem: str, form: str, data: bytes) -> None:
        path = _free(self._folder, stem, form, self._taken)
        write_file(path, data)
        self._tell(name, path, len(data))

    def _tell(self, name: str, path: Path, size: int) -> None:
        if self._json:
            print_json({"source": name, "path": str(path), "bytes": size})
        elif not self._quiet:
            click.echo(str(path))


def _series(files: Sequence[str]) -> Any:
    return files[0] if len(files) == 1 else list(files)


def _plan(files: Sequence[str], rate: float | None, budget: float | None, as_json: bool) -> int:
    """Print the steps of a plan."""
    from radkit.preview import plan, schedule

    if budget is not None and rate is None:
        raise click.UsageError("--budget needs --rate")
    alone = len(files) == 1 and not Path(files[0]).is_dir()
    if alone:
        made = plan(files[0], rate_kbit_s=rate, budget_s=budget)
    else:
        made = schedule(_series(files), rate_kbit_s=rate)
    for step in made:
        if budget is not None and not alone and step.seconds > budget:
            break
        told = {
            "source": made.sources[step.source],
            "frame": step.frames[0],
            "reduce": step.reduce,
            "layers": step.layers,
            "ranges": [list(pair) for pair in step.ranges],
            "bytes_total": step.bytes_total,
            "seconds": None if rate is None else step.seconds,
            "lossless": step.lossless,
        }
        if as_json:
            print_json(told)
        else:
            _print_step(told)
    if made.needs_transcode is not None:
        complain("cannot be sent in parts: transcode to htj2k-lossless-rpcl first")
    return 0


def _print_step(told: dict[str, Any]) -> None:
    when = "" if told["seconds"] is None else f"{told['seconds']:9.3f} s"
    what = "original" if told["lossless"] else f"1/{1 << told['reduce']}"
    if told["layers"] is not None:
        what = f"{told['layers']} layers"
    click.echo(f"{when}{told['bytes_total']:12d} B  frame {told['frame']:5d}  {what}")


def _free(folder: Path, stem: str, form: str, taken: set[Path]) -> Path:
    """Return a name that no other file of this run has: folders may share file names."""
    number, path = 1, folder / f"{stem}.{form}"
    while path in taken:
        number += 1
        path = folder / f"{stem}-{number}.{form}"
    taken.add(path)
    return path
