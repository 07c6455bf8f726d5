"""A series as a volume, three planes and a thick slab out of it.

python examples/volume_planes.py [FOLDER DEST]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import radkit
from radkit.preview import encode_picture
from radkit.testing import write_series


def main() -> None:
    if len(sys.argv) == 3:
        run(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        # A ball of 30 mm, as an MR series.
        z, y, x = np.meshgrid(*(np.arange(n) for n in (25, 64, 64)), indexing="ij")
        ball = np.hypot(np.hypot((z - 12) * 3, y - 32), x - 32) < 15
        write_series(Path(folder) / "in", ball.astype("uint16") * 900, spacing=(1, 1), step=3)
        run(Path(folder) / "in", Path(folder))


def run(folder: Path, dest: Path) -> None:
    volume = radkit.load_volume(folder)
    print("slices, rows, columns", volume.shape, "spacing", volume.spacing, "mm")
    for note in volume.corrections:
        print(f"  {note.code}: {note.text}")

    planes = {
        "axial": radkit.Plane.axial(),
        "coronal": radkit.Plane.coronal(),
        "sagittal": radkit.Plane.sagittal(),
    }
    for name, plane in planes.items():
        image = radkit.reformat(volume, plane)
        (dest / f"{name}.png").write_bytes(encode_picture(image.render(), "png"))
        print(name, image.array.shape)

    slab = radkit.reformat(volume, planes["coronal"], slab=radkit.Slab(mm=10, project="max"))
    print("10 mm slab, largest value", slab.array.max())
    print("value in the centre", volume.at(volume.centre), volume.units)


if __name__ == "__main__":
    main()
