"""When a failed attempt is tried again, how long to wait first, and by which rule another model is asked instead.

Pure: chance and the remaining time are passed in. The official clients run with ``max_retries=0``, so this is the only
retry layer of a model call.
"""

from __future__ import annotations

from typing import Literal

from schemas.errors import (
    ContextLengthError,
    ModelError,
    ModelOutputError,
    ModelRefusalError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)
from schemas.tool import RetryPolicy

PATIENCE_S = 300.0
"""The longest wait of a call without a deadline; a provider that asks for more fails the attempt at once."""
HASTE_S = 5.0
"""A hasty call waits no longer than this for a model while another one may be asked."""

FailureClass = Literal["rate_limit", "overload", "timeout", "context_length", "content_filter"]
"""As ``schemas.gateway.Fallbacks`` names them."""

_BLAMES_MODEL = (401, 402, 403, 404, 429)
_SPENT = (402, 429)


def may_retry(error: ModelError) -> bool:
    """Whether the same request may succeed on the same model later.

    Waiting heals no refusal and no 4xx; providers raise a 429 about a used-up spending limit as ModelRequestError.
    """
    return error.retryable


def blames_model(error: ModelError) -> bool:
    """Whether the failure says something of the model rather than of this one request.

    True for what retries could not heal, a used-up spending limit, and a model that is unknown or not permitted.
    """
    if isinstance(error, ModelRequestError):
        return error.details.get("status") in _BLAMES_MODEL
    return error.retryable


def failure_class(error: ModelError) -> FailureClass | None:
    """Return the class of an error for fallbacks; None for one that belongs to none (a refused request, a wrong key).

    >>> failure_class(ModelOutputError("half an answer"))
    'overload'
    """
    match error:
        case RateLimitError():
            return "rate_limit"
        case ModelTimeoutError():
            return "timeout"
        case ContextLengthError():
            return "context_length"
        case ModelRefusalError():
            return "content_filter"
        case ModelUnavailableError() | ModelOutputError():
            return "overload"
        case ModelRequestError() if error.details.get("status") in _SPENT:
            return "rate_limit"
        case _:
            return None


def delay_s(
    error: ModelError,
    failures: int,
    policy: RetryPolicy,
    *,
    remaining_s: float | None,
    chance: float,
    elsewhere: bool = False,
) -> float | None:
    """Return the seconds to wait before the next attempt on the same model, or None when there is none.

    Args:
        error: Why the last attempt failed; its Retry-After is a lower bound of the wait.
        failures: Failed attempts on this model so far, 1 or more.
        policy: Attempts and back-off; the n-th delay is drawn from [0.5, 1] × min(max, base × 2^(n−1)).
        remaining_s: Seconds to the call's deadline; None for no deadline.
        chance: Uniform in [0, 1).
        elsewhere: Whether the call is hasty and another model may be asked: then a model that was too slow, or asks
            for more than ``HASTE_S``, is not waited for.

    >>> delay_s(RateLimitError("slow down", details={"retry_after_s": 7}), 1, RetryPolicy(), remaining_s=9, chance=0)
    7
    >>> delay_s(RateLimitError("slow down", details={"retry_after_s": 7}), 1, RetryPolicy(), remaining_s=5, chance=0)
    """
    if failures >= policy.max_attempts or not may_retry(error):
        return None
    backoff = min(policy.max_delay_s, policy.base_delay_s * 2 ** (failures - 1)) * (0.5 + chance / 2)
    wait = max(backoff, asked_wait_s(error) or 0)
    if elsewhere and (wait > HASTE_S or isinstance(error, ModelTimeoutError)):
        return None
    return wait if wait < (PATIENCE_S if remaining_s is None else remaining_s) else None


def asked_wait_s(error: ModelError) -> float | None:
    """Return the seconds the provider asked to wait, or None when it did not say."""
    return error.retry_after_s if isinstance(error, RateLimitError | ModelUnavailableError) else None
