"""JSON-RPC over HTTP to one A2A agent, and its card."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from engine.tools.agents.a2a.card import Card, KeyScheme, card_addresses, read_card
from engine.tools.agents.a2a.messages import Update, mapping, read_update, text
from engine.tools.agents.a2a.wording import ERRORS, Act, request
from engine.tools.failures import http_failure
from engine.tools.http import Incoming, Order, exchange, opened
from gateway.sse import SseDecoder
from schemas.errors import ModelOutputError, ToolFailedError, ToolUnavailableError

LARGEST_ANSWER = 20_000_000
LARGEST_STREAM = 100_000_000
LARGEST_CARD = 2_000_000
_SHOWN = 300
_NOT_FOUND = 404
_BEARER = KeyScheme("bearer")
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the configuration gives for one agent, looked up.

    Attributes:
        home: The address that the configuration names: only its host is told secrets.
        headers: Sent with every request.
        api_key: Sent as the card asks for it, as a bearer token where it does not say.
    """

    home: str
    headers: Mapping[str, str]
    api_key: str = ""

    def sent_to(self, url: str, schemes: tuple[KeyScheme, ...]) -> tuple[str, dict[str, str]]:
        """Return an address and the headers for it; a host that only a card names is told nothing."""
        if not _same_host(self.home, url):
            return url, {}
        headers = dict(self.headers)
        if not self.api_key or any(name.lower() == "authorization" for name in headers):
            return url, headers
        scheme = schemes[0] if schemes else _BEARER
        if scheme.place == "query":
            return f"{url}{'&' if '?' in url else '?'}{quote(scheme.name)}={quote(self.api_key, safe='')}", headers
        written = {
            "bearer": f"Bearer {self.api_key}",
            "basic": f"Basic {base64.b64encode(self.api_key.encode()).decode()}",
            "header": self.api_key,
            "cookie": f"{scheme.name}={self.api_key}",
        }[scheme.place]
        return url, headers | {"Cookie" if scheme.place == "cookie" else scheme.name: written}

    def hides(self, said: str) -> str:
        """Return a text without the secrets."""
        for secret in (self.api_key, *self.headers.values()):
            said = said.replace(secret, "…") if len(secret) > 3 else said
        return said


@dataclass(frozen=True, slots=True)
class Found:
    """A card, and the tag by which it is asked for again; ``card`` is None where it has not changed."""

    card: Card | None
    tag: str = ""


async def fetch_card(address: str, credentials: Credentials, *, tag: str = "") -> Found:
    """Return the card of the agent at an address.

    Args:
        address: The agent's, or its card's.
        credentials: What is sent along.
        tag: Of the card that is known (its ETag): an unchanged one is not sent again.

    Raises:
        ToolFailedError: There is no card, or none that is understood.
        ToolUnavailableError: The agent cannot be reached now.
    """
    for source in (tried := card_addresses(address)):
        url, headers = credentials.sent_to(source, (_BEARER,))
        known = (("If-None-Match", tag),) if tag else ()
        order = Order("GET", url, (*headers.items(), *known, ("Accept", "application/json"), ("A2A-Version", "1.0")))
        reply = await exchange(order, max_bytes=LARGEST_CARD)
        if reply.status == 304 and tag:
            return Found(None, tag)
        if reply.status == _NOT_FOUND and source is not tried[-1]:
            continue
        if reply.status == _NOT_FOUND:
            raise ToolFailedError(f"there is no agent card at {tried[0]}", hint="is it the address of an A2A agent?")
        if reply.status >= 300:
            said = credentials.hides(f"{source} answered {reply.status}")
            raise http_failure(said, reply.status, reply.headers, hint=_hint(reply.status))
        return Found(read_card(reply.body, source), reply.headers.get("etag", ""))
    raise AssertionError


