"""BFCL v4 multi-turn: the package's stateful environments are the tools, its right calls the oracle.

A case is a whole conversation as one request: the person's turns, numbered, are known from the start, and one run does
them all. Turn by turn most plans are one call; at once there is something to order: these tools share state (a folder
that ``cd`` changes, an account, a car), and nothing in a call's arguments says so. What keeps a plan right whose calls
run side by side is what its tools declare to read and write: suite ``bfcl``. In suite ``bfcl-blind`` the same tools
declare nothing, and are said to change nothing: what the same plans are worth without hazards. Right is a run whose
environments end in the state that the right calls lead to, attribute by attribute, and that saw every result that the
right calls give, as the package's own checker has it.

The package is installed on first use into an environment of its own, without what it says it needs.

Source: Patil et al., 2025, "The Berkeley Function Calling Leaderboard" (``bfcl-eval`` on PyPI, Apache-2.0).
"""

from __future__ import annotations

import atexit
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.baselines.environment import python_with
from benchmarks.orchestration.case import Case, CaseStep, CaseTool
from benchmarks.orchestration.nestful import fitting
from benchmarks.orchestration.world import World
from benchmarks.simulated.profile import chance
from schemas.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent
FASTEST_S, SLOWEST_S = 0.2, 1.0
_WRITING = (
    "cd cp echo mkdir mv rm rmdir touch "
    "add_contact delete_message message_login send_message "
    "close_ticket create_ticket edit_ticket logout resolve_ticket ticket_login "
    "add_to_watchlist cancel_order fund_account place_order remove_stock_from_watchlist trading_login "
    "trading_logout withdraw_funds "
    "authenticate_travel book_flight cancel_booking purchase_insurance register_credit_card set_budget_limit "
    "authenticate_twitter comment follow_user mention post_tweet retweet unfollow_user "
    "activateParkingBrake adjustClimateControl fillFuelTank lockDoors pressBrakePedal releaseBrakePedal "
    "setCruiseControl setHeadlights set_navigation startEngine"
)
_DEPENDING_ON_NOTHING = (
    "compute_exchange_rate estimate_distance gallon_to_liter get_flight_cost get_nearest_airport_by_city "
    "get_symbol_by_name get_zipcode_based_on_city list_all_airports liter_to_gallon"
)
WRITERS = frozenset(_WRITING.split())
"""Methods that change their environment."""
PURE = frozenset(_DEPENDING_ON_NOTHING.split())
"""Methods that depend on nothing but their arguments, beside all of MathAPI."""
_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}


class Environments:
    """The process that holds the environments. Its answers take about a millisecond: asking blocks."""

    def __init__(self, python: str) -> None:
        command = [python, "-m", "benchmarks.baselines.bfcl_worker"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._runs = count(1)
        atexit.register(self._process.communicate)

    def ask(self, do: str, **told: Any) -> Any:
        """Ask for something. Raises RuntimeError: the process is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **told}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("BFCL's environments are gone; their error stands above")
        return json.loads(line)

    def open(self, case: str) -> int:
        """Begin to play a conversation and return its number."""
        run = next(self._runs)
        self.ask("open", run=run, id=case)
        return run


@lru_cache
def environments() -> Environments:
    """Return the process. Raises ConfigError: the package cannot be installed."""
    python = python_with("bfcl", alone=True)
    if python is None:
        raise ConfigError(
            "suite bfcl needs the package bfcl-eval", hint="it is installed on first use: see above why not"
        )
    return Environments(python)


@dataclass(slots=True)
class Played(World):
    """A conversation's environments at work."""

    run: int = 0
    given: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.run = environments().open(self.case.facts["id"])

    def result(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Make the call."""
        value = environments().ask("call", run=self.run, tool=tool, arguments=dict(arguments))
        self.given.append(json.dumps(value, sort_keys=True))
        return value

    def strays(self) -> list[str]:
        """Return what is not as it should be: attributes, and calls whose right result nobody saw."""
        unseen = [step for step in self.case.steps if json.dumps(step.value, sort_keys=True) not in self.given]
        return [*environments().ask("close", run=self.run), *(f"{step.id} {step.tool}" for step in unseen)]


def cases(suite: str, folder: Path) -> list[Case]:
    """Return the conversations of a suite; no data folder is needed.

    Raises:
        ConfigError: The package cannot be installed.
    """
    del folder
    told = environments().ask("cases")
    tools = {name: tuple(_tool(name, doc) for doc in docs) for name, docs in told["docs"].items()}
    return [_case(suite, row, tools) for row in told["rows"]]


def loader(suite: str) -> partial[list[Case]]:
    """Return what loads a suite."""
    return partial(cases, suite)


def _case(suite: str, row: Mapping[str, Any], tools: Mapping[str, tuple[CaseTool, ...]]) -> Case:
    turns = "\n".join(f"{number}. {turn}" for number, turn in enumerate(row["turns"], 1))
    by_name = {tool.name: tool for name in row["classes"] for tool in tools[name]}
    for call in row["calls"]:
        by_name[call["tool"]] = fitting(by_name[call["tool"]], call["arguments"])
    offered = tuple(by_name.values())
    calls = [
        CaseStep(str(number), call["tool"], call["arguments"], call["value"])
        for number, call in enumerate(row["calls"], 1)
    ]
    touched = {tool.name: {"reads": list(tool.reads), "writes": list(tool.writes)} for tool in offered}
    if suite == "bfcl-blind":
        offered = tuple(replace(tool, effects="none", reads=(), writes=()) for tool in offered)
    return Case(
        suite,
        str(row["id"]).rpartition("_")[2],
        f"Do all of this, one after the other:\n{turns}",
        offered,
        tuple(calls),
        "All of it is done.",
        templated=True,
        facts={"id": row["id"], "touched": touched},
    )


def _tool(environment: str, doc: Mapping[str, Any]) -> CaseTool:
    """Return a method as a tool; what each description says of its whole class is left out."""
    name = str(doc["name"])
    pure = name in PURE or environment == "MathAPI"
    writes = name in WRITERS
    return CaseTool(
        name,
        str(doc["description"]).rpartition("Tool description: ")[2],
        schema_of(doc["parameters"]),
        mean_s=round(FASTEST_S + (SLOWEST_S - FASTEST_S) * chance(name), 2),
        effects="effectful" if writes else "none",
        reads=() if pure or writes else (environment,),
        writes=(environment,) if writes else (),
    )


def schema_of(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of BFCL's as JSON Schema."""
    schema = {key: written[key] for key in ("description", "enum", "required") if key in written}
    kind = str(written.get("type", "string"))
    schema["type"] = _TYPES.get(kind, kind)
    if "items" in written:
        schema["items"] = schema_of(written["items"])
    if "properties" in written:
        schema["properties"] = {name: schema_of(inner) for name, inner in written["properties"].items()}
    return schema
