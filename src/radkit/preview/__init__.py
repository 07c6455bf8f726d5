"""Small pictures of large objects."""

from __future__ import annotations

from radkit.preview.thumbnail import FORMATS, encode_picture, thumbnail

__all__ = ["FORMATS", "encode_picture", "thumbnail"]
