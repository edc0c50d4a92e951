"""ParallelQA: what its plans cost as a model writes them, and what running them while they stream saves.

Times as in LLMCompiler's setting, log-normal around search 0.61 s and math 1.5 s; the model as in simulated/model.py.
The same plan, the same model speed and the same tool times on both sides; only the hand-over of the text differs.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator, Mapping

import anyio

from benchmarks.data import Call, compact
from benchmarks.report.rows import Row
from benchmarks.simulated import counting
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.model import SimulatedModel
from engine.api import Engine
from engine.tools.function import tool
from gateway.gateway import Gateway
from schemas.errors import StepError
from schemas.result import RunResult
from schemas.settings import Limits, ModelProvider, ModelSettings, Roles, Settings

TOKENS_LIMIT = 16.5
STREAMING_RATIO = 0.88
SIGMA = 0.3
MEAN_S = {"search": 0.61, "math": 1.5}
SETTINGS = Settings(
    model_providers=(ModelProvider(name="simulated", kind="openai", local=True, models=(ModelSettings(name="m"),)),),
    roles=Roles(planner="simulated/m", executor="simulated/m", synthesizer="simulated/m"),
    limits=Limits(max_parallel=None, max_steps=50),
)


def tokens(plans: Mapping[str, tuple[Call, ...]]) -> Iterator[Row]:
    """Yield o200k tokens a step of the plans in the compact form, the wrapper and the answer included."""
    if not counting.exact():
        print("tokens a step: left out, o200k's vocabulary is not at hand (TIKTOKEN_CACHE_DIR)", file=sys.stderr)
        return
    written = sum(counting.count(compact(calls)) for calls in plans.values())
    steps = sum(len(calls) for calls in plans.values())
    yield Row(f"{len(plans)} ParallelQA plans, tokens a step", written / steps, "", limit=TOKENS_LIMIT)


def streaming(plans: Mapping[str, tuple[Call, ...]]) -> Iterator[Row]:
    """Yield the mean simulated run with the plan handed on as it is written, beside waiting for the whole plan."""
    spans: dict[bool, list[float]] = {True: [], False: []}
    model_calls: list[int] = []
    for number, calls in plans.items():
        for streams in (True, False):
            span, made = _simulated(number, calls, streams=streams)
            spans[streams].append(span)
            model_calls.append(made)
    ours, other = statistics.mean(spans[True]), statistics.mean(spans[False])
    yield Row("simulated ParallelQA run, mean", ours, "s", "waiting for the whole plan", other, None, STREAMING_RATIO)
    yield Row("model calls of a run whose plan has an answer: most", max(model_calls), "", limit=1)


def _simulated(number: str, calls: tuple[Call, ...], *, streams: bool) -> tuple[float, int]:
    model = SimulatedModel(counting.pieces(compact(calls)), streams=streams)
    times = _times(number, calls)

    @tool(effects="none")
    async def search(query: str) -> str:
        """Look a thing up.

        Args:
            query: What to look up.
        """
        await anyio.sleep(_time_of(query, times))
        return query

    @tool(effects="none")
    async def math(question: str) -> str:
        """Work a number out.

        Args:
            question: What to work out.
        """
        await anyio.sleep(_time_of(question, times))
        return question

    async def run() -> RunResult:
        gateway = Gateway(SETTINGS, providers={"simulated": model})
        return await Engine(SETTINGS, tools=[search, math], gateway=gateway).run(f"question {number}", mode="plan")

    result, span = virtually(run)
    if result.status != "completed" or len(result.steps) != len(calls):
        raise StepError(f"simulated question {number} ended {result.status}", details={"error": str(result.error)})
    return span, model.calls


def _times(number: str, calls: tuple[Call, ...]) -> dict[str, float]:
    """Seconds by argument, drawn once for both sides: seeded by the question."""
    chance = random.Random(f"parallelqa {number}")
    return {call.argument: MEAN_S[call.tool] * chance.lognormvariate(-(SIGMA**2) / 2, SIGMA) for call in calls}


def _time_of(text: str, times: Mapping[str, float]) -> float:
    """Seconds of the call whose argument this text begins with; the results it refers to follow."""
    return times[max((argument for argument in times if text.startswith(argument)), key=len)]
