from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.retry import PATIENCE_S, blames_model, delay_s
from schemas.errors import ModelError, ModelRefusalError, ModelRequestError, ModelUnavailableError, RateLimitError
from schemas.tool import RetryPolicy

POLICY = RetryPolicy(max_attempts=4, base_delay_s=1, max_delay_s=3)


@pytest.mark.parametrize(("failures", "low", "high"), [(1, 0.5, 1), (2, 1, 2), (3, 1.5, 3)])
def test_the_back_off_grows_and_is_jittered(failures: int, low: float, high: float) -> None:
    """B68: the n-th delay is drawn from half to all of the doubled, capped base delay."""
    error = ModelUnavailableError("down")
    drawn = [delay_s(error, failures, POLICY, remaining_s=None, chance=chance) for chance in (0.0, 1.0)]
    assert drawn == [low, high]


@given(asked=st.floats(0, 400), remaining=st.none() | st.floats(0, 500), chance=st.floats(0, 1, exclude_max=True))
def test_retry_after_is_a_lower_bound_within_the_deadline(asked: float, remaining: float | None, chance: float) -> None:
    """B68: no wait is shorter than Retry-After, and none outlives the deadline (or the patience without one)."""
    error = RateLimitError("slow", details={"retry_after_s": asked})
    wait = delay_s(error, 1, POLICY, remaining_s=remaining, chance=chance)
    limit = PATIENCE_S if remaining is None else remaining
    assert wait is None if max(asked, 1) >= limit and asked >= limit else wait is None or asked <= wait < limit


def test_attempts_are_counted() -> None:
    """B68: after the last allowed attempt there is no further delay."""
    assert delay_s(ModelUnavailableError("down"), 3, POLICY, remaining_s=None, chance=0) is not None
    assert delay_s(ModelUnavailableError("down"), 4, POLICY, remaining_s=None, chance=0) is None


@pytest.mark.parametrize("error", [ModelRequestError("bad", details={"status": 400}), ModelRefusalError("no")])
def test_lasting_errors_are_not_retried(error: ModelError) -> None:
    """B68: a refused request is never sent again as it is, and says nothing of the model."""
    assert delay_s(error, 1, POLICY, remaining_s=None, chance=0) is None
    assert not blames_model(error)


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_a_model_out_of_reach_is_blamed(status: int) -> None:
    """B68: a wrong key, a missing model and a used-up spending limit count against the model."""
    assert blames_model(ModelRequestError("no", details={"status": status}))
