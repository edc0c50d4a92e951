"""The travel example: Plano's shape, two real agent servers, one answer from both."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from engine import Engine
from engine.assistants import Assistants
from schemas.result import RunResult

TRAVEL = Path(__file__).parents[2] / "examples" / "travel"
BOTH = "What is the weather in Lisbon, and which flights go from Berlin to Lisbon?"
PORTS = (10510, 10520, 8001)


@pytest.fixture
def agents() -> Iterator[ModuleType]:
    """The example's agents, as a module."""
    spec = importlib.util.spec_from_file_location("travel_agents", TRAVEL / "agents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["travel_agents"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["travel_agents"]


async def _asked(agents: ModuleType, folder: Path, answers: dict[str, Any], *, down: bool = False) -> RunResult:
    """Serve both agents on ports of their own, and ask for both."""
    servers = [
        agents.serve("weather_agent", answers["weather"], 0, down=False),
        agents.serve("flight_agent", answers["flights"], 0, down=down),
    ]
    text = (TRAVEL / "plano.yaml").read_text()
    for port, server in zip(PORTS, servers, strict=False):
        text = text.replace(f":{port}", f":{server.server_address[1]}")
    (folder / "plano.yaml").write_text(text)
    try:
        async with (
            Engine(folder / "plano.yaml") as engine,
            engine.start(BOTH, **Assistants(engine).options("travel")) as run,
        ):
            async for item in run.events():
                if getattr(getattr(item, "event", None), "kind", "") == "approval_requested":
                    await run.reject()  # the offline planner asks how to go on
            return await run.result()
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, and no server of models on this machine."""
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL"))]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("offline")
@pytest.mark.anyio
async def test_a_question_that_needs_both_asks_both_at_once(agents: ModuleType, tmp_path: Path) -> None:
    """B55: both agents are asked in parallel (each waits for the other), and one answer is made of what both say."""
    together = threading.Barrier(2, timeout=60)

    def met(answer: Any) -> Any:
        def answered(question: str) -> str:
            together.wait()
            return answer(question)

        return answered

    result = await _asked(agents, tmp_path, {"weather": met(agents.weather), "flights": met(agents.flights)})
    assert result.status == "completed"
    assert "Lisbon: today sunny" in str(result.answer)
    assert "EX 101 Berlin 06:05 → Lisbon 08:40, 129 EUR" in str(result.answer)


@pytest.mark.usefixtures("offline")
@pytest.mark.anyio
async def test_a_503_is_a_failed_step(agents: ModuleType, tmp_path: Path) -> None:
    """An agent's 503 is never an answer: its step fails with the agent's words, what the other said is kept."""
    result = await _asked(agents, tmp_path, {"weather": agents.weather, "flights": agents.flights}, down=True)
    weather, failed = result.steps["1"], result.steps["2"]
    assert (weather.status, failed.status, result.status) == ("done", "failed", "failed")
    assert failed.error is not None
    assert failed.error.message.endswith("flight_agent answered 503: flight_agent is being repaired")


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """Every command of the README works as it stands, each server in a process of its own, but for the ports."""
    folder = Path(shutil.copytree(TRAVEL, tmp_path / "travel", ignore=shutil.ignore_patterns("__pycache__")))
    free = _free_ports(len(PORTS) + 2)
    readme = (folder / "README.md").read_text()
    commands = re.findall(r"^\$ (.+)$", readme, re.M)
    start, serve, ask, run, start_down = [_on_ports(command, free) for command in commands]
    (folder / "plano.yaml").write_text(_on_ports((folder / "plano.yaml").read_text(), free))
    ports = f" --weather-port {free[0]} --flights-port {free[1]}"
    environ = {**os.environ, "ENGINE_STORE": str(tmp_path / "runs.db")}
    with _running(start + ports, folder, environ), _running(f"{serve} --port {free[3]}", folder, environ):
        _wait_for(free[2])
        body = shlex.split(ask)[-1]
        answer = httpx2.post(f"http://localhost:{free[2]}/v1/chat/completions", content=body, headers=JSON, timeout=60)
        content = answer.json()["choices"][0]["message"]["content"]
        told = _done(run, folder, environ)
    assert "Lisbon: today sunny" in content
    assert "EX 101" in content
    assert "EX 101" in told.stdout
    assert "plano.yaml:37: tracing.random_sampling" in told.stderr
    with _running(start_down + ports, folder, environ):
        _wait_for(free[1])
        assert "answered 503" in _done(run, folder, environ).stderr


JSON = {"content-type": "application/json"}


def _on_ports(text: str, free: list[int]) -> str:
    for port, other in zip((*PORTS, 8765), free, strict=False):
        text = text.replace(f":{port}", f":{other}").replace(f"port: {port}", f"port: {other}")
    return text


def _command(line: str) -> list[str]:
    program, *rest = shlex.split(line)
    programs = {"python": [sys.executable], "engine": [sys.executable, "-m", "engine.cli"]}
    return [*programs[program], *rest]


def _running(line: str, folder: Path, environ: dict[str, str]) -> Any:
    process = subprocess.Popen(_command(line), cwd=folder, env=environ, stdout=subprocess.DEVNULL)

    class Running:
        def __enter__(self) -> None:
            """It runs already."""

        def __exit__(self, *exc_info: object) -> None:
            process.terminate()
            process.wait(30)

    return Running()


def _done(line: str, folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(line),
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _free_ports(count: int) -> list[int]:
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in found]
    for each in found:
        each.close()
    return ports


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nobody listens on {port}")
