"""How long a person waits for the first word."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report.rows import Row

RATIO = 0.35


def help_text(runs: int) -> Iterator[Row]:
    """Yield the wall time of ``engine --help`` beside importing one SDK, interleaved."""
    script = shutil.which("engine", path=str(Path(sys.executable).parent)) or "engine"
    commands = {"help": [script, "--help"], "import": [sys.executable, "-c", "import openai"]}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(-1, runs):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
            if turn >= 0:
                taken[name].append((time.perf_counter() - started) * 1000)
    ours, other = statistics.median(taken["help"]), statistics.median(taken["import"])
    yield Row("engine --help, wall time", ours, "ms", 'python -c "import openai"', other, None, RATIO)
