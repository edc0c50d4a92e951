"""``compare DIR DIR``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.orchestration.outcome import Outcome
from benchmarks.report.rows import Row, save
from tests.benchmarks.report.outcomes import outcome, written

BEFORE = [outcome("plan", str(case), 3.0 + case / 10) for case in range(8)]


def compared(tmp_path: Path, after: list[Outcome]) -> int:
    """The exit code of a checked comparison."""
    one, two = written(tmp_path / "one", BEFORE), written(tmp_path / "two", after)
    return main(["compare", str(one), str(two), "--check"])


def test_a_token_more_is_told_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts are compared exactly: one token more in one case of eight is a regression."""
    assert compared(tmp_path, [outcome("plan", "0", 3.0, tokens=101), *BEFORE[1:]]) == 1
    assert "prompt tokens | 100.00 | 100.12 | 1 " in " ".join(capsys.readouterr().out.split()).replace("  ", " ")


def test_times_move_only_beyond_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is as often slower as faster is noise; what is slower each time is not, and fails nothing."""
    mixed = [outcome("plan", one.case, one.seconds * (1.1 if at % 2 else 0.9)) for at, one in enumerate(BEFORE)]
    assert compared(tmp_path / "a", mixed) == 0
    assert "within noise" in capsys.readouterr().out
    assert compared(tmp_path / "b", [outcome("plan", one.case, one.seconds * 1.2) for one in BEFORE]) == 0
    assert "slower" in capsys.readouterr().out


def test_fewer_is_no_regression(tmp_path: Path) -> None:
    """A count that is better is told, and ends with 0."""
    assert compared(tmp_path, [outcome("plan", one.case, one.seconds, tokens=50) for one in BEFORE]) == 0


def test_a_target_that_is_missed_now_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Measures keep no spread: 5 % is nothing, 25 % is told, and fails only where a target is missed that was met."""

    def checked(name: str, *values: float) -> int:
        for side, value in zip(("one", "two"), values, strict=True):
            save([Row("start", value, "ms", limit=10)], tmp_path / name / side / "rows.json")
        return main(["compare", str(tmp_path / name / "one"), str(tmp_path / name / "two"), "--check"])

    assert checked("near", 8.0, 8.4) == 0
    assert "more" not in capsys.readouterr().out
    assert checked("more", 8.0, 10.0) == 0
    assert "0.80 × | ≤ 10 ms | more" in " ".join(capsys.readouterr().out.split())
    assert checked("missed", 8.0, 11.0) == 1
    assert "MISSED now" in capsys.readouterr().out


def test_scores_of_plans_are_compared_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan less that is exact fails, a better F1 does not; what only one side has is said."""

    def kept(side: str, *scores: tuple[str, int, float]) -> str:
        told = [{"name": name, "model": "m", "exact": exact, "f1": {"tools": f1}} for name, exact, f1 in scores]
        (tmp_path / side).mkdir()
        (tmp_path / side / "scores.json").write_text(json.dumps(told))
        return str(tmp_path / side)

    before = kept("before", ("own", 8, 0.9), ("gone", 1, 1.0))
    assert main(["compare", before, kept("better", ("own", 8, 0.95)), "--check"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "own by m | f1 tools | 0.9 | 0.95" in told
    assert "gone by m: scored in one of the two only." in told
    assert main(["compare", before, kept("worse", ("own", 7, 0.95)), "--check"]) == 1


def test_folders_of_several_runs_are_compared_run_by_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything below two folders is compared, each with what lies at the same place of the other."""
    for side, tokens in (("one", 100), ("two", 90)):
        written(tmp_path / side / "calm", BEFORE)
        written(tmp_path / side / "stormy", [outcome("plan", one.case, one.seconds, tokens=tokens) for one in BEFORE])
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--check"]) == 0
    told = capsys.readouterr().out
    assert "stormy plan | prompt tokens" in " ".join(told.split())
    assert "calm plan | prompt tokens" not in " ".join(told.split())


def test_where_there_are_no_results_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without results is named in one line."""
    assert main(["compare", str(tmp_path), str(tmp_path)]) != 0
    assert f"there are no results in {tmp_path}" in capsys.readouterr().err
