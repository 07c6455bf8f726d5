"""A folder, lossy by decision, with a report of what was lost.

python examples/transcode_folder_lossy.py [FOLDER DEST]
"""

import shutil
import sys
import tempfile
from pathlib import Path

import radkit
from radkit.testing import sample


def main() -> None:
    if len(sys.argv) == 3:
        run(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        study.mkdir()
        for name in ("ct", "mr_overlay", "us_rgb", "report"):
            shutil.copy(sample(name), study)
        run(study, Path(folder) / "out")


def run(study: Path, dest: Path) -> None:
    report = radkit.transcode_many(
        study, dest, "jpeg2000", lossy=radkit.Lossy(ratio=8), on_error="copy"
    )
    for source, result in report:
        name = Path(str(source)).name
        if isinstance(result, radkit.RadkitError):
            print(f"{name}: passed on as it was: {result}")
        elif result.way == "copied":
            print(f"{name}: copied")
        else:
            quality = "" if result.psnr is None else f", PSNR {result.psnr:.1f} dB"
            print(f"{name}: {result.ratio:.1f} : 1, largest error {result.max_error}{quality}")
    print(report)


if __name__ == "__main__":
    main()
