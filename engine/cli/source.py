"""A plan file as the commands read it: in any format, its errors with the file's name."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, get_args

import typer

from engine.api import Engine
from engine.planner.formats.detect import Form, detect
from schemas.errors import PlanError
from schemas.plan import Plan

FORMS: tuple[str, ...] = ("auto", *get_args(Form))


def word(text: str, words: Sequence[str]) -> str:
    """Return a word that is one of these. Raises typer.BadParameter, with the nearest, for another."""
    if text in words:
        return text
    close = difflib.get_close_matches(text, words, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise typer.BadParameter(f"there is no format {text!r}; {meant}there are {', '.join(words)}")


def plan_format(text: str) -> str:
    """Return the name of a plan format. Raises typer.BadParameter for another word."""
    return word(text, FORMS)


FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        parser=plan_format,
        metavar="|".join(FORMS),
        help="The file's format; auto decides by its structure.",
    ),
]


def read_plan(engine: Engine, text: str, source: str, form: str, *, checked: bool = True) -> tuple[Plan, list[str]]:
    """Return the plan in a text and what was ignored in it.

    Raises:
        PlanError: It is none, or not of that format; names the file.
    """
    given: Any = None if form == "auto" else form
    with named(source):
        return engine.load(text, given, checked=checked)


@contextmanager
def named(source: str) -> Generator[None]:
    """Put the file's name before what is wrong with its plan. Raises PlanError, as what is inside does."""
    try:
        yield
    except PlanError as exc:
        name = "stdin" if source == "-" else source
        raise type(exc)(f"{name}: {exc.message}", hint=exc.hint, details=exc.details) from None


def detected(text: str) -> str:
    """Return the format of a text by its structure; empty where it may be several: reading it says which."""
    try:
        return detect(text)
    except PlanError:
        return ""


def say_problems(exc: PlanError, source: str) -> None:
    """Write every problem of a plan that could not be read on a line of stderr."""
    for problem in exc.details.get("problems", ()):
        hint = f" ({problem['hint']})" if problem["hint"] else ""
        print(f"{source}: {problem['path']}: {problem['message']}{hint}", file=sys.stderr)
