"""Which run is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.runs.finding import meant
from schemas.errors import NotFoundError
from tests.cli.runs.stores import ASKS, DONE, LOST


@pytest.mark.parametrize("given", ["9", "9be1", "9BE1", LOST])
def test_beginnings(store: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    """The beginning of an id is enough where only one run begins so."""
    assert main(["runs", "show", given]) == 0
    assert LOST in capsys.readouterr().out


def test_last(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`last` is the newest run."""
    assert main(["runs", "show", "last"]) == 0
    assert ASKS in capsys.readouterr().out


def test_several(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B64: a beginning that several runs share is an error that names them."""
    assert main(["runs", "show", "3f"]) == 4
    assert capsys.readouterr().err == f"error: 2 runs begin with '3f': {ASKS}, {DONE} (write more of the id)\n"


@pytest.mark.parametrize(
    "args",
    [
        ["show"],
        ["watch"],
        ["resume"],
        ["cancel"],
        ["approve"],
        ["reject"],
        ["answer", "done"],
        ["steer", "x"],
        ["fork", "--from", "1"],
        ["replay"],
        ["export"],
        ["delete", "--yes"],
    ],
    ids=lambda args: args[0],
)
def test_unknown_run(store: Path, capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    """B64: an unknown run is `not found`, exit code 4, with the nearest id."""
    assert main(["runs", args[0], "3f2a91bc04dd", *args[1:]]) == 4
    assert capsys.readouterr().err == f"error: there is no run '3f2a91bc04dd' (did you mean {DONE}?)\n"


def test_nothing_near() -> None:
    """Where nothing is near, the list is."""
    with pytest.raises(NotFoundError) as caught:
        meant("zz", [DONE])
    assert caught.value.hint == "engine runs list shows those there are"


def test_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`last` of an empty store is not found."""
    (tmp_path / "runs.db").touch()
    assert main(["runs", "show", "last", "--store", str(tmp_path / "runs.db")]) == 4
    assert "there are no runs yet" in capsys.readouterr().err
