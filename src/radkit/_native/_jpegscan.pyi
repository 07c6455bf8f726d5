from radkit.errors import RadkitError

def next_marker(data: bytes | memoryview, begin: int, *, jpegls: bool) -> int: ...
def walk(
    data: bytes | memoryview,
    *,
    tables: list[bytes],
    blocks: list[tuple[int, int]],
    mcus: int,
    restart: int,
) -> tuple[int, int, RadkitError | None]: ...
