"""Put radkit into pydicom's lists of plug-ins, and take it out again.

pydicom asks plug-ins in the order of their insertion, so being first means to take
the others out and to put them back behind. What was added is read off pydicom's
own lists; nothing is remembered here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from radkit.dicom.uids import SYNTAXES, TransferSyntax, syntax
from radkit.errors import OptionError, RadkitWarning

if TYPE_CHECKING:
    from pydicom.pixels.common import CoderBase

__all__ = ["LABEL", "register", "unregister"]

LABEL = "radkit"
DECODER = ("radkit.pydicom.decoder", "decode_frame")
ENCODER = ("radkit.pydicom.encoder", "encode_frame")
ENCODED = frozenset({"rle", "jpeg-lossless", "jpegls", "jpeg2000", "htj2k"})


def register(*, first: bool = True, syntaxes: Iterable[str] | None = None) -> None:
    """Make radkit a plug-in of pydicom's decoders and encoders.

    Parameters
    ----------
    first : bool, default True
        Ask radkit before the plug-ins that are there; else after them.
    syntaxes : iterable of str, optional
        Names or UIDs of transfer syntaxes. Default: every encapsulated one that
        pydicom has a decoder for, and RLE, JPEG Lossless, JPEG-LS, JPEG 2000 and
        HTJ2K for encoding.

    Raises
    ------
    OptionError
        A syntax is neither decoded by pydicom nor encoded by radkit.
    UnsupportedTransferSyntax
        A syntax is unknown.

    Notes
    -----
    Uses pydicom's `add_plugin` and `remove_plugin`, which are not thread-safe:
    register once, at the start. pydicom 3.0 has no encoder for HTJ2K and JPEG
    Lossless, and no public way to add one: `Encoder` objects for them are put into
    its table of encoders, and taken out by `unregister`; a version of pydicom that
    has its own is left as it is. With ``first=True`` a plug-in of a third party
    that cannot be put back by its import path stays where it is, before radkit.

    Options of `ds.compress`: `j2k_cr`, `j2k_psnr` and `jls_error` as in pydicom; and
    `ratio`, `max_bytes`, `psnr`, `max_error` as in `radkit.Lossy`, also for HTJ2K.
    Without any of them the result is reversible. Photometric Interpretation says
    what is wanted, as pydicom has it: YBR_RCT or YBR_ICT for a component transform,
    RGB or YBR_FULL for none.

    Examples
    --------
    >>> import radkit
    >>> radkit.pydicom.register()
    >>> radkit.pydicom.unregister()
    """
    wanted = _wanted(syntaxes)
    unregister()
    for known in wanted:
        decoder = _decoder(known.uid)
        if decoder is not None:
            _insert(decoder, DECODER, first=first)
        encoder = _encoder(known, make=True) if known.coding in ENCODED else None
        if encoder is not None:
            _insert(encoder, ENCODER, first=first)


def unregister() -> None:
    """Take radkit out of pydicom's decoders and encoders; what else is there stays in its order.

    Examples
    --------
    >>> import radkit
    >>> radkit.pydicom.unregister()
    """
    table = _encoder_table()
    for known in SYNTAXES.values():
        for coder in (_decoder(known.uid), _encoder(known, make=False)):
            if coder is not None and LABEL in coder.available_plugins:
                coder.remove_plugin(LABEL)
        if table.get(known.uid, ("", ""))[1] == LABEL:
            del table[known.uid]


def _wanted(syntaxes: Iterable[str] | None) -> list[TransferSyntax]:
    if isinstance(syntaxes, str):
        raise TypeError("syntaxes must be an iterable of names or UIDs, not one of them")
    chosen = list(SYNTAXES.values()) if syntaxes is None else [syntax(name) for name in syntaxes]
    able = [
        known
        for known in chosen
        if known.encapsulated
        and (_decoder(known.uid) is not None or (known.encode and known.coding in ENCODED))
    ]
    if syntaxes is not None and len(able) < len(chosen):
        missing = sorted({known.name for known in chosen} - {known.name for known in able})
        raise OptionError(f"pydicom has no place for a plug-in of {', '.join(missing)}")
    return able


def _decoder(uid: str) -> CoderBase | None:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        decoder = get_decoder(uid)
    except NotImplementedError:
        return None
    return decoder if decoder.is_encapsulated else None


def _encoder(known: TransferSyntax, *, make: bool) -> CoderBase | None:
    from pydicom.pixels.encoders.base import Encoder, get_encoder
    from pydicom.uid import UID

    try:
        return get_encoder(known.uid)
    except NotImplementedError:
        if not make or not known.encode:
            return None
    encoder = Encoder(UID(known.uid))
    table = _encoder_table()
    table[encoder.UID] = (encoder, LABEL)
    try:
        return get_encoder(known.uid)
    except NotImplementedError:
        warnings.warn(
            f"this version of pydicom takes no new encoder for {known.title}",
            RadkitWarning,
            stacklevel=3,
        )
        return None


def _encoder_table() -> dict[Any, Any]:
    """Return pydicom's table of encoders; one that is not used by it if it has moved."""
    from pydicom.pixels.encoders import base

    table = getattr(base, "_PIXEL_DATA_ENCODERS", None)
    return table if isinstance(table, dict) else {}


def _insert(coder: CoderBase, path: tuple[str, str], *, first: bool) -> None:
    moved = _import_paths(coder) if first else {}
    for label in moved:
        coder.remove_plugin(label)
    try:
        coder.add_plugin(LABEL, path)
    finally:
        for label, back in moved.items():
            coder.add_plugin(label, back)


def _import_paths(coder: CoderBase) -> dict[str, tuple[str, str]]:
    """Return label -> import path of the plug-ins in use, of those that can be put back by it."""
    functions = getattr(coder, "_available", None)
    if not isinstance(functions, dict):
        return {}
    paths = {}
    for label, function in functions.items():
        module, name = getattr(function, "__module__", None), getattr(function, "__name__", None)
        if not isinstance(module, str) or not isinstance(name, str):
            continue
        home = import_module(module)
        if getattr(home, name, None) is function and hasattr(home, "is_available"):
            paths[label] = (module, name)
    return paths
