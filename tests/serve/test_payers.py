"""Whose key pays: calls of a run count to the key it was begun with."""

from __future__ import annotations

from typing import Any

from engine.api import Engine
from engine.testing import ScriptedProvider
from gateway.gateway import Gateway
from gateway.record import CallRecord
from tests.gateway.server.serving import Keys
from tests.runs import engine_of
from tests.serve.serving import served

KEYS = Keys()
ANN = {"authorization": f"Bearer {KEYS.add('ann', agent='desk')}"}


def test_calls_of_a_run_count_to_its_users_key() -> None:
    """The model calls of a run, begun over chat or the runs API, are recorded with its key and the key's agent."""
    seen: list[CallRecord] = []

    def make() -> Engine:
        provider = ScriptedProvider(lambda _: "hello")
        engine = engine_of(provider=provider, assistants=[{"name": "a", "mode": "direct"}])
        engine.gateway = Gateway(engine.settings, providers={"scripted": provider}, observers=[seen.append])
        return engine

    with served(make, keys=KEYS) as here:
        body: Any = {"model": "a", "messages": [{"role": "user", "content": "say hello to everyone here"}]}
        assert here.client.post("/v1/chat/completions", json=body, headers=ANN).status_code == 200
        here.client.post("/runs", json={"task": "hello", "mode": "direct", "wait": True}, headers=ANN)
    assert {(record.key, record.agent) for record in seen} == {("k_ann", "desk")}
    assert len(seen) >= 2
