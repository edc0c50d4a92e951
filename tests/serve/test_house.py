"""Another configuration put in force under a server that goes on: what runs keeps its own, what comes has the new."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.api import Engine
from engine.config import LoadedSettings, settings_from
from engine.serve.house import Renewal
from engine.telemetry import tracer
from engine.testing import ScriptedProvider, scripted_settings
from gateway.gateway import Gateway
from gateway.server.metrics import Metrics
from schemas.errors import ConfigError
from schemas.gateway import Listener
from schemas.model import ModelRequest
from schemas.settings import Settings
from tests.serve.renewable import BEGUN, GO_ON
from tests.serve.serving import Served, served

OLD: dict[str, Any] = {
    "tools": [{"python": "tests.serve.renewable:held"}],
    "assistants": [{"name": "old", "mode": "plan"}],
    "schedules": [{"name": "never", "task": "x", "daily": "03:00"}],
}
NEW: dict[str, Any] = {
    "tools": [{"python": "tests.serve.renewable:fresh"}],
    "assistants": [{"name": "new", "mode": "plan"}],
}


HELD: dict[str, Any] = {"steps": [{"held": {}}]}
FRESH: dict[str, Any] = {"steps": [{"fresh": {}}]}


def replies(request: ModelRequest) -> Any:
    """Plan whatever tool there is, and say which it was."""
    told = "\n".join(one.text for one in request.messages)
    if request.output is not None:
        return FRESH if "fresh" in told else HELD
    return "it was fresh" if "fresh" in told else "it was held"


@dataclass
class Place:
    """Where the configuration stands."""

    now: dict[str, Any] = field(default_factory=lambda: OLD)
    listeners: Sequence[Listener] = ()
    provider: ScriptedProvider = field(default_factory=lambda: ScriptedProvider(replies))
    version: int = 0

    def read(self) -> LoadedSettings:
        """Read it. Raises ConfigError."""
        if "error" in self.now:
            raise ConfigError(self.now["error"])
        return settings_from({**scripted_settings().model_dump(mode="json", exclude_unset=True), **self.now}, {})

    def gateway(self, settings: Settings) -> Gateway:
        """Make a gateway."""
        return Gateway(settings, providers={"scripted": self.provider}, tracer=tracer)

    def engine(self) -> Engine:
        """Make the first engine."""
        found = self.read()
        return Engine(found, store="memory:", gateway=self.gateway(found.settings))

    def renewal(self) -> Renewal:
        """Return how the server gets the next."""

        async def load() -> LoadedSettings:
            return self.read()

        async def gateway(settings: Settings, _: Metrics) -> Gateway:
            return self.gateway(settings)

        return Renewal(load, lambda _: self.listeners, gateway, lambda: self.version)


@contextmanager
def renewable() -> Generator[tuple[Served, Place]]:
    GO_ON.clear()
    BEGUN.clear()
    place = Place()
    with served(place.engine, entered=False, renewal=place.renewal()) as here:
        place.listeners = here.listeners
        yield here, place


def names(here: Served) -> set[str]:
    return {one["id"] for one in here.client.get("/v1/models").json()["data"] if one["owned_by"] == "engine"}


def changed(here: Served, place: Place, now: dict[str, Any], until: set[str]) -> None:
    """Put another configuration in its place and wait until its assistants are there."""
    place.now = now
    here.server.reload()
    end = time.monotonic() + 20
    while names(here) != until:
        assert time.monotonic() < end, names(here)
        time.sleep(0.02)


def said(here: Served, model: str) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "do it"}]}
    return here.client.post("/v1/chat/completions", json=body)


def test_what_runs_goes_on_and_what_comes_has_the_new_configuration() -> None:
    """Assistants, tools and schedules are others for new requests; a run in flight ends with the tool it began with."""
    with renewable() as (here, place):
        got: list[Any] = []
        thread = threading.Thread(target=lambda: got.append(said(here, "old")))
        thread.start()
        assert BEGUN.wait(20)
        changed(here, place, NEW, {"new"})
        assert said(here, "new").json()["choices"][0]["message"]["content"] == "it was fresh"
        assert said(here, "old").status_code == 404
        assert here.client.get("/schedules").json()["schedules"] == []
        GO_ON.set()
        thread.join(20)
        assert got[0].json()["choices"][0]["message"]["content"] == "it was held"
        run_id = got[0].headers["x-engine-run"]
        assert here.get(f"/{run_id}")["status"] == "completed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"error": "the file is no YAML"},
        {**NEW, "tools": [{"python": "tests.serve.renewable:gone"}]},
        {**NEW, "agents": [{"name": "fresh", "url": "http://127.0.0.1:9"}]},
    ],
)
def test_a_wrong_configuration_is_refused_and_the_old_one_stays(wrong: dict[str, Any]) -> None:
    """A file that is none, a tool that is not there, a name that is taken: nothing changes; a right one is heeded."""
    with renewable() as (here, place):
        GO_ON.set()
        place.now = wrong
        here.server.reload()
        end = time.monotonic() + 20
        while 'reloads_total{outcome="refused"} 1' not in here.client.get("/metrics").text:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert said(here, "old").json()["choices"][0]["message"]["content"] == "it was held"
        changed(here, place, NEW, {"new"})


def test_many_changes_leave_one_engine() -> None:
    """What was replaced and has nothing left to do is let go: its gateway is closed."""
    closed: list[int] = []
    with renewable() as (here, place):
        make = place.gateway

        def counted(settings: Settings) -> Gateway:
            found = make(settings)
            shut = found.aclose

            async def aclose() -> None:
                closed.append(1)
                await shut()

            found.aclose = aclose  # type: ignore[method-assign]
            return found

        place.gateway = counted  # type: ignore[method-assign]
        for number in range(5):
            changed(here, place, {**NEW, "assistants": [{"name": f"a{number}"}]}, {f"a{number}"})
        end = time.monotonic() + 20
        while len(closed) < 4:
            assert time.monotonic() < end, closed
            time.sleep(0.05)
