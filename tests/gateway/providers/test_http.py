"""Both kinds of provider, over both makers, against a server that behaves well, badly and not at all."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import anyio
import pytest

from gateway.providers import Maker, make_provider
from schemas.errors import (
    ConfigError,
    ModelError,
    ModelOutputError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)
from schemas.model import ModelChunk, ToolCallDelta
from tests.wire.connect import HELLO, SECRET, Kind, called, settings, streamed, wired
from tests.wire.replies import chat_events, json_reply, messages_events, say, sse_reply
from tests.wire.server import Reply

pytestmark = pytest.mark.anyio
KINDS: list[Kind] = ["anthropic", "openai"]
MAKERS: list[Maker] = ["sdk", "http1"]
BOTH = pytest.mark.parametrize(("kind", "maker"), [(kind, maker) for kind in KINDS for maker in MAKERS])
FORMS = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
TEXT = "Grüße, 世界 🌍"
CALLS = [("search", {"query": "π ≈ 3"}), ("search", {"query": "ü"})]


def events(kind: Kind) -> list[Any]:
    """The events of a streamed reply of text and two calls."""
    make: Any = messages_events if kind == "anthropic" else chat_events
    return make("m", TEXT, CALLS, (11, 7))


@BOTH
@FORMS
async def test_text_parallel_calls_and_usage_come_in_either_form(kind: Kind, maker: Maker, stream: bool) -> None:
    """Text, parallel tool calls, stop reason and token counts are the same streamed and whole."""
    async with wired(kind, lambda request, path: say(request, path, TEXT, CALLS, output_tokens=7), maker=maker) as (
        provider,
        _,
    ):
        response = await called(provider, stream=stream)
    assert response.text == TEXT
    assert [call.arguments for call in response.tool_calls] == [{"query": "π ≈ 3"}, {"query": "ü"}]
    assert (response.stop_reason, response.provider) == ("tool_calls", "wire")
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.cost_usd) == (10, 7, None)


@BOTH
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("split", [1, *(pytest.param(split, marks=pytest.mark.slow) for split in (0, 2, 5))])
async def test_a_stream_cut_anywhere_reads_the_same(kind: Kind, maker: Maker, newline: str, split: int) -> None:
    """Events split at any byte, with any line ending and with comments between, give the same reply."""
    reply = sse_reply(events(kind), newline=newline, comment="keep-alive", split=split)
    async with wired(kind, [reply], maker=maker) as (provider, _):
        response = await called(provider, stream=True)
    assert response.text == TEXT
    assert [call.arguments["query"] for call in response.tool_calls] == ["π ≈ 3", "ü"]


@BOTH
async def test_the_deltas_of_a_stream_add_up_to_its_reply(kind: Kind, maker: Maker) -> None:
    """Text deltas join to the text; each call is announced once, then grows under its own index."""
    async with wired(kind, [sse_reply(events(kind))], maker=maker) as (provider, _):
        chunks = await streamed(provider)
    assert "".join(chunk.text for chunk in chunks if chunk.kind == "text") == TEXT
    calls = [cast("ToolCallDelta", chunk) for chunk in chunks if chunk.kind == "tool_call"]
    assert [(call.index, call.name) for call in calls if call.name] == [(0, "search"), (1, "search")]
    assert chunks[-1].kind == "done"
    assert "".join(call.arguments for call in calls if call.index == 1) == chunks[-1].response.tool_calls[1].raw


@BOTH
async def test_a_server_that_does_not_stream_is_understood(kind: Kind, maker: Maker) -> None:
    """A whole JSON reply to a streamed request gives the same chunks as a stream."""
    async with wired(kind, lambda request, path: say({"model": "m"}, path, TEXT, CALLS), maker=maker) as (provider, _):
        chunks = await streamed(provider)
    assert [chunk.kind for chunk in chunks] == ["text", "tool_call", "tool_call", "done"]


@BOTH
@FORMS
@pytest.mark.parametrize(
    ("headers", "wait"), [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500"}, 1.5), ({}, None)]
)
async def test_429_says_how_long_to_wait(
    kind: Kind, maker: Maker, stream: bool, headers: dict[str, str], wait: float | None
) -> None:
    """A 429 is a rate limit with the seconds the provider named; the SDK itself retries nothing."""
    reply = json_reply({"error": {"type": "rate_limit_error", "message": "slow down"}}, 429, headers=headers)
    async with wired(kind, [reply], maker=maker) as (provider, server):
        with pytest.raises(RateLimitError, match="slow down") as caught:
            await called(provider, stream=stream)
    assert caught.value.retry_after_s == wait
    assert len(server.requests) == 1


@BOTH
@FORMS
@pytest.mark.parametrize("status", [*(pytest.param(each, marks=pytest.mark.slow) for each in (500, 502)), 503, 529])
async def test_a_failing_server_is_unavailable(kind: Kind, maker: Maker, stream: bool, status: int) -> None:
    """5xx and 529 are retryable, also when the body is a page of HTML."""
    reply = Reply(b"<html>oh no</html>", status, "text/html")
    async with wired(kind, [reply], maker=maker) as (provider, server):
        with pytest.raises(ModelUnavailableError, match=str(status)):
            await called(provider, stream=stream)
    assert len(server.requests) == 1


@BOTH
@pytest.mark.parametrize("after", [0, 200, *(pytest.param(each, marks=pytest.mark.slow) for each in (1, 700))])
async def test_a_connection_dropped_in_mid_stream_is_never_a_silent_end(kind: Kind, maker: Maker, after: int) -> None:
    """A stream cut at any byte raises, and what came before was handed on."""
    async with wired(kind, [sse_reply(events(kind), drop_after=after, split=9)], maker=maker) as (provider, _):
        with pytest.raises(ModelUnavailableError, match="broke off"):
            await streamed(provider)


@BOTH
async def test_a_stream_that_ends_cleanly_before_its_last_event_is_broken_off(kind: Kind, maker: Maker) -> None:
    """A proxy that closes the stream politely in the middle doesn't make half a reply whole."""
    async with wired(kind, [sse_reply(events(kind)[:4])], maker=maker) as (provider, _):
        with pytest.raises(ModelUnavailableError, match="in the middle"):
            await streamed(provider)


