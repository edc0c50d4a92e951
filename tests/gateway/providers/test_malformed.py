"""Servers that answer what is no answer: both kinds, both makers, streamed and whole, translated and passed on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers import Maker, make_provider
from gateway.providers.http import HttpProvider
from gateway.sse import SseDecoder
from schemas.errors import ModelError, ModelOutputError, ModelRequestError, ModelUnavailableError
from schemas.gateway import WireFormat
from schemas.model import ModelResponse
from tests.wire.connect import SECRET, Kind, called, settings
from tests.wire.raw import Leave, RawServer, answer, chunked, packed
from tests.wire.replies import chat_events, json_reply, messages_events, say, sse_reply

pytestmark = pytest.mark.anyio
FORMATS: dict[Kind, WireFormat] = {"openai": "chat", "anthropic": "messages"}
PATHS: dict[Kind, str] = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
TEXT = "Grüße, 世界 🌍"
MAKERS = pytest.mark.parametrize("maker", ["sdk", "http1"])
EVERY = pytest.mark.parametrize(
    ("kind", "maker", "passed", "stream"),
    [
        pytest.param(kind, maker, passed, stream, id=f"{kind}-{maker}-{'passed' if passed else 'read'}-{form}")
        for kind in ("openai", "anthropic")
        for maker, passed in (("sdk", False), ("http1", False), ("http1", True))
        for form, stream in (("stream", True), ("whole", False))
    ],
)


def events(kind: Kind, text: str = TEXT) -> list[Any]:
    """The events of a good stream."""
    make: Any = messages_events if kind == "anthropic" else chat_events
    return make("m", text, (), (11, 7))


def stream_of(kind: Kind) -> bytes:
    """A good stream."""
    return sse_reply(events(kind)).body


def whole_of(kind: Kind) -> bytes:
    """A good whole answer."""
    return say({"model": "m"}, PATHS[kind], TEXT).body


async def asked(provider: Any, kind: Kind, *, passed: bool, stream: bool) -> ModelResponse | None:
    """Ask as the engine does, or pass a client's call on as the gateway does; raises what either finds wrong."""
    if not passed:
        return await called(provider, stream=stream)
    assert isinstance(provider, HttpProvider)
    meter = provider.meter(FORMATS[kind])
    answered = await provider.relay(FORMATS[kind], "m", b"{}", {}, timeout_s=5, streamed=stream)
    try:
        if stream:
            decoder = SseDecoder("wire/m")
            async for chunk in answered:
                for event in decoder.feed(chunk):
                    meter.event(event)
            for event in decoder.finish():
                meter.event(event)
        else:
            meter.whole(await answered.read(where="wire/m"))
    finally:
        await answered.close()
    if meter.error is not None:
        raise provider.told("m", meter.error)
    if not meter.complete:
        raise ModelUnavailableError("wire/m broke off")
    return None


class Case:
    """One way to ask a raw server: a kind of provider, a maker, read or passed on, streamed or whole."""

    def __init__(self, kind: Kind, maker: Maker, *, passed: bool, stream: bool) -> None:
        self.kind: Kind = kind
        self._maker: Maker = maker
        self.passed = passed
        self.stream = stream
        self._server = RawServer()

    async def __aenter__(self) -> Case:
        self._server.__enter__()
        self._provider = make_provider(settings(self.kind, self._server.url), {}, self._maker)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._provider.aclose()
        self._server.__exit__()

    async def outcome(self, sent: bytes, leave: Leave = "close") -> Any:
        """What comes of an answer: a reply (None where it is passed on), or the error raised."""
        self._server.sent, self._server.leave = sent, leave
        try:
            return await asked(self._provider, self.kind, passed=self.passed, stream=self.stream)
        except ModelError as exc:
            return exc

    def good(self, got: Any) -> bool:
        """Whether an outcome is the whole answer."""
        return got is None if self.passed else isinstance(got, ModelResponse) and got.text == TEXT


LOST: dict[str, tuple[bytes, Leave]] = {
    "nothing": (b"", "close"),
    "reset": (b"", "reset"),
    "no http": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "close"),
    "half a head": (b"HTTP/1.1 200 OK\r\ncontent-ty", "close"),
    "head alone": (answer(b"", length=100), "close"),
    "half a body": (answer(b'{"choices": [', length=100), "close"),
    "half a body, reset": (answer(b'{"choices": [', length=100), "reset"),
    "half a stream": (chunked(b'data: {"choices": []}\n\n', b"data: {", end=False), "close"),
    "bad chunk": (chunked(b"data: {}\n\n", end=False) + b"zz\r\nx\r\n", "close"),
}
WRONG: dict[str, bytes] = {
    "empty": answer(b""),
    "empty, no type": answer(b"", ""),
    "page": answer(b"<html>Sign in</html>", "text/html; charset=utf-8"),
    "page as json": answer(b"<html>Sign in</html>"),
    "half json": answer(b'{"choices": [{"message": {"content": "a'),
    "other json": answer(b'{"hello": "world"}'),
    "list": answer(b"[]"),
    "not utf-8": answer(
        b'{"choices": [{"message": {"content": "\xff\xfe"}}], "content": [{"type": "text", "text": "\xc3"}]}'
    ),
    "error inside": answer(json_reply({"error": {"message": "boom", "code": "x"}}).body),
    "gzip that is none": answer(b"plain", content_encoding="gzip"),
    "spoilt gzip": packed(b'{"choices": [1, 2, 3, 4, 5, 6, 7, 8]}' * 9, spoil=True),
    "empty stream": answer(b"", "text/event-stream"),
    "comments alone": answer(b": hi\n\n: ho\n\n", "text/event-stream"),
    "bytes": answer(b"\x00\xff\xfe\n\n", "text/event-stream"),
    "error event": answer(
        b'event: error\ndata: {"type": "error", "error": {"message": "boom"}}\n\n', "text/event-stream"
    ),
    "bad event": answer(b'data: {"choices": \n\n', "text/event-stream"),
    "half an event": answer(b'data: {"choices": [{"del', "text/event-stream"),
    "huge head": b"HTTP/1.1 200 OK\r\nx-much: " + b"x" * 200_000 + b"\r\n\r\n{}",
}


