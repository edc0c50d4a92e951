from __future__ import annotations

import pytest

from gateway.gateway import CallContext
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
from schemas.model import ImagePart, Message, ModelRequest, ModelResponse, Restart
from schemas.result import Usage
from schemas.settings import ModelSettings
from tests.gateway.fakes import FAST, ScriptedProvider, chunks, gateway, request, settings, texts

pytestmark = pytest.mark.anyio

DOWN = ModelUnavailableError("down", details={"status": 503})


@pytest.mark.parametrize("error", [DOWN, RateLimitError("slow"), ModelTimeoutError("late"), ModelOutputError("half")])
async def test_passing_errors_are_retried_on_the_same_model(error: ModelError) -> None:
    """B68: 429, 5xx, time-outs and unreadable replies are tried again on the same model, and counted."""
    provider = ScriptedProvider({"big": [error, error, "hi"], "small": ["no"]})
    response = await gateway(provider).complete(request())
    assert provider.asked == ["big", "big", "big"]
    assert (response.text, response.attempts, response.usage.calls) == ("hi", 3, 1)
    assert response.route == f"role planner; p/big failed 2× ({error.code})"


async def test_the_next_model_answers_when_retries_are_used_up() -> None:
    """B68: after the last retry the next model of the list is asked, and the record says what failed before."""
    provider = ScriptedProvider({"big": [DOWN], "small": ["hi"]})
    response = await gateway(provider).complete(request())
    assert provider.asked == ["big", "big", "big", "small"]
    assert (response.model, response.attempts) == ("small", 4)
    assert response.route == "role planner; p/big failed 3× (model.unavailable)"


@pytest.mark.parametrize(
    "error",
    [
        ModelRequestError("bad key", details={"status": 401}),
        ModelRequestError("spend limit", details={"status": 429}),
        ModelRefusalError("no"),
        ContextLengthError("too long"),
    ],
)
async def test_lasting_errors_go_to_the_next_model_at_once(error: ModelError) -> None:
    """B68: a refused request, a refusal and a used-up spending limit are not tried again on the same model."""
    provider = ScriptedProvider({"big": [error], "small": ["hi"]})
    assert (await gateway(provider).complete(request())).text == "hi"
    assert provider.asked == ["big", "small"]


async def test_a_refusal_in_a_reply_goes_to_the_next_model_and_is_paid() -> None:
    """B68: a reply that ends in a refusal counts as one; both replies are in the usage."""
    refusal = ModelResponse(model="big", stop_reason="refusal", usage=Usage(input_tokens=10, cost_usd=None))
    provider = ScriptedProvider({"big": [refusal], "small": ["hi"]})
    made = gateway(provider)
    await made.ledger.open("run:1", {"tokens": None})
    response = await made.complete(request(), CallContext(scopes=("run:1",)))
    assert (response.text, response.usage.input_tokens) == ("hi", 1010)
    assert [account.spent for account in await made.ledger.accounts()] == [response.usage.total_tokens]


async def test_a_refusal_with_nobody_left_is_handed_over() -> None:
    """The last model's refusal is the reply: its text may say why."""
    refusal = ModelResponse(model="big", stop_reason="refusal")
    assert (await gateway(ScriptedProvider({"big": [refusal]})).complete(request())).stop_reason == "refusal"


async def test_one_models_error_is_raised_as_it_is() -> None:
    """When the only model fails for good its own error is raised, with what the record needs."""
    provider = ScriptedProvider({"big": [ModelRequestError("no such model", details={"status": 404})]})
    with pytest.raises(ModelRequestError, match=r"^no such model$") as caught:
        await gateway(provider).complete(request())
    facts = {key: caught.value.details[key] for key in ("provider", "model", "attempts", "status")}
    assert facts == {"provider": "p", "model": "big", "attempts": 1, "status": 404}


async def test_when_all_fail_the_error_names_them_all() -> None:
    """B68: when every model of the list failed, the error is of the last one's class and lists each attempt."""
    provider = ScriptedProvider({"big": [ModelRefusalError("no")], "small": [ContextLengthError("too long")]})
    with pytest.raises(ContextLengthError, match="none of 2 models answered") as caught:
        await gateway(provider).complete(request())
    assert [tried["model"] for tried in caught.value.details["tried"]] == ["p/big", "p/small"]


async def test_a_broken_off_stream_begins_anew() -> None:
    """B68: a stream that breaks off after text begins anew with a Restart chunk when the caller allows it."""
    provider = ScriptedProvider({"big": [["half ", DOWN], "whole"]})
    stream = await chunks(gateway(provider), request())
    assert texts(stream) == ["half ", "restart", "whole", "done"]
    assert isinstance(stream[1], Restart)
    assert "model.unavailable" in stream[1].reason


