"""Who is told of budgets that are nearly or wholly used up: the log at once, webhooks in the background.

A call only puts a line into a bounded queue. Webhooks follow the Standard Webhooks specification: the same
``webhook-id`` at every attempt, ``webhook-timestamp`` in whole seconds, and ``webhook-signature``: ``v1,`` and the
base64 of HMAC-SHA256 over ``id.timestamp.body``.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import random
import time
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, Protocol

import anyio
import structlog

from schemas.accounts import shown_scope
from schemas.errors import ConfigError, EngineError
from schemas.gateway import Webhook

WAITING = 1_000
DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Before the second, third … attempt; each is stretched by up to a half by chance."""
TIMEOUT_S = 10.0
_LEFT_S = 2.0
_log = structlog.get_logger("plan-execute-engine.gateway")


@dataclass(frozen=True, slots=True)
class Notice:
    """A budget that is at 90 % of its limit (``budget.warning``), or used up (``budget.paused``)."""

    kind: Literal["budget.warning", "budget.paused"]
    scope: str
    measure: str
    spent: float
    limit: float
    begins_anew: int = 0


Tell = Callable[[Notice], None]


class Post(Protocol):
    """Sends one request and returns status and body. Raises EngineError."""

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float, most_bytes: int
    ) -> Awaitable[tuple[int, bytes]]:
        """Send it."""
        ...


def log(notice: Notice) -> None:
    """Write a notice to the log."""
    facts = {"scope": shown_scope(notice.scope), "measure": notice.measure, "spent": notice.spent}
    _log.warning(notice.kind, **facts, limit=notice.limit, begins_anew=_written(notice))


class Webhooks:
    """Posts notices to every configured webhook, while ``sending``.

    Attributes:
        observers: Told of every notice at once, such as what counts them.

    Args:
        webhooks: Who is told.
        environ: Where ``$NAME`` secrets are looked up.
        post: Sends a request.
        now: Gives Unix time.
    """

    def __init__(
        self,
        webhooks: Sequence[Webhook],
        environ: Mapping[str, str],
        post: Post,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._environ = environ
        self.heed(webhooks)
        self.observers: list[Tell] = []
        self._post = post
        self._now = now
        self._queue: deque[Notice] = deque()
        self._under_way = 0
        self._come = anyio.Event()

    def heed(self, webhooks: Sequence[Webhook]) -> None:
        """Post what comes from now on to these. Raises ConfigError: a secret is missing, and nothing is changed."""
        self._targets = self.check(webhooks)

    def check(self, webhooks: Sequence[Webhook]) -> list[tuple[str, bytes | None]]:
        """Return where notices would go, each with its secret. Raises ConfigError: a secret is missing."""
        return [(webhook.url, _secret(webhook, self._environ)) for webhook in webhooks]

    def __call__(self, notice: Notice) -> None:
        """Have a notice sent. Never waits: beyond ``WAITING`` it is only in the log."""
        log(notice)
        for observer in self.observers:
            observer(notice)
        if not self._targets:
            return
        if len(self._queue) + self._under_way >= WAITING:
            _log.error("webhook.dropped", scope=notice.scope, waiting=WAITING)
            return
        self._queue.append(notice)
        self._come.set()

    @asynccontextmanager
    async def sending(self) -> AsyncGenerator[None]:
        """Send in the background; what waits when it ends has a moment to go."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._send_all)
            yield
            with anyio.move_on_after(_LEFT_S):
                while self._queue or self._under_way:
                    await anyio.sleep(0.05)
            group.cancel_scope.cancel()

    async def _send_all(self) -> None:
        async with anyio.create_task_group() as group:
            while True:
                await self._come.wait()
                self._come = anyio.Event()
                while self._queue:
                    notice = self._queue.popleft()
                    for url, secret in self._targets:
                        self._under_way += 1
                        group.start_soon(self._deliver, url, secret, notice)

    async def _deliver(self, url: str, secret: bytes | None, notice: Notice) -> None:
        """Post until it is taken (2xx), gone (410), or tried as often as there are delays."""
        name, body = f"msg_{uuid.uuid4().hex}", body_of(notice, self._now())
        for delay_s in (*DELAYS_S, None):
            said = await self._attempt(url, headers_of(name, int(self._now()), body, secret), body)
            if not said:
                return
            if delay_s is None or said == "410":
                _log.error("webhook.failed", url=_shown(url), said=said, scope=notice.scope)
                return
            await anyio.sleep(delay_s * (1 + random.random() / 2))

    async def _attempt(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        """Return what went wrong; nothing if it was taken."""
        try:
            status, _ = await self._post(url, headers, body, timeout_s=TIMEOUT_S, most_bytes=65_536)
        except EngineError as exc:
            return exc.message
        return "" if 200 <= status < 300 else str(status)


def body_of(notice: Notice, now: float) -> bytes:
    """Return the JSON of a notice: ``type``, ``timestamp``, ``data``."""
    data = {
        "scope": shown_scope(notice.scope),
        "measure": notice.measure,
        "spent": notice.spent,
        "limit": notice.limit,
        "begins_anew": _written(notice),
    }
    at = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": notice.kind, "timestamp": at, "data": data}, ensure_ascii=False).encode()


def headers_of(name: str, at: int, body: bytes, secret: bytes | None) -> dict[str, str]:
    """Return the headers of one attempt; without a secret it is not signed.

    >>> key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key)["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    headers = {"content-type": "application/json", "webhook-id": name, "webhook-timestamp": str(at)}
    if secret is not None:
        signed = hmac.digest(secret, f"{name}.{at}.".encode() + body, sha256)
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return headers


def _secret(webhook: Webhook, environ: Mapping[str, str]) -> bytes | None:
    """The key: ``whsec_`` and base64, as the specification writes it, or any other text as it is."""
    text = webhook.secret
    if text is not None and text.startswith("$"):
        text = environ.get(text[1:])
        if not text:
            raise ConfigError(f"{webhook.secret} is not set, and signs the webhook to {_shown(webhook.url)}")
    if text is None:
        return None
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ConfigError(f"the secret of the webhook to {_shown(webhook.url)} is no base64 after whsec_") from None
    return text.encode()


def _shown(url: str) -> str:
    """An address without what may be secret in it: such as many chat services' paths are."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…"


def _written(notice: Notice) -> str | None:
    if not notice.begins_anew:
        return None
    return datetime.fromtimestamp(notice.begins_anew, UTC).isoformat().replace("+00:00", "Z")