OVERLOADED = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
ODD = {"error": {"message": "boom"}}


@BOTH
@pytest.mark.parametrize(("body", "expected"), [(OVERLOADED, ModelUnavailableError), (ODD, ModelOutputError)])
async def test_an_error_event_in_mid_stream_is_typed(
    kind: Kind, maker: Maker, body: dict[str, Any], expected: type[ModelError]
) -> None:
    """An error inside a stream of status 200 is raised as what it says it is."""
    async with wired(kind, [sse_reply([*events(kind)[:4], ("error", body)])], maker=maker) as (provider, _):
        with pytest.raises(expected, match=body["error"]["message"]):
            await streamed(provider)


@BOTH
@FORMS
async def test_a_200_with_an_error_inside_is_an_error(kind: Kind, maker: Maker, stream: bool) -> None:
    """A success status doesn't hide an error in the body, in either form."""
    async with wired(kind, [json_reply(ODD)], maker=maker) as (provider, _):
        with pytest.raises(ModelOutputError, match="sent an error in its reply: boom"):
            await called(provider, stream=stream)


MALFORMED = {
    "html": Reply(b"<html>Sign in</html>", 200, "text/html"),
    "empty": Reply(b"", 200, "application/json"),
    "half": Reply(b'{"choices": [', 200, "application/json"),
    "other": Reply(b'{"hello": "world"}', 200, "application/json"),
    "sse-json": Reply(b'event: message_start\ndata: {"choices": \n\n', 200, "text/event-stream"),
    "sse-shape": Reply(b'event: message_start\ndata: {"type": 3, "choices": 4}\n\n', 200, "text/event-stream"),
    "bytes": Reply(b"\xff\xfe\x00", 200, "application/octet-stream"),
}


@BOTH
@FORMS
@pytest.mark.parametrize("name", MALFORMED)
async def test_an_answer_that_cannot_be_read_is_typed(kind: Kind, maker: Maker, stream: bool, name: str) -> None:
    """Bad JSON, a wrong content type, half an event or another shape is an output error in one line."""
    async with wired(kind, [MALFORMED[name]], maker=maker) as (provider, _):
        with pytest.raises(ModelOutputError) as caught:
            await called(provider, stream=stream)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("wire/m ")


@BOTH
@FORMS
async def test_a_reply_without_a_content_type_is_read(kind: Kind, maker: Maker, stream: bool) -> None:
    """What is well formed is understood even if the server forgets to say what it is."""
    async with wired(kind, lambda request, path: say(request, path, TEXT, content_type=None), maker=maker) as (
        provider,
        _,
    ):
        assert (await called(provider, stream=stream)).text == TEXT


@BOTH
@FORMS
async def test_a_server_that_hangs_ends_at_the_deadline(kind: Kind, maker: Maker, stream: bool) -> None:
    """No answer within timeout_s is a timeout, at once and not a second later."""
    async with wired(kind, [Reply(delay_s=30)], maker=maker) as (provider, _):
        began = time.monotonic()
        with pytest.raises(ModelTimeoutError, match=r"did not (finish within|answer in time)"):
            await called(provider, stream=stream, timeout_s=0.3)
        assert time.monotonic() - began < 1


@BOTH
async def test_a_trickle_that_never_ends_meets_the_deadline_too(kind: Kind, maker: Maker) -> None:
    """The deadline is for the attempt as a whole: a byte now and then doesn't extend it."""
    async with wired(kind, [sse_reply(events(kind), split=1, pause_s=0.02)], maker=maker) as (provider, _):
        with pytest.raises(ModelTimeoutError, match=r"within 0\.4 s"):
            await streamed(provider, timeout_s=0.4)


