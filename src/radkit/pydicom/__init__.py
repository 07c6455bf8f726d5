"""Radkit as a plug-in of pydicom's decoders and encoders, by one line: `register()`.

Afterwards `ds.pixel_array`, `ds.decompress()`, `ds.compress(uid)` of existing code
go through radkit. Written for pydicom 3.0; nothing of pydicom is replaced.
"""

from __future__ import annotations

from radkit.pydicom.registration import register, unregister

__all__ = ["register", "unregister"]
