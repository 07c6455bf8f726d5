"""Data for tests and examples: bundled DICOM files, and series written on the spot.

Imported by tests, examples and users, never by the library itself.
"""

from __future__ import annotations

from radkit.testing.samples import SAMPLES, sample
from radkit.testing.series import write_series

__all__ = ["SAMPLES", "sample", "write_series"]
