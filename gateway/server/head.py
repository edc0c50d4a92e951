"""A request's head, read once: who sends it, under which id, and what the caller says of the call.

Headers that are heeded beside HTTP's own: ``x-request-id``, and ``x-engine-run``, ``-role``, ``-step``, ``-agent``,
``-session``, ``-deadline``, ``-restart``, ``-drop``, ``-cache`` (``gateway.exchange``, ``gateway.cache``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from os import urandom

from schemas.errors import RequestError, RequestHeadError

MOST_HEADERS = 100
PREFIX = "x-engine-"

_PROCESS = f"req_{urandom(7).hex()}"
_numbers = itertools.count(1)
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")
_ONCE = frozenset(
    ("host", "origin", "authorization", "x-api-key", "api-key", "content-type", "content-encoding", "x-request-id")
)
_HEEDED = _ONCE | {"content-length", "access-control-request-method", "access-control-request-headers"}
_PASSED = ("anthropic-", "openai-beta", "idempotency-key", "traceparent", "tracestate", "user-agent", PREFIX)
_MOST_NAMES = 2_000
_UNWANTED = ("", False)

_names: dict[bytes, tuple[str, bool]] = {}
"""Names seen, in text, and whether they are passed on. Bounded: clients can make names up."""


@dataclass(slots=True, eq=False)
class Head:
    """What a request's head says; names in lower case.

    Attributes:
        heeded: For us alone: the key, the body's form, where the request comes from.
        passed: What the call is told of: providers may see it, or the gateway heeds it.
        request_id: The client's where it is sane, else ours.
    """

    heeded: dict[str, str]
    passed: dict[str, str]
    request_id: str

    @property
    def secret(self) -> str | None:
        """The API key, from wherever clients put it; None without one."""
        bearer = self.heeded.get("authorization")
        if bearer is not None:
            scheme, _, given = bearer.partition(" ")
            if given and scheme.lower() == "bearer":
                return given.strip()
        return self.heeded.get("x-api-key") or self.heeded.get("api-key")


def read_head(raw: Iterable[tuple[bytes, bytes]]) -> Head:
    """Read a head.

    Raises:
        RequestHeadError: There are too many headers.
        RequestError: One that may come once came twice, with another value.
    """
    heeded: dict[str, str] = {}
    passed: dict[str, str] = {}
    count = 0
    for key, value in raw:
        count += 1
        name, goes_on = _names.get(key) or _named(key)
        if not name:
            continue
        kept, text = passed if goes_on else heeded, value.decode("latin-1")
        if name in kept and kept[name] != text:
            if name in _ONCE:
                raise RequestError(f"the header {name} came twice", hint="send it once")
            text = f"{kept[name]}, {text}"
        kept[name] = text
    if count > MOST_HEADERS:
        raise RequestHeadError(f"the request has more than {MOST_HEADERS} headers")
    given = heeded.get("x-request-id")
    return Head(heeded, passed, given if given is not None and _SANE_ID.fullmatch(given) else new_id())


def new_id() -> str:
    """Return a fresh request id: unlike any other's, and no secret."""
    return f"{_PROCESS}{next(_numbers):010x}"


def _named(raw: bytes) -> tuple[str, bool]:
    """Return the name that a header is kept under (empty: nobody wants it), and whether it is passed on."""
    name = raw.decode("latin-1")
    goes_on = name.startswith(_PASSED)
    found = (name, goes_on) if goes_on or name in _HEEDED else _UNWANTED
    if len(_names) < _MOST_NAMES:
        _names[raw] = found
    return found
