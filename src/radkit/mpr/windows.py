"""Windows of computed tomography by name: common starting points, in HU."""

from __future__ import annotations

from typing import Literal, TypeAlias

from radkit.errors import OptionError

__all__ = ["WINDOWS", "Window", "named_window"]

Window: TypeAlias = Literal["auto"] | str | tuple[float, float]

# (centre, width). Every department has its own; these are the usual round figures.
WINDOWS: dict[str, tuple[float, float]] = {
    "abdomen": (60.0, 400.0),
    "angio": (300.0, 600.0),
    "bone": (500.0, 2000.0),
    "brain": (40.0, 80.0),
    "liver": (60.0, 160.0),
    "lung": (-600.0, 1500.0),
    "mediastinum": (50.0, 350.0),
    "soft-tissue": (40.0, 400.0),
    "stroke": (35.0, 40.0),
    "subdural": (75.0, 200.0),
    "temporal-bone": (600.0, 2800.0),
}
HOUNSFIELD = "[hnsf'U]"


def named_window(name: str, units: str) -> tuple[float, float]:
    """Return centre and width of a window by name.

    Raises
    ------
    OptionError
        There is no such window, or the values are not in Hounsfield units.
    """
    if name not in WINDOWS:
        raise OptionError(
            f"window must be auto, (centre, width) or one of {', '.join(WINDOWS)}, not {name!r}"
        )
    if units not in ("", HOUNSFIELD):
        raise OptionError(f"the window {name!r} is one of Hounsfield units, the values are not")
    return WINDOWS[name]
