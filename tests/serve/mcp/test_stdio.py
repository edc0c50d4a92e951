"""``engine mcp``: the server as a process that a client starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import clean_environ, engine

pytestmark = pytest.mark.slow
CONFIG = "tools:\n  - builtin: calculate\n  - builtin: wait\n  - python: noisy:shout\n    effects: none\n"
NOISY = (
    'import os\n\n\ndef shout() -> str:\n    """Shout."""\n    print("loud")\n    os.write(1, b"raw")\n    return "x"\n'
)


def talk(
    folder: Path, *messages: dict[str, Any], ends: int | None = None, store: str = "memory:", until: str = ""
) -> tuple[list[dict[str, Any]], int, str]:
    """Send messages, read an answer to each that wants one, end the server; return the answers, exit code, stderr."""
    (folder / "engine.yaml").write_text(CONFIG)
    (folder / "noisy.py").write_text(NOISY)
    environ = clean_environ(XDG_STATE_HOME=str(folder))
    program = "from engine.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "mcp", "--store", store]
    streams: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=folder, env=environ, text=True, **streams)
    assert process.stdin is not None
    assert process.stdout is not None
    answers: list[dict[str, Any]] = []
    for message in messages:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        process.stdin.flush()
        if "id" in message:
            while "id" not in (answer := json.loads(line := process.stdout.readline())):
                if until and until in line:
                    break
            answers.append(answer)
    if ends is not None:
        os.kill(process.pid, ends)
        process.wait(30)
    out, err = process.communicate(timeout=30)
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())
    return answers, process.returncode, err


def hello() -> tuple[dict[str, Any], dict[str, Any]]:
    """The handshake."""
    given = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    return {"id": 0, "method": "initialize", "params": given}, {"method": "notifications/initialized"}


def test_a_task_over_stdio(tmp_path: Path) -> None:
    """Nothing but messages is on stdout, whatever tools print there; when the client goes, the server ends with 0."""
    task = {"name": "run_task", "arguments": {"task": "shout"}}
    answers, code, err = talk(tmp_path, *hello(), {"id": 1, "method": "tools/call", "params": task})
    assert answers[1]["result"]["structuredContent"]["status"] == "completed"
    assert code == 0
    assert "Traceback" not in err


def test_a_client_that_goes_away_ends_its_run(tmp_path: Path) -> None:
    """A run whose client closes the pipe in the middle of its call is cancelled, also one that waits for a time."""
    task = {"name": "run_task", "arguments": {"task": "wait 60 seconds"}}
    call = {"method": "tools/call", "params": {**task, "_meta": {"progressToken": "p"}}, "id": 1}
    _, code, _ = talk(tmp_path, *hello(), call, store="runs.db", until="started")
    (run,) = json.loads(engine("runs", "list", "--store", "runs.db", "--json", cwd=tmp_path).stdout)
    assert (code, run["status"]) == (0, "cancelled")


@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(tmp_path: Path, ends: int) -> None:
    """A signal ends the server in good order although its client still holds the pipe."""
    _, code, err = talk(tmp_path, *hello(), ends=ends)
    assert (code, "Traceback" in err) == (0, False)


def test_what_is_no_message(tmp_path: Path) -> None:
    """A request that is none is answered with an error, and the server lives."""
    answers, code, _ = talk(tmp_path, *hello(), {"id": 1, "method": "no/such"}, {"id": 2, "method": "tools/list"})
    assert answers[1]["error"]["code"] == -32601
    assert len(answers[2]["result"]["tools"]) == 6
    assert code == 0
