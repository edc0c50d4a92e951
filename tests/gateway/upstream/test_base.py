"""When an answer is too late, and what reading one comes to."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.upstream.base import Answer, Sent, Waits
from schemas.errors import ModelOutputError


def sent(**limits: Any) -> Sent:
    """A request with those limits."""
    return Sent("p/m", "http://x/", b"{}", {}, **{"timeout_s": 60.0, **limits})


class Canned(Answer):
    """An answer of ready chunks."""

    status = 200
    headers: dict[str, str] = {}  # noqa: RUF012 one is enough

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = list(chunks)

    async def chunk(self) -> bytes:
        """The next one."""
        return self._chunks.pop(0) if self._chunks else b""

    def began(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""


def test_until_content_comes_the_first_token_is_waited_for() -> None:
    """Bytes without content (comments, a role) do not stop that clock."""
    waits = Waits(sent(first_token_s=5.0, stall_s=2.0), 100.0)
    waits.heard(104.0)
    assert waits.due == 105.0
    assert waits.error().message == "p/m sent no first token within 5 s"
    assert waits.error().details["first_token_s"] == 5.0


def test_after_content_silence_counts() -> None:
    """Every byte starts that clock anew, and the whole keeps its own limit."""
    waits = Waits(sent(first_token_s=5.0, stall_s=2.0), 100.0)
    waits.began()
    waits.heard(130.0)
    assert waits.due == 132.0
    assert waits.error().message == "p/m fell silent in its reply for 2 s"
    waits.heard(159.0)
    assert (waits.due, waits.error().message) == (160.0, "p/m did not finish within 60 s")


def test_without_those_limits_only_the_whole_counts() -> None:
    """None for both leaves the time limit of the attempt."""
    waits = Waits(sent(), 100.0)
    assert waits.due == 160.0
    waits.began()
    assert waits.due == 160.0


@pytest.mark.anyio
async def test_a_body_is_read_up_to_a_limit() -> None:
    """All chunks are joined; too many are an error before they fill the memory."""
    assert await Canned(b"ab", b"cd").read() == b"abcd"
    assert [chunk async for chunk in Canned(b"ab", b"cd")] == [b"ab", b"cd"]
    with pytest.raises(ModelOutputError, match="p/m sent a reply of more than 3 bytes"):
        await Canned(b"ab", b"cd").read(3, where="p/m")
