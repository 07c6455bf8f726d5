"""radkit transcode: objects in another transfer syntax, verified."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click

from radkit.cli.common import (
    common_options,
    print_json,
    progress_bar,
    tell_each,
)
from radkit.errors import (
    MissingDependency,
    RadkitError,
    TransferError,
    UnsupportedTransferSyntax,
)

__all__ = ["transcode"]

CONNECT_S = 10
OnError = Literal["raise", "copy", "skip"]


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("-o", "--output", "dest", required=True, help="Folder, or a .dcm file for one.")
@click.option(
    "-s", "--syntax", default="htj2k-lossless-rpcl", show_default=True, help="Its name or UID."
)
@click.option("--ratio", type=float, help="Lossy: stored bytes to coded bytes.")
@click.option("--psnr", type=float, help="Lossy: dB over the range of Bits Stored.")
@click.option("--max-error", type=int, help="Lossy: largest difference in stored values.")
@click.option("--preset", help="Lossy: a published recommendation.")
@click.option("--verify/--no-verify", default=True, help="Decode again and compare. Default: do.")
@click.option("--workers", type=click.IntRange(1), help="Objects at a time.")
@click.option(
    "--engine",
    type=click.Choice(["threads", "processes", "dask"]),
    default="threads",
    show_default=True,
    help="Who does the work; dask starts a cluster on this machine.",
)
@click.option(
    "--scheduler", metavar="URL", help="A Dask cluster that is there, as tcp://host:8786."
)
@click.option(
    "--metrics",
    multiple=True,
    metavar="FILE",
    help="Write figures of the run as it goes: JSON lines, or Prometheus' text (*.prom).",
)
@click.option(
    "--on-error",
    type=click.Choice(["copy", "skip", "raise"]),
    default="copy",
    show_default=True,
    help="An object that fails is passed on as it is, left out, or the end.",
)
@click.option("--resume/--no-resume", default=True, help="Do only what is missing. Default: do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@common_options
def transcode(
    sources: tuple[str, ...],
    dest: str,
    syntax: str,
    verify: bool,
    workers: int | None,
    engine: Literal["threads", "processes", "dask"],
    scheduler: str | None,
    metrics: tuple[str, ...],
    on_error: OnError,
    resume: bool,
    as_json: bool,
    threads: int | None,
    quiet: bool,
    **wishes: Any,
) -> int:
    """Bring SOURCES (files, folders) into another transfer syntax.

    Lossless unless one of --ratio, --psnr, --max-error, --preset is given.
    Every lossless result is decoded again and compared, sample by sample.
    """
    from radkit.codecs.options import Lossy
    from radkit.dicom.uids import syntax as known

    try:
        target = known(syntax)
    except UnsupportedTransferSyntax as error:
        raise click.UsageError(f"-s: {error}") from None
    if not target.encode:
        raise click.UsageError(f"-s: {target.title} ({target.uid}) is not written by radkit")
    given = {name: wish for name, wish in wishes.items() if wish is not None}
    lossy = Lossy(**given) if given else None
    alone = engine == "threads" and not scheduler and not metrics
    if alone and len(sources) == 1 and Path(sources[0]).is_file() and not _is_folder(dest):
        return _one(sources[0], Path(dest), syntax, lossy, verify, threads, as_json, quiet)
    from radkit.transcoding import transcode_many

    listed = [sources[0]] if len(sources) == 1 else list(sources)
    with (
        progress_bar("transcoding", quiet=quiet) as progress,
        _watched(progress, metrics) as told,
        _cluster(scheduler),
    ):
        report = transcode_many(
            listed[0] if len(listed) == 1 else listed,
            dest,
            syntax,
            lossy=lossy,
            verify=verify,
            engine="dask" if scheduler else engine,
            workers=workers or threads,
            on_error=on_error,
            resume=resume,
            progress=told,
        )
    code = tell_each(report, _entry if as_json else None)
    if not as_json:
        click.echo(str(report))
    elif not quiet:
        click.echo(str(report), err=True)
    return code


@contextlib.contextmanager
def _cluster(scheduler: str | None) -> Iterator[None]:
    """Be the client of a cluster."""
    if scheduler is None:
        yield
        return
    try:
        import distributed
    except ImportError as error:
        raise MissingDependency(
            "--scheduler needs dask.distributed: pip install radkit[archive]"
        ) from error
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise TransferError(
            f"no scheduler answers: {type(error).__name__}", source=scheduler, retryable=True
        ) from error
    with client:
        yield


class _Watched:
    """Progress for a terminal and for files, as one."""

    def __init__(self, watches: list[Any]) -> None:
        self._watches = watches

    def __call__(self, done: int, total: int) -> None:
        for one in self._watches:
            one(done, total)

    def watch(self, now: Any) -> None:
        for one in self._watches:
            one.watch(now)


@contextlib.contextmanager
def _watched(progress: Any, files: tuple[str, ...]) -> Iterator[Any]:
    """Add files to what a run tells of itself."""
    from radkit.archive import JsonLines, PrometheusText

    with contextlib.ExitStack() as stack:
        watches = [] if progress is None else [progress]
        for name in files:
            if name.endswith(".prom"):
                watches.append(PrometheusText(name))
            else:
                watches.append(stack.enter_context(JsonLines(name)))
        yield _Watched(watches) if watches else None


def _is_folder(dest: str) -> bool:
    return dest.endswith(("/", "\\")) or Path(dest).is_dir() or not Path(dest).suffix


def _one(
    source: str,
    dest: Path,
    syntax: str,
    lossy: Any,
    verify: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    from radkit.transcoding import transcode as run

    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TransferError(
            f"cannot make the folder: {error.strerror}", source=str(dest)
        ) from error
    result = run(source, dest, syntax, lossy=lossy, verify=verify, threads=threads)
    if as_json:
        print_json({"source": source, **_entry(result)})
    elif not quiet:
        proof = "not verified"
        if result.max_error is not None:
            proof = (
                "verified, no difference"
                if result.max_error == 0
                else (f"verified, largest difference {result.max_error}")
            )
        click.echo(
            f"{dest}: {result.syntax.name}, {result.bytes_in:,} -> {result.bytes_out:,} bytes, "
            f"{proof}, {result.seconds:.2f} s"
        )
    return 0


def _entry(result: Any) -> dict[str, Any]:
    from radkit.transcoding.results import transcoded_dict

    if isinstance(result, RadkitError):
        return {"error": type(result).__name__, "message": str(result)}
    return transcoded_dict(result)
