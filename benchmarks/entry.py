"""What ``python -m benchmarks run`` can run: every suite is an entry, whatever it measures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
