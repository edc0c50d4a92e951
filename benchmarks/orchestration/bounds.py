"""The least that a case can take when it is planned: the plan as it is written, the tools, the answer.

No step can begin before its text is closed in the planner's stream, nor before its inputs are there, nor while an
earlier one writes what it uses, or uses what it writes; one with effects not before the plan is whole, which may be
refused until then. The answer is written after the last of them, and the plan's end. Nothing is added for what an
engine does.
"""

from __future__ import annotations

import json

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import spec_of
from benchmarks.orchestration.outcome import Outcome
from benchmarks.simulated.counting import pieces
from benchmarks.simulated.oracle import Asked, plan
from benchmarks.simulated.profile import Profile, Tier
from engine.planner.grammar import compile_grammar


def bound_s(case: Case, outcome: Outcome, profile: Profile) -> float | None:
    """Return it for a run that planned once and wrote its answer once; None for any other."""
    parts = [call["part"] for call in outcome.calls if not call["fault"]]
    if parts[:1] not in (["planner"], ["planner-answering"]) or parts[1:] not in ([], ["synthesizer"]):
        return None
    planning, *writing = outcome.calls
    tier = profile.tiers[planning["tier"]]
    grammar = compile_grammar([spec_of(tool, 1.0, case.approves) for tool in case.tools], "unions")
    text = plan(case, Asked("planner", (), schema=grammar)).text
    due = {number: _due(tier, planning, tokens) for number, tokens in enumerate(_closes(text), 1)}
    whole = _due(tier, planning, planning["completion_tokens"])
    ends: dict[str, float] = {}
    placed = [(number, step) for number, steps in enumerate(case.items(), 1) for step in steps]
    for at, (number, step) in enumerate(placed):
        first = due[number] if case.tool(step.tool).effects == "none" else whole
        held = [ends[other.id] for other in case.steps[:at] if case.conflict(step, other)]
        needs = (*step.needs, *(() if step.each is None else step.each.needs))
        begin = max([first, *held, *(ends[need] for need in needs)])
        ends[step.id] = begin + case.seconds(step.tool, case.resolved(step))
    over = max([*ends.values(), whole])
    for call in writing:
        over += _due(profile.tiers[call["tier"]], call, call["completion_tokens"])
    return over


def _due(tier: Tier, call: dict[str, int], tokens: int) -> float:
    reading = (call["prompt_tokens"] - call["cached_tokens"]) / tier.prompt_tokens_per_s
    return tier.first_token_s + reading + (tokens - 1) * tier.token_s


def _closes(text: str) -> list[int]:
    """Return after how many tokens each item of a plan is closed."""
    decoder, closes = json.JSONDecoder(), list[int]()
    ends, place = list[int](), text.index("[") + 1
    while text[place] != "]":
        _, place = decoder.raw_decode(text, place)
        ends.append(place)
        while text[place] in ", ":
            place += 1
    written, tokens = 0, 0
    for piece in pieces(text):
        written, tokens = written + len(piece), tokens + 1
        while len(closes) < len(ends) and written >= ends[len(closes)]:
            closes.append(tokens)
    return closes
