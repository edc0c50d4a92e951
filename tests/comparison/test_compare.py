"""Whole comparisons on scripted models."""

from __future__ import annotations

from typing import Any

import pytest

from engine.comparison import SYSTEMS, Comparison, Measured, Options, compare
from engine.testing import Calls, FakeTool, ScriptedProvider
from schemas.errors import ConfigError, ModelRequestError
from schemas.events import RunLimits
from schemas.model import ModelRequest
from schemas.result import Usage
from tests.runs import engine_of, virtually

HAIKU: dict[str, Any] = {
    "model_providers": [{"name": "scripted", "kind": "anthropic", "models": [{"name": "claude-haiku-5-5"}]}],
    "roles": dict.fromkeys(("planner", "executor", "synthesizer"), "scripted"),
}


def answers(request: ModelRequest) -> Any:
    """Plan two looks; in ReAct look at both in one turn, then answer; judge for the first."""
    if request.output is not None and request.output.name == "verdict":
        return {"reason": "it is whole", "better": "one"}
    if request.output is not None:
        return {"steps": [{"look": {"n": 1}}, {"look": {"n": 2}}]}
    if not request.tools:
        return "planned: both"
    return "both" if len(request.messages) > 2 else Calls((("look", {"n": 1}), ("look", {"n": 2})))


def compared(*systems: str, script: Any = answers, tools: Any = None, **options: Any) -> Comparison:
    """Compare on a clock that costs nothing: a step takes 3 s, a model 1 s until its first token."""
    provider = ScriptedProvider(script, first_token_s=1.0)
    fields = options.pop("fields", {})

    async def run() -> Comparison:
        engine = engine_of(*(tools or [FakeTool("look", "seen", seconds=3.0)]), provider=provider, **fields)
        return await compare(engine, "look at 1 and 2", systems, Options(**options))

    return virtually(run)


def by_name(found: Comparison) -> dict[str, Any]:
    """The figures of each system."""
    return {report.name: report.figures for report in found.systems}


def test_every_system() -> None:
    """Each system does the task its own way: calls, steps and seconds are those of its kind."""
    found = by_name(compared("all", judge=False))
    assert {name: (f.calls, f.steps, f.seconds) for name, f in found.items()} == {
        "plan": (2, 2, 5.0),
        "plan-no-stream": (2, 2, 5.0),
        "sequential": (2, 2, 8.0),
        "react": (2, 2, 5.0),
        "react-sequential": (2, 1, 5.0),
        "direct": (1, 0, 1.0),
    }
    assert set(found) == set(SYSTEMS)


def test_the_lower_bound() -> None:
    """The bound is the best plan's first step, critical path and answer; efficiency is measured against it."""
    found = compared("sequential", "plan", "direct", judge=False)
    bound = found.bound
    assert bound is not None
    assert (bound.seconds, bound.first_step_s, bound.critical_path_s, bound.answer_s) == (5.0, 1.0, 3.0, 1.0)
    shares = {name: figures.efficiency for name, figures in by_name(found).items()}
    assert shares == {"plan": 1.0, "sequential": 5.0 / 8.0, "direct": None}


def test_rounds() -> None:
    """Every system runs in each round, the first one in turn; each run tells when it begins and ends."""
    told: list[tuple[str, int, bool]] = []

    def on_run(system: str, number: int, run: Measured | None) -> None:
        told.append((system, number, run is not None))

    found = compared("plan", "direct", rounds=2, on_run=on_run, judge=False)
    order = [("plan", 1), ("direct", 1), ("direct", 2), ("plan", 2)]
    assert told == [(*run, ended) for run in order for ended in (False, True)]
    assert [(r.name, r.completed, len({run.run_id for run in r.runs})) for r in found.systems] == [
        ("plan", 2, 2),
        ("direct", 2, 2),
    ]


def test_prompt_caching_on_and_off() -> None:
    """USD is what was billed; uncached USD is the same tokens at the full input price."""
    usage = Usage(calls=1, input_tokens=10_000, cached_tokens=8_000, output_tokens=10)
    provider = ScriptedProvider(lambda _: "hello", usage=usage)

    async def run() -> Comparison:
        engine = engine_of(provider=provider, **HAIKU)
        engine.gateway._providers["scripted"] = provider  # pyright: ignore[reportPrivateUsage]
        return await compare(engine, "hello", ["direct"], Options())

    figures = by_name(virtually(run))["direct"]
    assert figures.cached_tokens == 8_000
    assert figures.cost_usd
    assert figures.uncached_usd
    assert figures.uncached_usd > 2 * figures.cost_usd


