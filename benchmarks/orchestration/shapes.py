"""Questions in the shapes of LLMCompiler's HotpotQA and Movie settings, made up here: their texts are not needed.

``hotpot``: two things are looked up, independently, and compared. ``movie``: eight are looked up, independently, and
the one most like a ninth is chosen. Only the shape, the tool's time and the length of what is found are as published,
so that the published ratios of plan to ReAct have something to stand beside.

Source: Kim et al., 2023, "An LLM Compiler for Parallel Function Calling", sections 5.1 and 5.2.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.orchestration.case import Case, CaseStep
from benchmarks.orchestration.parallelqa import TOOLS, found
from benchmarks.simulated.profile import chance

WIDTHS = {"hotpot": 2, "movie": 8}
CASES = 20
_FIRST = ("Silver", "Quiet", "Northern", "Paper", "Hidden", "Golden", "Broken", "Distant", "Velvet", "Winter")
_SECOND = ("Harbour", "Orchard", "Signal", "Mirror", "Railway", "Garden", "Lantern", "Canyon", "Letter", "Bridge")


def cases(suite: str, folder: Path) -> list[Case]:
    """Return the cases of a suite; no data folder is needed."""
    del folder
    return [_case(suite, number) for number in range(1, CASES + 1)]


def loader(suite: str) -> partial[list[Case]]:
    """Return what loads a suite."""
    return partial(cases, suite)


def _case(suite: str, number: int) -> Case:
    names = _names(f"{suite} {number}", WIDTHS[suite] + 1)
    looked = names[: WIDTHS[suite]]
    steps = tuple(CaseStep(str(place), "search", {"entity": name}, found(name)) for place, name in enumerate(looked, 1))
    answer = looked[int(chance(f"{suite} {number}") * len(looked))]
    if suite == "hotpot":
        question = f"Which of the two is the older one, {looked[0]} or {looked[1]}?"
    else:
        question = f"Which of these films is most like {names[-1]}: {', '.join(looked)}?"
    return Case(suite, str(number), question, TOOLS[:1], steps, answer, expects=(answer,))


def _names(of: str, count: int) -> list[str]:
    """Return so many names, all different, by a hash of a text."""
    pairs = [f"{one} {two}" for one in _FIRST for two in _SECOND]
    return sorted(pairs, key=lambda pair: chance(f"{of} {pair}"))[:count]
