"""What may happen in a run under chaos, as plain data: a history shrinks, and its repr says how to play it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

READS = ("look", "one")
TOOLS = ("look", "one", "keep", "send", "mail", "page", "rare", "theirs")
DEEDS = (
    ("ok",) * 4
    + ("list",) * 2
    + ("slow", "long", "raise", "exit", "cancel", "hang", "huge", "vast", "no_json", "flaky", "flaky", "limited")
    + ("down", "wrong", "replan", "asks", "person", "later", "tomorrow", "deaf", "thread", "stuck")
)
FAULTS = ("timeout", "rate", "overloaded", "refused", "request", "output", "drop", "end", "hang", "bug", "refusal")
BROKEN = (
    "truncated",
    "prose",
    "array",
    "unknown",
    "forward",
    "self",
    "many",
    "empty",
    "blank",
    "missing",
    "type",
    "question",
)
ACTS = (
    *("steer", "approve", "approve", "reject", "edit", "bad_edit", "edit_plan", "same_plan", "bare", "twice"),
    *("wrong_id", "stranger", "cancel", "peek", "leave", "stop_reading"),
)
GAPS_S = (0.0, 0.0, 0.01, 0.3, 2.0, 20.0)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step as the planner writes it; ``needs`` counts backwards from it."""

    tool: str = "look"
    does: str = "ok"
    needs: tuple[int, ...] = ()
    each: bool = False
    when: str = ""
    fill: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model says: a plan, a broken one, a ReAct turn, arguments or an answer; or how it fails to."""

    steps: tuple[PlannedStep, ...] = ()
    broken: str = ""
    answers: bool = True
    fault: str = ""
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does, so many seconds after the act before."""

    kind: str
    after_s: float = 0.0
    which: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """One run, or two at once, with all that will happen to them."""

    mode: str = "plan"
    approve: str = "ask"
    plans: tuple[Reply, ...] = ()
    turns: tuple[Reply, ...] = ()
    fills: tuple[str, ...] = ()
    texts: tuple[Reply, ...] = ()
    people: tuple[Act, ...] = ()
    limits: tuple[tuple[str, Any], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    ask_all: bool = False
    ask_s: float | None = None
    hooks: tuple[str, ...] = ()
    lag: int = 0
    twin: bool = False
    wild: bool = False


_STEPS = st.builds(
    PlannedStep,
    tool=st.sampled_from(TOOLS),
    does=st.sampled_from(DEEDS),
    needs=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    each=st.sampled_from((False, False, False, True)),
    when=st.sampled_from(("", "", "", "", "holds", "fails")),
    fill=st.sampled_from((False, False, False, True)),
)
_NO_FAULT = ("",) * 12
_PLANS = st.builds(
    Reply,
    steps=st.lists(_STEPS, min_size=1, max_size=6).map(tuple),
    broken=st.sampled_from(("",) * 14 + BROKEN),
    answers=st.booleans(),
    fault=st.sampled_from(_NO_FAULT + FAULTS),
    slow=st.booleans(),
)
_TURNS = st.builds(
    Reply,
    steps=st.lists(_STEPS, max_size=3).map(tuple),
    broken=st.sampled_from(("",) * 6 + ("unknown", "missing", "twice", "blank")),
    fault=st.sampled_from(_NO_FAULT + FAULTS),
)
_TEXTS = st.builds(Reply, broken=st.sampled_from(("", "", "", "blank")), fault=st.sampled_from(_NO_FAULT + FAULTS))
_FILLS = st.sampled_from(("ok",) * 6 + ("lacks", "invalid", "slow", *FAULTS))
_ACTS = st.builds(
    Act,
    kind=st.sampled_from(ACTS),
    after_s=st.sampled_from(GAPS_S),
    which=st.integers(0, 2),
)
_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "time_limit_s": st.sampled_from((0.2, 1.0, 5.0, 60.0)),
        "max_tokens": st.sampled_from((1_500, 4_000, 8_000, 20_000)),
        "budget_usd": st.sampled_from((0.002, 0.006, 0.02)),
        "max_replans": st.integers(0, 3),
        "max_parallel": st.integers(1, 3),
        "max_steps": st.integers(2, 6),
        "max_questions": st.integers(0, 2),
    },
)
_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "on_failure": st.just("fail_fast"),
        "react_fallback": st.just(value=True),
        "similarity": st.just(0.5),
        "max_turns": st.integers(1, 4),
        "max_repairs": st.integers(0, 2),
        "result_bytes": st.just(1_000),
    },
)


def _sorted(fields: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(fields.items()))


HISTORIES = st.builds(
    History,
    mode=st.sampled_from(("plan", "plan", "plan", "react", "direct")),
    approve=st.sampled_from(("ask", "ask", "all", "none", "plan", "plan")),
    plans=st.lists(_PLANS, min_size=1, max_size=5).map(tuple),
    turns=st.lists(_TURNS, max_size=4).map(tuple),
    fills=st.lists(_FILLS, max_size=3).map(tuple),
    texts=st.lists(_TEXTS, max_size=2).map(tuple),
    people=st.lists(_ACTS, max_size=6).map(tuple),
    limits=_LIMITS.map(_sorted),
    settings=_SETTINGS.map(_sorted),
    ask_all=st.sampled_from((False, False, True)),
    ask_s=st.sampled_from((None, 10.0)),
    hooks=st.lists(st.sampled_from(("counts", "raises", "slow", "hangs", "exits")), max_size=2).map(tuple),
    lag=st.sampled_from((0, 0, 0, 1, 4)),
    twin=st.sampled_from((False, False, False, True)),
)
