"""What the gateway costs, beside LiteLLM's proxy, Portkey's gateway, and nginx as the limit: turn and turn about.

The gateway under measurement has one CPU for itself; the load and the provider of fixed answers share another.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateways import LITELLM, NGINX, OURS, PORTKEY, Gateway, running
from benchmarks.native import Load, load, upstream
from benchmarks.report.rows import Row
from schemas.errors import ConfigError

GROUPS = ("requests", "translated", "latency", "chunks", "first", "open", "memory", "soak")
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
AT_ONCE = 64
TURN_S = 3.0
WARM_S = 10.0
_TEXT = "Summarize what the filings of the last three years say about services, with the sources. " * 16
_CHAT = {"model": "mock", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": _TEXT}]}
_MESSAGES = {
    "model": "mock",
    "max_tokens": 200,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": _TEXT}],
}


@dataclass(slots=True)
class Bench:
    """What the measures share: who runs, which providers, which bodies."""

    gateways: Mapping[str, Gateway]
    folder: Path
    load_cpu: int
    runs: int

    def body(self, name: str, content: Mapping[str, object]) -> Path:
        """Return a file with a body."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        return path

    def ask(self, gateway: Gateway, path: str, body: Path, *, connections: int, seconds: float) -> Load:
        """Put one gateway under load; its errors are told."""
        told = load(
            self.load_cpu, gateway.port, path, body, connections=connections, seconds=seconds, headers=gateway.headers
        )
        if told.errors:
            print(f"ERRORS: {gateway.name} answered {told.errors} of {told.requests} wrongly", file=sys.stderr)
        return told


def measured(runs: int, groups: Sequence[str] = GROUPS) -> Iterator[Row]:
    """Yield the rows of the report; gateways that are not installed here are left out, and said.

    Raises:
        ConfigError: There is one CPU only, or no C compiler.
    """
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise ConfigError("a gateway and its load need a CPU each", hint="measure on a machine with two")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="engine-gateways-")))
        ports = {
            "mock": stack.enter_context(upstream(cpus[1])),
            "slow": stack.enter_context(upstream(cpus[1], delay_ms=50)),
            "paced": stack.enter_context(upstream(cpus[1], chunks=100, gap_ms=100)),
        }
        started = {
            name: stack.enter_context(running(name, ports, folder, cpus[0])) for name in (OURS, LITELLM, PORTKEY, NGINX)
        }
        found = {name: gateway for name, gateway in started.items() if gateway is not None}
        bench = Bench(found, folder, cpus[1], runs)
        parts: dict[str, Callable[[Bench], Iterator[Row]]] = {
            "requests": requests, "translated": translated, "latency": latency, "chunks": chunks, "first": first,
            "open": open_streams, "memory": memory, "soak": soak,
        }  # fmt: skip
        for name in groups:
            yield from parts[name](bench)


def requests(bench: Bench) -> Iterator[Row]:
    """Time a request at 64 connections (one over the throughput) and CPU a request, everything on."""
    spent = _in_turns(bench, (OURS, LITELLM, PORTKEY, NGINX), CHAT, bench.body("chat", _CHAT))
    yield from _beside(
        "time a request, pass-through, 64 at once",
        spent,
        "wall_ms",
        {LITELLM: 1 / 30, PORTKEY: 1 / 4, NGINX: 1 / 0.045},
    )
    yield from _beside("CPU a request, pass-through", spent, "cpu_ms", {})


def translated(bench: Bench) -> Iterator[Row]:
    """The same where a client speaks messages and the provider chat completions."""
    spent = _in_turns(bench, (OURS, LITELLM), MESSAGES, bench.body("messages", _MESSAGES))
    yield from _beside("time a request, messages → chat completions", spent, "wall_ms", {LITELLM: 1 / 5})


def latency(bench: Bench) -> Iterator[Row]:
    """Milliseconds (median) that a gateway adds to a provider that answers after 50 ms, 64 clients."""
    body = bench.body("slow", {**_CHAT, "model": "slow"})
    added: dict[str, list[float]] = {OURS: [], LITELLM: []}
    for _ in range(bench.runs):
        for name in added:
            if name in bench.gateways:
                told = bench.ask(bench.gateways[name], CHAT, body, connections=AT_ONCE, seconds=TURN_S)
                if told.whole_ms:
                    added[name].append(told.whole_ms[0] - 50)
                else:
                    print(f"LEFT OUT: {name} gave no whole answer within {TURN_S:g} s", file=sys.stderr)
    ours = statistics.median(added[OURS])
    other = statistics.median(added[LITELLM]) if added[LITELLM] else None
    yield Row("added to a 50 ms answer, 64 clients, median", ours, "ms", LITELLM, other, 2.0)


