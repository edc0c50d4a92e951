"""Which error a provider's failure is."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.failures import classify, describe
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


def error(status: int, body: object, **headers: str) -> ModelError:
    """The error for a reply."""
    return classify(describe("p/m", status, body, headers, "sec-ret-key"))


def said(message: str, **more: Any) -> dict[str, Any]:
    """An error body of the usual shape."""
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ModelRequestError),
        (401, ModelAccessError),
        (402, ModelAccessError),
        (403, ModelAccessError),
        (404, ModelRequestError),
        (408, ModelTimeoutError),
        (409, ModelUnavailableError),
        (413, ContextLengthError),
        (422, ModelRequestError),
        (429, RateLimitError),
        (500, ModelUnavailableError),
        (503, ModelUnavailableError),
        (529, ModelUnavailableError),
        (302, ModelRequestError),
    ],
)
def test_a_status_alone_decides(status: int, expected: type[ModelError]) -> None:
    """Without any more words the status says which error it is."""
    assert type(error(status, said("no"))) is expected


def test_the_status_of_a_failed_reply_wins_over_its_words() -> None:
    """A server error that calls itself an invalid request is still the server's."""
    assert type(error(503, said("x", type="invalid_request_error", code="400"))) is ModelUnavailableError


@pytest.mark.parametrize(
    "body",
    [
        said("You exceeded your current quota, please check your plan.", type="insufficient_quota"),
        said("limit", type="rate_limit_error", details={"error_code": "EnforcedSpendLimitReached"}),
        said("Your credit balance is too low to access the API."),
    ],
)
def test_a_spent_account_is_not_retried(body: object) -> None:
    """A 429 that waiting can't cure is no rate limit, and the hint says what is."""
    exc = error(429, body)
    assert (type(exc), exc.retryable) == (ModelAccessError, False)
    assert "waiting does not help" in exc.hint


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "This model's maximum context length is 8192 tokens."),
        (400, "input length and `max_tokens` exceed context limit"),
        (500, "the request exceeds the available context size"),
    ],
)
def test_a_request_too_long_is_told_by_its_wording(status: int, message: str) -> None:
    """Servers have no common code for it, so their words decide."""
    assert type(error(status, said(message))) is ContextLengthError


def test_a_rate_limit_in_tokens_is_no_context_error() -> None:
    """A 429 stays a rate limit whatever it says about tokens."""
    assert type(error(429, said("Request too large for gpt-x on tokens per min"))) is RateLimitError


@pytest.mark.parametrize(
    "body",
    [
        said("The response was filtered due to Azure OpenAI's content management policy.", code="content_filter"),
        said("Output blocked by content filtering policy", type="invalid_request_error"),
    ],
)
def test_a_content_filter_is_a_refusal(body: object) -> None:
    """A 400 from a content filter is a refusal, which another model may not share."""
    assert type(error(400, body)) is ModelRefusalError


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (said("x", type="overloaded_error"), ModelUnavailableError),
        (said("x", type="rate_limit_error"), RateLimitError),
        (said("x", type="timeout_error"), ModelTimeoutError),
        (said("x", type="invalid_request_error"), ModelRequestError),
        (said("x", code=429), RateLimitError),
        (said("x", code=502), ModelUnavailableError),
        (said("x", type="invalid_request_error", code="tool_use_failed"), ModelOutputError),
        (said("x"), ModelOutputError),
        ({"error": "boom"}, ModelOutputError),
        ("boom", ModelOutputError),
    ],
)
def test_an_error_inside_a_200_is_what_its_code_says(body: object, expected: type[ModelError]) -> None:
    """The code or type inside decides; without one the reply just can't be read."""
    assert type(error(200, body)) is expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "",
        {},
        [{"error": {"message": "in a list", "code": 400}}],
        {"detail": [{"loc": ["body"], "msg": "bad"}]},
        {"error": {}},
        {"error": {"code": None, "message": None}},
    ],
)
def test_any_body_gives_one_line(body: object) -> None:
    """No shape of body breaks the reading of an error."""
    exc = error(400, body)
    assert exc.message.startswith("p/m answered 400: ")
    assert "\n" not in exc.message


def test_facts_for_programs_are_kept() -> None:
    """Status, codes, request id and waiting time are in the details."""
    exc = error(503, said("busy", type="t", code="c"), **{"Request-Id": "req_1", "Retry-After": "4"})
    expected = {"model": "p/m", "status": 503, "codes": ["c", "t"], "request_id": "req_1", "retry_after_s": 4.0}
    assert exc.details == expected


def test_the_key_is_never_repeated() -> None:
    """A provider that echoes the key, or one like it, doesn't get it into our error."""
    exc = error(401, said("Incorrect API key provided: sec-ret-key or sk-abcd*****wxyz."))
    assert "sec-ret-key" not in str(exc.to_info())
    assert "wxyz" not in str(exc.to_info())
    assert "api_key" in exc.hint
