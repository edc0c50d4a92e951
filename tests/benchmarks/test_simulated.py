"""The simulated model and the clock that jumps."""

from __future__ import annotations

import anyio
import pytest

from benchmarks.simulated.clock import virtually
from benchmarks.simulated.model import FIRST_TOKEN_S, TOKEN_S, SimulatedModel
from schemas.model import Message, ModelRequest

REQUEST = ModelRequest(messages=(Message.user("go"),), model="m")
TOKENS = ["one ", "two ", "three"]


def test_virtual_seconds_are_exact() -> None:
    """An hour of sleep takes exactly an hour and no time."""

    async def sleep() -> str:
        await anyio.sleep(3600)
        return "awake"

    assert virtually(sleep) == ("awake", 3600)


@pytest.mark.parametrize(("streams", "pieces"), [(True, TOKENS), (False, ["one two three"])])
def test_both_ways_take_the_same_time(streams: bool, pieces: list[str]) -> None:
    """Streamed or not, the last word comes after 0.5 s and 20 ms for each further token; only the hand-over differs."""

    async def read() -> list[str]:
        stream = SimulatedModel(TOKENS, streams=streams).stream("m", REQUEST, timeout_s=60)
        return [chunk.text async for chunk in stream if chunk.kind == "text"]

    text, took = virtually(read)
    assert text == pieces
    assert took == pytest.approx(FIRST_TOKEN_S + 2 * TOKEN_S)


def test_the_whole_reply_counts_one_call() -> None:
    """Asked for the whole reply, it gives the text and what it used."""
    model = SimulatedModel(TOKENS, streams=True)
    response, _ = virtually(lambda: model.complete("m", REQUEST, timeout_s=60))
    assert response.text == "one two three"
    assert (model.calls, response.usage.output_tokens) == (1, 3)
