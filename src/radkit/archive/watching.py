"""What watches a run of `transcode_many` and tells others: as JSON lines, or to Prometheus."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radkit.dicom.write import io_errors
from radkit.errors import MissingDependency
from radkit.transcoding.metrics import Metrics

__all__ = ["JsonLines", "PrometheusText"]


class _Watch(ABC):
    """Tells at most so often, and always of the end."""

    def __init__(self, path: str | Path, every_s: float) -> None:
        self.path = Path(path)
        self.every_s = every_s
        self._told = float("-inf")

    def __call__(self, done: int, total: int) -> None:
        """Take no notice: `watch` is told more."""
        del done, total

    def watch(self, now: Metrics) -> None:
        """Tell, if it is time."""
        clock = time.monotonic()
        if now.done < now.total and clock - self._told < self.every_s:
            return
        self._told = clock
        self.tell(now)

    @abstractmethod
    def tell(self, now: Metrics) -> None:
        """Write."""


class JsonLines(_Watch):
    """Appends a line of JSON to a file, for `progress` of `transcode_many`.

    Parameters
    ----------
    path : path
        Made if it is not there.
    every_s : float
        Seconds between two lines.

    Notes
    -----
    A line is `Metrics.to_dict` and ``at``, seconds since 1970. Use as a context manager.

    Raises
    ------
    TransferError
        The file cannot be written.
    """

    def __init__(self, path: str | Path, *, every_s: float = 1.0) -> None:
        super().__init__(path, every_s)
        with io_errors("opening the file of metrics", str(path)):
            self._file = self.path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def tell(self, now: Metrics) -> None:
        """Append a line."""
        with io_errors("writing metrics", str(self.path)):
            self._file.write(json.dumps({"at": round(time.time(), 3), **now.to_dict()}) + "\n")
            self._file.flush()


HELP = {
    "total": "Objects of the run",
    "bytes_total": "Bytes of all sources",
    "bytes_in": "Bytes of sources read",
    "bytes_out": "Bytes of results written",
    "seconds": "Since the run began",
    "mb_per_s": "10^6 bytes of sources per second, over half a minute",
    "eta_s": "Seconds to the end; NaN before it is known",
    "ratio": "Bytes in to bytes out",
}
STATES = ("transcoded", "copied", "failed", "skipped", "resumed")


class PrometheusText(_Watch):
    """Keeps a file in Prometheus' text format, for the textfile collector of node_exporter.

    Parameters
    ----------
    path : path
        Replaced as a whole each time; its name should end in ``.prom``.
    every_s : float
        Seconds between two times.
    run : str
        Label of all figures.

    Raises
    ------
    MissingDependency
        There is no prometheus-client.
    TransferError
        The file cannot be written.
    """

    def __init__(self, path: str | Path, *, every_s: float = 5.0, run: str = "") -> None:
        super().__init__(path, every_s)
        try:
            import prometheus_client as prometheus
        except ImportError as error:
            raise MissingDependency(
                "Prometheus' text needs prometheus-client: pip install radkit[archive]"
            ) from error
        self.registry = prometheus.CollectorRegistry()
        self._write = prometheus.write_to_textfile
        self._run = run
        self._objects = prometheus.Gauge(
            "radkit_objects",
            "Objects, by what became of them",
            ("run", "state"),
            registry=self.registry,
        )
        self._gauges: dict[str, Any] = {
            name: prometheus.Gauge(f"radkit_{name}", text, ("run",), registry=self.registry)
            for name, text in HELP.items()
        }

    def tell(self, now: Metrics) -> None:
        """Replace the file."""
        values = now.to_dict()
        for state in STATES:
            self._objects.labels(self._run, state).set(values[state])
        for name, gauge in self._gauges.items():
            value = values[name]
            gauge.labels(self._run).set(float("nan") if value is None else value)
        with io_errors("writing metrics", str(self.path)):
            self._write(str(self.path), self.registry)
