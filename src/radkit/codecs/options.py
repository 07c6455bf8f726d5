"""Options of an encoder, checked when they are made: `Lossy` and `Coding`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf
from typing import Any, Literal

from radkit.errors import OptionError

__all__ = ["Coding", "Lossy", "Progression"]

Progression = Literal["RPCL", "LRCP", "RLCP", "PCRL", "CPRL"]
MAX_PRECINCT = 1 << 15
MAX_SIDE = (1 << 32) - 1
MAX_LAYERS = 65535
MAX_ERROR = (1 << 16) - 1  # lossy coding takes at most 16 bits


def _is_count(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _items(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise OptionError(f"Coding.{name} must be a tuple, not {value!r}")
    return tuple(value)


def _sides(name: str, value: Any, low: int = 1) -> tuple[int, int]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise OptionError(f"Coding.{name} must be (rows, cols), not {value!r}")
    rows, cols = value
    if not (_is_count(rows, low) and _is_count(cols, low) and max(rows, cols) <= MAX_SIDE):
        raise OptionError(f"Coding.{name} must be integers of at least {low}, not {value!r}")
    return rows, cols


def _is_power(side: int) -> bool:
    return not side & (side - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lossy:
    """How much may be lost. Exactly one of the five is given.

    Parameters
    ----------
    ratio : float, optional
        Stored bytes (Bits Allocated) to coded bytes, above 1 and at most 200.
    max_bytes : int, optional
        Most bytes per frame, headers of the codestream included.
    psnr : float, optional
        dB over the range of Bits Stored, 20 to 120.
    max_error : int, optional
        Largest absolute difference in stored values, 1 to 65534; proven by decoding.
    preset : str, optional
        Name of a published recommendation, see `radkit.lossy_presets`.

    Raises
    ------
    OptionError
        None or several are given, or a value is out of range.
    """

    ratio: float | None = None
    max_bytes: int | None = None
    psnr: float | None = None
    max_error: int | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        """Check that exactly one is given, and in range."""
        given = [f.name for f in fields(self) if getattr(self, f.name) is not None]
        if len(given) != 1:
            names = ", ".join(f.name for f in fields(self))
            raise OptionError(f"Lossy takes exactly one of {names}; given: {given or 'none'}")
        if self.ratio is not None and not (_is_number(self.ratio) and 1 < self.ratio <= 200):
            raise OptionError(f"Lossy.ratio must be above 1 and at most 200, not {self.ratio!r}")
        if self.max_bytes is not None and not _is_count(self.max_bytes, 1):
            raise OptionError(f"Lossy.max_bytes must be an integer >= 1, not {self.max_bytes!r}")
        if self.psnr is not None and not (_is_number(self.psnr) and 20 <= self.psnr <= 120):
            raise OptionError(f"Lossy.psnr must be 20 to 120 dB, not {self.psnr!r}")
        most = self.max_error
        if most is not None and not (_is_count(most, 1) and most < MAX_ERROR):
            raise OptionError(f"Lossy.max_error must be an integer, 1 to 65534, not {most!r}")
        if self.preset is not None and not isinstance(self.preset, str):
            raise OptionError(f"Lossy.preset must be a name, not {self.preset!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How a JPEG 2000 codestream is laid out; sides are (rows, cols).

    Parameters
    ----------
    levels : int, optional
        Wavelet decompositions, 0 to 32. None: until both sides of the lowest
        resolution are at most 64, and five if the picture is large enough.
    layers : tuple of float
        Ratios of quality layers, coarse to fine; the rest follows in one more layer.
    progression : {"RPCL", "LRCP", "RLCP", "PCRL", "CPRL"}
        Order of packets.
    block : (rows, cols)
        Code-block: powers of two, 4 to 1024, at most 4096 samples.
    tile : (rows, cols), optional
        None: one tile.
    precincts : tuple of (rows, cols)
        Lowest resolution first, the last one for all above. Empty: whole resolutions.
    tile_parts : bool
        A tile-part for each resolution, so that TLM tells where each ends.
    tlm, plt : bool
        Write tile-part lengths, packet lengths.

    Raises
    ------
    OptionError
        A field is out of range.
    """

    levels: int | None = None
    layers: tuple[float, ...] = ()
    progression: Progression = "RPCL"
    block: tuple[int, int] = (64, 64)
    tile: tuple[int, int] | None = None
    precincts: tuple[tuple[int, int], ...] = ()
    tile_parts: bool = True
    tlm: bool = True
    plt: bool = False

    def __post_init__(self) -> None:
        """Check every field; lists become tuples."""
        for name in ("layers", "precincts"):
            object.__setattr__(self, name, _items(name, getattr(self, name)))
        levels = self.levels
        if levels is not None and not (_is_count(levels, 0) and levels <= 32):
            raise OptionError(f"Coding.levels must be 0 to 32, not {levels!r} [T.800 A.6.1]")
        if self.progression not in ("RPCL", "LRCP", "RLCP", "PCRL", "CPRL"):
            raise OptionError(f"Coding.progression {self.progression!r} is unknown [T.800 A.6.1]")
        block = _sides("block", self.block, 4)
        if max(block) > 1024 or not all(map(_is_power, block)) or block[0] * block[1] > 4096:
            raise OptionError(
                "Coding.block sides must be powers of two, 4 to 1024, of at most 4096 samples "
                f"together, not {self.block!r} [T.800 A.6.1]"
            )
        object.__setattr__(self, "block", block)
        if self.tile is not None:
            object.__setattr__(self, "tile", _sides("tile", self.tile))
        for name in ("tile_parts", "tlm", "plt"):
            if not isinstance(getattr(self, name), bool):
                raise OptionError(f"Coding.{name} must be a bool, not {getattr(self, name)!r}")
        self._check_precincts()
        self._check_layers()

    def _check_precincts(self) -> None:
        most = 33 if self.levels is None else self.levels + 1
        if len(self.precincts) > most:
            raise OptionError(
                f"Coding.precincts must be at most {most}, one for each resolution, "
                f"not {len(self.precincts)}"
            )
        sides = tuple(_sides("precincts", value) for value in self.precincts)
        for value in sides:
            if max(value) > MAX_PRECINCT or not all(map(_is_power, value)):
                raise OptionError(
                    f"Coding.precincts must be powers of two, 1 to 32768, not {value!r}"
                )
        # The last one is for all resolutions above, so one alone is for more than the lowest.
        above = sides if len(sides) == 1 and self.levels != 0 else sides[1:]
        if any(min(value) < 2 for value in above):
            raise OptionError(
                f"Coding.precincts of 1 are for the lowest resolution only, not {sides!r}"
            )
        object.__setattr__(self, "precincts", sides)

    def _check_layers(self) -> None:
        if any(not (_is_number(ratio) and 1 <= ratio < inf) for ratio in self.layers):
            raise OptionError(f"Coding.layers must be ratios >= 1, not {self.layers!r}")
        if any(a <= b for a, b in zip(self.layers, self.layers[1:], strict=False)):
            raise OptionError(f"Coding.layers must fall, coarse to fine, not {self.layers!r}")
        if len(self.layers) >= MAX_LAYERS:
            raise OptionError(f"Coding.layers must be fewer than 65535, not {len(self.layers)}")
