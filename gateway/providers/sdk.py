"""What the providers over an official SDK share: one attempt, streamed or not, with one deadline and typed errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import anyio
from pydantic import ValidationError

from gateway.providers.base import Dialect, PlanTier, Secrets, checked_base_url, configured_tier, one_line
from gateway.providers.failures import Failure, classify
from gateway.providers.names import ToolNames
from gateway.providers.quirks import Quirks
from schemas.errors import ConfigError, ModelError, ModelOutputError, ModelTimeoutError
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from schemas.settings import ModelProvider, ProviderKind

_CLOSE_S = 2.0


class HttpReply(Protocol):
    """The part of an HTTP reply that is looked at here."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers; names in any case."""
        ...

    async def aread(self) -> bytes:
        """Return the rest of the body."""
        ...


class EventStream(Protocol):
    """A streamed reply, as both SDKs return it."""

    @property
    def response(self) -> HttpReply:
        """The HTTP reply behind it."""
        ...

    def __aiter__(self) -> AsyncIterator[object]: ...

    async def __anext__(self) -> object: ...

    async def close(self) -> None:
        """Close the connection."""
        ...


class ReplyBuilder(Protocol):
    """Puts a streamed reply together."""

    def feed(self, event: object) -> Iterator[ModelChunk]:
        """Take one event in and yield what it adds.

        Raises:
            ValidationError: The event has not the shape of the format.
        """
        ...

    def response(self) -> ModelResponse:
        """Return the whole reply.

        Raises:
            ModelUnavailableError: The stream broke off before its end.
            ModelOutputError: Nothing of the format came at all.
        """
        ...


