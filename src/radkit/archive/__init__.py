"""Archives: what is in them, as lazy arrays, and what runs over them have done."""

from __future__ import annotations

from radkit.archive.lazy import to_dask
from radkit.archive.records import ledger
from radkit.archive.scanning import Found, scan
from radkit.archive.watching import JsonLines, PrometheusText
from radkit.transcoding.metrics import Metrics
from radkit.transcoding.records import Record

__all__ = [
    "Found",
    "JsonLines",
    "Metrics",
    "PrometheusText",
    "Record",
    "ledger",
    "scan",
    "to_dask",
]
