"""``run quality``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as program
from benchmarks import manifest
from benchmarks.quality.attempts import read
from schemas.errors import ConfigError, ModelError
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

CONFIG = """
model_providers:
  - name: mine
    kind: openai
    base_url: URL/v1
    api_key: k
    models: [{name: m, input_usd_per_mtok: 1, output_usd_per_mtok: 2}]
"""


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no public data sets."""
    monkeypatch.delenv("ENGINE_BENCH_DATA", raising=False)


def test_the_command_says_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the data folder the sets of our own are scored, and the others named."""
    assert program.main(["run", "quality", "--only", "japanese", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "| japanese korean | 12 |" in shown
    assert "LEFT OUT: NESTFUL, ParallelQA" in shown
    (kept,) = json.loads((tmp_path / "scores.json").read_text())
    assert (kept["tasks"], kept["misses"] + kept["exact"]) == (12, 12)


def test_any_configured_model_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of the user's is asked over its wire; its tokens and dollars are kept, and what it made up counts."""

    def plans(request: Mapping[str, Any], path: str) -> Reply:
        return say(request, path, '{"steps": [{"no_such_tool": {"x": 1}}]}', input_tokens=100)

    with WireServer(plans) as server:
        (tmp_path / "engine.yaml").write_text(CONFIG.replace("URL", server.url))
        monkeypatch.setenv("ENGINE_CONFIG", str(tmp_path / "engine.yaml"))
        arguments = ["run", "quality", "--model", "mine/m", "--only", "japanese", "--n", "2", "--out", str(tmp_path)]
        assert program.main(arguments) == 0
        asked = len(server.requests)
        assert program.main(arguments) == 0
    assert asked == len(server.requests) == 6  # two tasks, each asked for repair twice; nothing the second time
    assert [one.unknown for one in read(tmp_path)] == [("no_such_tool",)] * 2
    assert [one.input_tokens for one in read(tmp_path)] == [300] * 2
    assert capsys.readouterr().out.count("| japanese korean | 2 |") == 2
    told = manifest.read(tmp_path)
    assert told is not None
    assert told.planner_model == "mine/m"


def test_a_model_that_cannot_be_asked_is_no_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not the model's doing ends the run with its error, and nothing is kept as planned."""
    with WireServer(lambda *_: Reply(b'{"error": {"message": "wrong key"}}', status=401)) as server:
        (tmp_path / "engine.yaml").write_text(CONFIG.replace("URL", server.url))
        monkeypatch.setenv("ENGINE_CONFIG", str(tmp_path / "engine.yaml"))
        arguments = ["run", "quality", "--model", "mine/m", "--only", "japanese", "--n", "1", "--out", str(tmp_path)]
        assert program.main(arguments) == ModelError.exit_code
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--only", "klingon"], "no set called klingon"), (["--model", "x/y"], "no provider is configured for x/y")],
)
def test_what_cannot_be_asked_for_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set nobody knows, a model nobody configured."""
    given = ["run", "quality", *arguments, "--out", str(tmp_path)]
    assert program.main(given) == ConfigError.exit_code
    assert said in capsys.readouterr().err
