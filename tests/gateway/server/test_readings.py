"""What /metrics looks up when somebody asks."""

from __future__ import annotations

from gateway.gateway import Gateway
from gateway.server.metrics import Metrics
from schemas.settings import Settings
from tests.gateway.fakes import FAST
from tests.gateway.server.serving import Served, chat, config, served
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

LIMITS = {"requests_per_minute": 1000}
MORE = {
    "listeners": [{"port": 0, "limits": LIMITS}],
    "gateway": {"budgets": [{"of": "all", "tokens": 100_000}]},
}


async def hasty(found: Settings, metrics: Metrics) -> Gateway:
    """Return a gateway that waits for nothing between its tries."""
    return Gateway(found, environ={}, observers=[metrics], retry=FAST)


def value(gateway: Served, name: str, /, **labels: str) -> float:
    """Return a reading."""
    return gateway.metric(name, **labels)


def test_budgets_are_told() -> None:
    """A budget's limit and what of it is spent are told by scope and measure."""
    with (
        WireServer(lambda request, path: say(request, path, "hi")) as upstream,
        served(config(upstream.url, **MORE)) as gateway,
    ):
        assert gateway.post("/v1/chat/completions", chat()).status_code == 200
        assert value(gateway, "budget_limit", measure="tokens") == 100_000
        assert value(gateway, "budget_spent", measure="tokens") == 15
        assert value(gateway, "waiting", kind="listener", name="default") == 0


def test_agents_that_clients_make_up_are_not_told() -> None:
    """Of agents' budgets those that the configuration spells out are told: labels are never what a client wrote."""
    more = {"gateway": {"budgets": [{"of": "agent:*", "tokens": 99_000}, {"of": "agent:ann", "tokens": 88_000}]}}
    with (
        WireServer(lambda request, path: say(request, path, "hi")) as upstream,
        served(config(upstream.url, **more)) as gateway,
    ):
        for agent in ("ann", "annex", "x" * 50):
            gateway.post("/v1/chat/completions", chat(), headers={"x-engine-agent": agent})
        assert value(gateway, "budget_limit", measure="tokens") == 88_000


def test_a_model_that_is_left_out_is_told() -> None:
    """A model whose calls keep failing is told as left out."""
    failing = Reply(b'{"error": {"message": "busy"}}', status=503)
    with WireServer(lambda _request, _path: failing) as upstream, served(config(upstream.url), make=hasty) as gateway:
        for _ in range(3):
            gateway.post("/v1/chat/completions", chat())
        assert value(gateway, "breaker_open", model="p/m") == 1
