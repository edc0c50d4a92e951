"""Servers as people use them, doing real work in real plans: git, time, files, memory, and one that does everything."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.handle import RunHandle
from engine.testing import ScriptedProvider
from schemas.events import LoggedRecord, StepEnded, StepStarted
from schemas.live import LiveProgress
from tests.conftest import NO_SERVERS
from tests.tools.mcp.wild import engine_of, plan_of

pytestmark = [pytest.mark.anyio, pytest.mark.mcp]

PYTHON = ("mcp-server-git==2026.10.19", "mcp-server-time==2026.10.19")
NODE = tuple(f"@modelcontextprotocol/server-{name}@2026.8.31" for name in ("filesystem", "memory", "everything"))
ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the servers take a second of CPU to start
VERSION = "2"  # of what is installed; another one is installed anew


@dataclass(frozen=True)
class Installed:
    """Where the servers are."""

    python: Path
    node: Path

    def script(self, name: str) -> str:
        """Where a server for Node.js is."""
        return str(self.node / f"server-{name}/dist/index.js")


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
    return Installed(home / "venv/bin/python", home / "node/node_modules/@modelcontextprotocol")


def _install(folder: Path) -> None:
    missing = [name for name in ("uv", "npm", "node", "git") if shutil.which(name) is None]
    if missing or sys.platform == "win32":
        pytest.skip(f"{NO_SERVERS}: no {', '.join(missing) or 'POSIX'}")
    python = str(folder / "venv/bin/python")
    for command in (
        ["uv", "venv", "-q", "--python", sys.executable, str(folder / "venv")],
        ["uv", "pip", "install", "-q", "--python", python, *PYTHON],
        ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(folder / "node"), *NODE],
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
                "args": [servers.script("filesystem"), str(repo)],
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
    files = {"command": "node", "args": [servers.script("filesystem"), "${FOLDER}"]}
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


@ONE_LOOP
async def test_a_memory_that_outlives_its_server(servers: Installed, tmp_path: Path) -> None:
    """What one run has the memory server note, another one's finds, in another process of it."""
    env = {"MEMORY_FILE_PATH": str(tmp_path / "memory.jsonl")}
    memory = {"name": "memory", "mcp": {"command": "node", "args": [servers.script("memory")], "env": env}}
    noted = {"name": "Ada", "entityType": "person", "observations": ["prefers tea"]}
    writes = plan_of(("memory_create_entities", {"entities": [noted]}))
    reads = plan_of(("memory_search_nodes", {"query": "tea"}), answer="{{1.entities[0].name}}")
    for plan, answer in ((writes, "done"), (reads, "Ada")):
        result = await engine_of(memory).apply(plan, approve="all")
        assert (result.status, result.answer) == ("completed", answer)


EVERYTHING = (
    ("all_echo", {"message": "hi"}),
    ("all_get-structured-content", {"location": "New York"}),
    ("all_trigger-long-running-operation", {"duration": 1, "steps": 4}),
    ("all_get-tiny-image", {}),
    ("all_trigger-sampling-request", {"prompt": "write", "maxTokens": 20}),
    ("all_trigger-elicitation-request", {}),
    ("all_get-resource-links", {"count": 2}),
    ("all_get-roots-list", {}),
)


@contextmanager
def reached(servers: Installed, how: str, folder: Path) -> Generator[dict[str, Any]]:
    """How the server that does everything is reached: started here, or running by itself."""
    script, more = servers.script("everything"), {"sampling": True, "roots": [str(folder)]}
    if how == "stdio":
        yield {"command": "node", "args": [script, "stdio"], **more}
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kind, path = ("streamableHttp", "mcp") if how == "http" else ("sse", "sse")
    process = subprocess.Popen(["node", script, kind], env={**os.environ, "PORT": str(port)}, stderr=subprocess.DEVNULL)
    try:
        yield {"url": f"http://127.0.0.1:{port}/{path}", "transport": how, **more}
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@ONE_LOOP
@pytest.mark.parametrize("how", ["stdio", "http", "sse"])
async def test_everything_at_once(servers: Installed, tmp_path: Path, how: str) -> None:
    """Structured content, images, links, progress, sampling, roots and a form filled by a person, in one plan."""
    with reached(servers, how, tmp_path) as mcp:
        entry = {"name": "all", "mcp": mcp, "effects": "none"}
        async with engine_of(entry, script=ScriptedProvider(["a haiku"])) as engine:
            while not (await engine.ready())[0].up:
                await anyio.sleep(0.1)
            async with engine.start(plan=plan_of(*EVERYTHING)) as run, anyio.create_task_group() as group:
                group.start_soon(_filling, run)
                told = [item.fraction async for item in run.events() if isinstance(item, LiveProgress)]
                steps = (await run.result()).steps
    values = [steps[str(n)].value for n in range(1, len(EVERYTHING) + 1)]
    assert [step.status for step in steps.values()] == ["done"] * len(EVERYTHING)
    assert 0.5 in told
    assert (values[0], values[1]["temperature"]) == ("Echo: hi", 33)
    assert values[3][1]["mime_type"] == "image/png"
    assert "a haiku" in values[4]
    assert "Name: Ada" in values[5]
    assert [part["type"] for part in values[6][1:]] == ["resource_link", "resource_link"]
    assert tmp_path.as_uri() in values[7]


async def _filling(run: RunHandle) -> None:
    """Fill the form that the run asks for."""
    with anyio.fail_after(60):
        while not (pending := await run.pending()):
            await anyio.sleep(0.05)
    await run.answer(pending[0].approval_id, "done", result={"name": "Ada", "check": True})


@pytest.mark.slow
@ONE_LOOP
async def test_a_long_call_is_cancelled(servers: Installed, tmp_path: Path) -> None:
    """A run that is cancelled in the middle of a long call leaves a server over HTTP that works on."""
    with reached(servers, "http", tmp_path) as mcp:
        entry = {"name": "all", "mcp": mcp, "effects": "none"}
        async with engine_of(entry) as engine:
            while not (await engine.ready())[0].up:
                await anyio.sleep(0.1)
            plan = plan_of(("all_trigger-long-running-operation", {"duration": 60, "steps": 2}))
            async with engine.start(plan=plan) as run:
                await anyio.sleep(1)
                await run.cancel()
                assert (await run.result()).status == "cancelled"
            assert (await engine.apply(plan_of(("all_echo", {"message": "hi"})))).steps["1"].value == "Echo: hi"
