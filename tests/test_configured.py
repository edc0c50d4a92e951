"""Which configuration was in force when."""

from __future__ import annotations

import json

import pytest

from engine.configured import ConfigurationAccount
from engine.durable.audit import MemoryAudit
from schemas.settings import Limits, ModelProvider, Settings

SECRET = "sk-very-secret"


@pytest.mark.anyio
async def test_a_configuration_is_told_by_its_hashes() -> None:
    """What is loaded and reloaded is told with the sections that changed, and never with what stands in them."""
    book = MemoryAudit()
    tell = ConfigurationAccount(book, "engine.yaml", "gateway")
    first = Settings(model_providers=(ModelProvider(name="p", kind="openai", api_key=SECRET),))
    for settings in (first, first.model_copy(update={"limits": Limits(max_steps=3)}), first):
        await tell(settings)
    told = [one.entry for one in await book.read()]
    assert [(one.about, one.act, one.through) for one in told] == [
        ("engine.yaml", "loaded", "gateway"),
        ("engine.yaml", "reloaded", "gateway"),
        ("engine.yaml", "reloaded", "gateway"),
    ]
    assert [one.reason for one in told] == ["", "changed: limits", "changed: limits"]
    assert [one.input and one.input["sha256"] for one in told][0::2] == [told[0].input and told[0].input["sha256"]] * 2
    assert SECRET not in json.dumps([one.model_dump() for one in told])


@pytest.mark.anyio
async def test_an_empty_configuration_is_one_too() -> None:
    """What follows on a configuration of nothing but defaults is reloaded, and says what changed."""
    book = MemoryAudit()
    tell = ConfigurationAccount(book, "engine.yaml", "gateway")
    for settings in (Settings(), Settings(limits=Limits(max_steps=3))):
        await tell(settings)
    told = [one.entry for one in await book.read()]
    assert [(one.act, one.reason) for one in told] == [("loaded", ""), ("reloaded", "changed: limits")]
