"""The official A2A SDK's client, unmodified, in an environment of its own, at assistants of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.baselines.environment import python_with
from tests.gateway.server.serving import Keys
from tests.serve.a2a.calling import make
from tests.serve.serving import Served, served

HERE = Path(__file__).parent
KEYS = Keys()
ANN, BEN = KEYS.add("ann"), KEYS.add("ben")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here() -> Iterator[Served]:
    with served(make, keys=KEYS) as found:
        yield found


@pytest.mark.parametrize("version", ["1.0", "0.3"])
@pytest.mark.parametrize("how", ["stream", "poll"])
def test_its_client_does_everything(here: Served, how: str, version: str) -> None:
    """Cards, messages, questions, tasks, cancelling, following, keys: as the official client knows them."""
    python = python_with("a2a-sdk", HERE / "pins")
    if python is None:
        pytest.fail("the environment of a2a-sdk cannot be made")
    command = [python, str(HERE / "scripts" / "a2a_client.py"), here.url, ANN, BEN, how, version]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["card"] == ["clerk", True, ["key"]]
    answered, asks, approved = facts["answered"], facts["asks"], facts["approved"]
    assert (answered["answer"], answered["state"]) == ("The answer comes word by word.", "TASK_STATE_COMPLETED")
    assert (answered["told"] > 3) == (how == "stream")
    assert (asks["state"], facts["got"], "send" in asks["says"]) == (*["TASK_STATE_INPUT_REQUIRED"] * 2, True)
    assert (approved["state"], facts["cancelled"]) == ("TASK_STATE_COMPLETED", "TASK_STATE_CANCELED")
    assert facts["stranger"] == facts["unknown"] == "TaskNotFoundError"
    assert "answered" not in facts["no_key"]
    if how == "stream":
        assert (facts["subscribed"], facts["followed"]) == ("task", "TASK_STATE_CANCELED")
    if version == "1.0":
        assert (facts["listed"], "look" in facts["skills"]) == ([2, True], True)
