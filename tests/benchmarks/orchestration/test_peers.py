"""Other frameworks' processes: cases, calls of tools and outcomes over a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from benchmarks.baselines.environment import python_with
from benchmarks.orchestration import peers
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.peers import KINDS, Peer
from benchmarks.orchestration.runner import Plan, perform
from benchmarks.orchestration.systems import systems_named
from benchmarks.orchestration.world import Trouble, World
from benchmarks.simulated.profile import PROFILES
from schemas.errors import ConfigError
from tests.benchmarks.orchestration.trips import TRIP

PUPIL = "tests.benchmarks.orchestration.pupil"
FAST = replace(PROFILES["anchored"], speed=40)


def asked(name: str, worlds: Sequence[World]) -> list[Outcome]:
    """What the tests' own peer makes of cases, all at once."""
    found: list[Outcome] = []

    async def main() -> None:
        async with Peer(name, module=PUPIL) as peer, anyio.create_task_group() as group:
            for world in worlds:
                group.start_soon(one, peer, world)

    async def one(peer: Peer, world: World) -> None:
        found.append(await peer.run(world.case, world, "http://127.0.0.1:1", FAST))

    anyio.run(main)
    return found


def case(question: str) -> Case:
    """The trip, asked otherwise."""
    return replace(TRIP, question=question)


def test_a_peer_calls_the_tools_of_the_harness() -> None:
    """Its calls are made by the case's own world, several at once; what it prints is no outcome."""
    world = World(case("there back"), speed=40)
    (outcome,) = asked("look", [world])
    assert (outcome.status, outcome.answer, outcome.peak_parallel) == ("completed", "{'km': 3}, {'km': 4}", 2)
    assert [span["tool"] for span in outcome.spans] == ["look", "look"]


def test_several_cases_at_once_keep_apart() -> None:
    """Each case's calls go to its own tools."""
    worlds = [World(case(words), speed=40) for words in ("there", "back", "there back")]
    answers = {outcome.answer for outcome in asked("look", worlds)}
    assert answers == {"{'km': 3}", "{'km': 4}", "{'km': 3}, {'km': 4}"}
    assert [len(world.spans) for world in worlds] == [1, 1, 2]


def test_a_peer_is_told_how_a_call_failed() -> None:
    """A failure that passes is told apart from one that does not."""
    passing = World(case("there"), speed=40, trouble=Trouble(rate=1.0))
    dead = World(case("there"), speed=40, trouble=Trouble(dead=("look",)))
    answers = {outcome.answer for outcome in asked("look", [passing, dead])}
    assert answers == {"passing: look failed: try again", "for good: look is not available"}


def test_a_case_that_a_peer_fails_at_is_an_outcome() -> None:
    """An error in it is told with its kind."""
    (outcome,) = asked("err", [World(case("oh"), speed=40)])
    assert (outcome.status, outcome.reason, outcome.right) == ("failed", "ValueError: oh", False)


def test_a_peer_that_breaks_off_fails_its_cases() -> None:
    """The case it was doing and those that come after are failed, and nothing waits."""
    first, second = asked("leave", [World(TRIP, speed=40)] * 2)
    assert first.status == second.status == "failed"
    assert "broke off" in first.reason


def test_a_peer_that_is_left_does_not_wait_for_its_cases() -> None:
    """Its process ends although a call of it is still being made."""

    async def main() -> None:
        slow = World(case("there"), speed=0.001)
        with anyio.move_on_after(0.5):
            async with Peer("look", module=PUPIL) as peer:
                await peer.run(slow.case, slow, "http://127.0.0.1:1", FAST)

    anyio.run(main)


def test_a_peer_that_cannot_be_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loudly; and when nothing else is asked for, there is nothing to run."""
    monkeypatch.setattr(peers, "python_with", lambda _: None)
    assert [one.name for one in systems_named(["plan", "langgraph-react"], "trips")] == ["plan"]
    assert "LEFT OUT: langgraph-react" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="no system is left"):
        systems_named(["langgraph-react"], "trips")


def test_a_peer_without_its_checkout_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is on no package index must be named by its folder."""
    monkeypatch.delenv("ENGINE_BENCH_LLMCOMPILER", raising=False)
    assert [one.name for one in systems_named(["plan", "llmcompiler"], "movie")] == ["plan"]
    assert "LEFT OUT: llmcompiler: ENGINE_BENCH_LLMCOMPILER must name" in capsys.readouterr().err


def test_a_peer_that_does_not_do_a_suite_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything runs, in one line that says why; a suite that it does is not refused."""
    assert [one.name for one in systems_named(["plan", "llmcompiler"], "finance")] == ["plan"]
    assert "LEFT OUT: llmcompiler: it does parallelqa, hotpot, movie, not finance" in capsys.readouterr().err


def test_the_versions_of_peers_are_their_pins() -> None:
    """Those of what a peer is made of; of LLMCompiler's old ones it is said whose they are."""
    found = peers.versions(["langgraph-react", "langgraph-plan", "llmcompiler"])
    assert set(found) == {
        "langgraph",
        "langchain",
        "langchain-openai",
        "langchain (of llmcompiler)",
        "openai (of llmcompiler)",
    }
    assert all(found.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "calls", "peak"),
    [("langgraph-react", 3, 2), ("langgraph-react-sequential", 4, 1), ("langgraph-plan", 10, 1)],
)
def test_langgraph_does_the_case_in_its_own_way(tmp_path: Path, name: str, calls: int, peak: int) -> None:
    """A turn for what can be called at once, or for each call, and one for the answer; three a step of a plan."""
    python = python_with(KINDS[name].environment)
    if python is None:
        pytest.skip(f"{name}: its environment cannot be made")
    plan = Plan([TRIP], systems_named([name], "trips"), FAST)
    (outcome,) = anyio.run(perform, plan, tmp_path, lambda *_: None)
    assert outcome.right, outcome.reason
    assert (len(outcome.calls), outcome.tool_calls, outcome.peak_parallel) == (calls, 3, peak)
