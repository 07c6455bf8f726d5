from collections.abc import Sequence

from typing_extensions import Buffer

LAID: int
HEAD: int
SHORT: int
NOT_PLAIN: int

class Laid:
    def __init__(
        self,
        syntax: bytes,
        maker: bytes,
        instance: bytes | None,
        edits: Sequence[tuple[int, bytes | None]],
        refused: Sequence[int],
        *,
        max_elements: int,
        max_depth: int,
    ) -> None: ...
    @property
    def state(self) -> int: ...
    @property
    def pixels(self) -> tuple[int, int, int, int]: ...
    def head(self, head: Buffer, size: int) -> int: ...
    def tail(self, window: Buffer, base: int) -> int: ...
    def join(
        self, head: Buffer, tail: Buffer, base: int, frames: list[bytes | memoryview] | None
    ) -> bytes: ...
