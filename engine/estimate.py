"""What running a plan would take: model calls, tokens, USD, seconds. Rough by nature, and said to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.dag.analyze import plan_timing
from engine.dag.reduce import NAME, SPEC
from engine.durable.statistics import Observed
from gateway.gateway import Gateway
from schemas.plan import Plan, Step
from schemas.result import Usage
from schemas.tool import ToolSpec

_FILL = Usage(calls=1, input_tokens=600, output_tokens=60)
_ANSWER = Usage(calls=1, input_tokens=400, output_tokens=300)
_PER_RESULT_TOKENS = 150
_FIRST_TOKEN_S = 0.5
_TOKEN_S = 0.02
_UNKNOWN_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """What one call of a step's tool would take; model calls that complete its arguments are not in it.

    Attributes:
        seconds: Median of the calls seen, else what the tool declares, else 1 s; ``p95_s`` 95 % took no longer.
        usd: Median cost of the tool's own model calls (until one was seen what the tool declares, or 0; None where a
            price is unknown).
        p95_usd: 95 % cost no more.
        calls: Calls seen; 0 makes the seconds a guess.
        declared: Whether the guess is the tool's own.
    """

    seconds: float
    p95_s: float
    usd: float | None = 0.0
    p95_usd: float | None = 0.0
    calls: int = 0
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run of a plan would take, beyond planning.

    Attributes:
        calls: Model calls, those that tools make themselves left out.
        tokens: Tokens read and written by them.
        usd: Cost, tools' own model calls included, or None where a price is unknown.
        p95_usd: The same, if every tool cost as much as 95 % of its calls at most did.
        seconds: Along the critical path, model calls included.
        p95_s: The same, if every tool took as long as 95 % of its calls at most did.
        steps: By step id.
        model_calls_guessed: Whether the seconds hold calls of a model that answered none yet.
    """

    calls: int
    tokens: int
    usd: float | None
    p95_usd: float | None
    seconds: float
    p95_s: float
    steps: Mapping[str, StepEstimate]
    model_calls_guessed: bool = False

    @property
    def steps_guessed(self) -> int:
        """How many steps call a tool that was not seen at work and declares no time of its own."""
        return sum(not step.calls and not step.declared for step in self.steps.values())


def estimate_plan(
    plan: Plan,
    tools: Mapping[str, ToolSpec],
    gateway: Gateway,
    observed: Callable[[ToolSpec], Observed | None] = lambda _: None,
) -> Estimate:
    """Estimate a plan from its shape (which arguments a model must fill, who writes the answer) and its tools.

    Args:
        plan: A checked plan.
        tools: Declared tools; ``expected_s`` is used where no call was seen, 1 s a step where it says nothing.
        gateway: For prices, and for how fast its models were so far.
        observed: What calls of a tool took so far.
    """
    fills = {step.id for step in plan.steps if _needs_fill(step, tools)}
    usage = Usage()
    for _ in fills:
        usage = usage + gateway.price("executor", _FILL)
    written = plan.answer is None and not plan.question
    if written:
        read = _ANSWER.input_tokens + _PER_RESULT_TOKENS * len(plan.steps)
        usage = usage + gateway.price("synthesizer", _ANSWER.model_copy(update={"input_tokens": read}))
    steps = {step.id: _step(step, tools, observed) for step in plan.steps}
    fill_s = gateway.expected_s("executor", _FILL.output_tokens) if fills else 0.0
    answer_s = gateway.expected_s("synthesizer", _ANSWER.output_tokens) if written else 0.0

    def along(seconds: Mapping[str, float]) -> float:
        filling_s = _or_guess(fill_s, _FILL)
        whole = {step_id: one + (filling_s if step_id in fills else 0.0) for step_id, one in seconds.items()}
        return plan_timing(plan.steps, whole).critical_path_s + _or_guess(answer_s, _ANSWER)

    return Estimate(
        calls=usage.calls,
        tokens=usage.total_tokens,
        usd=_total(usage.cost_usd, [step.usd for step in steps.values()]),
        p95_usd=_total(usage.cost_usd, [step.p95_usd for step in steps.values()]),
        seconds=along({step_id: step.seconds for step_id, step in steps.items()}),
        p95_s=along({step_id: step.p95_s for step_id, step in steps.items()}),
        steps=steps,
        model_calls_guessed=fill_s is None or answer_s is None,
    )


def _total(usd: float | None, more: list[float | None]) -> float | None:
    known = [one for one in more if one is not None]
    return usd + sum(known) if usd is not None and len(known) == len(more) else None


def _step(step: Step, tools: Mapping[str, ToolSpec], observed: Callable[[ToolSpec], Observed | None]) -> StepEstimate:
    spec = tools.get(step.tool, SPEC if step.tool == NAME else None)
    seen = observed(spec) if spec is not None else None
    if seen is not None:
        return StepEstimate(seen.median_s, seen.p95_s, seen.median_usd, seen.p95_usd, seen.calls)
    declared = spec.expected_s if spec is not None else None
    guess = _UNKNOWN_STEP_S if declared is None else declared
    usd = (spec.expected_usd if spec is not None else None) or 0.0
    return StepEstimate(guess, guess, usd, usd, declared=declared is not None)


def _needs_fill(step: Step, tools: Mapping[str, ToolSpec]) -> bool:
    spec = tools.get(step.tool)
    return spec is not None and any(name not in (step.tool_input or {}) for name in spec.required)


def _or_guess(seconds: float | None, usage: Usage) -> float:
    return _FIRST_TOKEN_S + _TOKEN_S * usage.output_tokens if seconds is None else seconds
