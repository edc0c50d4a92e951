"""``run quick``: counts held against what is committed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks import quick
from benchmarks.entry import Entry
from schemas.errors import ConfigError


def suite(counts: dict[str, dict[str, float]] | None, name: str = "trips") -> Entry:
    """A suite that counts these; None: it lacks its data."""

    def counted() -> dict[str, dict[str, float]]:
        if counts is None:
            raise ConfigError("needs public data")
        return counts

    return Entry(name, "", lambda _: None, lambda *_: 0, quick=counted)


def run(suites: list[Entry], *arguments: str) -> int:
    """The exit code of ``run quick`` over these suites."""
    made, parser = quick.entry(suites), argparse.ArgumentParser()
    made.declare(parser)
    return made.run(parser.parse_args(arguments), arguments)


@pytest.fixture(autouse=True)
def expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls are expected of a plan."""
    monkeypatch.setattr(quick, "EXPECTED", tmp_path)
    monkeypatch.setenv("ENGINE_BENCH_DATA", str(tmp_path))
    run([suite({"trips plan": {"calls": 3.0}})], "--update")


@pytest.mark.parametrize(
    ("counts", "code", "told"),
    [
        ({"trips plan": {"calls": 3.0}}, 0, "1 rows, 0 counts worse"),
        ({"trips plan": {"calls": 4.0}}, 1, "WORSE: trips plan: calls 4, expected 3"),
        ({"trips plan": {"calls": 2.0}}, 0, "BETTER: trips plan: calls 2, expected 3"),
        ({"trips plan": {}}, 1, "WORSE: trips plan: calls is not counted any more"),
        ({}, 1, "WORSE: trips plan: is not there any more"),
        ({"trips plan": {"calls": 3.0}, "trips react": {"calls": 9.0}}, 0, "NEW: trips react"),
        (None, 0, "LEFT OUT: trips: needs public data"),
    ],
)
def test_more_is_a_regression(
    counts: dict[str, dict[str, float]] | None, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A count that rose or is gone fails; one that fell, a new row and missing data are told."""
    assert run([suite(counts)]) == code
    assert told in capsys.readouterr().out


def test_an_update_of_one_suite_keeps_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """What is expected of a suite that was not run stays as it is."""
    both = [suite({"trips plan": {"calls": 3.0}}), suite({"memos plan": {"calls": 1.0}}, "memos")]
    run(both, "--only", "memos", "--update")
    assert run(both) == 0
    assert "NEW" not in capsys.readouterr().out
