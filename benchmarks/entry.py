"""What ``python -m benchmarks run`` can run: every suite is an entry, whatever it measures."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigError

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Entry:
    """One suite as the command line sees it.

    Attributes:
        name: As it is asked for.
        about: What it measures, in one line.
        declare: Adds its options to its parser.
        run: Runs it, given its options and the arguments as they were typed; returns the exit code. May raise
            EngineError.
        kind: What it is listed under.
        quick: Returns what of it does not depend on the machine, by row and count (less is better), in a few seconds;
            None where there is no such thing. May raise ConfigError where it lacks its data.
    """

    name: str
    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Sequence[str]], int]
    kind: str = "measures"
    quick: Callable[[], Mapping[str, Mapping[str, float]]] | None = None


def declare_out(command: argparse.ArgumentParser, name: str) -> None:
    """Declare ``--out``, the same for every suite."""
    told = f"where results are kept (default: benchmarks/results/{name})"
    command.add_argument("--out", type=Path, default=RESULTS / name, metavar="DIR", help=told)


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that must not be below another one, for argparse."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"a whole number from {least} on is needed, not {text!r}")
        return number

    return read


def more_than_0(text: str) -> float:
    """Read a number above 0, for argparse. Raises argparse.ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed, not {text!r}")
    return number


def known_as(name: str, known: Iterable[str], what: str) -> str:
    """Return a name that must be one of those known. Raises ConfigError, which names the nearest."""
    names = list(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
    raise ConfigError(f"there is no {what} {name!r}", hint=hint)
