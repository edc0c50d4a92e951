"""Messages to a run that is not over."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serve.chat.conversation import Remembered, Turn
from engine.serve.chat.intent import Answer, Cancel, ChatRequest, Follow, Say, Steer, Thread
from engine.serve.chat.speaking import Speaking
from engine.serve.chat.standing import standing
from engine.testing import FakeTool
from schemas.agents import AssistantSettings
from tests.runs import engine_of

PAY: dict[str, Any] = {"type": "object", "properties": {"amount": {"type": "integer", "maximum": 900}}}
pytestmark = pytest.mark.anyio


async def said(message: str, *, waits: bool = True, before: tuple[Turn, ...] = (("user", "pay the bill"),)) -> Any:
    """What a message wants of a run that waits for consent, or was just begun; no model can say it otherwise."""
    pay = FakeTool("pay", "paid", approval="always", effects="effectful", input_schema=PAY)
    script: list[Any] = [{"steps": [{"pay": {"amount": 5}}]}, {"task": ""}]
    engine = engine_of(pay, script=script)
    run_id = await engine.submit("pay the bill", mode="plan")
    if waits:
        await engine.drive(run_id)
    run = await standing(engine, run_id, "")
    asked = ChatRequest(AssistantSettings(name="clerk"), {})
    thread = Thread("clerk", said=(*before, ("user", message)))
    return await Speaking(engine).to(run, asked, thread, message, Remembered(begun_by="pay the bill"))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("yes", Answer),
        ("no, too much", Answer),
        ("approve with amount 7", Answer),
        ("approve with amount 901", Say),
        ("yes, if Bob agrees", Say),
        ("what is that?", Say),
        ("let me think about it", Say),
        ("how far are you?", Say),
        ("stop", Cancel),
        ("send a postcard instead of money", Steer),
    ],
)
async def test_a_run_that_waits(message: str, kind: type) -> None:
    """A run that waits is answered, asked again, stopped, or given another goal; only a sure yes lets it act."""
    assert type(await said(message)) is kind


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("pay the bill", Follow),
        ("ok", Follow),
        ("how far are you?", Say),
        ("cancel it", Cancel),
        ("pay two bills", Steer),
    ],
)
async def test_a_run_that_goes_on(message: str, kind: type) -> None:
    """A run that goes on is shown again where its message is repeated, told of, stopped, or steered."""
    assert type(await said(message, waits=False)) is kind


async def test_how_far_it_is_is_no_part_of_a_new_goal() -> None:
    """What was asked about a run's progress, and the run's name, are not carried into its new goal."""
    before = [("user", "pay the bill"), ("assistant", "On it.\n\n*Run `r`*")]
    aside = [("user", "how far are you?"), ("assistant", "Half.")]
    steered = await said("send a postcard instead of money", before=(*before, *aside))
    assert isinstance(steered, Steer)
    assert "On it." in steered.task
    assert not any(gone in steered.task for gone in ("how far", "Half", "*Run"))
