"""What others published, and what is measured here in its place: the same shape of work, not the same models."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.orchestration.figures import named
from benchmarks.orchestration.outcome import Outcome
from benchmarks.report.document import Block, Heading, Table, Words
from benchmarks.report.ratios import by_case, ratio_of

Of = Callable[[Outcome], float]
LLMCOMPILER: Mapping[str, tuple[float, float, str]] = {
    "hotpot": (1.80, 3.37, "HotpotQA"),
    "movie": (3.74, 6.73, "Movie Recommendation"),
    "parallelqa": (2.15, 4.65, "ParallelQA"),
}
"""LLMCompiler against sequential ReAct, both with a GPT model: times faster, times cheaper.

Source: Kim et al., "An LLM Compiler for Parallel Function Calling", 2023 (arXiv:2312.04511), table 1.
"""
REWOO_TOKENS = 4.9
"""How many times fewer tokens ReWOO takes than ReAct on HotpotQA, with gpt-3.5-turbo and few-shot prompts.

Source: Xu et al., "ReWOO: Decoupling Reasoning from Observations for Efficient Augmented Language Models", 2023
(arXiv:2305.18323).
"""
BASE = "react"


@dataclass(frozen=True, slots=True)
class Memo:
    """A published run of a credit memo on AAPL: filings, price and news looked up, a memo written."""

    way: str
    system: str
    usd: float
    seconds: float
    calls: int | None = None
    tokens: int | None = None


MEMO = "aapl_memo"
MEMOS = (
    Memo("ReAct", "react", 0.060, 12, 4, 12_000),
    Memo("plan and execute", "plan", 0.024, 9),
    Memo("the same, a small model executes", "plan/small", 0.012, 7),
)
"""A worked example that is handed on without the models, prompts or prices behind it; ours is the case of that name."""


def beside(suites: Mapping[str, Sequence[Outcome]]) -> Iterator[Block]:
    """Yield the published figures of what is there, ours beside them.

    Args:
        suites: Outcomes by suite.
    """
    rows = [row for suite, outcomes in suites.items() for row in _ratios(suite, outcomes)]
    memos = list(_memos([one for one in suites.get("finance", ()) if one.case == MEMO]))
    if not rows and not memos:
        return
    yield Heading("What others published, and what is measured here")
    yield Words(
        "The published runs had real models, with the prompts of their time: ReAct by few-shot examples in text. Here "
        "the models are simulated and the ReAct beside which a plan stands is the best one there is, with a short "
        "stable prompt and native tool calls. It is not padded to reach a figure, so part of a published saving is "
        "not there to be had. “Engine” is a plan by one model."
    )
    if rows:
        yield Table(("published", "against sequential ReAct", "published ×", "engine ×", "its own code here ×"), rows)
    if memos:
        yield Table(("a credit memo on AAPL", "", "calls", "tokens", "USD", "seconds"), memos)


def _ratios(suite: str, outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    if suite in LLMCOMPILER:
        faster, cheaper, setting = LLMCOMPILER[suite]
        who = f"LLMCompiler, {setting}"
        yield who, "times faster", f"{faster:.2f}", *_both(outcomes, _seconds)
        yield who, "times cheaper", f"{cheaper:.2f}", *_both(outcomes, _usd)
    if suite == "hotpot":
        ours, _ = _both(outcomes, _tokens)
        yield "ReWOO, HotpotQA", "times fewer tokens", f"{REWOO_TOKENS:.1f}", ours, ""


def _both(outcomes: Sequence[Outcome], of: Of) -> tuple[str, str]:
    """Return how many times less our plan takes than ReAct, and LLMCompiler's own code; empty where one is missing."""
    base = by_case((one for one in outcomes if named(one) == BASE), of)
    each = (
        ratio_of(base, by_case((one for one in outcomes if named(one) == system), of))
        for system in ("plan", "llmcompiler")
    )
    ours, theirs = ("" if one is None else str(one) for one in each)
    return ours, theirs


def _memos(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    for memo in MEMOS:
        here = [one for one in outcomes if named(one) == memo.system]
        if not here:
            continue
        calls, tokens = (f"{value:,}" if value else "" for value in (memo.calls, memo.tokens))
        yield memo.way, "published", calls, tokens, f"{memo.usd:.3f}", f"{memo.seconds:g}"
        means = [statistics.fmean(map(of, here)) for of in (_calls, _tokens, _usd, _seconds)]
        yield "", f"here ({memo.system})", f"{means[0]:g}", f"{means[1]:,.0f}", f"{means[2]:.4f}", f"{means[3]:.1f}"


def _calls(one: Outcome) -> float:
    return len(one.calls)


def _tokens(one: Outcome) -> float:
    return one.tokens("prompt") + one.tokens("completion")


def _usd(one: Outcome) -> float:
    return one.cost_usd


def _seconds(one: Outcome) -> float:
    return one.seconds
