"""The README shows what the program does: its commands are run, its code is executed, its output compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.config import parse_settings
from tests.source import ROOT
from tests.terminal import Terminal

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
MASKS = (
    (r"\b\d+(\.\d+)?\s?(µs|ms|min|s)\b", "<time>"),
    (r"\b\d+(\.\d+)?×", "<factor>"),
    (r"\$\d+(\.\d+)?", "<usd>"),
    (r"\b\d+(\.\d+)? USD", "<usd>"),
    (r"\b[\d,]+ tokens?\b", "<tokens>"),
    (r"\brun[-_][0-9a-zA-Z]+\b", "<run>"),
    (r"\b[0-9a-f]{8,}\b", "<id>"),
    (r"\d{4}-\d\d-\d\d\b", "<date>"),
    (r"[━─╸╺▏▎▍▌▋▊▉█░▒▓]+", ""),
    (r"\s+", " "),
)


@dataclass(frozen=True)
class Shown:
    """A command of the README and the output shown for it."""

    command: str
    output: str


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.M | re.S)


def commands() -> list[Shown]:
    """Return the commands of the console blocks that can run here: those of the engine itself."""
    pieces = [piece for block in blocks("console") for piece in re.split(r"^\$ ", block, flags=re.M) if piece.strip()]
    shown = [Shown(*piece.split("\n", 1)) for piece in pieces]
    return [each for each in shown if "engine " in each.command]


def masked(text: str) -> str:
    """Return text without what differs from run to run: times, costs, ids, dates, bars."""
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text.strip()


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a new user: an empty home, no key, no configuration."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
    }


@pytest.mark.parametrize("shown", commands(), ids=lambda shown: shown.command)
def test_commands_print_what_is_shown(shown: Shown, tmp_path: Path) -> None:
    """Each command, run on a terminal by a new user, ends with the screen that the README shows."""
    words = shlex.split(shown.command.split("&& ")[-1].removeprefix("uv run "))
    terminal = Terminal(*words[1:], cwd=ROOT, width=110, env=environment(tmp_path))
    assert terminal.end(timeout_s=60) == 0
    assert masked(terminal.screen) == masked(shown.output)


def examples() -> list[Any]:
    """Return the Python blocks of the pages whose code is run, with the text block right after each: its output."""
    shown = re.compile(r"^```python\n(.*?)^```\n+(?:```text\n(.*?)^```)?", re.M | re.S)
    pages = {
        name: shown.findall((ROOT / name).read_text(encoding="utf-8")) for name in ("README.md", "docs/library.md")
    }
    return [pytest.param(*found, id=f"{name}-{at}") for name, all_ in pages.items() for at, found in enumerate(all_)]


@pytest.mark.parametrize(("code", "output"), examples())
def test_python_runs_and_prints_what_is_shown(code: str, output: str, tmp_path: Path) -> None:
    """Each Python block runs as a script of its own; a text block right after it is its output."""
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "example.py"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, masked(done.stdout)) == (0, masked(output)), done.stderr


def test_configuration_shown_is_valid() -> None:
    """Each YAML block is a configuration."""
    for block in blocks("yaml"):
        parse_settings(block, "README.md")


def test_the_two_commands_are_there() -> None:
    """The commands that CI runs stand in the README, each on a line of its own."""
    assert re.search(r"^\$ pip install uv && uv run engine run \".+\"$", TEXT, re.M)
    assert re.search(r"^\$ uv run pytest$", TEXT, re.M)


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    """At most 200 lines; every relative link is a file of the project."""
    assert len(TEXT.splitlines()) <= 200
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []
