"""The commands and exit codes as ``engine --help`` lists them, without importing what they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """One command: its module under engine.cli, its name there, its line of help.

    A group has the commands inside instead, and no module of its own.
    """

    module: str
    function: str
    help: str
    inside: Mapping[str, Entry] | None = None


COMMANDS: dict[str, Entry] = {
    "run": Entry("run", "run", "Plan a task, run its steps, write the answer."),
    "plan": Entry("plans", "plan", "Write the plan of a task, with its graph and an estimate, and run nothing."),
    "check": Entry("plans", "check", "Check a plan file against the declared tools."),
    "apply": Entry("run", "apply", "Run a saved or edited plan, or one of another planner."),
    "compare": Entry("compare", "compare", "Do a task in several ways and show what each took and answered."),
    "show": Entry("pictures", "show", "Show the plan of a plan file or of a recorded run, drawn or as a script."),
    "replay": Entry("run", "replay", "Play a recorded run (--json) again, with no model and no tool."),
    "tools": Entry("lists", "tools", "List the declared tools and the MCP servers they are from, or show one tool."),
    "models": Entry("lists", "models", "List the models, and which model plays which role."),
    "init": Entry("files", "init", "Write a commented engine.yaml."),
    "schema": Entry("files", "schema", "Print the JSON Schema of a plan, of engine.yaml, or of the events."),
}

EXIT_CODES: dict[int, str] = {
    0: "answered",
    1: "another error",
    2: "the command line is wrong",
    3: "the configuration is wrong, or its file is missing",
    4: "the run, approval or file does not exist, or somebody else was first",
    5: "the plan, or its file, cannot be read or run",
    6: "a model failed or refused",
    7: "a step or tool failed",
    8: "replanning was given up",
    9: "a budget or time limit is used up",
    10: "the store, a recording or a file of yours cannot be read or written",
    11: "not answered: the planner asks back, no tool fits, or the model refuses",
    13: "this worker was frozen and others have its runs: start it again",
    130: "cancelled (Ctrl-C)",
}
