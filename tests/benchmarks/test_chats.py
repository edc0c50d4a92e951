"""Clients under load: what they got, when, and whether it was all."""

from __future__ import annotations

from benchmarks.chats import Answered, all_at_once, get, post
from tests.wire.replies import say
from tests.wire.server import WireServer

_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_an_answer_is_read_from_its_pieces() -> None:
    """Chunks of HTTP are taken apart, and the first word of the answer has the time of its piece."""
    role = _chunk(b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n')
    word = _chunk(b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n')
    answered = Answered(1.0, [(1.5, _HEAD + role), (2.0, word[:9]), (3.0, word[9:] + b"0\r\n\r\n")])
    assert (answered.first_s, answered.word_s, answered.last_at) == (0.5, 2.0, 3.0)
    assert [each["choices"][0]["delta"]["content"] for each in answered.data()] == ["", "Hello"]


def test_all_requests_are_answered_and_none_is_lost() -> None:
    """Each request has a connection of its own; one whose answer never ends is counted as lost."""
    with WireServer(lambda request, path: say(request, path, "Hello there")) as server:
        port = int(server.url.rpartition(":")[2])
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        found = all_at_once(port, [post("/v1/chat/completions", body)] * 5, within_s=20)
        assert [one.lost for one in found] == [False] * 5
        chunks = [[choice["delta"] for data in one.data() for choice in data["choices"]] for one in found]
        assert ["".join(delta.get("content", "") for delta in deltas) for deltas in chunks] == ["Hello there"] * 5
        endless = all_at_once(port, [get("/v1/models").replace(b"\r\n\r\n", b"\r\n")], within_s=0.2)
        assert endless[0].lost
