"""What all commands share: options, exit codes, messages, progress."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from radkit import limits
from radkit.errors import (
    LimitExceeded,
    OptionError,
    RadkitError,
    TransferError,
    VerificationError,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "common_options",
    "complain",
    "console",
    "exit_code",
    "parse_window",
    "print_json",
    "printable",
    "progress_bar",
    "tell_each",
    "versions",
    "worst",
]

Function = TypeVar("Function", bound=Callable[..., Any])

WIDE = 10_000  # columns of a table that goes into a file or a pipe
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
EXIT_CODES: tuple[tuple[type[RadkitError], int], ...] = (
    (OptionError, 2),
    (LimitExceeded, 3),
    (VerificationError, 4),
    (TransferError, 5),
)


def exit_code(error: RadkitError) -> int:
    """Return the exit code of an error; 1 for an object that is at fault itself."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def worst(codes: list[int]) -> int:
    """Return the exit code of several objects: what was not verified weighs most."""
    for code in (4, 5, 3, 1, 2):
        if code in codes:
            return code
    return 0


def complain(text: str, error: RadkitError | None = None) -> None:
    """Write a message to stderr, with the name of the source if it is known."""
    where = f"{error.source}: " if error is not None and error.source else ""
    click.echo(printable(f"radkit: {where}{text}"), err=True)


def tell_each(
    report: Iterable[tuple[Any, Any]], entry: Callable[[Any], dict[str, Any]] | None
) -> int:
    """Complain of what failed, write a line of each object by `entry`; return the exit code."""
    codes = [0]
    for source, result in report:
        if isinstance(result, RadkitError):
            codes.append(exit_code(result))
            complain(f"{source}: {result}")
        if entry is not None:
            print_json({"source": str(source), **entry(result)})
    return worst(codes)


def printable(text: str) -> str:
    """Return a text without control characters: names of files may hold what steers a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_json(entry: dict[str, Any]) -> None:
    """Write one object to stdout, on a line of its own."""
    text = json.dumps(entry, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name that is no text: escaped, so that the line stays JSON
        text = json.dumps(entry, allow_nan=False)
    click.echo(text)


def console() -> Console:
    """Return the console of tables; one that wraps nothing where no terminal limits its width."""
    from rich.console import Console

    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDE)


def common_options(function: Function) -> Function:
    """Add --limits, --threads, -v and -q, and put them in force around the command."""

    @click.option(
        "--limits",
        "limit_texts",
        multiple=True,
        metavar="untrusted|NAME=VALUE",
        help="Limits in force: the preset for strangers' files, or single ones; repeatable.",
    )
    @click.option("--threads", type=click.IntRange(1), help="Threads; default: usable cores.")
    @click.option("-v", "--verbose", count=True, help="Say more on stderr; twice for all.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress, no summary on stderr.")
    @functools.wraps(function)
    def run(
        limit_texts: tuple[str, ...], threads: int | None, verbose: int, quiet: bool, **rest: Any
    ) -> Any:
        _log(logging.ERROR if quiet else LEVELS[min(verbose, 2)])
        with contextlib.ExitStack() as stack:
            for changes in map(_limits, limit_texts):
                base = limits.UNTRUSTED if changes is None else None
                stack.enter_context(limits.use(base, **(changes or {})))
            return function(threads=threads, quiet=quiet, **rest)

    return run  # type: ignore[return-value]  # wraps adds options, not arguments of the caller


def _log(level: int) -> None:
    """Let radkit's own log go to stderr; that of other packages is theirs."""
    logger = logging.getLogger("radkit")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("radkit: %(message)s"))
        logger.addHandler(handler)


def _limits(text: str) -> dict[str, Any] | None:
    """Return the change that a text asks for; None for the preset."""
    if text == "untrusted":
        return None
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--limits takes untrusted or NAME=VALUE, not {text!r}")
    if name == "foreign":
        return {name: value}
    if name == "max_seconds":
        return {name: _number(float, value, text)}
    return {name: _number(int, value, text)}


def _number(kind: Callable[[str], Any], value: str, text: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise click.UsageError(f"--limits {text}: not a number") from None


def parse_window(text: str | None, default: str) -> Any:
    """Return the window of a ``C,W`` text, or the default."""
    if text is None or text in ("header", "auto"):
        return text or default
    parts = text.split(",")
    try:
        centre, width = (float(part) for part in parts)
    except ValueError:
        raise click.UsageError(f"--window takes CENTRE,WIDTH, not {text!r}") from None
    return centre, width


class _Bar:
    """A progress function that draws; of a run that tells more it shows bytes, speed and time."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)

    def watch(self, now: Any) -> None:
        from radkit.transcoding.results import readable_bytes as size

        parts = [f"{size(now.bytes_in)} -> {size(now.bytes_out)}", f"{now.ratio:.2f}:1"]
        parts.append(f"{now.mb_per_s:.1f} MB/s")
        if now.failed:
            parts.append(f"{now.failed} failed")
        if now.eta_s is not None:
            parts.append(f"{now.eta_s // 60:.0f} min {now.eta_s % 60:02.0f} s left")
        self._bar.update(self._task, told="  ".join(parts))


@contextlib.contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a progress function that draws on a terminal; None if there is none."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(what, total=None, told=""))


CODECS = ("charls", "libjpeg", "libjpeg_turbo", "libjxl", "openjpeg", "openjph", "zlib_ng")
FOREIGN = ("imagecodecs", "pylibjpeg-openjpeg", "pydicom", "numpy")


def versions() -> Iterator[tuple[str, str]]:
    """Yield (name, version) of radkit, Python, and what radkit stands on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    for name in ("radkit", *FOREIGN):
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"
    yield "python", platform.python_version()
    with contextlib.suppress(ImportError):
        import imagecodecs

        for name, number in imagecodecs.version(dict).items():
            if name in CODECS:
                yield f"  {name}", str(number)
