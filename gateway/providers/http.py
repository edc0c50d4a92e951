"""A provider over HTTP: a wire format, an address, what its server refuses, and an upstream that carries the bytes.

One attempt, streamed or not, with one deadline and typed errors; the official SDKs and HTTP/1.1 are upstreams alike.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.limits import Quota
from gateway.providers.address import Address
from gateway.providers.base import Dialect, PlanTier, configured_tier
from gateway.providers.failures import Failure, classify, describe, without
from gateway.providers.forms import as_asked, content_type, is_stream, read_events
from gateway.providers.names import ToolNames
from gateway.providers.quirks import Quirks
from gateway.providers.quota import quota_of, wait_s
from gateway.remembered import Remembered
from gateway.upstream.base import Answer, Sent, Upstream
from gateway.upstream.events import Events
from gateway.upstream.joining import joined
from gateway.wire.base import Meter, ProviderFormat
from gateway.wire.chat.meter import ChatMeter
from gateway.wire.chunks import as_chunks
from gateway.wire.embeddings.meter import EmbeddingsMeter
from gateway.wire.messages.meter import MessagesMeter
from gateway.wire.metering import FormatMeter
from gateway.wire.responses.meter import ResponsesMeter
from schemas.errors import ModelError, ModelOutputError
from schemas.gateway import WireFormat
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse
from schemas.settings import ModelProvider, ProviderKind

_METERS: Mapping[WireFormat, type[FormatMeter]] = {
    "chat": ChatMeter,
    "messages": MessagesMeter,
    "responses": ResponsesMeter,
    "embeddings": EmbeddingsMeter,
}
_ERROR_BYTES = 1_000_000


class HttpProvider:
    """One configured provider.

    Args:
        settings: The configuration entry.
        environ: Where ``$NAME`` keys are looked up, on the first request.
        wires: The formats that requests of our own may be written in, the usual one first.
        connect: Makes the upstream for a base URL, on the first request.

    Attributes:
        upstream: What carries the bytes, once it was needed.
    """

    def __init__(
        self,
        settings: ModelProvider,
        environ: Mapping[str, str],
        wires: Sequence[ProviderFormat],
        connect: Callable[[str], Upstream],
    ) -> None:
        self.settings = settings
        self.address = Address(settings, environ)
        self._wires = wires
        self._connect = connect
        self.upstream: Upstream | None = None
        self._quotas = Remembered[str, Quota]()
        self._quirks = Quirks(_refused(self.kind, self.address))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The configured name."""
        return self.settings.name

    @property
    def kind(self) -> ProviderKind:
        """Which family of servers it is of."""
        return self.settings.kind

    @property
    def dialect(self) -> Dialect:
        """How plans are written."""
        if self.kind == "anthropic":
            return "anthropic"
        return "openai" if self.address.official else "unions"

    @property
    def formats(self) -> tuple[WireFormat, ...]:
        """The formats of requests that its server takes as they are."""
        return self.address.formats

    def takes(self, format: WireFormat, model: str) -> bool:  # noqa: A002
        """Whether a model is served in a format."""
        return self.address.takes(format, model)

    def plan_tier(self, model: str) -> PlanTier:
        """Return the configured tier, else constrained output: both official services and the usual servers have it."""
        return configured_tier(self.settings, model) or "schema"

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncIterator[ModelChunk]:
        """Make one attempt and stream it; the last chunk is ``Done``, its usage without a price.

        A server that answers a streamed request with a whole reply is understood as well.

        Cancellation: closes the upstream connection at once.

        Raises:
            ModelError: The attempt failed; ``ModelTimeoutError`` when it took too long.
            ConfigError: The API key is missing.
        """
        names, where = ToolNames(request), self._where(model)
        try:
            answer = await self._asked(model, names.sent(request), stream=True, timeout_s=timeout_s)
            try:
                if not is_stream(answer, asked=True):
                    content = await answer.read(where=where)
                    for chunk in as_chunks(self._wire(model).read(content, provider=self.name, model=model)):
                        yield names.chunk(chunk)
                    return
                reader = self._wire(model).reader(provider=self.name, model=model)
                events = Events(answer, where)
                while came := await events.some():
                    for chunk in joined(chunk for event in came for chunk in reader.feed(event)):
                        answer.began()
                        yield names.chunk(chunk)
                yield Done(response=names.received(reader.response()))
            finally:
                await answer.close()
        except ModelError as exc:
            raise without(exc, self.address.secret) from exc.__cause__

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Make one attempt without streaming. Cancels and raises as ``stream``."""
        names, where = ToolNames(request), self._where(model)
        try:
            answer = await self._asked(model, names.sent(request), stream=False, timeout_s=timeout_s)
            try:
                if is_stream(answer, asked=False):
                    reply = await read_events(self._wire(model), answer, provider=self.name, model=model)
                    return names.received(reply)
                content = await answer.read(where=where)
                return names.received(self._wire(model).read(content, provider=self.name, model=model))
            finally:
                await answer.close()
        except ModelError as exc:
            raise without(exc, self.address.secret) from exc.__cause__

    async def relay(
        self,
        format: WireFormat,  # noqa: A002
        model: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        streamed: bool,
    ) -> Answer:
        """Send a client's request as it is; contract, and what it raises: ``gateway.providers.relayer.Relayer``.

        A server that answers in the other form than it was asked for is understood: the client gets what it wants.
        Tell the answer when content ``began``, and ``finish`` it after its last event.
        """
        try:
            sent = self._sent(format, model, body, self.address.headers(format, headers), streamed, timeout_s)
            answer = await self._send(sent, model)
            if answer.status >= 300:
                raise classify(await self._failure(sent.where, answer))
            await _checked(sent.where, answer, streamed)
            if is_stream(answer, asked=streamed) == streamed:
                return answer
            return await as_asked(answer, format, body, provider=self.name, model=model, streamed=streamed)
        except ModelError as exc:
            raise without(exc, self.address.secret) from exc.__cause__

    async def count(self, model: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> bytes | None:
        """Return what the server says a request of the Messages API would read; None where it does not count.

        Contract, and what it raises: ``gateway.providers.relayer.Relayer``.
        """
        if self.kind != "anthropic" or "messages" not in self.formats:
            return None
        try:
            head = self.address.headers("messages", headers)
            asked = self._sent("messages", model, body, head, False, timeout_s)
            answer = await self._connected().send(replace(asked, url=f"{asked.url}/count_tokens"))
            try:
                if answer.status in (404, 405, 501):
                    return None
                if answer.status >= 300:
                    raise classify(await self._failure(asked.where, answer))
                return await answer.read(_ERROR_BYTES, where=asked.where)
            finally:
                await answer.close()
        except ModelError as exc:
            raise without(exc, self.address.secret) from exc.__cause__

    def meter(self, format: WireFormat) -> Meter:  # noqa: A002
        """Return a meter for one answer in a format."""
        return _METERS[format]()

    def quota(self, model: str) -> Quota | None:
        """Return what the server said of its limits since this was asked before, beside whatever answer."""
        return self._quotas.pop(model, None)

    def lost(self, model: str, request: ModelRequest) -> tuple[str, ...]:
        """Return the wishes of a translated request that its format has no words for."""
        return self._wire(model).lost(model, request)

    def told(self, model: str, error: object) -> ModelError:
        """Return our error for one told inside an answer whose status says success."""
        secret = self.address.secret
        return without(classify(describe(self._where(model), 200, error, {}, secret)), secret)

    async def aclose(self) -> None:
        """Close the connections. The provider can't be used afterwards."""
        if self.upstream is not None:
            await self.upstream.aclose()

    async def _asked(self, model: str, request: ModelRequest, *, stream: bool, timeout_s: float) -> Answer:
        """Send a request of ours, again without any optional parameter that the server turns out to refuse."""
        spoken = self._wire(model)
        wire = spoken.name
        headers = self.address.headers(wire)
        body = spoken.body(model, request, stream=stream)
        while True:
            fit = self._quirks.apply(model, body)
            answer = await self._send(self._sent(wire, model, _written(fit), headers, stream, timeout_s), model)
            if answer.status < 300:
                return await _checked(self._where(model), answer, stream)
            failure = await self._failure(self._where(model), answer)
            if not self._quirks.learn(model, fit, failure):
                raise classify(failure)

    def _sent(
        self, wire: WireFormat, model: str, body: bytes, headers: Mapping[str, str], streamed: bool, timeout_s: float
    ) -> Sent:
        return Sent(
            where=self._where(model),
            url=self.address.url(wire, model),
            body=body,
            headers=headers,
            timeout_s=timeout_s,
            first_token_s=self.settings.first_token_s if streamed else None,
            stall_s=self.settings.stall_s if streamed else None,
        )

    async def _send(self, sent: Sent, model: str) -> Answer:
        answer = await self._connected().send(sent)
        quota = quota_of(answer.headers)
        if quota is not None:
            self._quotas[model] = quota
        return answer

    def _connected(self) -> Upstream:
        if self.upstream is None:
            self.upstream = self._connect(self.address.base_url())
        return self.upstream

    async def _failure(self, where: str, answer: Answer) -> Failure:
        try:
            content = await answer.read(_ERROR_BYTES, where=where)
        except ModelError:
            content = b""  # its status says enough
        finally:
            await answer.close()
        headers = dict(answer.headers)
        wait = wait_s(quota_of(headers)) if answer.status == 429 else None
        if wait is not None and "retry-after" not in answer.headers:
            headers["retry-after"] = f"{wait:.3f}"
        return describe(where, answer.status, _body(content), headers, self.address.secret)

    def _wire(self, model: str) -> ProviderFormat:
        """Return the format to ask a model in: the usual one, unless its server, or the model, takes another only."""
        wanted = self.address.format_of(model)
        return next((wire for wire in self._wires if wire.name == wanted), self._wires[0])

    def _where(self, model: str) -> str:
        return f"{self.settings.name}/{model}"


async def _checked(where: str, answer: Answer, streamed: bool) -> Answer:
    """Return an answer that may be one; a page of a proxy, or of a portal, is none."""
    if content_type(answer) != "text/html":
        return answer
    await answer.close()
    asked = "a stream" if streamed else "a reply"
    raise ModelOutputError(
        f"{where} answered {answer.status} with a page of HTML instead of {asked}",
        hint="check the provider's base_url, and what stands between here and there",
        details={"model": where, "status": answer.status},
    )


def _refused(kind: ProviderKind, address: Address) -> set[str]:
    """Return what all models of a server are known to refuse; another than OpenAI's has an older token limit."""
    preset = address.preset
    newer = address.official or preset.token_limit == "max_completion_tokens"
    refused = {*preset.refuses, *(() if newer or kind != "openai" else ("max_completion_tokens",))}
    return refused | ({"top_k"} if kind == "openai" and address.official else set())


def _written(body: Mapping[str, Any]) -> bytes:
    """Return a body as JSON; half a character, as a model may have written it, goes on escaped."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body).encode()


def _body(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
