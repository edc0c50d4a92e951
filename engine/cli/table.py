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


RUNS: dict[str, Entry] = {
    "list": Entry("runs.listing", "list_runs", "List the runs there are, the newest first."),
    "show": Entry("runs.showing", "show", "Show a run: its plan and results, what it waits for, what it cost."),
    "watch": Entry("runs.watching", "watch", "Watch a run that another process drives; Ctrl-C leaves it as it is."),
    "resume": Entry("runs.driving", "resume", "Go on with a run whose process died, or that was parked."),
    "cancel": Entry("runs.steering", "cancel", "End a run; a partial answer is kept."),
    "approve": Entry("runs.steering", "approve", "Agree to what a run asks about, as it is or edited."),
    "reject": Entry("runs.steering", "reject", "Refuse what a run asks about."),
    "answer": Entry(
        "runs.steering",
        "answer",
        "Answer a question, give the result of a call, or say whether a step that was broken off had happened.",
    ),
    "steer": Entry("runs.steering", "steer", "Change what a run is for; what is done stays."),
    "fork": Entry("runs.driving", "fork", "Make a new run out of one, from a step on."),
    "replay": Entry("runs.playing", "replay", "Play a run again, event for event, with no model and no tool."),
    "export": Entry("runs.playing", "export", "Write a run's events, as engine run --json does."),
    "delete": Entry("runs.removing", "delete", "Remove runs; what they did stays in the audit trail (engine audit)."),
    "prune": Entry("runs.removing", "prune", "Remove ended runs by age, number or size."),
}
STORE: dict[str, Entry] = {
    "stats": Entry("store", "stats", "Say what is in the store, and what it takes."),
    "check": Entry(
        "store", "check", "Look for what is wrong in the store, and change nothing; exit code 10 when something is."
    ),
    "backup": Entry("store", "backup", "Write a whole, consistent copy of the store while it is in use."),
    "migrate": Entry("store", "migrate", "Bring the store to this release's tables, after a copy."),
    "prune": Entry("store", "prune", "Remove now what is not to be kept, artifacts of no run, and old answers."),
}
KEYS: dict[str, Entry] = {
    "create": Entry("keys", "create", "Make a key, and print its secret: this once, for only its hash is kept."),
    "list": Entry("keys", "list_keys", "List the keys there are, oldest first."),
    "show": Entry("keys", "show", "Show a key: what it may do, and what it used this month."),
    "change": Entry("keys", "change", "Change what a key may do; its secret, and what is not named, stay as they are."),
    "rotate": Entry("keys", "rotate", "Give a key a new secret; the old one works for a day, or as --grace says."),
    "revoke": Entry("keys", "revoke", "End keys; a running gateway refuses them within two seconds."),
}
BUDGETS: dict[str, Entry] = {
    "list": Entry("budgets", "listed", "List budgets: what is spent, reserved and allowed, until when; who is paused."),
    "resume": Entry("budgets", "resume", "Grant a budget its whole amount once more, for the period that runs."),
    "set": Entry("budgets", "change", "Set a budget's limit at once; what is spent stays spent."),
}
AGENTS: dict[str, Entry] = {
    "list": Entry("agents", "listed", "List agents: where each is, what it is good at, whether it can be asked now."),
    "show": Entry("agents", "show", "Show one agent."),
    "check": Entry(
        "agents", "check", "Ask agents how they are; exit code 1 where one that is enabled cannot be asked now."
    ),
    "add": Entry("agents", "add", "Add an agent; engines that run on the same store know it from their next plan on."),
    "enable": Entry("agents", "enable", "Let plans use an agent again."),
    "disable": Entry("agents", "disable", "Keep an agent out of plans from the next one on; a call that runs goes on."),
    "remove": Entry(
        "agents",
        "remove",
        "Remove an agent that was added; one of the configuration is disabled instead, or taken out there.",
    ),
}
SCHEDULE: dict[str, Entry] = {
    "add": Entry("schedule", "add", "Add a schedule: servers and workers on this store start its runs, each once."),
    "list": Entry("schedule", "listed", "List schedules: when each is due next, and what came of its last time."),
    "show": Entry("schedule", "show", "Show one schedule, and what came of its latest times."),
    "pause": Entry("schedule", "pause", "Start no more runs of a schedule until it is resumed."),
    "resume": Entry("schedule", "resume", "Let a schedule go on; what was due while it was paused is left out."),
    "remove": Entry("schedule", "remove", "Remove a schedule that was added; runs it started go on."),
}
COMMANDS: dict[str, Entry] = {
    "run": Entry("run", "run", "Plan a task, run its steps, write the answer."),
    "plan": Entry("plans", "plan", "Write the plan of a task, with its graph and an estimate, and run nothing."),
    "check": Entry("plans", "check", "Check a plan file against the declared tools."),
    "apply": Entry("run", "apply", "Run a saved or edited plan, or one of another planner."),
    "compare": Entry("compare", "compare", "Do a task in several ways and show what each took and answered."),
    "show": Entry("pictures", "show", "Show the plan of a plan file, drawn or as a script."),
    "runs": Entry("", "", "Look at the runs that are kept, and go on with them.", RUNS),
    "worker": Entry(
        "worker", "worker", "Drive the runs of a shared store, beside any number of other workers, until told to stop."
    ),
    "workers": Entry(
        "worker",
        "workers",
        "Show who drives runs: workers, servers and command lines, how long ago each was heard of, and what it drives.",
    ),
    "serve": Entry("serve", "serve", "Serve assistants, models, runs and a page over HTTP."),
    "mcp": Entry(
        "mcp", "mcp", "Serve assistants and runs to an MCP client over stdin and stdout, until it closes them."
    ),
    "gateway": Entry("gateway", "gateway", "Answer model calls of any client, in its own format, over HTTP."),
    "agents": Entry("", "", "Look at agents, and add, disable or remove them while engines run.", AGENTS),
    "schedule": Entry("", "", "Do a task again and again: add, pause or remove what recurs.", SCHEDULE),
    "keys": Entry("", "", "Say who may call models through the gateway, what of, and for how much.", KEYS),
    "budgets": Entry("", "", "Look at the budgets of keys and agents, and resume those that are paused.", BUDGETS),
    "usage": Entry("usage", "usage", "Say what model calls used, and what they cost."),
    "audit": Entry("audit", "listed", "Say who was asked, who decided, and what was done: from the runs' own logs."),
    "store": Entry("", "", "Look after the place where runs are kept.", STORE),
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
    12: "parked: the run waits for an answer, or for somebody to go on with it",
    13: "this worker was frozen and others have its runs: start it again",
    130: "cancelled (Ctrl-C)",
}
