"""Agents at a URL: servers that speak chat completions, in any language.

A call says whose it is in headers, so that an agent that calls models through our gateway and passes them on has its
calls counted to the run: ``x-engine-run``, ``x-engine-step``, ``x-engine-agent``, ``x-engine-budget-usd`` (what is left
of the run's budget), ``Idempotency-Key`` (the same for every attempt of the step) and ``traceparent``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import anyio

from engine.config import resolve_secret
from engine.tools.agents.base import LOOK_S, QUERY, Card, Place, held_by_nobody, whose
from engine.tools.agents.chat import ChatReply, agent_failure, shown
from engine.tools.http import Incoming, Order, exchange, opened
from gateway.sse import SseDecoder
from schemas.agents import AgentSettings
from schemas.errors import (
    ConfigError,
    EngineError,
    ModelOutputError,
    ToolFailedError,
    ToolUnavailableError,
)
from schemas.protocols import ToolContext
from schemas.result import Usage

LARGEST_ANSWER = 20_000_000  # bytes
LONGEST_SILENCE_S = 300.0
_LARGEST_ERROR = 65_536
_DOWN = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class UrlAgent:
    """One agent (implements ``engine.tools.agents.base.Agent``).

    Attributes:
        settings: What the configuration says of it.
        place: Where its secrets are looked up.
    """

    settings: AgentSettings
    place: Place

    def hosting(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Hold nothing."""
        return held_by_nobody(owner)

    async def look(self) -> Card:
        """Ask for its list of models; a server that answers anything but that it is down is there.

        Raises:
            ToolUnavailableError: It cannot be reached, or says that it is down.
            ToolFailedError: Its secrets are not set.
        """
        headers, secrets = self._headers()
        url = chat_url(self.settings.url or "").removesuffix("/chat/completions") + "/models"
        with anyio.move_on_after(LOOK_S):
            try:
                reply = await exchange(Order("GET", url, tuple(headers.items())), max_bytes=_LARGEST_ERROR)
            except EngineError as exc:
                raise ToolUnavailableError(_without(secrets, exc.message)) from None
            if reply.status in _DOWN:
                raise ToolUnavailableError(f"it answers {reply.status}")
            return Card()
        raise ToolUnavailableError(f"it does not answer within {LOOK_S:g} s")

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        """Put the query to it and return the text of its answer, told as it comes.

        Raises:
            ToolUnavailableError: Not reached, 429 or 5xx (``retry_after_s`` where it says so), or broken off.
            ToolFailedError: It refused (4xx), or what came is no answer: an error in a 200, a page, nothing.
            ConfigError: A secret's environment variable is not set.
        """
        headers, secrets = self._headers()
        reply = ChatReply(self.settings.name)
        try:
            async with opened(self._order(arguments, context, headers)) as incoming:
                await self._read(incoming, reply, context)
            return reply.answer()
        except EngineError as exc:
            message, hint = _without(secrets, exc.message), _without(secrets, exc.hint)
            raise type(exc)(message, hint=hint, details=exc.details) from None  # what it came from may quote a header
        finally:
            if self.settings.usage == "reply" and (used := self._used(reply)) is not None:
                context.used(used)

    def _used(self, reply: ChatReply) -> Usage | None:
        """Return what a reply used: as it says, else one call at what the configuration expects; None: nothing did."""
        if reply.usage is not None:
            return priced(reply.usage, self.settings.expected_usd)
        silent = bool(reply.texts) and self.settings.expected_usd is not None
        return Usage(calls=1, cost_usd=self.settings.expected_usd) if silent else None

    def _headers(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return what every request says, and which of it nobody may see. Raises ToolFailedError."""
        environ, where = self.place.environ, f"agents.{self.settings.name}"
        try:
            given = {name: resolve_secret(value, environ) or "" for name, value in self.settings.headers.items()}
            key = resolve_secret(self.settings.api_key, environ) or ""
        except ConfigError as exc:
            raise ToolFailedError(f"{where}: {exc.message}", hint=exc.hint) from None
        said = {**given, **({"Authorization": f"Bearer {key}"} if key else {})}
        for name, value in said.items():
            if not value.isprintable() or not value.isascii():
                raise ToolFailedError(f"{where}: the header {name} holds what no header can", hint="look at its secret")
        return said, tuple(secret for secret in (key, *given.values()) if len(secret) > 3)

    def _order(self, arguments: Mapping[str, Any], context: ToolContext, headers: Mapping[str, str]) -> Order:
        accepted = {"Accept": "text/event-stream, application/json", "Content-Type": "application/json"}
        told = {**accepted, **whose(self.settings.name, context)}
        body = {
            "model": self.settings.model or self.settings.name,
            "messages": [{"role": "user", "content": arguments[QUERY]}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        sent = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        own = {name.lower() for name in headers}
        kept = [(name, value) for name, value in told.items() if name.lower() not in own]
        return Order("POST", chat_url(self.settings.url or ""), (*kept, *headers.items()), sent)

    async def _read(self, incoming: Incoming, reply: ChatReply, context: ToolContext) -> None:
        name = self.settings.name
        if incoming.status >= 300:
            raise await self._refused(incoming)
        kind = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
        chunks = _capped(incoming.chunks, name)
        async with aclosing(chunks):
            if kind in ("text/html", "application/xhtml+xml"):
                hint = "is this the address of its chat completions?"
                raise ToolFailedError(f"{name} answered with a page for browsers, not a chat completion", hint=hint)
            if kind == "text/event-stream":
                await _stream(chunks, reply, context)
            else:
                await _whole(chunks, reply, context)

    async def _refused(self, incoming: Incoming) -> EngineError:
        name, status = self.settings.name, incoming.status
        if status < 400:
            target = shown(incoming.headers.get("location", "nowhere").encode())
            hint = "redirects are not followed: give its url as it is now"
            return ToolFailedError(f"{name} answered {status}: it leads to {target}", hint=hint)
        body = bytearray()
        async with aclosing(_capped(incoming.chunks, name)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > _LARGEST_ERROR:
                    break
        said = _said(bytes(body))
        hint = "give the agent an api_key, or another one" if status in (401, 403) else ""
        if status == 404:
            hint = f"it was asked at {urlsplit(chat_url(self.settings.url or '')).path}: is that its path?"
        message = f"{name} answered {status}{f': {said}' if said else ''}"
        return agent_failure(message, status, incoming.headers, hint=hint)


def made(settings: AgentSettings, place: Place) -> UrlAgent:
    """Return the agent of an entry.

    Raises:
        ConfigError: Its url is no http or https address.
    """
    chat_url(settings.url or "")
    return UrlAgent(settings, place)


def chat_url(url: str) -> str:
    """Return where chat completions are asked for: the path that is given is kept.

    >>> chat_url("http://localhost:8081"), chat_url("https://a.example/team/v1"), chat_url("https://a.example/x?k=1")
    ('http://localhost:8081/v1/chat/completions', 'https://a.example/team/v1/chat/completions', 'https://a.example/x/v1/chat/completions?k=1')

    Raises:
        ConfigError: It is no http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"agents: {url!r} is no address", hint="such as http://localhost:8081")
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions" if path.endswith("/v1") else "/v1/chat/completions"
    return urlunsplit(parts._replace(path=path, fragment=""))


