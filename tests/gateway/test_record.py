from __future__ import annotations

import pytest

from gateway.gateway import CallContext
from gateway.record import CallRecord
from schemas.errors import ModelRequestError
from tests.gateway.fakes import ScriptedProvider, gateway, request

pytestmark = pytest.mark.anyio


async def test_observers_see_every_call_once() -> None:
    """Each observer gets one record of each call, answered or not, with who asked, who answered, and what it used."""
    seen: list[CallRecord] = []
    script = {"big": ["hi", ModelRequestError("bad", details={"status": 400})]}
    made = gateway(ScriptedProvider(script), observers=[seen.append])
    await made.complete(request(), CallContext(key="k_1", request_id="r1"))
    with pytest.raises(ModelRequestError):
        await made.complete(request())
    facts = [(one.request_id, one.key, one.asked, one.model, one.outcome, one.usage.input_tokens) for one in seen]
    assert facts == [("r1", "k_1", "planner", "big", "", 1000), ("", "", "planner", "big", "model.request", 0)]


async def test_an_observer_that_fails_harms_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    """What an observer raises is logged; the call and the other observers go on."""

    def broken(record: CallRecord) -> None:
        raise ValueError("a fault of the observer")

    seen: list[CallRecord] = []
    made = gateway(ScriptedProvider({"big": ["hi"]}), observers=[broken, seen.append])
    assert (await made.complete(request())).text == "hi"
    assert len(seen) == 1
    assert "a fault of the observer" in capsys.readouterr().out
