"""``engine serve`` under load: chats that all come at once, and many who watch one run; nothing may be lost.

The models are simulated, in a process of their own, over the wire, at a model's speed; the clients are a third process.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx2

from benchmarks.chats import Answered, all_at_once, get, post
from benchmarks.gateways import Gateway, started
from benchmarks.native import free_port
from benchmarks.report.rows import Row
from benchmarks.simulated.lookups import CASE, TOOL, question, told
from benchmarks.simulated.profile import PROFILES
from benchmarks.simulated.provider import SimulatedProvider
from engine.serve.chat.turn import TOLD
from schemas.errors import ConfigError

GROUPS = ("chats", "watchers")
CHATS, WATCHERS = 500, 2_000
LEAST_ROUNDS = 3
FIRST_MS = 150.0
"""Most that the first byte may take (95 %); nothing of it is the models', which are asked later."""
GROWTH_MB = 10.0
WITHIN_S = 240.0
_TOKEN = "serve"
_FILES = 64 + 4 * WATCHERS


@dataclass(frozen=True, slots=True)
class Bench:
    """A server under load.

    Attributes:
        server: What is measured.
        rounds: How often.
        chats, watchers: How many at once.
    """

    server: Gateway
    rounds: int
    chats: int = CHATS
    watchers: int = WATCHERS

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.port}"


def measured(
    runs: int, groups: Sequence[str] = GROUPS, *, chats: int = CHATS, watchers: int = WATCHERS
) -> Iterator[Row]:
    """Yield the rows of the report.

    Args:
        runs: Rounds of chats; at least three, so that memory that grows is told from memory that is first taken.
        groups: What is measured.
        chats, watchers: How many at once.

    Raises:
        ConfigError: Too few files may be open here.
    """
    _allow_files()
    with tempfile.TemporaryDirectory(prefix="engine-serve-") as named, SimulatedProvider() as provider:
        folder = Path(named)
        base_url = anyio.run(_registered, provider)
        with started("engine serve", _command(base_url, folder, max(chats, 1) + 1), folder) as server:
            if server is None:
                raise ConfigError("engine serve did not start", hint="its last words stand above")
            bench = Bench(server, max(runs, LEAST_ROUNDS), chats, watchers)
            parts: dict[str, Callable[[Bench], Iterator[Row]]] = {"chats": _chats, "watchers": _watchers}
            for name in groups:
                yield from parts[name](bench)


# ---------------------------------------------------------------------- chats


def _chats(bench: Bench) -> Iterator[Row]:
    """Chats that all come in the same moment."""
    alone = [_round(bench, [number]) for number in (1, 2, 3)][-1].answered[0].word_s
    found = [
        _round(bench, range(1_000 * number, 1_000 * number + bench.chats)) for number in range(1, bench.rounds + 1)
    ]
    label = f"{bench.chats} chats at once"
    wrong = sum(each.wrong for each in found)
    yield Row(f"{label}: lost an event, or answered wrongly", wrong, "", limit=0)
    first = [statistics.median(_part(each, q) for each in found) for q in (0.5, 0.95)]
    yield Row(f"{label}: first byte, half", first[0] * 1_000, "ms")
    yield Row(f"{label}: first byte, 95 %", first[1] * 1_000, "ms", limit=FIRST_MS)
    later = statistics.median(_quantile([one.word_s for one in each.answered], 0.95) for each in found) - alone
    yield Row(f"{label}: first word of the answer, 95 %, over one alone", later * 1_000, "ms")
    yield Row(f"{label}: CPU a run", statistics.median(each.cpu_s for each in found) / bench.chats * 1_000, "ms")
    yield Row(f"{label}: memory", found[-1].rss_mb, "MB")
    grown = found[-1].rss_mb - found[1].rss_mb
    yield Row(f"{label}: memory grows after the second round", max(0.0, grown), "MB", limit=GROWTH_MB)


@dataclass(frozen=True, slots=True)
class _Round:
    answered: Sequence[Answered]
    wrong: int
    cpu_s: float
    rss_mb: float


def _part(found: _Round, share: float) -> float:
    return _quantile([one.first_s for one in found.answered], share)


def _round(bench: Bench, numbers: Sequence[int]) -> _Round:
    before = bench.server.cpu_s
    requests = [
        post(
            "/v1/chat/completions",
            {"model": "finder", "stream": True, "messages": [{"role": "user", "content": question(number)}]},
        )
        for number in numbers
    ]
    answered = all_at_once(bench.server.port, requests, within_s=WITHIN_S)
    cpu_s = bench.server.cpu_s - before
    with httpx2.Client(base_url=bench.url, timeout=60, trust_env=False) as http:
        reasons = [_fault(http, one, number) for one, number in zip(answered, numbers, strict=True)]
    wrong = [reason for reason in reasons if reason]
    if wrong:
        print(f"WRONG: {len(wrong)} of {len(numbers)} chats, the first: {wrong[0]}", file=sys.stderr)
    time.sleep(1)
    return _Round(answered, len(wrong), cpu_s, bench.server.rss_mb)


