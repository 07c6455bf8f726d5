"""radkit preview: small pictures of files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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


def write_file(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, and rename it once it is on the disk."""
    import contextlib
    import os
    import secrets

    from radkit.errors import TransferError

    part = path.with_name(f"{path.name}.part-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        reason = error.strerror or type(error).__name__
        raise TransferError(f"cannot write: {reason}", source=str(path)) from error


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the pictures.",
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@common_options
def preview(
    files: tuple[str, ...],
    folder: Path,
    size: int,
    form: Literal["png", "jpeg", "webp", "avif", "jxl"],
    window: str | None,
    as_json: bool,
    threads: int | None,
    quiet: bool,
) -> int:
    """Write a small picture of each of FILES into a folder."""
    from radkit.preview import thumbnail

    del threads
    shown = parse_window(window, "header")
    codes = [0]
    taken: set[Path] = set()
    for name in files:
        try:
            data = thumbnail(name, size=size, window=shown, format=form)
            path = _free(folder, Path(name).stem, form, taken)
            write_file(path, data)
        except RadkitError as error:
            codes.append(exit_code(error))
            complain(f"{name}: {error}")
            if as_json:
                print_json({"source": name, "error": type(error).__name__, "message": str(error)})
            continue
        if as_json:
            print_json({"source": name, "path": str(path), "bytes": len(data)})
        elif not quiet:
            click.echo(str(path))
    return worst(codes)


def _free(folder: Path, stem: str, form: str, taken: set[Path]) -> Path:
    """Return a name that no other file of this run has: folders may share file names."""
    number, path = 1, folder / f"{stem}.{form}"
    while path in taken:
        number += 1
        path = folder / f"{stem}-{number}.{form}"
    taken.add(path)
    return path