def chunks(bench: Bench) -> Iterator[Row]:
    """CPU a chunk of 50 streams of 200 chunks."""
    body = bench.body("stream", {**_CHAT, "stream": True})
    spent: dict[str, list[_Spent]] = {}
    for _ in range(bench.runs):
        for name in (OURS, LITELLM, PORTKEY, NGINX):
            gateway = bench.gateways.get(name)
            if gateway is None:
                continue
            before = gateway.cpu_s
            told = bench.ask(gateway, CHAT, body, connections=50, seconds=-50 if name == LITELLM else -150)
            if not told.chunks:
                print(f"LEFT OUT: {name} streams no answer here", file=sys.stderr)
                continue
            spent.setdefault(name, []).append(_Spent(0, (gateway.cpu_s - before) * 1e6 / max(1, told.chunks)))
    yield from _beside("CPU a chunk, 50 streams × 200", spent, "cpu_ms", {LITELLM: 1 / 6, PORTKEY: 3 / 5}, unit="µs")


def first(bench: Bench) -> Iterator[Row]:
    """Milliseconds (median) until the first chunk, alone, over the provider's own."""
    gateway = bench.gateways[OURS]
    body = bench.body("stream", {**_CHAT, "stream": True})
    direct: list[float] = []
    through: list[float] = []
    with upstream(bench.load_cpu) as port:
        for _ in range(bench.runs):
            told = load(bench.load_cpu, port, CHAT, body, connections=1, seconds=-100)
            direct.append((told.first_ms or [0.0])[0])
            through.append((bench.ask(gateway, CHAT, body, connections=1, seconds=-100).first_ms or [0.0])[0])
    yield Row(
        "added to the first chunk, alone", statistics.median(through) - statistics.median(direct), "ms", limit=1.5
    )


def open_streams(bench: Bench) -> Iterator[Row]:
    """1,000 streams open at once, a chunk each 100 ms: memory, and how late chunks are."""
    gateway = bench.gateways[OURS]
    body = bench.body("paced", {**_CHAT, "model": "paced", "stream": True})
    highest = [0.0]
    told = bench.ask(gateway, CHAT, body, connections=1000, seconds=-1000)
    highest.append(gateway.rss_mb)
    late = told.late_ms or [0.0] * 4
    yield Row("1,000 open streams: memory", max(highest), "MB", limit=200)
    yield Row("1,000 open streams: a chunk is late (99 %)", late[2], "ms", limit=100)
    yield Row("1,000 open streams: answers that broke", told.errors, "", limit=0)


def memory(bench: Bench) -> Iterator[Row]:
    """Memory after the load so far, and seconds from the start to the first connection."""
    ours, other = bench.gateways[OURS], bench.gateways.get(LITELLM)
    yield Row("memory", ours.rss_mb, "MB", LITELLM, other.rss_mb if other else None, ratio_limit=1 / 5)
    yield Row("start", ours.start_s, "s", LITELLM, other.start_s if other else None, ratio_limit=1 / 15)


def soak(bench: Bench) -> Iterator[Row]:
    """Megabytes by which memory grows in the second half of a minute of requests and streams."""
    gateway = bench.gateways[OURS]
    bodies = [bench.body("chat", _CHAT), bench.body("stream", {**_CHAT, "stream": True})]
    held: list[float] = []
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for body in bodies:
            bench.ask(gateway, CHAT, body, connections=AT_ONCE, seconds=2)
        held.append(gateway.rss_mb)
    yield Row("memory grows in the second half of a minute's load", held[-1] - held[len(held) // 2], "MB", limit=2.0)


@dataclass(frozen=True, slots=True)
class _Spent:
    wall_ms: float
    cpu_ms: float


def _in_turns(bench: Bench, names: Sequence[str], path: str, body: Path) -> dict[str, list[_Spent]]:
    """Load each gateway in turn; each is warmed up first."""
    found = [bench.gateways[name] for name in names if name in bench.gateways]
    for gateway in found:
        bench.ask(gateway, path, body, connections=AT_ONCE, seconds=WARM_S)
    spent: dict[str, list[_Spent]] = {gateway.name: [] for gateway in found}
    for _ in range(bench.runs):
        for gateway in found:
            before = gateway.cpu_s
            told = bench.ask(gateway, path, body, connections=AT_ONCE, seconds=TURN_S)
            if not told.requests:
                print(f"LEFT OUT: {gateway.name} answers nothing here", file=sys.stderr)
                continue
            cpu_ms = (gateway.cpu_s - before) * 1000 / told.requests
            spent[gateway.name].append(_Spent(told.seconds * 1000 / told.requests, cpu_ms))
    return spent


def _beside(
    label: str, spent: Mapping[str, Sequence[_Spent]], what: str, limits: Mapping[str, float], unit: str = "ms"
) -> Iterator[Row]:
    """Yield one row for each other gateway."""
    ours: float = statistics.median(getattr(each, what) for each in spent[OURS])
    for name in (LITELLM, PORTKEY, NGINX):
        if name in limits or name in spent:
            other = statistics.median(getattr(each, what) for each in spent[name]) if spent.get(name) else None
            yield Row(label, ours, unit, name, other, ratio_limit=limits.get(name))
