from radkit.errors import RadkitError

def walk(
    data: bytes | memoryview,
    *,
    tables: list[bytes],
    blocks: list[tuple[int, int]],
    mcus: int,
    restart: int,
) -> tuple[int, int, RadkitError | None]: ...
