"""``--model``: real models by the user's configuration, in place of the simulated."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import manifest
from benchmarks.orchestration import commands
from benchmarks.orchestration.runner import read
from benchmarks.orchestration.suites import Suite
from schemas.errors import ConfigError
from tests.benchmarks.orchestration.trips import TRIP
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

TRIPS = Suite("trips", "", lambda _: [TRIP])
CONFIG = """
model_providers:
  - name: mine
    kind: openai
    base_url: URL/v1
    api_key: k
    models: [{name: m, input_usd_per_mtok: 1, output_usd_per_mtok: 2}]
"""


def turns(request: Mapping[str, Any], path: str) -> Reply:
    """A model that looks twice, adds, and answers."""
    results = sum(message["role"] == "tool" for message in request["messages"])
    if results == 0:
        return say(request, path, calls=[("look", {"what": "there"}), ("look", {"what": "back"})], input_tokens=100)
    if results == 2:
        return say(request, path, calls=[("add", {"a": 3, "b": 4})], input_tokens=200)
    return say(request, path, "It is 7 km.", input_tokens=300)


def planned(request: Mapping[str, Any], path: str) -> Reply:
    """A model that plans it all in one reply, by whatever way a plan is asked for, and words the answer of a result."""
    steps = [{"look": "there"}, {"look": "back"}, {"add": {"a": "{{1.km}}", "b": "{{2.km}}"}}]
    if "tools" in request:
        return say(request, path, calls=[(request["tools"][0]["function"]["name"], {"steps": steps})], input_tokens=100)
    if "response_format" in request:
        return say(request, path, json.dumps({"steps": steps}), input_tokens=100)
    return say(request, path, "It is 7 km.\n[steps: 3]", input_tokens=50)


def run(folder: Path, *arguments: str) -> int:
    """The exit code of ``run trips`` with these arguments."""
    parser = argparse.ArgumentParser()
    commands.declare(parser, TRIPS)
    given = [*arguments, "--out", str(folder / "out")]
    return commands.run(parser.parse_args(given), given, TRIPS)


def test_a_case_runs_on_the_users_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command, the user's provider: its tokens, its prices, the case's tools; no bound, for none is known."""
    with WireServer(turns) as server:
        (tmp_path / "engine.yaml").write_text(CONFIG.replace("URL", server.url))
        monkeypatch.setenv("ENGINE_CONFIG", str(tmp_path / "engine.yaml"))
        assert run(tmp_path, "--systems", "react-parallel", "--model", "mine/m") == 0
    (outcome,) = read(tmp_path / "out")
    assert (outcome.right, outcome.tool_calls, outcome.bound_s) == (True, 3, None)
    assert [call["prompt_tokens"] for call in outcome.calls] == [100, 200, 300]
    assert outcome.cost_usd == pytest.approx((600 + 3 * 5 * 2) / 1e6)
    told = manifest.read(tmp_path / "out")
    assert told is not None
    assert (told.planner_model, told.worker_model, told.profile) == ("mine/m", "mine/m", "")


def test_a_case_is_planned_by_the_users_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call plans, the case's tools run side by side, one call answers; the plan is kept with the outcome."""
    with WireServer(planned) as server:
        (tmp_path / "engine.yaml").write_text(CONFIG.replace("URL", server.url))
        monkeypatch.setenv("ENGINE_CONFIG", str(tmp_path / "engine.yaml"))
        assert run(tmp_path, "--systems", "plan,plan-no-stream", "--model", "mine/m") == 0
    for outcome in read(tmp_path / "out"):
        assert (outcome.right, outcome.tool_calls, outcome.peak_parallel) == (True, 3, 2), outcome.reason
        assert [call["part"] for call in outcome.calls] == ["planner", "synthesizer"]
        assert [step["tool"] for step in outcome.plans[0]["steps"]] == ["look", "look", "add"]


def test_a_model_nobody_configured_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything runs, with the providers there are."""
    (tmp_path / "engine.yaml").write_text(CONFIG.replace("URL", "http://127.0.0.1:9"))
    monkeypatch.setenv("ENGINE_CONFIG", str(tmp_path / "engine.yaml"))
    with pytest.raises(ConfigError, match="no provider is configured for other/m") as error:
        run(tmp_path, "--planner-model", "mine/m", "--worker-model", "other/m")
    assert "mine" in error.value.hint


def test_peers_do_not_run_on_real_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer has no way to the user's settings; that is said, and what does run."""
    (tmp_path / "engine.yaml").write_text(CONFIG.replace("URL", "http://127.0.0.1:9"))
    monkeypatch.setenv("ENGINE_CONFIG", str(tmp_path / "engine.yaml"))
    with pytest.raises(ConfigError, match="'langgraph-react' does not run on real models"):
        run(tmp_path, "--systems", "plan,langgraph-react", "--model", "mine/m")
