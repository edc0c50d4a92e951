"""Secrets are nowhere: a run, and calls through the gateway, leave no key in anything that is kept or said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic  # noqa: F401  loaded here: on a busy machine that takes longer than a client waits
import anyio
import openai  # noqa: F401
import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.api import Engine
from engine.durable.sqlite.store import SqliteStore
from engine.telemetry import use_tracer
from gateway.accounting import Accounting, usage_payload
from gateway.gateway import Gateway
from gateway.server.metrics import Metrics
from schemas.errors import EngineError
from schemas.model import Message, ModelRequest
from schemas.settings import Settings
from tests.gateway.server.serving import Keys, chat, message, served
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

ENVIRON = {
    "OPENAI_KEY": "sk-openai-7hQ2mZ9xW4vB8nK1",
    "ANTHROPIC_KEY": "sk-ant-3tY6uI0pL5kJ2hG8",
    "HOOK_SECRET": "whsec_9aS8dF7gH6jK5l4Q",
    "FILTER_TOKEN": "ft-1zX2cV3bN4mA5sD6",
    "PROVIDER_HEADER": "ph-8wE7rT6yU5iO4pL3",
}


def config(url: str, *, content: bool) -> dict[str, Any]:
    """Return a configuration that uses every kind of secret."""
    return {
        "model_providers": [
            {
                "name": "p", "kind": "openai", "base_url": f"{url}/v1", "api_key": "$OPENAI_KEY",
                "headers": {"x-team": "$PROVIDER_HEADER"}, "models": [{"name": "m"}],
            },
            {"name": "a", "kind": "anthropic", "base_url": url, "api_key": "$ANTHROPIC_KEY", "models": [{"name": "m"}]},
        ],
        "roles": {"planner": "p/m", "executor": "p/m", "synthesizer": "a/m"},
        "listeners": [{"port": 0, "filters": ["away"], "keys": "required"}],
        "filters": [
            {
                "name": "away", "kind": "http", "url": "http://127.0.0.1:9/check", "fail": "open",
                "headers": {"authorization": "$FILTER_TOKEN"}, "timeout_s": 0.5,
            }
        ],
        "gateway": {"webhooks": [{"url": "http://127.0.0.1:9/hook", "secret": "$HOOK_SECRET"}]},
        "telemetry": {"content": content, "log_level": "debug"},
    }  # fmt: skip


def answer(request: dict[str, Any], path: str) -> Reply:
    """Answer; where asked to, refuse with the keys in the words, as careless servers do."""
    if "refuse" in json.dumps(request):
        told = f"Incorrect API key provided: {ENVIRON['OPENAI_KEY']} {ENVIRON['ANTHROPIC_KEY']}"
        return Reply(json.dumps({"error": {"message": told, "type": "authentication_error"}}).encode(), status=401)
    return say(request, path, "hello there")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span of a test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stop = use_tracer(provider.get_tracer("test"))
    yield exporter
    stop()


async def a_run(given: dict[str, Any], store: SqliteStore) -> list[str]:
    """Do two runs, one of which fails, and return all that is told of them."""
    told: list[str] = []
    async with Engine(given, environ=ENVIRON, store=store) as engine:
        for task in ("say hello", "refuse this"):
            try:
                async with engine.start(task, mode="react", run_id=task[:3]) as run:
                    told.append((await run.result()).model_dump_json())
            except EngineError as exc:
                told.append(exc.to_info().model_dump_json())
            told += [repr(record) for record in await store.load(task[:3])]
        request = ModelRequest(model="p/m", messages=(Message.user("refuse"),))
        try:
            await engine.gateway.complete(request)
        except EngineError as exc:
            told.append(exc.to_info().model_dump_json() + repr(exc))
    told.append(json.dumps(await usage_payload(store.usage_book, None, {"by": "key,model,run"})))
    return told


def clients(given: dict[str, Any], store: SqliteStore, keys: Keys, secrets: list[str]) -> list[str]:
    """Call models over HTTP, rightly and wrongly, and return all that came back."""

    async def make(found: Settings, metrics: Metrics) -> Gateway:
        return Gateway(found, environ=ENVIRON, ledger=store.ledger(), observers=[metrics, Accounting(store.usage_book)])

    told: list[str] = []
    with served(given, keys=keys, make=make) as gateway:
        for secret in (*secrets, secrets[0][:-1], "sk-wrong"):
            for heads in ({"authorization": f"Bearer {secret}"}, {"x-api-key": secret}):
                for text in ("hello", "refuse"):
                    for path, body in (("/v1/chat/completions", chat(text)), ("/v1/messages", message(text))):
                        for streamed in (False, True):
                            reply = gateway.post(path, {**body, "stream": streamed}, headers=heads)
                            told += [reply.text, repr(reply.headers)]
        admin = {"authorization": f"Bearer {secrets[1]}"}
        for path in ("/metrics", "/v1/models", "/openapi.json", "/readyz"):
            told.append(gateway.client.get(path, headers=admin).text)
    return told


@pytest.mark.parametrize("content", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_secrets_are_nowhere(tmp_path: Path, spans: InMemorySpanExporter, content: bool) -> None:
    """B74: no key of a provider, client, filter or webhook is in a log, span, event, error, metric, or the store."""
    store, keys = SqliteStore(tmp_path / "runs.db"), Keys()
    secrets = [keys.add("app"), keys.add("boss", scopes=("admin",))]
    with WireServer(answer) as upstream, structlog.testing.capture_logs() as logs:
        given = config(upstream.url, content=content)

        async def runs() -> list[str]:
            for key in await keys.store.keys():
                await store.key_store.add(key)
            return await a_run(given, store)

        told = [*clients(given, store, keys, secrets), *anyio.run(runs)]
        seen = {value for request in upstream.requests for value in request.headers.values()}
    anyio.run(store.aclose)
    told += [json.dumps(entry, default=repr) for entry in logs]
    told += [span.to_json() for span in spans.get_finished_spans()]
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert {f"Bearer {ENVIRON['OPENAI_KEY']}", ENVIRON["ANTHROPIC_KEY"], ENVIRON["PROVIDER_HEADER"]} <= seen
    assert len(spans.get_finished_spans()) > 5
    assert sum("hello there" in text for text in told) > 5
    for secret in (*ENVIRON.values(), *secrets):
        assert [text[:300] for text in told if secret in text] == [], secret
        assert secret.encode() not in files, secret
