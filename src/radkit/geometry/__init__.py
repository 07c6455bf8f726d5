"""Affines, stacks of slices and planes, in patient millimetres (LPS); numbers only, no pixels."""

from __future__ import annotations

from radkit.geometry.affine import (
    apply,
    in_plane_axes,
    letters,
    orientation,
    stack_affine,
)
from radkit.geometry.plane import Plane, Slab
from radkit.geometry.stack import Stack, analyse_stack

__all__ = [
    "Plane",
    "Slab",
    "Stack",
    "analyse_stack",
    "apply",
    "in_plane_axes",
    "letters",
    "orientation",
    "stack_affine",
]