def test_each_run_has_its_own_budget() -> None:
    """What one system spends is not taken from the next."""
    usage = Usage(calls=1, input_tokens=800, output_tokens=10)
    provider = ScriptedProvider(lambda _: "hello", usage=usage)

    async def run() -> Comparison:
        limits = RunLimits(max_tokens=20_000)
        return await compare(engine_of(provider=provider), "hello", ["direct"], Options(rounds=40, limits=limits))

    assert virtually(run).systems[0].completed == 40


def test_effects_are_withheld_and_said() -> None:
    """A tool with effects is not called by any system, and the notes name it."""
    mail = FakeTool("look", "sent", effects="effectful")
    found = compared("plan", "react", tools=[mail], judge=False)
    assert mail.calls == []
    assert any("look" in note and "--allow-effects" in note for note in found.notes)


def test_allowed_effects_need_no_person() -> None:
    """Where effects are allowed, nobody is asked for each."""
    mail = FakeTool("look", "sent", effects="effectful", approval="always")
    found = compared("plan", tools=[mail], judge=False, allow_effects=True)
    assert (len(mail.calls), found.systems[0].completed, found.notes) == (2, 1, ())


def test_shared_results_differ_in_nothing() -> None:
    """With shared results a tool that never says the same twice does, and the time is the first call's."""
    look = FakeTool("look", list(range(99)), seconds=3.0)
    found = compared("plan", "sequential", tools=[look], judge=False, share_results=True)
    assert len(look.calls) == 2
    assert [report.figures.seconds for report in found.systems] == [5.0, 8.0]
    assert "results were shared: 2 calls" in found.notes[0]


def test_a_failing_system_is_a_result() -> None:
    """A system whose model fails stands beside the others with its error."""

    def script(request: ModelRequest) -> Any:
        return ModelRequestError("no key") if request.output is not None else answers(request)

    found = compared("plan", "react", script=script, judge=False)
    (plan, react), error = found.systems, found.systems[0].runs[0].error
    assert (plan.completed, react.completed, found.bound) == (0, 1, None)
    assert error is not None
    assert "no key" in error.message


def test_the_judge_is_asked_in_both_orders() -> None:
    """A judge that always likes the first answer gives no verdict; what it took stands apart."""
    found = compared("plan", "react")
    (judgement,) = found.judgements
    assert (judgement.winner, judgement.agreed, judgement.reasons) == (None, False, ("it is whole",) * 2)
    assert (found.judge, found.judge_usage.calls) == ("scripted/script", 2)
    assert by_name(found)["plan"].calls == 2


def test_without_a_judge() -> None:
    """Only rules, equal answers, or a judge that fails: a note says which, and the comparison stands."""
    rules: dict[str, Any] = {"model_providers": [{"name": "offline", "kind": "offline"}], "roles": {}}
    assert "offline model cannot judge" in compared("plan", "react", fields=rules).notes[0]
    assert "nothing to judge" in compared("plan", "sequential").notes[0]

    def script(request: ModelRequest) -> Any:
        judging = request.output is not None and request.output.name == "verdict"
        return ModelRequestError("overloaded") if judging else answers(request)

    assert "the judge failed: overloaded" in compared("plan", "react", script=script).notes[0]


@pytest.mark.anyio
@pytest.mark.parametrize(("task", "systems"), [("  ", ["plan"]), ("x", ["paln"]), ("x", [])])
async def test_wrong_comparisons(task: str, systems: list[str]) -> None:
    """An empty task, an unknown system or none is a ConfigError, and nothing runs."""
    engine = engine_of()
    with pytest.raises(ConfigError):
        await compare(engine, task, systems)
    assert await engine.store.runs() == []


def test_no_plan_is_used_again() -> None:
    """Plans kept from earlier runs stay out of a comparison: every round of a planning system asks the planner."""
    found = compared("plan", rounds=2, fields={"plan_cache": True})
    assert [run.usage.calls for run in found.systems[0].runs] == [2, 2]
