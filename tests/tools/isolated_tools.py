"""Tools that run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from engine.tools.function import tool


@tool(isolate="process", effects="none")
def add(left: int, right: int = 1) -> int:
    """Add two numbers, and talk while doing so."""
    print("noise")
    subprocess.run(["echo", "more noise"], check=True)
    return left + right


@tool(isolate="process", effects="none")
def hang(marker: str) -> None:
    """Start a child and wait for ever."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(marker, "w") as file:  # noqa: PTH123
        file.write(f"{os.getpid()} {child.pid}")
    time.sleep(60)


@tool(isolate="process", effects="none")
def crash(code: int) -> None:
    """End the process without a word."""
    os._exit(code)


@tool(isolate="process", effects="none")
def fail() -> None:
    """Raise."""
    raise ConnectionResetError("gone")
