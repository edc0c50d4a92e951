"""Scoring the offline model's plans."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from benchmarks import __main__ as program
from benchmarks.cases.offline import score
from benchmarks.plansets import Declared, GoldCall, PlanSet

READ = Declared("read_text", "Read a text file", {"path": {"type": "string"}}, ("path",), {"text": {"type": "string"}})
SHORTEN = Declared("shorten", "Shorten a text", {"text": {"type": "string"}}, ("text",))


def _set(task: str, *calls: GoldCall) -> PlanSet:
    return PlanSet("one", (READ, SHORTEN), ((task, calls),))


def test_a_right_plan_scores_one() -> None:
    """A plan that is right in tools, edges, arguments and values is exact."""
    gold = (GoldCall("read_text", {"path": "a.txt"}), GoldCall("shorten", {"text": "{{1.text}}"}))
    found = anyio.run(score, _set("Read a.txt, then shorten the text", *gold))
    assert found.exact == 1
    assert set(found.f1.values()) == {1.0}
    assert not found.misses


def test_a_wrong_plan_says_what_is_wrong() -> None:
    """What is too much and what is missing stands under the task."""
    found = anyio.run(score, _set("Read a.txt", GoldCall("read_text", {"path": "b.txt"})))
    assert found.f1["tools"] == 1.0
    assert found.f1["values"] == 0.0
    assert found.misses == ['Read a.txt\n  + values: read_text path "a.txt"\n  - values: read_text path "b.txt"']


def test_a_task_without_a_tool_counts_when_nothing_is_called() -> None:
    """Where no tool fits, no call is the right plan."""
    found = anyio.run(score, _set("Paint the fence"))
    assert (found.kept_out, found.unfit, found.exact) == (1, 1, 1)


def test_the_command_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the data folder the sets of our own are scored, and the others named."""
    monkeypatch.delenv("ENGINE_BENCH_DATA", raising=False)
    assert program.main(["run", "offline", "--only", "japanese", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "| japanese korean | 12 |" in shown
    assert "LEFT OUT: NESTFUL, ParallelQA" in shown
    assert (tmp_path / "scores.json").exists()
