"""A coarse functional volume on the grid of a fine anatomical one, fused and written as DICOM.

python examples/fusion.py
"""

import tempfile
from pathlib import Path

import numpy as np

import radkit
from radkit.preview import encode_picture
from radkit.testing import write_series


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A box of tissue on 1 mm, and a warm spot on 4 mm, in the same frame of reference.
        fine = np.zeros((20, 80, 80), "uint16")
        fine[:, 15:65, 15:65] = 1000
        write_series(folder / "ct", fine, spacing=(1, 1), step=1.0)
        k, j, i = np.meshgrid(np.arange(5), np.arange(20), np.arange(20), indexing="ij")
        spot = 9000 * np.exp(-((k - 2) ** 2 + (j - 8) ** 2 + (i - 11) ** 2) / 8)
        write_series(
            folder / "pet", spot.astype("uint16"), spacing=(4, 4), step=4.0, slopes=[(0.001, 0)] * 5
        )
        ct, pet = radkit.load_volume(folder / "ct"), radkit.load_volume(folder / "pet")
        on_ct = radkit.resample(pet, like=ct)
        print(f"{pet.shape} of {pet.spacing[1]} mm became {on_ct.shape} of {ct.spacing[1]} mm")

        base = radkit.reformat(ct, radkit.Plane.axial())
        over = radkit.reformat(on_ct, base.plane, like=base)
        fused = radkit.overlay(base, over, colormap="hot", alpha=0.6, limits=(1, 8))
        (folder / "fused.png").write_bytes(encode_picture(fused, "png"))
        row, col = np.unravel_index(over.array.argmax(), over.array.shape)
        print(f"hottest at row {row}, column {col}: {over.values()[row, col]:.1f}")

        stack = radkit.reformat_stack(on_ct, radkit.Plane.coronal(), count=5, step_mm=4.0)
        stack.to_dicom(folder / "out", like=folder / "pet" / "0000.dcm", syntax="htj2k-lossless")
        back = radkit.load_volume(folder / "out")
        print("read back at the same place:", np.allclose(back.affine, stack.affine))


if __name__ == "__main__":
    main()