class Rpc:
    """The line to one agent; every call is a connection of its own."""

    __slots__ = ("_credentials", "_extra", "_name", "_number", "card")

    def __init__(self, name: str, card: Card, credentials: Credentials, extra: Mapping[str, str] | None = None) -> None:
        self.card = card
        self._name = name
        self._credentials = credentials
        self._extra = dict(extra or {})
        self._number = 0

    async def call(self, act: Act, params: Mapping[str, Any]) -> Update:
        """Make one call and return its result.

        Raises:
            ToolFailedError: It answered with an error of the protocol (``details["rpc_code"]``), refused (4xx), or its
                answer cannot be read.
            ToolUnavailableError: Not reached, broken off, 429 or 5xx.
        """
        async with self._opened(act, params) as answer:
            return self._result(await self._whole(answer))

    @asynccontextmanager
    async def stream(self, act: Act, params: Mapping[str, Any]) -> AsyncGenerator[AsyncGenerator[Update]]:
        """Make one call and give its updates as they come. Raises as ``call``, while updates are read, too."""
        async with self._opened(act, params) as answer, aclosing(self._updates(answer)) as updates:
            yield updates

    @asynccontextmanager
    async def _opened(self, act: Act, params: Mapping[str, Any]) -> AsyncGenerator[Incoming]:
        self._number += 1
        body = json.dumps(request(self.card, act, params, self._number), ensure_ascii=False).encode()
        url, headers = self._credentials.sent_to(self.card.url, self.card.schemes)
        accept = "text/event-stream, application/json" if act in ("stream", "subscribe") else "application/json"
        written = {"Content-Type": "application/json", "Accept": accept, **self._extra, **headers}
        if self.card.version != "0.3":
            written["A2A-Version"] = self.card.version
        async with opened(Order("POST", url, tuple(written.items()), body)) as answer:
            if answer.status >= 300:
                raise await self._refused(answer)
            yield answer

    async def _updates(self, answer: Incoming) -> AsyncGenerator[Update]:
        if not answer.headers.get("content-type", "").lower().startswith("text/event-stream"):
            yield self._result(await self._whole(answer))
            return
        decoder, size = SseDecoder(self._name), 0
        try:
            async with aclosing(answer.chunks) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > LARGEST_STREAM:
                        raise ToolFailedError(f"{self._name} sent more than {LARGEST_STREAM // 1_000_000} MB")
                    for event in decoder.feed(chunk):
                        if event.data:
                            yield self._result(event.data)
        except ModelOutputError as exc:
            raise ToolFailedError(exc.message) from None
        for event in decoder.finish():
            if event.data:
                yield self._result(event.data)

    async def _whole(self, answer: Incoming, most: int = LARGEST_ANSWER) -> bytes:
        body = bytearray()
        async with aclosing(answer.chunks) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    raise ToolFailedError(f"{self._name} answered more than {most // 1_000_000} MB")
        return bytes(body)

    def _result(self, body: bytes) -> Update:
        try:
            parsed: Any = json.loads(body)
        except (ValueError, RecursionError):
            raise ToolFailedError(f"{self._name} answered what is no JSON: {self._shown(body)}") from None
        raw = mapping(parsed)
        if raw.get("error"):
            raise self._error(mapping(raw["error"]))
        update = read_update(raw.get("result"))
        if update is None:
            raise ToolFailedError(f"{self._name} answered what A2A does not know: {self._shown(body)}")
        return update

    def _error(self, error: Mapping[str, Any]) -> ToolFailedError:
        code: Any = error.get("code")
        meaning = ERRORS.get(code, "") if isinstance(code, int) else ""
        said = self._credentials.hides(" ".join(text(error.get("message")).split()))[:_SHOWN]
        what = f"{self._name} answered an error: {said or meaning or 'without a word'} ({code})"
        return ToolFailedError(what, hint=meaning, details={"rpc_code": code})

    async def _refused(self, answer: Incoming) -> ToolFailedError | ToolUnavailableError:
        if answer.status < 400:
            target = self._credentials.hides(answer.headers.get("location", "nowhere"))[:_SHOWN]
            hint = "redirects are not followed: give its address as it is now"
            return ToolFailedError(f"{self._name} answered {answer.status}: it leads to {target}", hint=hint)
        said = self._shown(await self._whole(answer))
        message = f"{self._name} answered {answer.status}{f': {said}' if said else ''}"
        hint = _hint(answer.status)
        if answer.status in (401, 403) and not _same_host(self._credentials.home, self.card.url):
            host = urlsplit(self.card.url).hostname
            hint = f"its card leads to {host}, and keys are only sent to the host that the configuration names"
        return http_failure(message, answer.status, answer.headers, hint=hint)

    def _shown(self, body: bytes) -> str:
        return self._credentials.hides(" ".join(body.decode("utf-8", "replace").split()))[:_SHOWN]


def _same_host(home: str, url: str) -> bool:
    """Whether an address is on the host that the configuration names, and no less safe to reach.

    >>> _same_host("https://a.example/x", "https://a.example:8443/y"), _same_host("https://a.example", "http://a.example")
    (True, False)
    """
    ours, theirs = urlsplit(home), urlsplit(url)
    same = ours.hostname == theirs.hostname or {ours.hostname, theirs.hostname} <= _THIS_MACHINE
    return same and (theirs.scheme == "https" or ours.scheme == "http")


def _hint(status: int) -> str:
    return "give the agent an api_key, or another one" if status in (401, 403) else ""
