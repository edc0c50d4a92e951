"""What running a plan would take: model calls, tokens, USD, seconds. Rough by nature, and said to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.dag.analyze import plan_timing
from engine.dag.reduce import NAME, SPEC
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
class Estimate:
    """What a run of a plan would take, beyond planning.

    Attributes:
        calls: Model calls.
        tokens: Tokens read and written.
        usd: Cost, or None where a price is unknown.
        seconds: Along the critical path, model calls included.
    """

    calls: int
    tokens: int
    usd: float | None
    seconds: float


def estimate_plan(plan: Plan, tools: Mapping[str, ToolSpec], gateway: Gateway) -> Estimate:
    """Estimate a plan from its shape: which arguments a model must fill, whether it must write the answer.

    Args:
        plan: A checked plan.
        tools: Declared tools; ``expected_s`` is used where known, 1 s a step elsewhere.
        gateway: For prices.
    """
    fills = [step.id for step in plan.steps if _needs_fill(step, tools)]
    usage = Usage()
    for _ in fills:
        usage = usage + gateway.price("executor", _FILL)
    written = plan.answer is None and not plan.question
    if written:
        read = _ANSWER.input_tokens + _PER_RESULT_TOKENS * len(plan.steps)
        usage = usage + gateway.price("synthesizer", _ANSWER.model_copy(update={"input_tokens": read}))
    seconds = {step.id: _step_s(step, tools, step.id in fills) for step in plan.steps}
    answer_s = _call_s(_ANSWER.output_tokens) if written else 0.0
    return Estimate(
        calls=usage.calls,
        tokens=usage.total_tokens,
        usd=usage.cost_usd,
        seconds=plan_timing(plan.steps, seconds).critical_path_s + answer_s,
    )


def _needs_fill(step: Step, tools: Mapping[str, ToolSpec]) -> bool:
    spec = tools.get(step.tool)
    return spec is not None and any(name not in (step.tool_input or {}) for name in spec.required)


def _step_s(step: Step, tools: Mapping[str, ToolSpec], filled: bool) -> float:
    spec = tools.get(step.tool, SPEC if step.tool == NAME else None)
    own = spec.expected_s if spec is not None and spec.expected_s is not None else _UNKNOWN_STEP_S
    return own + (_call_s(_FILL.output_tokens) if filled else 0.0)


def _call_s(output_tokens: int) -> float:
    return _FIRST_TOKEN_S + _TOKEN_S * output_tokens