@BOTH
async def test_an_unreachable_server_is_unavailable(kind: Kind, maker: Maker) -> None:
    """Nothing listens: a retryable error that names the model and holds no key."""
    provider = make_provider(settings(kind, "http://127.0.0.1:9"), {}, maker)
    with pytest.raises(ModelUnavailableError, match="wire/m can't be reached") as caught:
        await called(provider, stream=True)
    await provider.aclose()
    assert SECRET not in repr((caught.value, caught.value.details, provider))


@BOTH
async def test_cancelling_a_stream_closes_the_upstream_connection(kind: Kind, maker: Maker) -> None:
    """The server sees the client leave within 200 ms, and nothing is left running."""
    async with wired(kind, [sse_reply(events(kind)[:4], hold=True)], maker=maker) as (provider, server):
        with anyio.move_on_after(0.3) as scope:
            await streamed(provider, timeout_s=30)
        cancelled_at = time.monotonic()
        left_at = await anyio.to_thread.run_sync(server.wait_left)
    assert scope.cancelled_caught
    assert left_at is not None
    assert left_at - cancelled_at < 0.2


@BOTH
async def test_cancelling_before_the_first_byte_closes_it_too(kind: Kind, maker: Maker) -> None:
    """A call that has no answer yet is given up at the server as well."""
    async with wired(kind, [Reply(delay_s=30)], maker=maker) as (provider, server):
        with anyio.move_on_after(0.3):
            await provider.complete("m", HELLO, timeout_s=30)
        assert await anyio.to_thread.run_sync(server.wait_left) is not None


@BOTH
async def test_leaving_a_stream_early_closes_the_upstream_connection(kind: Kind, maker: Maker) -> None:
    """A consumer that closes the iterator after the first chunk ends the call at the server."""
    async with wired(kind, [sse_reply(events(kind)[:4], hold=True)], maker=maker) as (provider, server):
        stream = cast("AsyncIterator[ModelChunk]", provider.stream("m", HELLO, timeout_s=30))
        async with aclosing(cast("Any", stream)):
            await anext(stream)
        assert await anyio.to_thread.run_sync(server.wait_left) is not None


@BOTH
async def test_a_connection_is_kept_for_the_next_call(kind: Kind, maker: Maker) -> None:
    """A whole reply leaves the connection usable, and a broken one doesn't spoil the provider."""
    replies = [sse_reply(events(kind), drop_after=300), sse_reply(events(kind)), sse_reply(events(kind))]
    async with wired(kind, replies, maker=maker) as (provider, _):
        with pytest.raises(ModelUnavailableError):
            await streamed(provider)
        texts = [(await called(provider, stream=True)).text for _ in range(2)]
    assert texts == [TEXT, TEXT]


@BOTH
async def test_a_key_that_is_not_set_is_named_when_used(kind: Kind, maker: Maker) -> None:
    """A missing variable is an error of the first call, which names it; making the provider is none."""
    provider = make_provider(settings(kind, "http://127.0.0.1:9", api_key="${MY_KEY}"), {}, maker)
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        await called(provider, stream=False)


@BOTH
async def test_a_server_of_ones_own_gets_no_key_that_was_not_given_to_it(kind: Kind, maker: Maker) -> None:
    """Without a key beside its base_url a server gets none, whatever the environment holds."""
    async with wired(kind, lambda request, path: say(request, path, "hi"), api_key=None, maker=maker) as (
        provider,
        server,
    ):
        await called(provider, stream=False)
    assert not {"authorization", "x-api-key"} & server.requests[0].headers.keys()


@BOTH
async def test_extra_headers_are_sent(kind: Kind, maker: Maker) -> None:
    """Configured headers go along with every call."""
    async with wired(
        kind, lambda request, path: say(request, path, "hi"), headers={"x-team": "blue"}, maker=maker
    ) as made:
        provider, server = made
        await called(provider, stream=True)
    assert server.requests[0].headers["x-team"] == "blue"


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/", "http://"])
@BOTH
async def test_a_base_url_without_a_scheme_is_a_configuration_error(kind: Kind, maker: Maker, url: str) -> None:
    """An address that nothing can be sent to is the user's to mend, not retried."""
    provider = make_provider(settings(kind, "").model_copy(update={"base_url": url}), {}, maker)
    with pytest.raises(ConfigError, match="base_url"):
        await called(provider, stream=False)


@BOTH
async def test_two_calls_at_once_do_not_mix(kind: Kind, maker: Maker) -> None:
    """Streams side by side on one provider keep to themselves."""
    texts: dict[int, str] = {}

    async def one(number: int, provider: Any) -> None:
        texts[number] = (await called(provider, stream=True)).text

    script = lambda request, path: say(request, path, TEXT, split=3)  # noqa: E731 one line says it
    async with wired(kind, script, maker=maker) as (provider, _), anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(one, number, provider)
    assert texts == dict.fromkeys(range(8), TEXT)
