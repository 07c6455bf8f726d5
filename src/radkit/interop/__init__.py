"""Volumes in the shapes of other libraries; each is imported only when it is called for.

The conversions are methods of `radkit.Volume`. Here are `dicomweb` (queries of rendered
planes) and `monai` (a reader for MONAI).
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["dicomweb", "monai"]


def __getattr__(name: str) -> ModuleType:
    """Load a module of this room on first use."""
    if name in __all__:
        return import_module(f"radkit.interop.{name}")
    raise AttributeError(f"module 'radkit.interop' has no attribute {name!r}")
