"""radkit inspect: what files hold, without decoding them."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import click

from radkit.cli.common import (
    common_options,
    complain,
    console,
    exit_code,
    print_json,
    printable,
    worst,
)
from radkit.errors import RadkitError

if TYPE_CHECKING:
    from radkit.pixels import ImageInfo

__all__ = ["inspect"]


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--deep",
    is_flag=True,
    help="Also read all packet headers of JPEG 2000 and HTJ2K: bytes of each resolution.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@common_options
def inspect(
    files: tuple[str, ...], deep: bool, as_json: bool, threads: int | None, quiet: bool
) -> int:
    """Say what FILES hold: transfer syntax, shape, codestream, faults."""
    from radkit.pixels import inspect as look

    del threads, quiet
    codes = [0]
    for name in files:
        try:
            info = look(name, deep=deep)
        except RadkitError as error:
            codes.append(exit_code(error))
            if as_json:
                print_json({"source": name, "error": type(error).__name__, "message": str(error)})
            else:
                complain(f"{name}: {error}")
            continue
        if as_json:
            print_json({"source": name, **_plain(info)})
        else:
            _table(name, info)
    return worst(codes)


def _plain(value: Any) -> Any:
    """Turn a result into what JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(part) for key, part in asdict(value).items()}
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _resolutions(info: ImageInfo) -> list[tuple[str, str]]:
    """Return lines with the bytes of each resolution, summed over frames and layers."""
    known = [frame for frame in info.coded_bytes if len(frame) > 1]
    if not known:
        return []
    frames, rows, cols = info.shape[:3]
    top = max(len(frame) for frame in known) - 1
    lines, sent = [], 0
    for level in range(top + 1):
        size = sum(sum(frame[level]) for frame in known if level < len(frame))
        sent += size
        shrink = top - level
        shape = f"{-(-rows >> shrink)} x {-(-cols >> shrink)}"
        lines.append((f"  resolution {level}", f"{shape}: {size:,} bytes, {sent:,} up to here"))
    if len(known) < frames:
        lines.append(("  frames with readable packets", f"{len(known)} of {frames}"))
    return lines


def _table(name: str, info: ImageInfo) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=None)
    frames, rows, cols, *samples = info.shape
    shape = f"{frames} x {rows} x {cols}" + "".join(f" x {count}" for count in samples)
    lossy = "no" if not info.lossy else "yes"
    if info.lossy_ratio:
        lossy += f", {info.lossy_ratio:g} : 1"
    lines = [
        ("SOP class", info.sop_class),
        ("transfer syntax", f"{info.syntax.name} ({info.syntax.uid})"),
        ("frames x rows x columns", shape),
        ("values", f"{info.dtype}, {info.bits_stored} bits stored, {info.photometric}"),
        ("lossy", lossy),
        ("pixel bytes", f"{info.pixel_bytes:,}"),
        ("frame offsets", info.offsets),
    ]
    if info.codestream is not None:
        told = {
            key: value for key, value in _plain(info.codestream).items() if value not in (None, [])
        }
        lines += [(f"  {key}", str(value)) for key, value in told.items()]
    lines += _resolutions(info)
    lines += [("problem", f"{problem.code}: {problem.text}") for problem in info.problems]
    for label, text in lines:
        table.add_row(escape(label), escape(text))
    out = console()
    out.print(escape(printable(name)), soft_wrap=True)  # a path in one piece, to be copied
    out.print(table)
