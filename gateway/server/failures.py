"""Errors as clients get them: in the envelope of the format they speak, with the headers that say what to do."""

from __future__ import annotations

import json
import math
from typing import Any

from gateway.exchange import plain
from gateway.wire import CLIENT_FORMATS, client_format
from schemas.errors import AccessError, EngineError, RequestMethodError
from schemas.gateway import WireFormat

Headers = list[tuple[bytes, bytes]]


def envelope(error: EngineError, form: WireFormat, request_id: str) -> dict[str, Any]:
    """Return the body of an error in a client's format."""
    return client_format(form if form in CLIENT_FORMATS else "chat").error(error, request_id)


def failure(error: EngineError, form: WireFormat, request_id: str) -> tuple[int, Headers, bytes]:
    """Return (status, headers, body) of an error; the request's id is not among the headers yet."""
    body = json.dumps(envelope(error, form, request_id), ensure_ascii=False).encode("utf-8", "backslashreplace")
    headers: Headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    status = error.status
    wait_s = error.details.get("retry_after_s")
    if isinstance(wait_s, (int, float)):
        headers.append((b"retry-after", b"%d" % max(0, math.ceil(wait_s))))
    if isinstance(error, AccessError):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, RequestMethodError):
        headers.append((b"allow", ", ".join(error.details.get("methods", ())).encode()))
    if not error.retryable and (status >= 500 or status in (408, 409, 429)):
        headers.append((b"x-should-retry", b"false"))  # SDKs retry these statuses on their own unless they are told
    headers += _facts(error)
    return status, headers, body


def _facts(error: EngineError) -> Headers:
    """What is known of a call that failed: whom it went to, why, how often."""
    details = error.details
    provider, model = details.get("provider"), details.get("model")
    found: Headers = []
    if isinstance(provider, str) and isinstance(model, str):
        found.append((b"x-engine-model", plain(f"{provider}/{model}")))
    if isinstance(details.get("route"), str):
        found.append((b"x-engine-route", plain(details["route"])))
    if isinstance(details.get("attempts"), int):
        found.append((b"x-engine-attempts", b"%d" % details["attempts"]))
    return found
