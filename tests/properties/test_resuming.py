"""Runs that are killed anywhere and gone on with: any prefix folds, going on is legal, and what comes of it replays."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.properties.clock import virtually
from tests.properties.history import HISTORIES, History, PlannedStep, Reply
from tests.properties.playing import play
from tests.properties.resuming import DOUBTS, check_resumed, resume
from tests.properties.test_chaos import BACKENDS, PARTS, quiet

__all__ = ["quiet"]
EVERY_DAY = {"asyncio": 150, "trio": 40}
AT_LENGTH = 10_000


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_goes_on_from_wherever_it_was_killed(backend: str) -> None:
    """B62: killed anywhere, twice, a run ends once; nothing finished is repeated, doubtful effects are asked about."""
    explore(backend, EVERY_DAY[backend], 0)


LOOK = PlannedStep()
BEFORE = (
    (  # a reply broke off, and no budget was left for another: what it had drafted and cost was in no record
        History(
            plans=(Reply((LOOK,), broken="truncated", answers=False), Reply((LOOK,), answers=False, fault="drop")),
            limits=(("max_tokens", 8000),),
        ),
        (0.0, 0.0),
    ),
    (  # the calls of a turn were asked for again, and the driver died before the second reply was whole
        History(
            mode="react",
            turns=(Reply((PlannedStep(does="list"),), broken="unknown"), Reply((LOOK,), broken="twice")),
        ),
        (0.0, 0.4375),
    ),
)


@pytest.mark.parametrize(("history", "cuts"), BEFORE)
def test_what_once_differed_replays(history: History, cuts: tuple[float, float]) -> None:
    """B65: runs killed and gone on with, whose replays once differed from their records, replay."""
    virtually("asyncio", lambda: _tried(history, cuts, "done"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("backend", BACKENDS)
def test_at_length(backend: str, part: int) -> None:
    """The same over 10,000 histories on each event loop."""
    explore(backend, AT_LENGTH // PARTS, 1 + part)


def explore(backend: str, examples: int, number: int) -> None:
    """Try so many histories, killed at two places."""

    @settings(
        max_examples=examples,
        derandomize=False,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    )
    @seed(number)
    @given(history=HISTORIES, cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)), doubt=st.sampled_from(DOUBTS))
    def one(history: History, cuts: tuple[float, float], doubt: str) -> None:
        virtually(backend, lambda: _tried(history, cuts, doubt))

    one()


async def _tried(history: History, cuts: tuple[float, float], doubt: str) -> None:
    scene = await play(history)
    for played in scene.runs:
        records, store, least = played.records, scene.engine.store, 1
        for share in cuts:
            cut = least + int(share * (len(records) - 1 - least))
            if not least <= cut < len(records):
                break
            resumed = await resume(history, records[:cut], store, doubt)
            await check_resumed(history, resumed)
            records, store, least = resumed.records, resumed.store, cut + 1