def priced(usage: Usage, expected_usd: float | None) -> Usage:
    """Return what a reply used, its cost as the configuration expects it where the reply does not say it."""
    return usage if usage.cost_usd is not None else usage.model_copy(update={"cost_usd": expected_usd})


async def _stream(chunks: AsyncGenerator[bytes], reply: ChatReply, context: ToolContext) -> None:
    """Read a stream to its end. Raises ToolUnavailableError where it was cut."""
    decoder = SseDecoder(reply.name)
    try:
        async for chunk in chunks:
            for event in decoder.feed(chunk):
                _tell(reply.event(event.data), context)
            if reply.ended:
                return
        for event in decoder.finish():
            _tell(reply.event(event.data), context)
    except ModelOutputError as exc:
        raise ToolFailedError(exc.message) from None
    if not reply.ended and not reply.finish:
        raise ToolUnavailableError(f"{reply.name} broke its answer off before its end")


async def _whole(chunks: AsyncGenerator[bytes], reply: ChatReply, context: ToolContext) -> None:
    """Read an answer that is no stream. Raises ToolFailedError where it is no chat completion."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
    if not body.strip():
        raise ToolFailedError(f"{reply.name} gave an empty answer")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise ToolFailedError(f"{reply.name} answered what is no chat completion: {shown(bytes(body))}") from None
    _tell(reply.take(parsed), context)


def _tell(news: tuple[str, str], context: ToolContext) -> None:
    text, thought = news
    if text:
        context.text(text)
    if thought.strip():
        context.progress(thought.strip())


async def _capped(chunks: AsyncGenerator[bytes], name: str) -> AsyncGenerator[bytes]:
    """Yield chunks.

    Raises:
        ToolFailedError: There is more than the largest answer.
        ToolUnavailableError: Nothing came for longer than the longest silence.
    """
    size = 0
    async with aclosing(chunks):
        while True:
            chunk: bytes | None = None
            with anyio.move_on_after(LONGEST_SILENCE_S) as silence:
                chunk = await anext(chunks, None)
            if silence.cancelled_caught:
                raise ToolUnavailableError(f"{name} was silent for {LONGEST_SILENCE_S:g} s")
            if chunk is None:
                return
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise ToolFailedError(f"{name} answered more than {LARGEST_ANSWER // 1_000_000} MB")
            yield chunk


def _said(body: bytes) -> str:
    """Return what the body of an error says."""
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip()[:1] == b"<" else shown(body)
    error: Any = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    message: Any = error.get("message") or error.get("detail") if isinstance(error, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return shown(str(message or error).encode())  # pyright: ignore[reportUnknownArgumentType]


def _without(secrets: tuple[str, ...], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
