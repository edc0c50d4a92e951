"""``compare DIR DIR``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.orchestration.outcome import Outcome
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
