"""One object into lossless HTJ2K, with proof, and back.

python examples/transcode_one.py [FILE]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import radkit
from radkit.testing import sample


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else sample("mr_overlay")
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder) / "htj2k.dcm"
        done = radkit.transcode(source, dest, "htj2k-lossless-rpcl")
        print(f"{done.bytes_in:,} -> {done.bytes_out:,} bytes, {done.ratio:.2f} : 1")
        # It was decoded again and compared before the file got its name.
        print("largest difference", done.max_error)
        print("SHA-256 of the stored values", done.sha256)

        same = np.array_equal(radkit.decode(source), radkit.decode(dest))
        print("compared once more:", "no difference" if same else "DIFFERENT")

        back = radkit.transcode(dest, None, "explicit-le")
        print("and back:", "equal" if back.sha256 == done.sha256 else "DIFFERENT")


if __name__ == "__main__":
    main()
