"""engine tools and engine models."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.cli.command import clean_environ, engine, one_error_line
from tests.cli.desk import desk
from tests.source import ROOT
from tests.terminal import Terminal


def test_tools(tmp_path: Path) -> None:
    """Each declared tool is a line with its effects and what it does; --json holds the whole specification."""
    folder = desk(tmp_path)
    assert "note      writes, asks  Write a note.\n" in engine("tools", cwd=folder).stdout
    assert "input_schema" in json.loads(engine("tools", "--json", cwd=folder).stdout)[0]


def test_tools_fit_the_terminal(tmp_path: Path) -> None:
    """On a terminal what a tool does is cut to the width; in a pipe it is whole."""
    folder = desk(tmp_path)
    terminal = Terminal("tools", cwd=folder, width=46, COLUMNS="46")
    assert terminal.end() == 0
    assert max(map(len, terminal.screen.splitlines())) <= 46
    assert "Not let itself be stopped." in engine("tools", cwd=folder).stdout


def test_one_tool(tmp_path: Path) -> None:
    """One tool is shown with its arguments and result."""
    shown = engine("tools", "double", cwd=desk(tmp_path)).stdout
    assert all(word in shown for word in ("Double a number.", "effects: reads", '"number"', "result:"))


def test_unknown_tool(tmp_path: Path) -> None:
    """An unknown tool names the nearest."""
    done = engine("tools", "duble", cwd=desk(tmp_path))
    assert done.returncode == 7
    assert "did you mean double?" in one_error_line(done)


def test_models(tmp_path: Path) -> None:
    """Each model is listed with its price, each role with its models in order."""
    environ = clean_environ(ANTHROPIC_API_KEY="a", OPENAI_API_KEY="b")
    done = engine("models", "--model", "judge=offline/offline", cwd=tmp_path, environ=environ)
    assert done.returncode == 0, done.stderr
    assert "offline/offline             free, on this machine" in done.stdout
    planner = next(line for line in done.stdout.splitlines() if line.startswith("planner"))
    assert planner.split() == ["planner", "anthropic/claude-opus-5-5,", "else", "openai/gpt-6.1-sol"]
    assert "judge        offline/offline" in done.stdout


def test_models_json(tmp_path: Path) -> None:
    """--json holds models and roles."""
    body = json.loads(engine("models", "--json", cwd=desk(tmp_path)).stdout)
    assert body["models"][0]["ref"] == "offline/offline"
    assert body["roles"]["planner"] == ["offline/offline"]


def test_servers(tmp_path: Path) -> None:
    """B56: tools lists each MCP server with its state, and with --check fails where one is not available."""
    script = ROOT / "tests/tools/mcp/wild_server.py"
    servers = "".join(
        f"  - {{name: {name}, mcp: {{command: {sys.executable}, args: ['{script}', {kind}]}}}}\n"
        for name, kind in (("good", "good"), ("broken", "broken"))
    )
    (tmp_path / "engine.yaml").write_text(f"tools:\n{servers}")
    done = engine("tools", cwd=tmp_path)
    assert "good_echo" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()[-2:]] == [["good", "up"], ["broken", "down"]]
    assert "No module named 'ticketing'" in done.stdout
    assert (done.returncode, engine("tools", "--check", "--json", cwd=tmp_path).returncode) == (0, 7)