async def test_a_broken_off_stream_never_begins_anew_unasked() -> None:
    """B68: after text was handed out to a caller that takes no Restart, the error is raised and nobody else asked."""
    provider = ScriptedProvider({"big": [["half ", DOWN], "whole"], "small": ["whole"]})
    with pytest.raises(ModelUnavailableError):
        await chunks(gateway(provider), request(), CallContext(may_restart=False))
    assert provider.asked == ["big"]


async def test_a_stream_that_fails_before_text_is_retried_silently() -> None:
    """B68: as long as nothing was handed out a retry needs no Restart, also without may_restart."""
    provider = ScriptedProvider({"big": [[DOWN], "whole"]})
    stream = await chunks(gateway(provider), request(), CallContext(may_restart=False))
    assert texts(stream) == ["whole", "done"]


async def test_a_stream_without_an_end_is_unavailable() -> None:
    """B68: a stream that just stops is an error, never a silent end."""
    provider = ScriptedProvider({"big": [["half"]]})
    with pytest.raises(ModelUnavailableError, match="without its last event"):
        await chunks(gateway(provider), request())
    assert provider.asked == ["big"] * 3


async def test_the_deadline_is_carried_through() -> None:
    """The attempt gets what is left of the call's time, never more than the provider's own time-out."""
    provider = ScriptedProvider({"big": [DOWN, "hi"]})
    given = settings("big", timeout_s=7)
    await gateway(provider, given=given).complete(request(deadline_s=5))
    assert provider.timeouts[0] == pytest.approx(5, abs=0.5)
    assert provider.timeouts[1] < provider.timeouts[0]
    await gateway(provider, given=given).complete(request())
    assert provider.timeouts[2] == 7


async def test_a_wait_beyond_the_deadline_fails_at_once() -> None:
    """B68: a Retry-After longer than what is left of the deadline isn't waited for: the error comes at once."""
    error = RateLimitError("slow", details={"retry_after_s": 60})
    provider = ScriptedProvider({"big": [error]})
    with pytest.raises(RateLimitError) as caught:
        await gateway(provider).complete(request(deadline_s=5))
    assert (caught.value.retry_after_s, provider.asked) == (60, ["big"])


async def test_retry_after_holds_other_calls_too() -> None:
    """B69: when a model asks to wait, other calls of the same model wait as well."""
    provider = ScriptedProvider({"big": [RateLimitError("slow", details={"retry_after_s": 0.05}), "hi"]})
    made = gateway(provider, retry=FAST.model_copy(update={"max_attempts": 1}))
    with pytest.raises(RateLimitError):
        await made.complete(request())
    await made.complete(request())
    assert provider.at[1] - provider.at[0] >= 0.049


async def test_a_model_that_keeps_failing_is_left_out() -> None:
    """B68: after three calls that failed, the model isn't asked for a while, and the record says so."""
    provider = ScriptedProvider({"big": [DOWN], "small": ["hi"]})
    made = gateway(provider)
    for _ in range(3):
        await made.complete(request())
    provider.asked.clear()
    response = await made.complete(request())
    assert provider.asked == ["small"]
    assert response.route == "role planner; p/big is left out for now, it kept failing"


async def test_when_all_are_left_out_one_is_tried_all_the_same() -> None:
    """A model without a stand-in is asked even if it kept failing: trying is better than failing for certain."""
    provider = ScriptedProvider({"big": [DOWN] * 9 + ["back"]})
    made = gateway(provider)
    for _ in range(3):
        with pytest.raises(ModelUnavailableError):
            await made.complete(request())
    assert (await made.complete(request())).text == "back"


async def test_bad_requests_leave_no_model_out() -> None:
    """A request that is itself bad says nothing of the model: others still reach it."""
    provider = ScriptedProvider({"big": [ContextLengthError("long")] * 5 + ["hi"], "small": ["no"]})
    made = gateway(provider)
    for _ in range(5):
        await made.complete(request())
    assert (await made.complete(request())).model == "big"


async def test_images_go_to_models_that_see() -> None:
    """B67: a request with an image is never sent to a model that is known not to read images."""
    provider = ScriptedProvider({"blind": ["no"], "seeing": ["yes"]})
    given = settings(ModelSettings(name="blind", vision=False), "seeing")
    picture = Message(role="user", parts=(ImagePart(url="https://example.org/a.png"),))
    asked = request().model_copy(update={"messages": (picture,)})
    assert (await gateway(provider, given=given).complete(asked)).model == "seeing"


class Faulty(ScriptedProvider):
    """A provider whose model ``big`` meets a bug."""

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Break."""
        if model == "big":
            raise KeyError("a bug")
        return await super().complete(model, request, timeout_s=timeout_s)


async def test_a_fault_in_a_provider_is_an_error_of_ours_and_the_next_model_answers() -> None:
    """B76: what a provider, or the library under it, raises unforeseen fails one model's call, never the caller."""
    response = await gateway(Faulty({"big": ["unused"], "small": ["hi"]})).complete(request())
    assert (response.text, response.route) == ("hi", "role planner; p/big failed 1× (model)")
