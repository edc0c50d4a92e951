"""BFCL v4, parallel multiple: 200 questions that take two to five calls at once, over two to four tools of their own.

The right calls say of each argument every value that is right; a text is right whatever its case, blanks and
``,./-_*^``, as the package's own checker has it.

Source: Patil et al., 2025, "The Berkeley Function Calling Leaderboard" (``bfcl-eval`` on PyPI, Apache-2.0), whose file
is read from the folder of the public sets, where it is there, else from the package, installed on first use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from benchmarks.orchestration.bfcl import environments, schema_of
from benchmarks.quality.plansets import ABSENT, Declared, GoldCall, PlanSet

NAME = "BFCL parallel_multiple"
FILE = "BFCL_v4_parallel_multiple.json"
_BLANK = re.compile(r"[ ,./\-_*^]")


def bfcl_set(folder: Path | None = None) -> PlanSet:
    """Return the set, of a data folder that has it or of the package.

    Raises:
        ConfigError: The package is needed, and cannot be installed.
    """
    there = folder is not None and (folder / FILE).exists() and (folder / "possible_answer" / FILE).exists()
    rows = _read(folder) if folder is not None and there else environments().ask("parallel")
    return PlanSet(
        NAME,
        (),
        tuple((_question(row), tuple(_call(one) for one in row["ground_truth"])) for row in rows),
        tuple(tuple(_tool(one) for one in row["function"]) for row in rows),
    )


def _read(folder: Path) -> list[dict[str, Any]]:
    rows, answers = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for path in (folder / FILE, folder / "possible_answer" / FILE)
    )
    right = {row["id"]: row["ground_truth"] for row in answers}
    return [{**row, "ground_truth": right[row["id"]]} for row in rows]


def _question(row: Mapping[str, Any]) -> str:
    return "\n".join(message["content"] for turn in row["question"] for message in turn)


def _tool(written: Mapping[str, Any]) -> Declared:
    schema = schema_of(written["parameters"])
    properties: Mapping[str, Any] = schema.get("properties", {})
    return Declared(written["name"], written["description"], properties, tuple(schema.get("required", ())))


def _call(written: Mapping[str, Any]) -> GoldCall:
    ((tool, arguments),) = written.items()
    accepts = {name: tuple(values) for name, values in arguments.items()}
    first = {name: next((one for one in values if one != ABSENT), None) for name, values in accepts.items()}
    return GoldCall(tool, {name: one for name, one in first.items() if one is not None}, accepts=accepts)


def right(value: Any, accepted: Sequence[Any]) -> bool:
    """Return whether a value is one of those that are right.

    >>> right("San Francisco,CA", ["San Francisco, CA", "SF"]), right(5, [5.0]), right(True, [1]), right("x", [""])
    (True, True, False, False)
    >>> right({"min": 5}, [{"min": [5, 6], "max": ["", 9]}]), right({"min": 7}, [{"min": [5, 6]}])
    (True, False)
    """
    return any(one != ABSENT and _same(value, one) for one in accepted)


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, str) and isinstance(wanted, str):
        return _BLANK.sub("", value).lower() == _BLANK.sub("", wanted).lower()
    if isinstance(value, list) and isinstance(wanted, list):
        ours, theirs = cast("list[Any]", value), cast("list[Any]", wanted)
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return _fits(cast("dict[str, Any]", value), cast("dict[str, Any]", wanted))
    return value == wanted


def _fits(value: Mapping[str, Any], wanted: Mapping[str, Sequence[Any]]) -> bool:
    """Whether an object has what is wanted of it, key by key, and nothing else."""
    return set(value) <= set(wanted) and all(
        right(value[name], accepted) if name in value else ABSENT in accepted for name, accepted in wanted.items()
    )
