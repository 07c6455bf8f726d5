"""The transfer syntaxes that radkit knows."""

from __future__ import annotations

from radkit.dicom.uids import SYNTAXES, TransferSyntax

__all__ = ["syntaxes"]


def syntaxes() -> list[TransferSyntax]:
    """Return every transfer syntax that is known, decodable or not.

    Returns
    -------
    list of TransferSyntax
        With `decode`, `encode`, `reduce`, `layers`: what radkit can do with it;
        `module`: what does it; `refusal`: why it is not decoded.

    Examples
    --------
    >>> import radkit
    >>> [s.name for s in radkit.syntaxes() if s.reduce and s.encode and s.lossless_only]
    ['jpeg2000-lossless', 'htj2k-lossless', 'htj2k-lossless-rpcl']
    """
    return list(SYNTAXES.values())
