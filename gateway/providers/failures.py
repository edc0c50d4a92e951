"""Which of our errors a provider's failure is: one table for all of them, by status, code and wording.

The SDK's exceptions are taken apart where the SDK is imported; here they are plain facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from gateway.providers.base import one_line, retry_after_s
from schemas.errors import (
    ContextLengthError,
    ModelAccessError,
    ModelError,
    ModelOutputError,
    ModelRefusalError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)

_CONTEXT = re.compile(
    r"context[ _](length|window|limit|size)|prompt is too long|too many (input )?tokens|request[ _]too[ _]large|"
    r"maximum (prompt|input) length|input is too long",
    re.I,
)
_REFUSED = re.compile(r"content[ _]?filter|content[ _](management[ _])?policy|responsible_?ai_?policy", re.I)
_SPENT = re.compile(
    r"spend_?limit|insufficient_quota|billing_hard_limit|billing_not_active|exceeded your current quota|"
    r"credit balance is too low|insufficient (balance|credits|funds)",
    re.I,
)
_SHORTEST = 5
_KEY = re.compile(r"\b(?:sk|gsk|xai)-[\w*.-]{4,}")
_STATUS_BY_NAME = {
    "overloaded_error": 529,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "internal_error": 500,
    "service_unavailable": 503,
    "timeout_error": 408,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
}
_HINTS = {
    401: "check the provider's api_key",
    402: "the account has no credit left, or a spending limit is reached",
    403: "the key may not use this model or feature",
    404: "check the model's name and the provider's base_url",
}
_SPENT_HINT = "raise the account's spending limit or add credit; waiting does not help"


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of one failed attempt.

    Attributes:
        where: ``provider/model``.
        status: Of HTTP; 200 when the error came inside a reply or a stream.
        message: What the provider said.
        names: Its types and codes of the error, as written.
        headers: Of the reply, in lower case.
        params: Parameters of the request that the provider says it is about.
        secret: The API key sent, to be kept out of messages.
    """

    where: str
    status: int
    message: str
    names: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    params: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)

    @property
    def effective_status(self) -> int:
        """The status; for an error inside a 200, the one its code or type stands for, or 200."""
        if self.status >= 300:
            return self.status
        numbers = (int(name) for name in self.names if name.isdecimal() and len(name) == 3)
        by_name = (_STATUS_BY_NAME[name.lower()] for name in self.names if name.lower() in _STATUS_BY_NAME)
        return next(numbers, None) or next(by_name, self.status)

    @property
    def wording(self) -> str:
        """Everything it says, for matching."""
        return " ".join((*self.names, self.message))

    def error(self, cls: type[ModelError], *, hint: str = "") -> ModelError:
        """Return an error of that class which carries these facts, without the key."""
        said = self.message.replace(self.secret, "…") if self.secret and len(self.secret) > _SHORTEST else self.message
        said = one_line(_KEY.sub("…", said))
        what = f"answered {self.status}" if self.status >= 300 else "sent an error in its reply"
        details: dict[str, Any] = {"model": self.where, "status": self.status}
        if self.names:
            details["codes"] = list(self.names)
        wait = retry_after_s(self.headers)
        if wait is not None:
            details["retry_after_s"] = wait
        request_id = self.headers.get("request-id") or self.headers.get("x-request-id")
        if request_id:
            details["request_id"] = request_id
        return cls(f"{self.where} {what}: {said or 'no reason given'}", hint=hint, details=details)


def describe(where: str, status: int, body: object, headers: Mapping[str, str], secret: str | None) -> Failure:
    """Return a failure from the body of an error reply, whatever its shape.

    Args:
        where: ``provider/model``.
        status: Of HTTP.
        body: Parsed JSON, or text; an ``error`` inside it is looked into.
        headers: Of the reply.
        secret: The API key sent.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    error = _inner(body)
    if isinstance(error, Mapping):
        known = cast("Mapping[str, Any]", error)
        details: Any = known.get("details")
        code = cast("Mapping[str, Any]", details).get("error_code") if isinstance(details, Mapping) else None
        written = (known.get("code"), known.get("type"), code, known.get("status_code"))
        names = tuple(str(name) for name in written if isinstance(name, str | int) and name != "")
        return Failure(
            where=where,
            status=status,
            message=_message(known),
            names=names,
            headers=lowered,
            params=(known["param"],) if isinstance(known.get("param"), str) else (),
            secret=secret,
        )
    return Failure(where=where, status=status, message=str(error or ""), headers=lowered, secret=secret)


def _inner(body: object) -> object:
    if isinstance(body, list):
        items = cast("list[object]", body)
        return _inner(items[0]) if items else None
    if isinstance(body, Mapping):
        known = cast("Mapping[str, object]", body)
        return known.get("error") or known
    return body


def _message(error: Mapping[str, Any]) -> str:
    for key in ("message", "detail", "msg", "error_message"):
        if error.get(key):
            return str(error[key])
    return str(dict(error))


def classify(failure: Failure) -> ModelError:
    """Return our error for a failure: the first rule that applies."""
    for applies, make in _RULES:
        if applies(failure):
            return make(failure)
    return failure.error(ModelOutputError, hint="the same call may work again")


def _rate_limit(failure: Failure) -> ModelError:
    return failure.error(RateLimitError)


def _request(failure: Failure) -> ModelError:
    status = failure.effective_status
    return failure.error(
        ModelAccessError if status in (401, 402, 403) else ModelRequestError, hint=_HINTS.get(status, "")
    )


def _is(*statuses: int) -> Callable[[Failure], bool]:
    return lambda failure: failure.effective_status in statuses


_Rule = tuple[Callable[[Failure], bool], Callable[[Failure], ModelError]]
_RULES: tuple[_Rule, ...] = (
    (
        lambda failure: _SPENT.search(failure.wording) is not None,
        lambda f: f.error(ModelAccessError, hint=_SPENT_HINT),
    ),
    (lambda failure: "tool_use_failed" in failure.names, lambda f: f.error(ModelOutputError)),
    (
        lambda failure: failure.effective_status in (400, 403, 422) and _REFUSED.search(failure.wording) is not None,
        lambda f: f.error(ModelRefusalError, hint="reword the task, or use another model"),
    ),
    (
        lambda failure: (
            failure.effective_status == 413
            or (failure.effective_status in (200, 400, 422, 500) and _CONTEXT.search(failure.wording) is not None)
        ),
        lambda f: f.error(ContextLengthError, hint="shorten the input, or use a model that reads more"),
    ),
    (_is(429), _rate_limit),
    (_is(408), lambda f: f.error(ModelTimeoutError)),
    (
        lambda failure: failure.effective_status in (409, 425, 498) or failure.effective_status >= 500,
        lambda f: f.error(ModelUnavailableError),
    ),
    (lambda failure: 300 <= failure.effective_status < 500, _request),
)


def without(error: ModelError, secret: str | None) -> ModelError:
    """Return an error that holds no key: the same one, or one with the key taken out of all it says."""
    if not secret or len(secret) <= _SHORTEST or secret not in f"{error.message}{error.hint}{error.details}":
        return error
    return type(error)(
        error.message.replace(secret, "…"),
        hint=error.hint.replace(secret, "…"),
        details=_taken_out(error.details, secret),
    )


def _taken_out(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(secret, "…")
    if isinstance(value, Mapping):
        return {key: _taken_out(inner, secret) for key, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_taken_out(inner, secret) for inner in cast("list[Any]", value)]
    return value
