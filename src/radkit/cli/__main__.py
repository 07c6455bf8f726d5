"""``python -m radkit.cli``: the same as the command ``radkit``."""

from __future__ import annotations

import sys

from radkit.cli.main import main

sys.exit(main())