@EVERY
async def test_a_connection_that_breaks_is_typed(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """B76: a connection lost before the answer, or in it, is an error worth another attempt, never a silent end."""
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        got = {name: await case.outcome(sent, leave) for name, (sent, leave) in LOST.items()}
    for name, error in got.items():
        assert isinstance(error, ModelUnavailableError | ModelOutputError), (name, error)
        assert error.retryable
        assert error.message.startswith("wire/m ")
        assert "\n" not in error.message


@EVERY
async def test_what_is_no_answer_is_typed(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """B76: bad JSON, half an event, another content type, an error inside a 200, broken gzip: an error in one line."""
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        got = {name: await case.outcome(sent) for name, sent in WRONG.items()}
    for name, error in got.items():
        assert isinstance(error, ModelOutputError | ModelUnavailableError), (name, error)
        assert error.message.startswith("wire/m ")
        assert "\n" not in error.message
        assert SECRET not in f"{error.message}{error.hint}{error.details}"


@EVERY
async def test_a_redirect_is_not_followed(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """A key goes nowhere but where it was sent: a redirect is refused like any other wrong address."""
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        got = await case.outcome(answer(b"moved", status="302 Found", location="http://127.0.0.1:9/"))
    assert isinstance(got, ModelRequestError)
    assert got.details["status"] == 302


@EVERY
async def test_a_stream_cut_after_any_event_is_an_error(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """B76: a stream that ends before its last event, however politely, is never taken for the whole."""
    good = events(kind, "abcdef")
    last = next(
        at for at, event in enumerate(good) if "message_stop" in str(event) or "'finish_reason': '" in str(event)
    )
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        for count in range(last):
            got = await case.outcome(answer(sse_reply(good[:count]).body, "text/event-stream"))
            assert isinstance(got, ModelOutputError | ModelUnavailableError), (count, got)


@EVERY
async def test_what_comes_after_the_end_is_passed_over(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """A second end, events after it, and bytes that are none change nothing."""
    after = stream_of(kind) + b"data: [DONE]\n\ndata: [DONE]\n\ndata: {\n\n"
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        assert case.good(await case.outcome(chunked(after)))


@EVERY
async def test_the_other_form_is_understood(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """A whole answer to a streamed request, and a stream to one that was not, are read all the same."""
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        sent = answer(whole_of(kind)) if stream else answer(stream_of(kind), "text/event-stream")
        assert case.good(await case.outcome(sent))


@EVERY
async def test_gzip_nobody_asked_for_is_unpacked(kind: Kind, maker: Maker, passed: bool, stream: bool) -> None:
    """A server, or a proxy, that packs its answer although none was asked for is understood."""
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        sent = packed(stream_of(kind), "text/event-stream") if stream else packed(whole_of(kind))
        assert case.good(await case.outcome(sent))


@MAKERS
@pytest.mark.parametrize("passed", [False, True])
async def test_an_absurdly_large_event_is_refused(maker: Maker, passed: bool) -> None:
    """B76: an event that never ends is refused before it fills the memory."""
    async with Case("openai", maker, passed=passed, stream=True) as case:
        got = await case.outcome(answer(b"data: " + b"x" * 17_000_000, "text/event-stream"))
    assert isinstance(got, ModelOutputError)
    assert "an event of more than 16,000,000 bytes" in got.message


@MAKERS
async def test_an_answer_that_stays_open_after_its_end_is_whole_at_once(maker: Maker) -> None:
    """A server that forgets to end the body after the last event keeps nobody waiting."""
    async with Case("openai", maker, passed=False, stream=True) as case:
        assert case.good(await case.outcome(chunked(stream_of("openai"), end=False), "stay"))


@EVERY
async def test_a_key_that_a_server_repeats_is_not_passed_on(
    kind: Kind, maker: Maker, passed: bool, stream: bool
) -> None:
    """Some servers quote the key they refuse: it is cut out of whatever they say, in a status and in a stream."""
    said = json_reply({"error": {"message": f"no such key: Bearer {SECRET}", "code": SECRET, "param": SECRET}}).body
    told = (
        answer(said, status="401 Unauthorized"),
        answer(said),
        answer(b"event: error\ndata: " + said + b"\n\n", "text/event-stream"),
        answer(f"<p>{SECRET}</p>".encode(), "text/plain", status="403 Forbidden"),
    )
    async with Case(kind, maker, passed=passed, stream=stream) as case:
        for sent in told:
            error = await case.outcome(sent)
            assert isinstance(error, ModelError)
            assert SECRET not in f"{error.message}{error.hint}{error.details}{error.__cause__!r}"
