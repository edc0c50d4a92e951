"""Throw-away environments of other frameworks."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.baselines import environment


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder and pins of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(environment, "PINS", tmp_path)


@pytest.mark.slow
def test_an_environment_is_made_once(tmp_path: Path) -> None:
    """The second call returns the finished environment of the first."""
    (tmp_path / "empty.txt").write_text("")
    python = environment.python_with("empty")
    assert python is not None
    assert Path(python).exists()
    assert environment.python_with("empty") == python


def test_what_cannot_be_installed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pins that cannot be met leave the framework out, with the reason on stderr."""
    (tmp_path / "broken.txt").write_text("not a requirement!\n")
    assert environment.python_with("broken") is None
    assert "LEFT OUT: broken" in capsys.readouterr().err
