"""radkit reformat: a plane or a slab of a series as a picture or an array."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radkit.cli.common import common_options, complain, parse_window, print_json, progress_bar
from radkit.cli.preview import write_file

if TYPE_CHECKING:
    from radkit.geometry import Plane, Slab
    from radkit.mpr import PlaneImage

__all__ = ["reformat"]


@click.command()
@click.argument("series", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File of the picture or the array.",
)
@click.option(
    "--plane",
    "plane_text",
    required=True,
    metavar="axial|coronal|sagittal|oblique:…",
    help="With '@MM' along the normal, as coronal@12.5; or oblique:CX,CY,CZ,NX,NY,NZ, "
    "a point and the direction of view in LPS mm.",
)
@click.option("--slab", "slab_text", metavar="MM:max", help="Thickness and max, min or mean.")
@click.option("--spacing", type=float, help="mm between pixels; default: smallest voxel side.")
@click.option("--window", metavar="C,W", help="Centre and width; default: by percentiles.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object on one line.")
@common_options
def reformat(
    series: tuple[str, ...],
    output: Path,
    plane_text: str,
    slab_text: str | None,
    spacing: float | None,
    window: str | None,
    as_json: bool,
    threads: int | None,
    quiet: bool,
) -> int:
    """Cut a plane out of SERIES (a folder, or its files).

    The ending of the output chooses its form: .png, .jpeg, .webp, .avif, .jxl,
    or .npy for stored values.
    """
    from radkit.mpr import reformat as cut
    from radkit.volume import load_volume

    form = _form(output)
    plane, slab = _plane(plane_text), _slab(slab_text)
    shown = parse_window(window, "auto")
    if shown == "header":
        raise click.UsageError("--window of a plane is auto or CENTRE,WIDTH")
    with progress_bar("reading", quiet=quiet) as progress:
        volume = load_volume(
            series[0] if len(series) == 1 else list(series), threads=threads, progress=progress
        )
    if not quiet:
        for note in volume.corrections:
            complain(f"{note.code}: {note.text}")
    image = cut(volume, plane, slab=slab, spacing=spacing, threads=threads)
    write_file(output, _encode(image, form, shown))
    if as_json:
        print_json(_entry(output, image))
    elif not quiet:
        rows, cols = image.array.shape[:2]
        click.echo(f"{output}: {rows} x {cols} pixels of {image.spacing[0]:.4g} mm")
    return 0


def _form(output: Path) -> str:
    from radkit.preview import FORMATS

    form = {"jpg": "jpeg"}.get(ending := output.suffix.lower().lstrip("."), ending)
    if form not in (*FORMATS, "npy"):
        raise click.UsageError(f"the output must end in {', '.join(FORMATS)} or npy")
    return form


def _plane(text: str) -> Plane:
    from radkit.geometry import Plane

    if text.startswith("oblique:"):
        numbers = _numbers(text.removeprefix("oblique:"), 6, "oblique:CX,CY,CZ,NX,NY,NZ")
        return Plane.from_normal(numbers[:3], numbers[3:])
    name, marked, where = text.partition("@")
    makers = {"axial": Plane.axial, "coronal": Plane.coronal, "sagittal": Plane.sagittal}
    if name not in makers:
        raise click.UsageError(f"--plane takes axial, coronal, sagittal or oblique:…, not {text!r}")
    return makers[name](_numbers(where, 1, f"{name}@MM")[0] if marked else None)


def _slab(text: str | None) -> Slab | None:
    from radkit.geometry import Slab

    if text is None:
        return None
    mm, _, project = text.partition(":")
    kind: Any = project or "max"
    if kind not in ("max", "min", "mean"):
        raise click.UsageError(f"--slab takes MM:max, MM:min or MM:mean, not {text!r}")
    return Slab(mm=_numbers(mm, 1, "MM:max")[0], project=kind)


def _numbers(text: str, count: int, form: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise click.UsageError(f"{text!r} is not of the form {form}")
    return numbers


def _encode(image: PlaneImage, form: str, window: Any) -> bytes:
    if form == "npy":
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, image.array, allow_pickle=False)
        return buffer.getvalue()
    from radkit.preview import encode_picture

    return encode_picture(image.render(window=window), form)


def _entry(output: Path, image: PlaneImage) -> dict[str, Any]:
    return {
        "path": str(output),
        "shape": list(image.array.shape),
        "dtype": str(image.array.dtype),
        "spacing": list(image.spacing),
        "affine": image.affine.tolist(),
        "slope": image.slope,
        "intercept": image.intercept,
        "units": image.units,
    }
