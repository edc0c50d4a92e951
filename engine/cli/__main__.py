"""``python -m engine.cli``: the command line without its entry point."""

from __future__ import annotations

import sys

from engine.cli import main

sys.exit(main())
