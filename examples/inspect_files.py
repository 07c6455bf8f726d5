"""What files hold, and what is odd about them, without decoding.

python examples/inspect_files.py [FILE ...]
"""

import sys

import radkit
from radkit.testing import sample

NAMES = ("ct", "mr_rle", "us_jpeg", "us_j2k", "ct_j2k", "report")


def main() -> None:
    for path in sys.argv[1:] or [sample(name) for name in NAMES]:
        try:
            info = radkit.inspect(path)
        except radkit.RadkitError as error:
            # The text names tags and rules, never a patient's values.
            print(f"{path}: {type(error).__name__}: {error}")
            continue
        lossy = "lossy" if info.lossy else "lossless"
        print(f"{path}: {info.syntax.name}, {info.shape}, {info.bits_stored} bits, {lossy}")
        if info.codestream is not None and info.codestream.reductions:
            print(f"  can be halved {info.codestream.reductions} times while decoding")
        for problem in info.problems:
            print(f"  {problem.code}: {problem.text}")


if __name__ == "__main__":
    main()
