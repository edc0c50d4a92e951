"""A message and what was said before, made one task."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serve.chat.resolving import Resolved, Said, by_rules, resolve
from engine.testing import ScriptedProvider
from gateway.gateway import CallContext
from schemas.errors import ModelUnavailableError
from tests.runs import engine_of

BEFORE = (("user", "Who founded Acme?"), ("assistant", "Al and Bo."))
pytestmark = pytest.mark.anyio


async def resolved(reply: Any, said: Said) -> tuple[Resolved, int]:
    provider = ScriptedProvider(lambda _: reply)
    engine = engine_of(provider=provider)
    return await resolve(said, engine.gateway, CallContext()), len(provider.requests)


async def test_a_first_message_needs_no_call() -> None:
    """Without anything before it a message is its task, byte for byte."""
    found, calls = await resolved({}, Said(" as it is\n"))
    assert (found.task, found.by, calls) == (" as it is\n", "message", 0)


async def test_a_model_makes_it_whole() -> None:
    """One short call puts in what is left out, and what it used is told."""
    found, calls = await resolved({"whole": False, "task": "Who is Bo?"}, Said("and the second?", BEFORE))
    assert (found.task, found.by, calls, found.usage.input_tokens > 0) == ("Who is Bo?", "model", 1, True)


async def test_a_whole_message_stays_as_it_is() -> None:
    """A message that stands alone is not rewritten, not even its spaces."""
    found, _ = await resolved({"whole": True, "task": ""}, Said(" What is  2 + 2? ", BEFORE))
    assert (found.task, found.by) == (" What is  2 + 2? ", "message")


@pytest.mark.parametrize("reply", [{"task": ""}, "no JSON", {"task": 3}, ModelUnavailableError("away")])
async def test_a_failure_falls_back_to_rules(reply: Any) -> None:
    """An empty or broken answer, or none, leaves it to the rules."""
    found, _ = await resolved(reply, Said("and the second?", BEFORE))
    assert found.by == "rules"
    assert (
        found.task == "and the second?\n\nEarlier in this conversation:\nUser: Who founded Acme?\nAssistant: Al and Bo."
    )


async def test_rules_fold_follow_ups() -> None:
    """Follow-ups that each change a value add up; what stands alone carries nothing along."""
    before = (
        ("user", "What was Apple's revenue in 2022?"),
        ("assistant", "1"),
        ("user", "and in 2023?"),
        ("assistant", "2"),
    )
    assert by_rules(Said("and Microsoft?", before)).task == "What was Microsoft's revenue in 2023?"
    assert by_rules(Said("How high is Mount Fuji in metres?", before)).task == "How high is Mount Fuji in metres?"


async def test_a_running_task_is_changed() -> None:
    """A message to a run that goes on always carries what it is doing."""
    task = by_rules(Said("report it in euros", running="Sum up the invoices")).task
    assert task.endswith("Earlier in this conversation:\nUser: Sum up the invoices")


async def test_what_adds_to_a_running_task_stands_below_it() -> None:
    """What begins with "also" leaves a run what it is for; how it was steered before is not carried along."""
    running = "Sum up the invoices\n\nEarlier in this conversation:\nUser: hello"
    assert by_rules(Said("Also list the payers", running=running)).task == "Sum up the invoices\nAlso list the payers"
