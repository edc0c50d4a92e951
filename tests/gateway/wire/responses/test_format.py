"""Responses as a client's format."""

from __future__ import annotations

from gateway.wire import client_format
from schemas.errors import ModelRequestError


def test_errors_come_in_openais_envelope_with_the_requests_id() -> None:
    """Clients find type, code, field and what to say to whoever runs the gateway."""
    error = ModelRequestError("input is missing", hint="a text", details={"param": "input"})
    assert client_format("responses").error(error, "req_1") == {
        "error": {
            "message": "input is missing (a text)",
            "type": "invalid_request_error",
            "param": "input",
            "code": "model.request",
        },
        "request_id": "req_1",
    }
