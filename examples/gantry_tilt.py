"""A tilted series cut sagittally: stacked squarely, and with the slices where they are.

python examples/gantry_tilt.py [FOLDER OUT.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import radkit
from radkit.preview import encode_picture
from radkit.testing import write_series

TILT = np.radians(18.5)


def main() -> None:
    if len(sys.argv) == 3:
        run(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        # A rod along the table, through slices that lean by 18.5 degrees.
        slices = np.zeros((24, 96, 32), "uint16")
        for k, one in enumerate(slices):
            one[round(70 - k * 2.5 * np.sin(TILT)) :, :] = 1000
        cosines = (1, 0, 0, 0, np.cos(TILT), -np.sin(TILT))
        where = [(0, 0, 2.5 * k) for k in range(24)]
        write_series(Path(folder) / "in", slices, cosines=cosines, positions=where, spacing=(1, 1))
        run(Path(folder) / "in", Path(folder) / "out.png")


def run(folder: Path, out: Path) -> None:
    volume = radkit.load_volume(folder)
    for note in volume.corrections:
        print(f"{note.code}: {note.text}")
    square = volume.affine.copy()
    square[:3, 0] = np.array(volume.normal) * volume.spacing[0]
    stacked = radkit.Volume.from_array(
        volume.array, square, slope=volume.slope, intercept=volume.intercept, units=volume.units
    )
    plane = radkit.Plane.sagittal(volume.centre[0])
    there = radkit.reformat(volume, plane)
    before = radkit.reformat(stacked, plane, like=there)
    window = "bone" if volume.units == "[hnsf'U]" else "auto"
    pictures = [image.render(window=window) for image in (before, there)]
    out.write_bytes(encode_picture(np.hstack(pictures), "png"))

    last = (volume.shape[0] - 1, 0, 0, 1)
    off = np.linalg.norm((volume.affine - square) @ last)
    print(f"stacked squarely, the last slice would be {off:.1f} mm from where it is")


if __name__ == "__main__":
    main()
