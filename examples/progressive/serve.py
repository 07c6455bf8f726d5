"""A static file server that knows range requests: it runs no code of radkit.

python examples/progressive/serve.py FOLDER [PORT]
"""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web


def application(folder: Path) -> web.Application:
    """Return a server of the files of a folder."""
    made = web.Application()
    made.router.add_static("/", folder)
    return made


if __name__ == "__main__":
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    print(f"http://127.0.0.1:{port}/index.html")
    web.run_app(application(Path(sys.argv[1])), host="127.0.0.1", port=port, print=None)
