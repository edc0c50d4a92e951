"""``python -m benchmarks``: every suite under one roof, and what is said when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import manifest


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no public data sets."""
    monkeypatch.delenv("ENGINE_BENCH_DATA", raising=False)


def test_a_check_that_could_not_be_made_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--check`` ends with 1 when a group could not be measured, and names it."""
    assert program.main(["run", "scheduler", "--only", "tokens", "--check", "--out", str(tmp_path)]) == 1
    assert "NOT CHECKED: tokens: ENGINE_BENCH_DATA is not set" in capsys.readouterr().out


def test_without_check_a_missing_group_is_only_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--check`` the report ends with 0, and says all the same what it lacks."""
    assert program.main(["run", "scheduler", "--only", "streaming", "--out", str(tmp_path)]) == 0
    assert "NOT CHECKED: streaming" in capsys.readouterr().out


def test_a_group_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt group is an error, not an empty report that passes."""
    with pytest.raises(SystemExit):
        program.main(["run", "scheduler", "--only", "cpus", "--check"])
    assert "invalid choice: 'cpus'" in capsys.readouterr().err


def test_a_suite_that_is_none_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, without the usage of everything."""
    assert program.main(["run", "paralelqa"]) != 0
    assert capsys.readouterr().err == "there is no suite 'paralelqa'. did you mean parallelqa?\n"


def test_measures_keep_how_they_were_made(tmp_path: Path) -> None:
    """Beside the rows stand the command, the machine and the versions."""
    program.main(["run", "scheduler", "--only", "tokens", "--out", str(tmp_path)])
    told = manifest.read(tmp_path)
    assert told is not None
    assert told.command == f"python -m benchmarks run scheduler --only tokens --out {tmp_path}"
    assert (tmp_path / "rows.json").exists()


def test_every_suite_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """``list`` names the suites of cases, those of measures, the systems and the profiles."""
    assert program.main(["list"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name}" in told for name in (*program.ENTRIES, "react-parallel", "cached"))


@pytest.mark.parametrize("suite", [*program.ENTRIES])
def test_every_suite_explains_itself(suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` of each suite is printed, whatever signs its texts hold."""
    with pytest.raises(SystemExit) as ended:
        program.main(["run", suite, "--help"])
    assert ended.value.code == 0
    assert f"python -m benchmarks run {suite}" in capsys.readouterr().out
