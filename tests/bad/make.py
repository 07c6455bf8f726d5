"""Make the files of the bad-input table: `python -m tests.bad.make FOLDER` writes them all."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bad import rows_file, rows_frames, rows_image, rows_j2k, rows_jpeg, rows_rle
from tests.bad.table import ROWS, Row

__all__ = ["ROWS", "Row", "main"]

MODULES = (rows_file, rows_image, rows_frames, rows_rle, rows_j2k, rows_jpeg)


def main(folder: Path) -> None:
    """Write every file of the table into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, row in ROWS.items():
        (folder / name).write_bytes(row.make())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
