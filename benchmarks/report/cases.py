"""The part of a report that tells one run of a suite of cases."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.manifest import Manifest
from benchmarks.orchestration.figures import HEADS, cells, figures, named
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import PROMPTS, read
from benchmarks.report.document import Block, Code, Folded, Heading, Picture, Table, Words
from benchmarks.report.lanes import lanes
from benchmarks.report.published import BASE, LLMCOMPILER
from benchmarks.report.ratios import by_case, mean_of, ratio_of
from benchmarks.report.single import every
from benchmarks.report.svg import Bar, bars, lines, strips, timeline
from benchmarks.simulated.profile import PROFILES, Profile

ORDER = (
    "react", "langgraph-react-sequential", "langgraph-react", "react-parallel", "langgraph-react-parallel",
    "langgraph-plan", "llmcompiler", "sequential", "plan-no-stream", "plan", "plan/small",
)  # fmt: skip
"""From turn by turn to a plan that streams, peers beside what they are like; the baseline first."""
Of = Callable[[Outcome], float]


def section(told: Manifest, folder: Path, name: str) -> Iterator[Block]:
    """Yield the blocks of one run: how it was made, its folder, and the beginning of its pictures' names."""
    outcomes = read(folder)
    if not outcomes:
        return
    path = folder / PROMPTS
    prompts: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    systems = _by_system(outcomes)
    yield Heading(f"{told.suite}, {_conditions(told)}")
    yield Words(
        f"{len({one.case for one in outcomes})} cases by {len(systems)} systems. Means over the runs of each system; "
        "tokens and USD are a run's. Efficiency is the least that the plan as it is written could take, over what it "
        "took; runs without a plan have none."
    )
    if any(call.get("unpriced") for one in outcomes for call in one.calls):
        yield Words(
            "Some calls went to models whose price is not known: in the figures they cost nothing.", strong=True
        )
    yield Table(HEADS, [cells(one) for one in figures(one for found in systems.values() for one in found).values()])
    yield Picture(f"{name}-seconds", _bars("Seconds a run", "seconds (mean, 95 % interval over cases)", systems,
                                           lambda one: one.seconds, "{:.1f} s"))  # fmt: skip
    yield Picture(f"{name}-cost", _bars("Cost a run", "US cents (mean, 95 % interval over cases)", systems,
                                        lambda one: one.cost_usd * 100, "{:.2f} ¢"))  # fmt: skip
    if BASE in systems:
        yield from _ratios(told, systems, name)
    if told.profile in PROFILES:
        yield from _caching(systems, PROFILES[told.profile])
    yield from _by_steps(systems, name)
    yield from _timelines(systems, name)
    yield from _folded(systems, prompts)
    yield from every(systems, name)


