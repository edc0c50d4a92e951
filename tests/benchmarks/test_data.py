"""Public data sets as graphs and plans."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from re import fullmatch

import pytest

from benchmarks import data
from benchmarks.data import Call
from schemas.errors import ConfigError


def test_without_the_variable_there_is_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ENGINE_BENCH_DATA is no error."""
    monkeypatch.delenv("ENGINE_BENCH_DATA", raising=False)
    assert data.folder() is None


def test_a_wrong_folder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that is not there is said, never taken for no data."""
    monkeypatch.setenv("ENGINE_BENCH_DATA", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="no folder"):
        data.folder()


def test_the_compact_form_is_positions_and_an_answer() -> None:
    """Each call is one property, results are referred to by position, what nobody uses becomes the answer."""
    text = data.compact((Call(1, "search", "a", ()), Call(2, "math", "twice", (1,))))
    assert json.loads(text) == {"steps": [{"search": "a"}, {"math": "twice {{1}}"}, {"answer": "{{2}}"}]}


def test_every_workflow_is_complete_and_ordered(bench_data: Path) -> None:
    """All seven workflows load, each step once, after its parents, under an id that a plan takes."""
    flows = data.workflows(bench_data)
    assert len(flows) == 7
    for graph in flows.values():
        seen: set[str] = set()
        for step in graph:
            assert set(step.parents) <= seen
            assert fullmatch(r"[A-Za-z0-9_-]{1,200}", step.id)
            assert step.id not in seen
            seen.add(step.id)


def test_plans_cost_few_tokens(bench_data: Path, count_tokens: Callable[[str], int]) -> None:
    """The oracle plans of ParallelQA in the compact form cost at most 16.5 o200k tokens a step, wrapper included."""
    plans = data.parallelqa(bench_data)
    written = sum(count_tokens(data.compact(calls)) for calls in plans.values())
    assert written / sum(len(calls) for calls in plans.values()) <= 16.5
