"""Pixels of a DICOM file: as stored, smaller, in units, and as a picture.

python examples/decode.py [FILE]
"""

import sys

import radkit
from radkit.testing import sample


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else sample("ct_j2k")

    pixels = radkit.decode(path)
    print("stored values", pixels.shape, pixels.dtype, pixels.min(), pixels.max())

    if radkit.inspect(path).syntax.reduce:
        small = radkit.decode(path, reduce=2)  # a quarter of each side, and less work
        print("reduced      ", small.shape)

    corner = radkit.decode(path, region=(0, 64, 0, 64))
    print("a corner     ", corner.shape)

    values = radkit.values(path)
    print("values       ", values.array.dtype, values.units or "no unit", "slope", values.slope)

    picture = radkit.render(path, size=(256, 256))
    print("picture      ", picture.shape, picture.dtype)

    # With a label, for callers that must know what they hold.
    label = radkit.read(path)
    print("photometric  ", label.photometric, "complete" if label.complete else "incomplete")


if __name__ == "__main__":
    main()