def _by_system(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(named(outcome), []).append(outcome)
    ordered = sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return {name: found[name] for name in ordered}


def _conditions(told: Manifest) -> str:
    if not told.profile:
        return f"{told.planner_model} plans, {told.worker_model} does the rest"
    fast = "" if told.speed == 1 else f", time sped up {told.speed:g} ×"
    virtual = ", on a virtual clock" if told.clock == "virtual" else ""
    return f"profile “{told.profile}”{fast}{virtual}"


def _bars(title: str, unit: str, systems: Mapping[str, Sequence[Outcome]], of: Of, form: str) -> str:
    rows: list[Bar] = []
    for system, found in systems.items():
        one = mean_of(list(by_case(found, of).values()))
        rows.append(Bar(system, one.value, one.low, one.high, form.format(one.value)))
    return bars(title, unit, rows)


def _ratios(told: Manifest, systems: Mapping[str, Sequence[Outcome]], name: str) -> Iterator[Block]:
    yield Heading("Beside sequential ReAct", 3)
    yield Words(
        "How many times faster and cheaper than ReAct with one call a turn, over the same cases; in brackets the "
        "95 % interval of a bootstrap over cases. ReAct with parallel calls has its own row: it is the stronger one."
    )
    rows: list[tuple[str, ...]] = []
    dots: list[tuple[str, list[float]]] = []
    measures: tuple[Of, ...] = (_seconds, _usd, _tokens, _calls)
    base = [by_case(systems[BASE], of) for of in measures]
    for system, found in systems.items():
        mine = [by_case(found, of) for of in measures]
        each = [ratio_of(one, other) for one, other in zip(base, mine, strict=True)]
        rows.append((system, *("1" if system == BASE else "" if one is None else str(one) for one in each)))
        if system != BASE:
            dots.append((system, [base[0][case] / took for case, took in mine[0].items() if case in base[0]]))
    heads = ("system", "× faster", "× cheaper", "× fewer tokens", "× fewer calls")
    published = LLMCOMPILER.get(told.suite)
    if published:
        faster, cheaper, suite = published
        rows.append((f"LLMCompiler, published ({suite})", f"{faster:.2f}", f"{cheaper:.2f}", "", ""))
    yield Table(heads, rows)
    mark = (published[0], f"LLMCompiler, published: {published[0]:.2f} ×") if published else None
    yield Picture(f"{name}-faster", strips("Times faster than sequential ReAct, each case a dot, the stroke the median",
                                           "× faster", dots, mark))  # fmt: skip


def _caching(systems: Mapping[str, Sequence[Outcome]], profile: Profile) -> Iterator[Block]:
    """Yield what runs cost without and with prompt caching, both from the same calls."""
    rows: list[tuple[str, ...]] = []
    costs = {
        kind: {
            system: by_case(found, lambda one, kind=kind: _cost(one, profile, cached=kind))
            for system, found in systems.items()
        }
        for kind in (False, True)
    }
    for system in systems:
        row = [system]
        for kind in (False, True):
            mine = costs[kind][system]
            row.append(f"{statistics.fmean(mine.values()):.5f}")
            ratio = ratio_of(costs[kind][BASE], mine) if BASE in costs[kind] and system != BASE else None
            row.append("" if ratio is None else str(ratio))
        rows.append(tuple(row))
    yield Heading("Cost with prompt caching off and on", 3)
    yield Words(
        f"The same calls, priced twice. On: beginnings of at least {profile.cache_min_tokens:,} tokens that were sent "
        f"before by the same system are read at the cached price, {profile.cache_block_tokens} tokens at a time."
    )
    yield Table(("system", "USD, off", "× cheaper, off", "USD, on", "× cheaper, on"), rows)


def _cost(outcome: Outcome, profile: Profile, *, cached: bool) -> float:
    total = 0.0
    for call in outcome.calls:
        price = profile.tiers[call["tier"]].price
        kept = call.get("cacheable_tokens", call["cached_tokens"]) if cached else 0
        total += call["cost_usd"] + (call["cached_tokens"] - kept) * (price.input - price.cached) / 1e6
    return total


def _by_steps(systems: Mapping[str, Sequence[Outcome]], name: str) -> Iterator[Block]:
    series: list[tuple[str, list[tuple[float, float]]]] = []
    for system, found in systems.items():
        grouped: dict[int, list[float]] = {}
        for one in found:
            grouped.setdefault(one.tool_calls, []).append(one.seconds)
        if len(grouped) > 1:
            series.append((system, [(calls, statistics.fmean(grouped[calls])) for calls in sorted(grouped)]))
    if series:
        yield Heading("By the number of tool calls", 3)
        yield Picture(
            f"{name}-steps",
            lines("Seconds by how many tools a run called", "tool calls of a run", "seconds (mean)", series),
        )


def _timelines(systems: Mapping[str, Sequence[Outcome]], name: str) -> Iterator[Block]:
    yield Heading("Where the time goes: the best, the median and the worst case of each system", 3)
    yield Words("Blue: the model at work. Green: a tool. Orange: a call that failed. One scale for all.")
    most = max((one.seconds for found in systems.values() for one in found), default=1.0)
    for system, found in systems.items():
        ordered = sorted(found, key=lambda one: one.seconds)
        chosen = {"best": ordered[0], "median": ordered[len(ordered) // 2], "worst": ordered[-1]}
        for which, one in chosen.items():
            title = f"{system}, {which}: case {one.case}, {one.seconds:.2f} s"
            slug = f"{name}-{system.replace('/', '-')}-{which}"
            yield Picture(slug, timeline(title, lanes(one), most))


def _folded(systems: Mapping[str, Sequence[Outcome]], prompts: Mapping[str, str]) -> Iterator[Block]:
    by_system = {system: by_case(found, _seconds) for system, found in systems.items()}
    cases = list(dict.fromkeys(case for found in by_system.values() for case in found))
    rows = [(case, *(f"{found[case]:.2f}" if case in found else "" for found in by_system.values())) for case in cases]
    yield Folded("Seconds of every case", [Table(("case", *by_system), rows)])
    failed = [
        (named(one), one.case, one.reason or ("partial answer" if one.partial else f"answered {one.answer[:80]!r}"))
        for found in systems.values()
        for one in found
        if not one.right
    ]
    if failed:
        yield Folded(
            f"{len(failed)} runs without the right answer", [Table(("system", "case", "why"), failed, words=True)]
        )
    for which, prompt in sorted(prompts.items()):
        yield Folded(f"Prompt: {which}", [Code(prompt)])


def _seconds(one: Outcome) -> float:
    return one.seconds


def _usd(one: Outcome) -> float:
    return one.cost_usd


def _tokens(one: Outcome) -> float:
    return one.tokens("prompt") + one.tokens("completion")


def _calls(one: Outcome) -> float:
    return len(one.calls)
