"""What a client asks: one JSON-RPC request, of either version of the protocol, read and checked. Pure.

Source: A2A specification 1.0, sections 3.6.2 (which version a request speaks), 5.4 (codes), 9 (JSON-RPC); 0.3.0,
section 7; JSON-RPC 2.0, section 4.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from engine.config.problems import nearest
from engine.tools.agents.a2a.card import Version
from engine.tools.agents.a2a.messages import Part, entries, mapping, read_message, text
from engine.tools.agents.a2a.wording import METHODS
from schemas.errors import BusyError, ConflictError, EngineError, NotFoundError, RequestError, RequestFieldError

Kind = Literal["send", "stream", "get", "list", "cancel", "subscribe", "card"]
CODE = "rpc_code"
"""Under this name an error's ``details`` hold the code that it has in A2A."""

NOT_FOUND, NOT_CANCELABLE, NO_PUSH, UNSUPPORTED, CONTENT, VERSION = -32001, -32002, -32003, -32004, -32005, -32009
PARSE, INVALID, METHOD, PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603

_MORE: Mapping[Version, Mapping[Kind, str]] = {
    "1.0": {"list": "ListTasks", "card": "GetExtendedAgentCard"},
    "0.3": {"card": "agent/getAuthenticatedExtendedCard"},
}
_KINDS: Mapping[Version, Mapping[str, Kind]] = {
    version: {name: kind for kind, name in (*METHODS[version].items(), *_MORE[version].items())} for version in METHODS
}
_LONGEST_ID = 200
_MOST_NAMED = 120


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a client.

    Attributes:
        message_id: Its own, made by the client.
        text: What it says; data stands in it as JSON.
        data: The value of its only part, where that is data; None without.
        task_id, context_id: What it goes on with; empty: nothing.
    """

    message_id: str
    text: str
    data: Any = None
    task_id: str = ""
    context_id: str = ""


@dataclass(frozen=True, slots=True)
class Rpc:
    """One request.

    Attributes:
        kind: What is asked.
        version: Of the protocol.
        number: The request's own id, which the answer carries.
        params: As they came.
    """

    kind: Kind
    version: Version
    number: str | int | float | None
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def message(self) -> Heard:
        """Return the message that is sent.

        Raises:
            RequestFieldError: It is none, is empty, or holds what no assistant reads.
        """
        raw = mapping(self.params.get("message"))
        if not raw:
            raise _wrong("message", "missing")
        message_id = text(raw.get("messageId"))
        if not message_id:
            raise _wrong("message.messageId", "missing: every message has an id of its own")
        role = text(raw.get("role")).lower()
        if not role.endswith("user"):
            raise _wrong("message.role", "expected ROLE_USER" if self.version == "1.0" else "expected user")
        told = read_message(raw)
        if len(told.parts) != len(entries(raw.get("parts"))) or not told.parts:
            raise _wrong("message.parts", "expected one text or data part at least, and nothing else")
        said = "\n".join(_said(part) for part in told.parts)
        data = told.parts[0].value if len(told.parts) == 1 and told.parts[0].kind == "data" else None
        if not said.strip():
            raise _wrong("message.parts", "there is no text")
        return Heard(
            message_id[:_LONGEST_ID],
            said,
            data,
            _id(told.task_id, "message.taskId"),
            _id(told.context_id, "message.contextId"),
        )

    def task_id(self) -> str:
        """Return the task that is named. Raises RequestFieldError."""
        found = text(self.params.get("id"))
        if not found:
            raise _wrong("id", "missing")
        return _id(found, "id")

    @property
    def waits(self) -> bool:
        """Whether a message is answered once its task ends or asks, and not at once.

        Raises:
            RequestFieldError: Webhooks are asked for.
        """
        wished = mapping(self.params.get("configuration"))
        if wished.get("taskPushNotificationConfig") or wished.get("pushNotificationConfig"):
            raise RequestFieldError(
                "configuration: no webhooks are called from here",
                hint="stream, subscribe, or get the task",
                details={CODE: NO_PUSH},
            )
        return wished.get("returnImmediately") is not True and wished.get("blocking") is not False

    def history(self, where: Mapping[str, Any] | None = None) -> int | None:
        """Return the most messages of a task that are wanted; None: all. Raises RequestFieldError."""
        found = (self.params if where is None else where).get("historyLength")
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise _wrong("historyLength", "expected 0 or more")
        return found


def read_rpc(body: bytes, version: str) -> Rpc:
    """Return a request.

    Args:
        body: What was posted.
        version: The protocol's that its client names (``A2A-Version``); empty: 0.3.

    Raises:
        RequestError: It is none, or asks what is not there; ``details`` hold the code and the request's id.
    """
    try:
        parsed: Any = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise RequestError("the body is no JSON", details={CODE: PARSE}) from None
    if not isinstance(parsed, dict):
        raise RequestError("expected one JSON-RPC request; batches are not taken", details={CODE: INVALID})
    raw = cast("dict[str, Any]", parsed)
    number, method, params = raw.get("id"), raw.get("method"), raw.get("params", {})
    if isinstance(number, bool) or not isinstance(number, str | int | float | None):
        raise RequestError("id: expected a text or a number", details={CODE: INVALID})
    known = {"id": number}
    if raw.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, dict):
        message = 'expected {"jsonrpc": "2.0", "id": …, "method": …, "params": {…}}'
        raise RequestError(message, details={CODE: INVALID, **known})
    spoken = _version(version, known)
    kind = _KINDS[spoken].get(method)
    if kind is None:
        raise _unknown(method, spoken, known)
    return Rpc(kind, spoken, number, cast("dict[str, Any]", params))


def _finite(said: str) -> float:
    """Raises ValueError: it is too large to be written again."""
    found = float(said)
    if not math.isfinite(found):
        raise ValueError(said)
    return found


def _no_number(said: str) -> float:
    """Raises ValueError: NaN and the infinities are Python's, and no JSON."""
    raise ValueError(said)


