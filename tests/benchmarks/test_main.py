"""``python -m benchmarks scheduler``: what it says when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as program


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results go to a folder of the test's own, and there is no data."""
    monkeypatch.setattr(program, "RESULTS", tmp_path)
    monkeypatch.delenv("ENGINE_BENCH_DATA", raising=False)


def test_a_check_that_could_not_be_made_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """``--check`` ends with 1 when a group could not be measured, and names it."""
    assert program.main(["scheduler", "--only", "tokens", "--check"]) == 1
    assert "NOT CHECKED: tokens: ENGINE_BENCH_DATA is not set" in capsys.readouterr().out


def test_without_check_a_missing_group_is_only_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--check`` the report ends with 0, and says all the same what it lacks."""
    assert program.main(["scheduler", "--only", "streaming"]) == 0
    assert "NOT CHECKED: streaming" in capsys.readouterr().out


def test_a_group_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt group is an error, not an empty report that passes."""
    with pytest.raises(SystemExit):
        program.main(["scheduler", "--only", "cpus", "--check"])
    assert "invalid choice: 'cpus'" in capsys.readouterr().err
