"""Code written for pydicom, decoded and encoded by radkit.

python examples/pydicom_plugin.py [FILE]
"""

import sys

import numpy as np
import pydicom

import radkit
from radkit.testing import sample


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else sample("mr_overlay")
    radkit.pydicom.register()
    try:
        ds = pydicom.dcmread(path)
        before = ds.pixel_array  # by radkit now
        print("decoded", before.shape, before.dtype)

        ds.compress("1.2.840.10008.1.2.4.202", generate_instance_uid=False)  # HTJ2K
        print("compressed to", f"{len(ds.PixelData):,}", "bytes of", f"{before.nbytes:,}")
        print("equal" if np.array_equal(ds.pixel_array, before) else "DIFFERENT")
    finally:
        radkit.pydicom.unregister()


if __name__ == "__main__":
    main()
