"""The server over time: reloads that drop nothing, ports that come and go, a stop that lets calls end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from gateway.server import server
from schemas.errors import ConfigError, StoreError
from tests.gateway.server.serving import Served, chat, config, served
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

PATIENCE_S = 30.0


def until(true: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def reload(gateway: Served, outcome: str = "ok", **changes: Any) -> None:
    """Change the configuration, and wait until it is in force or refused."""
    before = gateway.metric("reloads_total", outcome=outcome)
    gateway.config.update(changes)
    gateway.server.reload()
    until(lambda: gateway.metric("reloads_total", outcome=outcome) > before)


def answer(request: dict[str, Any], path: str) -> Reply:
    """Answer, slowly where it is asked for."""
    asked = str(request["messages"][-1]["content"])
    slow = {"slow": {"delay_s": 1.0}, "drip": {"split": 80, "pause_s": 0.15}, "hang": {"delay_s": 60}}
    if "endless" in asked:
        return say(request, path, "word " * 20_000, split=200, pause_s=0.02)
    return say(request, path, "hi there, you", **slow.get(asked, {}))


def test_no_request_fails_over_reloads() -> None:
    """Over 20 reloads under load no request fails, whole or streamed, on connections that are kept."""
    with WireServer(answer) as upstream, served(config(upstream.url)) as gateway:
        gateway.post("/v1/chat/completions", chat())
        stop, failed, done = threading.Event(), list[str](), list[int]()

        def ask(streamed: bool) -> None:
            with httpx2.Client(base_url=gateway.url, timeout=60) as client:
                while not stop.is_set():
                    try:
                        response = client.post("/v1/chat/completions", json=chat(stream=streamed))
                        whole = response.text.endswith("data: [DONE]\n\n") if streamed else "hi there" in response.text
                        if response.status_code != 200 or not whole:
                            failed.append(response.text[-300:])
                        done.append(1)
                    except httpx2.HTTPError as exc:
                        failed.append(repr(exc))

        askers = [threading.Thread(target=ask, args=(streamed,)) for streamed in (True, False, True)]
        for each in askers:
            each.start()
        for number in range(20):
            reload(gateway, aliases={f"alias-{number}": "p/m"})
        stop.set()
        for each in askers:
            each.join(60)
        assert failed == []
        assert len(done) >= len(askers)
        assert gateway.client.get("/v1/models/alias-19").status_code == 200
        assert gateway.client.get("/v1/models/alias-18").status_code == 404


def test_calls_that_run_end_on_the_old_settings() -> None:
    """A call that began before a reload ends as it began, though its model is gone; the next one gets the new."""
    with WireServer(answer) as upstream, served(config(upstream.url)) as gateway:
        found = list[httpx2.Response]()
        asking = threading.Thread(target=lambda: found.append(gateway.post("/v1/chat/completions", chat("slow"))))
        asking.start()
        until(lambda: upstream.requests)
        with httpx2.Client(base_url=gateway.url) as other:
            gateway.config["model_providers"] = gateway.config["model_providers"][1:]
            gateway.server.reload()
            until(lambda: other.get("/v1/models/p/m").status_code == 404)
        asking.join(30)
        assert found[0].status_code == 200


def test_a_configuration_that_is_wrong_is_refused() -> None:
    """A wrong configuration is refused, counted, and the old one stays."""
    with served(config()) as gateway:
        for wrong in ({"limits": {"max_steps": "many"}}, {"listeners": [{"port": 0, "default_model": "nope"}]}):
            reload(gateway, "refused", **wrong)
            assert gateway.client.get("/v1/models/p/m").status_code == 200
        gateway.config.pop("limits")
        reload(gateway, listeners=[{"port": 0}])


def test_a_changed_file_is_read() -> None:
    """A configuration whose stamp changed, and stays so, is read without a signal."""
    stamp = [1]
    with served(config(), stamp=lambda: stamp[0]) as gateway:
        gateway.config["aliases"] = {"fast": "p/m"}
        time.sleep(1.0)
        assert gateway.client.get("/v1/models/fast").status_code == 404
        stamp[0] = 2
        until(lambda: gateway.client.get("/v1/models/fast").status_code == 200)


def test_ports_come_and_go() -> None:
    """A reload opens ports that are new and closes those that are gone; those that stay keep their connections."""
    with served(config()) as gateway:
        first = gateway.url
        reload(gateway, listeners=[{"port": 0}, {"name": "more", "port": 0, "models": ["a/*"]}])
        more = gateway.urls["more"]
        assert httpx2.get(f"{more}/v1/models").json()["data"][0]["id"] == "a/m"
        reload(gateway, listeners=[{"port": 0}])
        assert gateway.urls["default"] == first
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{more}/v1/models")


def test_a_call_outlives_its_port() -> None:
    """A stream on a port that a reload closed goes on; a stop lets it end, and says so where its time is over."""
    two = [{"port": 0}, {"name": "more", "port": 0}]
    more = {"gateway": {"drain_s": 0.2}, "listeners": two}
    with WireServer(answer) as upstream, served(config(upstream.url, **more)) as gateway:
        body = {**chat("endless", stream=True), "max_tokens": 9}
        url = f"{gateway.urls['more']}/v1/chat/completions"
        with httpx2.stream("POST", url, json=body, timeout=PATIENCE_S) as response:
            lines = response.iter_lines()
            next(lines)
            reload(gateway, listeners=two[:1])
            assert next(line for line in lines if line.startswith("data: {"))
            gateway.server.stop()
            events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        assert "stopping" in events[-1]["error"]["message"]


def test_a_port_that_is_taken_leaves_everything_as_it_is() -> None:
    """A reload whose second port cannot be had is refused, and its first one is closed again."""
    with served(config()) as gateway:
        taken = int(gateway.url.rpartition(":")[2])
        wanted = [{"name": "new", "port": 0}, {"name": "taken", "port": taken, "host": "localhost"}]
        reload(gateway, "refused", listeners=wanted)
        assert gateway.client.get("/readyz").status_code == 200
        assert gateway.metric("connections") == 1


@pytest.mark.parametrize(
    ("listeners", "said"),
    [
        ([{"name": "a", "port": 1}, {"name": "a", "port": 2}], "another listener 'a'"),
        ([{"name": "a", "port": 1}, {"name": "b", "port": 1}], "taken by listener 'a'"),
        ([{"default_model": "nope", "port": 0}], "default_model of listener 'default'"),
    ],
)
def test_listeners_that_cannot_be_are_refused(listeners: list[dict[str, Any]], said: str) -> None:
    """Listeners of one name or one port, or with a default that is no model, are refused at the start."""
    with pytest.raises(ConfigError, match=said), served(config(listeners=listeners)):
        pass


def test_a_stop_lets_calls_end() -> None:
    """Told to stop, the gateway takes no new connection, and what runs ends as if nothing were."""
    with WireServer(answer) as upstream, served(config(upstream.url)) as gateway:
        gateway.post("/v1/chat/completions", chat())
        with gateway.client.stream("POST", "/v1/chat/completions", json=chat("drip", stream=True)) as response:
            lines = response.iter_lines()
            next(lines)
            gateway.server.stop()
            until(lambda: refused(gateway.url))
            rest = list(lines)
        assert rest[-2:] == ["data: [DONE]", ""]
        gateway.thread.join(PATIENCE_S)
        assert not gateway.thread.is_alive()


def refused(url: str) -> bool:
    """Whether nobody listens there."""
    try:
        httpx2.get(f"{url}/healthz")
    except httpx2.HTTPError:
        return True
    return False


@pytest.mark.parametrize("path", ["chat/completions", "messages"])
def test_a_stop_ends_what_does_not_end(path: str) -> None:
    """A stream that goes on when the time to drain is over ends with an error event in its client's format."""
    more = {"gateway": {"drain_s": 0.2}}
    with WireServer(answer) as upstream, served(config(upstream.url, **more)) as gateway:
        body = {**chat("endless", stream=True), "max_tokens": 9, "model": "a/m" if path == "messages" else "p/m"}
        with gateway.client.stream("POST", f"/v1/{path}", json=body) as response:
            lines = response.iter_lines()
            next(lines)
            gateway.server.stop()
            events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        assert "stopping" in events[-1]["error"]["message"]
        assert upstream.wait_left(PATIENCE_S)


def test_a_stop_answers_who_still_waits() -> None:
    """A call that has no answer yet when the time to drain is over is a 503, to be sent again."""
    more = {"gateway": {"drain_s": 0.2}}
    with WireServer(answer) as upstream, served(config(upstream.url, **more)) as gateway:
        found = list[httpx2.Response]()
        asking = threading.Thread(target=lambda: found.append(gateway.post("/v1/chat/completions", chat("hang"))))
        asking.start()
        until(lambda: upstream.requests)
        gateway.stop()
        asking.join(PATIENCE_S)
        assert found[0].status_code == 503


def test_readiness_follows_the_store() -> None:
    """While the store is away, or does not answer, /readyz is a 503 and /healthz is not."""

    async def away() -> None:
        raise StoreError("the store is away")

    with served(config(), ready=away) as gateway:
        assert gateway.client.get("/readyz").status_code == 503
        assert gateway.client.get("/healthz").status_code == 200


def test_looks_are_frequent() -> None:
    """A changed file is read within a second: two looks."""
    assert 2 * server.LOOK_S <= 1.0