class SdkProvider(ABC):
    """One configured provider reached through an official SDK, whose own retries are off.

    Args:
        settings: The configuration entry.
        environ: Where ``$NAME`` keys are looked up, on the first call.
    """

    kind: ProviderKind
    dialect: Dialect
    status_error: type[Exception]

    def __init__(self, settings: ModelProvider, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self.environ = environ
        self.secrets = Secrets(settings, environ)
        self.quirks = Quirks()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The configured name."""
        return self.settings.name

    def plan_tier(self, model: str) -> PlanTier:
        """Return the configured tier, else constrained output: both official services and the usual servers have it."""
        return configured_tier(self.settings, model) or "schema"

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncIterator[ModelChunk]:
        """Make one attempt and stream it; the last chunk is ``Done``, its usage without a price.

        A server that answers a streamed request with a whole reply is understood as well.

        Cancellation: closes the upstream connection at once.

        Raises:
            ModelError: The attempt failed; ``ModelTimeoutError`` when it took longer than ``timeout_s`` in all.
            ConfigError: The API key is missing.
        """
        deadline = anyio.current_time() + timeout_s
        names = ToolNames(request)
        with self._errors(model, timeout_s):
            body = self.body(model, names.sent(request), stream=True)
            with anyio.fail_after(timeout_s):
                stream: EventStream = await self._call(model, body, timeout_s)
            try:
                if _is_json(stream.response):
                    with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
                        content = await stream.response.aread()
                    for chunk in as_chunks(self.read(model, content, stream.response.headers)):
                        yield names.chunk(chunk)
                    return
                builder = self.builder(model)
                while (event := await _next(stream, deadline)) is not None:
                    for chunk in builder.feed(event):
                        yield names.chunk(chunk)
                yield Done(response=names.received(builder.response()))
            finally:
                with anyio.move_on_after(_CLOSE_S, shield=True):
                    await stream.close()

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Make one attempt without streaming. Cancellation and errors as ``stream``."""
        names = ToolNames(request)
        with self._errors(model, timeout_s), anyio.fail_after(timeout_s):
            body = self.body(model, names.sent(request), stream=False)
            reply: HttpReply = await self._call(model, body, timeout_s)
            return names.received(self.read(model, await reply.aread(), reply.headers))

    def address(self, official: str, prefix: str) -> tuple[str, str | None]:
        """Return the base URL and the API key to use.

        A configured ``base_url`` gets only a key configured beside it, never the official service's key.

        Args:
            official: Base URL of the official service.
            prefix: Of the environment variables ``…_BASE_URL`` and ``…_API_KEY``, heeded where nothing is configured.

        Raises:
            ConfigError: The key is missing, or the base URL is none.
        """
        url = self.settings.base_url
        if url is not None:
            return checked_base_url(self.name, url), self.secrets.api_key(None)
        key_name = f"{prefix}_API_KEY"
        url = self.environ.get(f"{prefix}_BASE_URL")
        default = f"${key_name}" if url is None or self.environ.get(key_name) else None
        return checked_base_url(self.name, url or official), self.secrets.api_key(default)

    async def aclose(self) -> None:
        """Close the connections. The provider can't be used afterwards."""
        await self.close_client()

    async def _call(self, model: str, body: dict[str, Any], timeout_s: float) -> Any:
        """Send the request, again without any optional parameter that the server turns out to refuse."""
        while True:
            sent = self.quirks.apply(model, body)
            try:
                return await self.send(sent, timeout_s)
            except self.status_error as exc:
                if not self.quirks.learn(model, sent, self.failure(model, exc)):
                    raise

    @contextmanager
    def _errors(self, model: str, timeout_s: float) -> Generator[None]:
        where = f"{self.name}/{model}"
        try:
            yield
        except (ModelError, ConfigError):
            raise
        except TimeoutError as exc:
            raise ModelTimeoutError(
                f"{where} did not finish within {timeout_s:g} s",
                hint="raise timeout_s of the provider, or ask for less",
                details={"model": where, "timeout_s": timeout_s},
            ) from exc
        except ValidationError as exc:
            at = ".".join(str(part) for part in exc.errors()[0]["loc"])
            raise ModelOutputError(
                f"{where} sent a reply that can't be read: {one_line(exc.errors()[0]['msg'])} at {at or 'its root'}",
                details={"model": where},
            ) from exc
        except self.status_error as exc:
            raise classify(self.failure(model, exc)) from exc
        except Exception as exc:
            translated = self.translate(where, exc)
            if translated is None:
                raise
            raise translated from exc

    @abstractmethod
    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return the request in the provider's format."""

    @abstractmethod
    async def send(self, body: dict[str, Any], timeout_s: float) -> Any:
        """Send it: an ``EventStream`` if ``body["stream"]``, else the ``HttpReply``."""

    @abstractmethod
    def builder(self, model: str) -> ReplyBuilder:
        """Return a builder for one streamed reply."""

    @abstractmethod
    def read(self, model: str, content: bytes, headers: Mapping[str, str]) -> ModelResponse:
        """Return the whole reply in a body.

        Raises:
            ModelError: An error inside the reply.
            ValidationError: The body has not the shape of the format.
        """

    @abstractmethod
    def failure(self, model: str, exc: Exception) -> Failure:
        """Return the facts of an SDK's status error."""

    @abstractmethod
    def translate(self, where: str, exc: Exception) -> ModelError | None:
        """Return our error for any other exception of the SDK, or None for one that is not its."""

    @abstractmethod
    async def close_client(self) -> None:
        """Close the SDK's client, if it was made."""


async def _next(stream: EventStream, deadline: float) -> object | None:
    """Return the next event, or None after the last.

    Raises:
        TimeoutError: The deadline passed first.
    """
    with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
        try:
            return await anext(stream)
        except StopAsyncIteration:
            return None


def _is_json(reply: HttpReply) -> bool:
    return reply.headers.get("content-type", "").split(";")[0].strip().lower().endswith("json")


def as_chunks(response: ModelResponse) -> Iterator[ModelChunk]:
    """Yield a whole reply as the chunks it might have come in."""
    calls = 0
    for part in response.parts:
        if part.kind == "text":
            yield TextDelta(text=part.text)
        elif part.kind == "reasoning" and part.text:
            yield ReasoningDelta(text=part.text)
        elif part.kind == "tool_call":
            yield ToolCallDelta(index=calls, call_id=part.call_id, name=part.name, arguments=part.raw)
            calls += 1
    yield Done(response=response)
