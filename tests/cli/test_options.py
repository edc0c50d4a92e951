"""How options are read."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from engine.cli.options import duration, money, one_config, read_text, task_text, with_models, write_text
from schemas.errors import NotFoundError, PlanError, StoreError
from schemas.settings import Settings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5m", 90), ("500ms", 0.5), (" 2 ".strip(), 2)],
)
def test_duration(text: str, seconds: float) -> None:
    """Times are seconds, or numbers with units."""
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-5", "5 parsecs", "m", "1h x", "nan", "1e9"])
def test_no_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(typer.BadParameter):
        duration(text)


@pytest.mark.parametrize(("text", "amount"), [("0.5", 0.5), ("$1.25", 1.25), ("0", 0.0)])
def test_money(text: str, amount: float) -> None:
    """Amounts are USD, with or without the sign."""
    assert money(text) == amount


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1 EUR"])
def test_no_money(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(typer.BadParameter):
        money(text)


def test_models_of_roles() -> None:
    """--model role=name may be given for several roles; the others stay."""
    roles = with_models(Settings(), ["planner=a/b", "judge = c"]).roles
    assert (roles.planner, roles.executor, roles.judge) == ("a/b", None, "c")


@pytest.mark.parametrize(("choice", "hint"), [("big", "planner=big"), ("plan=x", "planner"), ("planner=", "planner=")])
def test_wrong_model_choice(choice: str, hint: str) -> None:
    """A choice that names no role or no model is an error with a suggestion."""
    with pytest.raises(typer.BadParameter) as caught:
        with_models(Settings(), [choice])
    assert hint in caught.value.message


def test_empty_task() -> None:
    """A task of nothing but spaces is an error."""
    with pytest.raises(typer.BadParameter, match="empty"):
        task_text("  ")


def test_endless_task() -> None:
    """A task longer than any model's window is an error that says what to do, before anything is asked."""
    with pytest.raises(typer.BadParameter, match="put the data into a file"):
        task_text("x" * 1_000_001)


def test_unreadable_files(tmp_path: Path) -> None:
    """A missing file, a folder and a binary file are each one clear error, and so is a folder that is not there."""
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    for name, error in (("gone", NotFoundError), ("", PlanError), ("binary", PlanError)):
        with pytest.raises(error):
            read_text(str(tmp_path / name), "the file")
    with pytest.raises(StoreError, match="cannot be written"):
        write_text(str(tmp_path / "no" / "x"), "")


def test_two_configurations_are_one_too_many() -> None:
    """A configuration is named once: as the argument, or by --config."""
    assert (one_config("a.yaml", None), one_config(None, "b.yaml"), one_config("a", "a")) == ("a.yaml", "b.yaml", "a")
    with pytest.raises(typer.BadParameter, match="give one configuration"):
        one_config("a.yaml", "b.yaml")
