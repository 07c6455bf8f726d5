"""radkit reformat: planes, slabs and stacks of a series as pictures, arrays or DICOM."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radkit.cli.common import common_options, complain, print_json, progress_bar
from radkit.cli.preview import write_file
from radkit.cli.sheet import Layout, contact_sheet, parse_layout, picture_stack
from radkit.errors import GeometryError, RadkitError

if TYPE_CHECKING:
    from radkit.geometry import Plane, Slab
    from radkit.mpr import PlaneImage
    from radkit.volume import Volume

__all__ = ["reformat"]


@click.command()
@click.argument("series", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File of the picture, the array or the image; folder of a --stack.",
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
@click.option(
    "--interpolation",
    type=click.Choice(["nearest", "linear", "cubic", "lanczos"]),
    default="linear",
    show_default=True,
)
@click.option(
    "--window",
    metavar="C,W",
    help="Centre and width, auto (by percentiles, the default), header, or a name as lung, bone.",
)
@click.option("--stack", is_flag=True, help="Planes through the whole volume, a DICOM series.")
@click.option("--sheet", metavar="COLSxROWS", help="A contact sheet of planes, as 5x4.")
@click.option("--step", type=float, help="mm between planes of a stack or a sheet.")
@click.option("--syntax", default="explicit-le", show_default=True, help="Of DICOM output.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object on one line.")
@common_options
def reformat(
    series: tuple[str, ...],
    output: Path,
    plane_text: str,
    slab_text: str | None,
    spacing: float | None,
    interpolation: str,
    window: str | None,
    stack: bool,
    sheet: str | None,
    step: float | None,
    syntax: str,
    as_json: bool,
    threads: int | None,
    quiet: bool,
) -> int:
    """Cut planes out of SERIES (a folder, or its files).

    The ending of the output chooses its form: .png, .jpeg, .webp, .avif, .jxl for a
    picture, .npy for stored values, .dcm for a derived DICOM image.
    """
    from radkit.mpr import reformat as cut
    from radkit.volume import load_volume

    layout = parse_layout(sheet)
    if stack and layout is not None:
        raise click.UsageError("--stack and --sheet exclude each other")
    if step is not None and not (stack or layout):
        raise click.UsageError("--step is for a --stack or a --sheet")
    form = "" if stack else _form(output, sheet=layout is not None)
    plane, slab = _plane(plane_text), _slab(slab_text)
    shown = _window(window)
    sources: Any = series[0] if len(series) == 1 else list(series)
    with progress_bar("reading", quiet=quiet) as progress:
        volume = load_volume(sources, threads=threads, progress=progress)
    if not quiet:
        for note in volume.corrections:
            complain(f"{note.code}: {note.text}")
    if shown == "header":
        shown = _header_window(_source_of(volume, sources))
    options: dict[str, Any] = {
        "slab": slab,
        "spacing": spacing,
        "interpolation": interpolation,
        "threads": threads,
    }
    if stack:
        made = picture_stack(volume, plane, step=step, options=options)
        report = made.to_dicom(output, like=_source_of(volume, sources), syntax=syntax)
        return _tell(output, _stack_entry(output, made, report.bytes_out), as_json, quiet)
    if layout is not None:
        picture = contact_sheet(volume, plane, layout, step=step, window=shown, options=options)
        write_file(output, _encode_picture(picture, form))
        return _tell(output, _sheet_entry(output, picture, layout), as_json, quiet)
    image = cut(volume, plane, **options)
    if form == "dcm":
        image.to_dicom(output, like=_source_of(volume, sources), syntax=syntax)
    else:
        write_file(output, _encode(image, form, shown))
    return _tell(output, _entry(output, image), as_json, quiet)


def _form(output: Path, *, sheet: bool) -> str:
    from radkit.preview import FORMATS

    form = {"jpg": "jpeg"}.get(ending := output.suffix.lower().lstrip("."), ending)
    allowed = FORMATS if sheet else (*FORMATS, "npy", "dcm")
    if form not in allowed:
        raise click.UsageError(f"the output must end in {', '.join(allowed)}")
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


def _window(text: str | None) -> Any:
    from radkit.mpr import WINDOWS

    if text is None or text in ("auto", "header") or text in WINDOWS:
        return text or "auto"
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError:
        names = ", ".join(WINDOWS)
        raise click.UsageError(
            f"--window takes CENTRE,WIDTH, auto, header or one of {names}, not {text!r}"
        ) from None
    return centre, width


def _source_of(volume: Volume, sources: Any) -> Any:
    """Return an object of the series that the volume was made of."""
    from radkit.dicom import open_object
    from radkit.volume.sources import expand

    wanted = set(volume.instances)
    for one in expand(sources)[0]:
        try:
            with open_object(one, strict=False) as obj:
                if obj.elements.text(0x00080018) in wanted:
                    return one
        except RadkitError:  # something else that lies in the folder
            continue
    raise GeometryError("no source has the instance UID of a slice of the volume")


def _header_window(source: Any) -> Any:
    from radkit.dicom import open_object
    from radkit.dicom.functional import FRAME_VOI_LUT, FunctionalGroups
    from radkit.dicom.imagepixel import ImagePixel

    with open_object(source, strict=False) as obj:
        groups = FunctionalGroups(obj, ImagePixel.from_object(obj).frames)
        found = groups.find(0, FRAME_VOI_LUT, 0x00281050)
        pairs = (found.floats(0x00281050), found.floats(0x00281051)) if found is not None else ()
    if len(pairs) < 2 or not pairs[0] or not pairs[1] or not pairs[1][0] >= 1:
        return "auto"
    return pairs[0][0], pairs[1][0]


def _encode(image: PlaneImage, form: str, window: Any) -> bytes:
    if form == "npy":
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, image.array, allow_pickle=False)
        return buffer.getvalue()
    return _encode_picture(image.render(window=window), form)


def _encode_picture(picture: Any, form: Any) -> bytes:
    from radkit.preview import encode_picture

    return encode_picture(picture, form)


def _tell(output: Path, entry: dict[str, Any], as_json: bool, quiet: bool) -> int:
    if as_json:
        print_json(entry)
    elif not quiet:
        shape = " x ".join(map(str, entry["shape"]))
        side = f" of {entry['spacing'][-1]:.4g} mm" if "spacing" in entry else ""
        click.echo(f"{output}: {shape} pixels{side}")
    return 0


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


def _stack_entry(output: Path, made: Volume, size: int) -> dict[str, Any]:
    return {
        "path": str(output),
        "shape": list(made.shape),
        "dtype": str(made.array.dtype),
        "spacing": list(made.spacing),
        "affine": made.affine.tolist(),
        "slope": made.slope,
        "intercept": made.intercept,
        "units": made.units,
        "bytes": size,
    }


def _sheet_entry(output: Path, picture: Any, layout: Layout) -> dict[str, Any]:
    return {
        "path": str(output),
        "shape": list(picture.shape),
        "planes": layout.cols * layout.rows,
    }