def _fault(http: httpx2.Client, answered: Answered, number: int) -> str:
    """Return what is wrong with what a client got, beside what is stored of its run; empty: nothing."""
    if answered.lost:
        return f"broke off: {answered.body[-200:]!r}"
    chunks = answered.data()
    about = [chunk["engine"] for chunk in chunks if "engine" in chunk]
    if not about or "run_id" not in about[0]:
        return f"no run: {answered.body[:300]!r}"
    heard = [(each["seq"], each["event"]) for each in about if "seq" in each]
    lines = http.get(f"/runs/{about[0]['run_id']}/export").raise_for_status().text.splitlines()
    events = [json.loads(line) for line in lines]
    stored = [(each["seq"], each["kind"]) for each in events if each["kind"] in TOLD]
    if heard != stored:
        return f"heard {heard} of {stored}"
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    return "" if said == told(number) and answered.body.endswith(b"data: [DONE]\n\n") else f"said {said!r}"


# ---------------------------------------------------------------------- watchers


def _watchers(bench: Bench) -> Iterator[Row]:
    """Many who watch one run."""
    label = f"{bench.watchers:,} watchers of a run"
    with httpx2.Client(base_url=bench.url, timeout=60, trust_env=False) as http:
        begun = http.post("/runs", json={"task": question(7, at_length=True), "mode": "plan"}).raise_for_status().json()
        run_id = begun["id"]
        before, memory = bench.server.cpu_s, bench.server.rss_mb
        held: list[float] = []
        requests = [get(f"/runs/{run_id}/events")] * bench.watchers
        answered = all_at_once(
            bench.server.port, requests, within_s=WITHIN_S, then=lambda: held.append(time.monotonic())
        )
        cpu_s = bench.server.cpu_s - before
        grown = bench.server.rss_mb - memory
        lines = http.get(f"/runs/{run_id}/export").raise_for_status().text.splitlines()
    stored = [json.loads(line) for line in lines]
    wrong = [reason for one in answered if (reason := _missed(one, stored))]
    if wrong:
        print(f"WRONG: {len(wrong)} of {bench.watchers} watchers, the first: {wrong[0]}", file=sys.stderr)
    yield Row(f"{label}: missed an event, or text of the answer", len(wrong), "", limit=0)
    yield Row(f"{label}: CPU a watcher", cpu_s / bench.watchers * 1_000, "ms")
    ends = sorted(one.last_at for one in answered)
    yield Row(f"{label}: the last hears the end after the first", (ends[-1] - ends[0]) * 1_000, "ms")
    yield Row(f"{label}: first byte, 95 %", _quantile([one.first_s for one in answered], 0.95) * 1_000, "ms")
    yield Row(f"{label}: memory a watcher", grown / bench.watchers * 1_000, "kB")


def _missed(answered: Answered, stored: Sequence[object]) -> str:
    """Return what a watcher lacks; empty: nothing. Text that an event holds whole may be left out, never jumped."""
    if answered.lost:
        return f"broke off: {answered.body[-200:]!r}"
    found = answered.data()
    events = [each for each in found if "seq" in each]
    if events != list(stored):
        return f"{len(events)} events of {len(stored)}"
    reached = 0
    for each in found:
        if each.get("kind") == "text" and each["stream"] == "answer":
            if each["offset"] != reached:
                return f"text goes on at {each['offset']} after {reached}"
            reached += len(each["text"])
    return "" if reached else "no word of the answer before it was whole"


# ---------------------------------------------------------------------- what is measured


async def _registered(provider: SimulatedProvider) -> str:
    try:
        return await provider.register(_TOKEN, CASE, PROFILES["anchored"], _TOKEN)
    finally:
        await provider.aclose()


def _command(base_url: str, folder: Path, most: int) -> tuple[list[str], int]:
    """Write a configuration and return the command that serves it, and its port."""
    (folder / "lookups.py").write_text(TOOL, encoding="utf-8")
    price = {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10.0}
    limits = {"max_parallel": 10_000, "requests_per_minute": 10_000_000}
    models = [{"name": name, **price, **limits} for name in ("big-look", "big-tell")]
    provider = {"name": "simulated", "kind": "openai", "base_url": f"{base_url}/v1", "api_key": "k", "models": models}
    settings = {
        "model_providers": [provider],
        "roles": {
            "planner": "simulated/big-look", "executor": "simulated/big-look", "synthesizer": "simulated/big-tell"
        },
        "tools": [{"python": "lookups:look", "effects": "none"}],
        "assistants": [{"name": "finder", "mode": "plan"}],
    }  # fmt: skip
    config = folder / "engine.yaml"
    config.write_text(json.dumps(settings), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "engine.cli", "serve", "--config", str(config), "--port", str(port)]
    return [*command, "--store", str(folder / "runs.db"), "--max-runs", str(most)], port


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _allow_files() -> None:
    """Let this process and its children open a file for each client. Raises ConfigError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= _FILES:
        return
    if hard < _FILES:
        raise ConfigError(f"{hard} files may be open here", hint=f"ulimit -n {_FILES}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))
