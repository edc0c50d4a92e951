"""A folder to run in: tools that write notes, wait, fail, or will not stop, and plans over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOOLS = '''
"""Tools of the test."""
import time
from pathlib import Path

import anyio

from engine import ToolContext


def note(text: str) -> str:
    """Write a note."""
    Path("note.txt").write_text(text, encoding="utf-8")
    return f"noted {text}"


def double(number: float) -> float:
    """Double a number."""
    return number * 2


async def linger(seconds: float) -> str:
    """Wait, but not where a file says that it need not."""
    if not Path("quick").exists():
        await anyio.sleep(seconds)
    return "waited"


def count() -> int:
    """Count the calls."""
    with Path("counted").open("a", encoding="utf-8") as counted:
        counted.write("x")
    return len(Path("counted").read_text(encoding="utf-8"))


def block(seconds: float) -> str:
    """Hold a thread."""
    time.sleep(seconds)
    return "blocked"


async def stubborn(seconds: float) -> str:
    """Not let itself be stopped."""
    with anyio.CancelScope(shield=True):
        await anyio.sleep(seconds)
    return "done"


async def hog(seconds: float) -> str:
    """Hold the event loop."""
    time.sleep(seconds)
    return "held"


def repeat(text: str, times: int) -> str:
    """Repeat a text."""
    return text * times


async def choose(context: ToolContext) -> str:
    """Ask which."""
    return await context.ask("Which one?")


def broken(text: str) -> str:
    """Fail."""
    raise ValueError(f"cannot {text}")
'''
CONFIG = """
model_providers:
  - {name: offline, kind: offline, local: true, models: [{name: offline}]}
tools:
  - {python: "my_tools:note", effects: effectful, writes: ["file:note"], approval: always}
  - {python: "my_tools:double", effects: none}
  - {python: "my_tools:linger", effects: none}
  - {python: "my_tools:count", effects: none}
  - {python: "my_tools:block", effects: none}
  - {python: "my_tools:stubborn", effects: none}
  - {python: "my_tools:hog", effects: none}
  - {python: "my_tools:repeat", effects: none}
  - {python: "my_tools:broken", effects: none}
  - {python: "my_tools:choose", effects: none}
"""


def desk(folder: Path, *steps: dict[str, Any], answer: str | None = None) -> Path:
    """Write tools, configuration and a plan.json of these steps into the folder."""
    (folder / "my_tools.py").write_text(TOOLS, encoding="utf-8")
    (folder / "engine.yaml").write_text(CONFIG, encoding="utf-8")
    plan = {"goal": "the test", "answer": answer, "steps": [{"id": n, **step} for n, step in enumerate(steps, 1)]}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return folder


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """Return a step that calls a tool."""
    return {"tool": tool, "tool_input": arguments}
