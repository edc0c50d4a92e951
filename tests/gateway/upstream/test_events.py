"""Events one by one, to the last one of the format."""

from __future__ import annotations

import pytest

from gateway.upstream.events import Events
from tests.gateway.upstream.test_base import Canned

pytestmark = pytest.mark.anyio


async def every(*chunks: bytes) -> list[bytes]:
    """The data of all events of an answer."""
    events, found = Events(Canned(*chunks), "p/m"), list[bytes]()
    while (event := await events.next()) is not None:
        found.append(event.data)
    return found


async def test_events_come_one_by_one_however_they_are_cut() -> None:
    """Several in a chunk, and one over several, are the same."""
    assert await every(b"data: 1\n\ndata: 2\n\nda", b"ta: 3\n", b"\n") == [b"1", b"2", b"3"]


async def test_nothing_comes_after_the_last_event() -> None:
    """What a server sends after its end is not even decoded."""
    assert await every(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n", b"data: 3\n\n") == [b"1", b"[DONE]"]
    assert await every(b"event: message_stop\ndata: {}\n\ndata: 2\n\n") == [b"{}"]


async def test_an_event_that_lacks_its_blank_line_comes_last() -> None:
    """It is not lost; whoever reads it sees whether it is whole."""
    assert await every(b"data: 1\n\ndata: [DONE]") == [b"1", b"[DONE]"]


async def test_what_is_there_comes_together_and_the_end_by_itself() -> None:
    """Who shows words need not wait for a server that has said its last word and keeps the line."""
    events = Events(Canned(b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"), "p/m")
    found = [[event.data for event in await events.some()] for _ in range(3)]
    assert found == [[b"1", b"2"], [b"[DONE]"], []]
