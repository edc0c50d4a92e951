"""Tools on the stage of a comparison: no effect happens, results may be shared."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.comparison.tools import Stage
from engine.testing import FakeTool
from engine.tools.registry import Registry
from schemas.errors import ToolFailedError, ToolUnavailableError
from tests.runs import virtually
from tests.tools.context import Context

READ = {"type": "object", "properties": {"n": {"type": "integer"}}}


def stage(*tools: FakeTool, effects: bool = False, share: bool = False) -> Stage:
    """Return a stage with these tools."""
    return Stage(Registry(tools), effects=effects, share=share)


@pytest.mark.anyio
@pytest.mark.parametrize("spec", [{"effects": "effectful"}, {"effects": "idempotent"}, {"approval": "always"}], ids=str)
async def test_effects_do_not_happen(spec: dict[str, Any]) -> None:
    """A tool with effects, or one that asks a person, is not called, and its failure says why."""
    mail = FakeTool("mail", "sent", **spec)
    shown = stage(mail)
    with pytest.raises(ToolFailedError, match="mail was not called"):
        await shown.registry().get("mail").call({}, Context())
    assert (mail.calls, dict(shown.refused)) == ([], {"mail": 1})
    assert not shown.registry().specs()["mail"].asks


@pytest.mark.anyio
async def test_a_dry_run_stands_in() -> None:
    """Where a dry run is declared it is called instead, with the arguments it takes."""
    mail = FakeTool("mail", "sent", effects="effectful", simulate="try_mail")
    dry = FakeTool("try_mail", "would send", input_schema=READ)
    shown = stage(mail, dry)
    assert await shown.registry().get("mail").call({"n": 1, "to": "x"}, Context()) == "would send"
    assert (mail.calls, dry.calls, dict(shown.simulated)) == ([], [{"n": 1}], {"mail": 1})


@pytest.mark.anyio
async def test_allowed_effects_happen() -> None:
    """Where effects are allowed the tool is the user's own."""
    mail = FakeTool("mail", "sent", effects="effectful")
    assert stage(mail, effects=True).registry().get("mail") is mail


def test_shared_results_come_as_late() -> None:
    """The n-th same call of a later run gives what the n-th gave, after as many seconds; other arguments are new."""
    look = FakeTool("look", [1, 2, 3], seconds=2.0)
    shown = stage(look, share=True)

    async def calls() -> list[object]:
        first, second = shown.registry().get("look"), shown.registry().get("look")
        given = [await first.call({"n": 1}, Context()), await first.call({"n": 1}, Context())]
        began = anyio.current_time()
        given += [await second.call({"n": 1}, Context()), await second.call({"n": 1}, Context())]
        given += [anyio.current_time() - began, await second.call({"n": 9}, Context())]
        return given

    assert virtually(calls) == [1, 2, 1, 2, 4.0, 3]
    assert (len(look.calls), shown.reused) == (3, 2)


@pytest.mark.anyio
async def test_shared_failures() -> None:
    """A failure is shared like a result, and a shared value cannot be changed for the next."""
    look = FakeTool("look", [ToolUnavailableError("down"), {"rows": [1]}])
    shown = stage(look, share=True)
    for _ in range(2):
        tool = shown.registry().get("look")
        with pytest.raises(ToolUnavailableError, match="down"):
            await tool.call({}, Context())
        value = await tool.call({}, Context())
        assert value == {"rows": [1]}
        value["rows"].append(2)


@pytest.mark.anyio
async def test_model_steps_are_not_shared() -> None:
    """What a model step costs belongs to every system: its calls are made each time."""
    ask = FakeTool("ask_model", "hm", kind="model")
    shown = stage(ask, share=True)
    for _ in range(2):
        await shown.registry().get("ask_model").call({}, Context())
    assert len(ask.calls) == 2
