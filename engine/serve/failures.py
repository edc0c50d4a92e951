"""Errors of the runs API as responses: always ``{"error": {code, message, hint}}``, with the error's own status."""

from __future__ import annotations

import math

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.serve.frames import dumps, error_body
from schemas.errors import AccessError, EngineError, NotFoundError

Headers = list[tuple[bytes, bytes]]


def failure(exc: EngineError) -> tuple[int, Headers, bytes]:
    """Return (status, headers, body) of an error."""
    body = dumps({"error": error_body(exc)})
    headers: Headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    wait_s = exc.details.get("retry_after_s")
    if isinstance(wait_s, (int, float)):
        headers.append((b"retry-after", b"%d" % math.ceil(wait_s)))
    if isinstance(exc, AccessError):
        headers.append((b"www-authenticate", b"Bearer"))
    return exc.http_status, headers, body


async def engine_failed(_: Request, exc: Exception) -> Response:
    """Answer for an error of ours."""
    assert isinstance(exc, EngineError)
    return _failed(exc)


async def http_failed(request: Request, exc: Exception) -> Response:
    """Answer for an address or a method that is not there."""
    assert isinstance(exc, HTTPException)
    if exc.status_code == 404:
        return _failed(NotFoundError(f"there is nothing at {request.url.path[:120]}", hint="see docs/http.md"))
    error = {"code": "request", "message": f"{request.method} is not possible here", "hint": ""}
    return JSONResponse({"error": error}, exc.status_code, headers=dict(exc.headers or {}))


async def unexpected(request: Request, exc: Exception) -> Response:
    """Answer for a fault of the engine; what it was stands in the server's log, not in the answer."""
    structlog.get_logger().error("a request failed", path=request.url.path, exc_info=exc)
    return _failed(EngineError("the server failed", hint="its log says why; this is a fault of the engine"))


def _failed(exc: EngineError) -> Response:
    status, headers, body = failure(exc)
    response = Response(body, status)
    response.raw_headers = headers
    return response
