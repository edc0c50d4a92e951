"""Filters of kind ``http``: a server of somebody's, asked as Plano asks its filters.

POST to the address with the API's path behind it; the body is the request, the whole answer, or whole events of a
streamed one. 200 carries what goes on in its place (nothing: as it was), 4xx stops with its text and its status, and
anything else is a failure. The client's headers go along, but for its secrets, and what is of its own connection.
Source: katanemo/plano, docs/source/concepts/filter_chain.rst, and ``execute_raw_filter`` in pipeline.rs. Unlike there,
a 4xx stops a streamed answer too, and no event is ever cut in two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from gateway.filters.base import Facts, Looked, Post, Verdict
from gateway.filters.decision import Block
from gateway.filters.formats import FORMATS
from gateway.filters.frames import encoded
from gateway.filters.member import UnreadableError
from gateway.filters.verdicts import checked
from gateway.sse import SseDecoder
from gateway.wire.base import SseEvent

MOST_BYTES = 64_000_000
NOT_SENT_ON = frozenset(
    ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie", "proxy-authorization")
) | {
    *("host", "content-length", "content-type", "content-encoding", "accept", "accept-encoding"),
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
}


class HttpFilter:
    """Asks a server (implements ``BodyFilter``).

    Args:
        url: Without the API's path.
        headers: Sent along, looked up already.
        post: Sends.
        timeout_s: Longest time of one request.
    """

    def __init__(self, url: str, headers: Mapping[str, str], post: Post, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._post = post
        self._timeout_s = timeout_s

    async def body(self, body: dict[str, Any], facts: Facts) -> Verdict:
        """Decide on a body. Raises what the sender raises.

        Raises:
            UnreadableError: The server failed, or sent no body.
        """
        answer = await self._ask(encoded(body), facts)
        if isinstance(answer, Block) or not answer.strip():
            return answer if isinstance(answer, Block) else None
        try:
            return checked(json.loads(answer), body)
        except (ValueError, RecursionError):
            raise UnreadableError("it answered 200 with what is no JSON") from None

    async def events(self, events: list[SseEvent], facts: Facts) -> Looked:
        """Decide on events, all that came together in one request. Raises as ``body``."""
        sent = b"".join(event.raw for event in events)
        answer = await self._ask(sent, facts)
        if isinstance(answer, Block):
            return [], answer
        if not answer.strip() or answer == sent:
            return events, None
        decoder = SseDecoder(self._url)
        found = decoder.feed(answer)
        if decoder.finish() or not any(event.data for event in found):
            raise UnreadableError("it answered 200 with what are no whole events")
        return found, None

    async def _ask(self, body: bytes, facts: Facts) -> bytes | Block:
        url = self._url + FORMATS[facts.format].path
        status, answer = await self._post(
            url, self._said(facts), body, timeout_s=self._timeout_s, most_bytes=MOST_BYTES
        )
        if 200 <= status < 300:
            return answer
        if 400 <= status < 500:
            return Block(_reason(answer), status)
        raise UnreadableError(f"it answered {status}")

    def _said(self, facts: Facts) -> dict[str, str]:
        told = {"x-request-id": facts.request_id, "x-engine-side": facts.side, "x-engine-agent": facts.agent}
        kept = {name: value for name, value in facts.headers.items() if name not in NOT_SENT_ON}
        fixed = {"content-type": "application/json", "accept": "application/json"}
        return {**kept, **{name: value for name, value in told.items() if value}, **fixed, **self._headers}


def _reason(answer: bytes) -> str:
    """Return why a server says no: the message of its JSON, else its text."""
    text = answer.decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for _ in range(3):
        if not isinstance(value, dict):
            break
        found = cast("dict[str, Any]", value)
        value = next((found[name] for name in ("message", "detail", "reason", "error") if name in found), text)
    return value if isinstance(value, str) else text
