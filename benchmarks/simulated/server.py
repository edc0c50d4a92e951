"""The simulated model over HTTP: chat completions and messages, streamed and whole, at a model's speed.

``python -m benchmarks.simulated.server`` prints its address and serves until its stdin closes. A run is registered
(``PUT /runs/{token}``: its case and profile), asks at ``/{token}/v1/chat/completions`` or ``/{token}/v1/messages``
as at any provider, and what its calls took is read back (``GET /runs/{token}``); ``GET /prompts`` returns the first
prompt of each system and part, as it came.

Tokens come on an absolute schedule: the n-th is due at the first one's time plus n times the time of a token, however
late one before it was; a sum of sleeps would drift.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, cast

import uvicorn

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.stored import case_from
from benchmarks.simulated import wires
from benchmarks.simulated.counting import count
from benchmarks.simulated.lookups import LOOKUPS
from benchmarks.simulated.oracle import PARTS, WARM, Asked, Said, answer, spoiled
from benchmarks.simulated.peers import PEERS
from benchmarks.simulated.profile import PROFILES, Fault, Profile, Tier
from benchmarks.simulated.promptcache import PromptCache

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_PARTS = {**PARTS, **PEERS, **LOOKUPS}
_STATUS: dict[str, tuple[int, str]] = {"rate_limit": (429, "rate_limit_error"), "overloaded": (529, "overloaded_error")}


@dataclass(slots=True)
class ModelCall:
    """One call, as the provider saw it.

    Attributes:
        part: What the model played.
        cacheable_tokens: What would have been cached, were prompts cached; as ``cached_tokens`` where they are.
        began, ended: Seconds since the run's first call, in the run's own time (not sped up).
        status: Of HTTP; 499: the client left, or the stream was cut.
    """

    part: str
    tier: str
    began: float
    ended: float
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float
    cacheable_tokens: int = 0
    status: int = 200
    fault: str = ""


@dataclass(slots=True)
class Guest:
    """A registered run."""

    case: Case
    profile: Profile
    system: str
    began: float | None = None
    calls: list[ModelCall] = field(default_factory=list[ModelCall])


class Provider:
    """Answers every registered run. One a process."""

    def __init__(self) -> None:
        self._guests: dict[str, Guest] = {}
        self._caches: dict[str, PromptCache] = {}
        self._prompts: dict[str, str] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        path, method = cast("str", scope["path"]), cast("str", scope["method"])
        body = await _body(receive)
        if path == "/prompts":
            await _json(send, self._prompts)
            return
        if path.startswith("/runs/"):
            await self._register(method, path.removeprefix("/runs/"), body, send)
            return
        token, _, rest = path.strip("/").partition("/")
        guest = self._guests.get(token)
        wire: wires.Wire = "messages" if rest.endswith("messages") else "chat"
        if guest is None:
            await _json(send, wires.error(wire, "not_found_error", f"no run is registered as {token!r}"), 404)
            return
        await self._answer(guest, wire, json.loads(body), receive, send)

    async def _register(self, method: str, token: str, body: bytes, send: Send) -> None:
        if method == "PUT":
            told = json.loads(body)
            profile = PROFILES[told["profile"]]
            changes = {name: told[name] for name in ("speed", "seed", "faults", "caching") if name in told}
            profile = Profile(**{**_fields(profile), **changes})
            self._guests[token] = Guest(case_from(told["case"]), profile, told["system"])
            await _json(send, {})
        elif method == "DELETE":
            self._guests.pop(token, None)
            await _json(send, {})
        else:
            guest = self._guests.get(token)
            await _json(send, [] if guest is None else [asdict(call) for call in guest.calls])

    async def _answer(self, guest: Guest, wire: wires.Wire, body: Any, receive: Receive, send: Send) -> None:
        if wires.part_of(str(body["model"])) == WARM:  # no call of the run
            await _json(send, wires.whole(wire, str(body["model"]), Said("pong"), wires.Counts(1, 0, 1), 0))
            return
        arrived = monotonic()
        guest.began = arrived if guest.began is None else guest.began
        profile, model = guest.profile, str(body["model"])
        tier_name = model.partition("-")[0]
        tier = profile.tiers[tier_name]
        prompt = wires.prompt_of(body)
        kept = self._cache(guest, tier_name).take(prompt)
        cached = kept if profile.caching else 0
        asked = wires.read(wire, body)
        self._prompts.setdefault(f"{guest.system.split(' ')[0]}: {asked.part}", prompt)
        said = answer(guest.case, asked, _PARTS)
        fault = _fault(guest, asked, len(guest.calls))
        if fault in ("malformed_plan", "wrong_argument", "unknown_tool"):
            said = spoiled(said, fault, [tool.name for tool in guest.case.tools])
        written = wires.tokens(said)
        counts = wires.Counts(count(prompt), cached, len(written))
        call = ModelCall(
            asked.part,
            tier_name,
            (arrived - guest.began) * profile.speed,
            0.0,
            counts.prompt,
            cached,
            counts.completion,
            _cost(tier, counts),
            kept,
            fault=fault or "",
        )
        guest.calls.append(call)
        try:
            if fault in _STATUS:
                call.status, call.completion_tokens, call.cost_usd = _STATUS[fault][0], 0, 0.0
                wait_ms = profile.retry_after_s / profile.speed * 1_000
                headers = [
                    (b"retry-after", b"%d" % max(1, round(wait_ms / 1_000))),
                    (b"retry-after-ms", b"%d" % wait_ms),
                ]
                error = wires.error(wire, _STATUS[fault][1], "simulated")
                await _json(send, error, call.status, headers if fault == "rate_limit" else [])
                return
            pace = _Pace(arrived, tier, counts, profile.speed)
            number = sum(len(other.calls) for other in self._guests.values())
            if body.get("stream"):
                options: dict[str, Any] = body.get("stream_options") or {}
                usage = bool(options.get("include_usage"))
                events = wires.Events(wire, model, said, counts, number, usage=usage)
                await _stream(events, written, pace, receive, send, call, cut=fault == "cut")
            else:
                await pace.until(len(written))
                await _json(send, wires.whole(wire, model, said, counts, number))
        finally:
            call.ended = (monotonic() - guest.began) * profile.speed

    def _cache(self, guest: Guest, tier: str) -> PromptCache:
        """The prompts seen before, of the same system and model: a provider's cache is an organisation's."""
        profile = guest.profile
        key = f"{guest.system} {guest.case.suite} {tier}"
        return self._caches.setdefault(key, PromptCache(profile.cache_min_tokens, profile.cache_block_tokens))


class _Pace:
    """When each token is due."""

    def __init__(self, arrived: float, tier: Tier, counts: wires.Counts, speed: float) -> None:
        reading = (counts.prompt - counts.cached) / tier.prompt_tokens_per_s
        self._first = arrived + (tier.first_token_s + reading) / speed
        self._each = tier.token_s / speed

    async def until(self, tokens: int) -> None:
        """Wait until so many tokens are written."""
        wait = self._first + (tokens - 1) * self._each - monotonic()
        if wait > 0:
            await asyncio.sleep(wait)


async def _stream(
    events: wires.Events,
    written: list[tuple[int, str]],
    pace: _Pace,
    receive: Receive,
    send: Send,
    call: ModelCall,
    *,
    cut: bool,
) -> None:
    left = asyncio.create_task(_left(receive))
    told = 0
    try:
        await _start(send, 200, [(b"content-type", b"text/event-stream; charset=utf-8")])
        pending = events.head()
        last = len(written) // 2 if cut else len(written)
        for number, (index, text) in enumerate(written[:last], 1):
            await pace.until(number)
            if left.done():
                call.status = 499
                return
            await send({"type": "http.response.body", "body": pending + events.token(index, text), "more_body": True})
            pending, told = b"", number
        if cut:
            call.status = 499
            raise ConnectionResetError("simulated")
        await send({"type": "http.response.body", "body": pending + events.end(), "more_body": False})
    finally:
        left.cancel()
        if call.status == 499:
            share = told / max(1, call.completion_tokens)
            call.completion_tokens, call.cost_usd = told, call.cost_usd * share


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _fault(guest: Guest, asked: Asked, number: int) -> Fault | None:
    run = guest.case.name
    profile = guest.profile
    fault: Fault | None = next((one for one in profile.faults if profile.strikes(one, run=run, call=number)), None)
    turn = asked.tools and asked.forced is None
    if fault == "malformed_plan" and (turn or "plan" not in asked.part):
        return None  # only who writes a plan can write one badly
    return fault


def _cost(tier: Tier, counts: wires.Counts) -> float:
    price = tier.price
    paid = (
        (counts.prompt - counts.cached) * price.input + counts.cached * price.cached + counts.completion * price.output
    )
    return paid / 1e6


def _fields(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in Profile.__slots__}


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _json(send: Send, value: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *(headers or ())]
    await _start(send, status, told)
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)


def main() -> None:
    """Serve until stdin closes."""
    server = _Server(
        uvicorn.Config(
            cast("Any", Provider()), host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none"
        )
    )

    def wait() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