def code_of(error: EngineError) -> int:
    """Return the code that an error has in A2A."""
    given: Any = error.details.get(CODE)
    if isinstance(given, int):
        return given
    match error:
        case NotFoundError():
            return NOT_FOUND
        case RequestFieldError():
            return PARAMS
        case BusyError():
            return INTERNAL
        case RequestError():
            return INVALID
        case ConflictError():
            return UNSUPPORTED
        case _:
            return INTERNAL


def _version(named: str, known: Mapping[str, Any]) -> Version:
    """Raises RequestError."""
    major, _, rest = (named.strip() or "0.3").partition(".")
    if major == "1":
        return "1.0"
    if major == "0" and rest.partition(".")[0] == "3":
        return "0.3"
    raise RequestError(
        f"version {named[:20]!r} of A2A is not spoken here", hint="1.0 and 0.3 are", details={CODE: VERSION, **known}
    )


def _unknown(method: str, spoken: Version, known: Mapping[str, Any]) -> RequestError:
    if "ushNotification" in method:
        hint = "stream, subscribe, or get the task"
        return RequestError("no webhooks are called from here", hint=hint, details={CODE: NO_PUSH, **known})
    other: Version = "0.3" if spoken == "1.0" else "1.0"
    if method in _KINDS[other]:
        hint = "send the header A2A-Version: 1.0" if other == "1.0" else f"in 1.0 it is {_now(method)}"
        told = f"{method} is no method of A2A {spoken}"
        code = VERSION if other == "1.0" else METHOD
        return RequestError(told, hint=hint, details={CODE: code, **known})
    hint = nearest(method, tuple(_KINDS[spoken]))
    return RequestError(f"there is no method {method[:_MOST_NAMED]!r}", hint=hint, details={CODE: METHOD, **known})


def _now(method: str) -> str:
    kind = _KINDS["0.3"][method]
    return next(name for name, one in _KINDS["1.0"].items() if one == kind)


def _said(part: Part) -> str:
    """Raises RequestFieldError."""
    if part.kind == "file":
        raise RequestFieldError(
            "message.parts: an assistant reads text and data, and one part is a file",
            hint="say in words what is in it, or where it is",
            details={CODE: CONTENT},
        )
    return part.text if part.kind == "text" else json.dumps(part.value, ensure_ascii=False)


def _id(given: str, where: str) -> str:
    """Raises RequestFieldError."""
    if len(given) > _LONGEST_ID or not given.isprintable():
        raise _wrong(where, f"longer than {_LONGEST_ID} characters, or not printable")
    return given


def _wrong(where: str, what: str) -> RequestFieldError:
    return RequestFieldError(f"{where}: {what}")
