"""The command line: words to calls, calls to exit codes.

0 all done; 1 some objects failed, and are listed; 2 wrong use; 3 refused by limits;
4 verification failed; 5 network or store failed; 130 interrupted (safe to run again).
Results go to stdout, messages to stderr; neither holds patient values.
"""

from __future__ import annotations

from radkit.cli.main import cli, main

__all__ = ["cli", "main"]
