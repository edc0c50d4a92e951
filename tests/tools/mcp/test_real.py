"""Servers as people use them, doing real work in real plans: git, time and the file system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from schemas.events import LoggedRecord, StepEnded, StepStarted
from tests.conftest import NO_SERVERS
from tests.tools.mcp.wild import engine_of, plan_of

pytestmark = [pytest.mark.anyio, pytest.mark.mcp]

PYTHON = ("mcp-server-git==2026.10.19", "mcp-server-time==2026.10.19")
NODE = "@modelcontextprotocol/server-filesystem@2026.8.31"
ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the servers take a second of CPU to start
VERSION = "1"  # of what is installed; another one is installed anew


@dataclass(frozen=True)
class Installed:
    """Where the servers are."""

    python: Path
    filesystem: Path


@pytest.fixture(scope="session")
def servers() -> Installed:
    """The servers, in an environment of their own in the user's cache; without a network the tests are skipped."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plan-execute-engine-tests"
    home = cache / f"mcp-{VERSION}-py{sys.version_info.major}{sys.version_info.minor}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=cache))
        try:
            _install(made)
            made.rename(home)
        except OSError:
            if not home.is_dir():  # else somebody else was faster
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    package = home / "node/node_modules/@modelcontextprotocol/server-filesystem"
    return Installed(home / "venv/bin/python", package / "dist/index.js")


def _install(folder: Path) -> None:
    missing = [name for name in ("uv", "npm", "node", "git") if shutil.which(name) is None]
    if missing or sys.platform == "win32":
        pytest.skip(f"{NO_SERVERS}: no {', '.join(missing) or 'POSIX'}")
    python = str(folder / "venv/bin/python")
    for command in (
        ["uv", "venv", "-q", "--python", sys.executable, str(folder / "venv")],
        ["uv", "pip", "install", "-q", "--python", python, *PYTHON],
        ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(folder / "node"), NODE],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=folder)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            pytest.skip(f"{NO_SERVERS}: {' '.join(command[:3])}: {said[-1] if said else done.returncode}")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """An empty git repository."""
    folder = tmp_path / "repo"
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "config", "user.email", "ada@example.org")
    git(folder, "config", "user.name", "Ada")
    return folder


def git(folder: Path, *args: str) -> str:
    """Run git and return what it says."""
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout


def entries(servers: Installed, repo: Path) -> tuple[dict[str, Any], ...]:
    """The three servers, with what the configuration says their tools do to the world."""
    writing, reading = {"effects": "idempotent", "writes": ["repo"]}, {"effects": "none", "reads": ["repo"]}
    python = {"command": str(servers.python)}
    return (
        {
            "name": "git",
            "mcp": {
                **python,
                "args": ["-m", "mcp_server_git"],
                "include": ["git_add", "git_commit", "git_log"],
                "tools": {"git_add": writing, "git_commit": {"writes": ["repo"]}, "git_log": reading},
            },
        },
        {"name": "time", "mcp": {**python, "args": ["-m", "mcp_server_time"]}, "effects": "none"},
        {
            "name": "files",
            "mcp": {
                "command": "node",
                "args": [str(servers.filesystem), str(repo)],
                "tools": {"write_file": writing, "read_text_file": reading},
            },
        },
    )


@ONE_LOOP
async def test_a_plan_over_three_servers(servers: Installed, repo: Path) -> None:
    """A file is written, added, committed and found in the log, in the plan's order; the time runs beside."""
    notes = str(repo / "notes.txt")
    plan = plan_of(
        ("files_write_file", {"path": notes, "content": "ten past nine\n"}),
        ("git_add", {"repo_path": str(repo), "files": ["notes.txt"]}),
        ("git_commit", {"repo_path": str(repo), "message": "The time"}),
        ("git_log", {"repo_path": str(repo), "max_count": 1}),
        ("files_read_text_file", {"path": notes}),
        ("time_convert_time", {"source_timezone": "UTC", "time": "09:10", "target_timezone": "Asia/Tokyo"}),
        answer="{{5.content}} {{6.time_difference}} {{4}}",
    )
    async with engine_of(*entries(servers, repo)) as engine, engine.start(plan=plan, approve="all") as run:
        records = [item async for item in run.events() if isinstance(item, LoggedRecord)]
        result = await run.result()
    assert result.status == "completed", result.error
    assert result.answer.startswith("ten past nine\n +9.0h")
    assert "The time" in result.answer
    assert git(repo, "log", "--format=%an: %s", "--", "notes.txt") == "Ada: The time\n"
    assert order(records, "started", "4") > order(records, "ended", "3") > order(records, "ended", "1")
    assert order(records, "started", "6") < order(records, "ended", "1")


def order(records: list[LoggedRecord], what: str, step_id: str) -> int:
    """The place in the log where a step started or ended."""
    kind = StepStarted if what == "started" else StepEnded
    return next(r.seq for r in records if isinstance(r.event, kind) and r.event.step_id == step_id)


@ONE_LOOP
async def test_a_server_refuses_in_its_own_words(servers: Installed, repo: Path) -> None:
    """What a server says of a call it refuses is the step's error, on one line."""
    async with engine_of(*entries(servers, repo)) as engine:
        result = await engine.apply(plan_of(("files_read_text_file", {"path": "/etc/hostname"})))
    error = result.steps["1"].error
    assert error is not None
    assert error.code == "tool.failed"
    assert "outside allowed directories" in error.message


@ONE_LOOP
async def test_the_file_of_another_client(servers: Installed, repo: Path, tmp_path: Path) -> None:
    """An ``mcpServers`` file as other clients keep it is enough; its hints count where the configuration says so."""
    files = {"command": "node", "args": [str(servers.filesystem), "${FOLDER}"]}
    clock = {"command": str(servers.python), "args": ["-m", "mcp_server_time"], "disabled": False}
    body = {"mcpServers": {"files": files, "clock": clock, "web": {"url": "http://127.0.0.1:1/mcp"}}}
    (tmp_path / "mcp.json").write_text(json.dumps(body))
    config = tmp_path / "engine.yaml"
    config.write_text("tools:\n  - mcp: {file: mcp.json, trust_annotations: true}\n")
    async with Engine(config, environ={"FOLDER": str(repo), "PATH": os.environ["PATH"]}) as engine:
        states = {state.name: state.reason for state in await engine.ready()}
        effects = {name: engine.tools.specs()[name].effects for name in ("files_read_text_file", "files_edit_file")}
    assert (states["files"], states["clock"]) == ("", "")
    assert "127.0.0.1:1 cannot be reached" in states["web"]
    assert effects == {"files_read_text_file": "none", "files_edit_file": "effectful"}


@ONE_LOOP
async def test_the_offline_model_plans_over_a_server(servers: Installed, repo: Path) -> None:
    """The offline model plans and runs a plain task over a server's tools, with no word about them but its own."""
    (repo / "notes.txt").write_text("ten past nine")
    offline = {"name": "offline", "kind": "offline", "models": [{"name": "offline"}]}
    config = {"model_providers": [offline], "tools": [{**entries(servers, repo)[2], "effects": "none"}]}
    async with Engine(config) as engine:
        result = await engine.run(f"List the directory {repo} and read the text file {repo}/notes.txt", mode="plan")
    assert [step.status for step in result.steps.values()] == ["done", "done"]
    assert "[FILE] notes.txt" in result.answer
    assert "ten past nine" in result.answer
