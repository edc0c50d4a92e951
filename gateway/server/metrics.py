"""What the gateway did, in numbers: an observer of calls, and what ``/metrics`` answers.

Labels are bounded: names of models are as configured, or ``other`` from ``MOST`` combinations on; what a client wrote
is never a label. Cost: about 2 µs a call.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gateway.record import CallRecord
from gateway.server.exposition import Family, Histogram, exposition
from gateway.warnings import Notice

MOST = 2_000
MOST_KEYS = 500
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
PREFIX = "engine_gateway_"
OTHER = "other"

_Key = tuple[str, str, str, str, str]


@dataclass(slots=True)
class _Series:
    """Sums of the calls of one listener, format, provider, model and outcome."""

    calls: int = 0
    attempts: int = 0
    retries: int = 0
    fallbacks: int = 0
    cached: int = 0
    unpriced: int = 0
    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cost_usd: float = 0.0
    took: Histogram = field(default_factory=lambda: _seconds())
    first: Histogram = field(default_factory=lambda: _seconds())


@dataclass(slots=True)
class _Spent:
    """What one key's calls came to."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One value that is looked up when somebody asks, such as a budget's.

    Attributes:
        name: Without the prefix; it is a gauge.
        labels: Bounded by the configuration.
    """

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


class Metrics:
    """Counts calls; ``text`` says what came together."""

    def __init__(self) -> None:
        self._series: dict[_Key, _Series] = {}
        self._answered: set[tuple[str, str]] = set()
        self._keys: dict[str, _Spent] = {}
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._reloads: Counter[str] = Counter()
        self._notices: Counter[str] = Counter()
        self._loaded_at = self._began = time.time()
        self.left = 0
        self.sources: list[Callable[[], Iterable[Reading]]] = []

    def __call__(self, record: CallRecord) -> None:
        """Count a call that is over."""
        key = (record.listener, record.format or "", record.provider, record.model, record.outcome)
        series = self._series.get(key)
        if series is None:
            series = self._new(key)
        usage = record.usage
        series.calls += 1
        series.attempts += record.attempts
        if record.attempts > 1 or record.fallbacks:
            series.fallbacks += record.fallbacks
            series.retries += max(0, record.attempts - 1 - record.fallbacks)
        series.input += usage.input_tokens
        series.output += usage.output_tokens
        series.cached_input += usage.cached_tokens
        series.cache_write += usage.cache_write_tokens
        series.reasoning += usage.reasoning_tokens
        if record.cost_usd is None:
            series.unpriced += 1
        else:
            series.cost_usd += record.cost_usd
        if record.cached:
            series.cached += 1
        series.took.counts[bisect_left(SECONDS, record.took_s)] += 1
        series.took.total += record.took_s
        if record.first_token_s is not None:
            series.first.counts[bisect_left(SECONDS, record.first_token_s)] += 1
            series.first.total += record.first_token_s
        if record.key:
            self._spend(record)
        for decision in record.decisions:
            name, _, verdict = decision.partition(": ")
            self._decisions[name[:60], verdict.partition(" ")[0][:20]] += 1

    def refused(self, listener: str, code: str) -> None:
        """Count a request that was answered with an error before it became a call."""
        self._refused[listener, code] += 1

    def noticed(self, notice: Notice) -> None:
        """Count a budget that is nearly used up (``budget.warning``), or paused."""
        self._notices[notice.kind] += 1

    def reloaded(self, outcome: str) -> None:
        """Count a reload: ``ok``, or ``refused``."""
        self._reloads[outcome] += 1
        if outcome == "ok":
            self._loaded_at = time.time()

    def text(self, more: Iterable[Reading] = ()) -> bytes:
        """Return everything as Prometheus reads it, and beside it what else was looked up."""
        families = [*self._of_calls(), *self._of_keys(), *self._of_doors()]
        found: dict[str, Family] = {}
        for reading in (*more, *(reading for source in self.sources for reading in source())):
            name = PREFIX + reading.name
            found.setdefault(name, Family(name, "gauge", reading.help)).add(reading.labels, reading.value)
        return exposition([*families, *found.values()])

    def configured(self, models: Iterable[tuple[str, str]]) -> None:
        """Take note of models, (provider, name), that have series of their own before they ever answered."""
        self._answered.update(models)

    def _new(self, key: _Key) -> _Series:
        listener, form, provider, model, outcome = key
        if not outcome:
            if len(self._answered) < MOST:
                self._answered.add((provider, model))
        elif model and (provider, model) not in self._answered:  # a name that a client made up
            key = (listener, form, provider, OTHER, outcome)
        if len(self._series) >= MOST and key not in self._series:
            key = (listener, form, OTHER, OTHER, outcome)
        return self._series.setdefault(key, _Series())

    def _spend(self, record: CallRecord) -> None:
        spent = self._keys.get(record.key)
        if spent is None:
            name = record.key if len(self._keys) < MOST_KEYS else OTHER
            spent = self._keys.setdefault(name, _Spent())
        spent.calls += 1
        spent.tokens += record.usage.total_tokens
        spent.cost_usd += record.cost_usd or 0.0

    def _of_calls(self) -> list[Family]:
        calls = _counter("requests_total", "Calls that are over, by how they ended (ok, or an error's code).")
        attempts = _counter("attempts_total", "Requests sent to providers.")
        retries = _counter("retries_total", "Requests sent again to a model that had failed.")
        fallbacks = _counter("fallbacks_total", "Turns to a next model, by who answered or was last.")
        tokens = _counter("tokens_total", "Tokens used; cached, cache_write and reasoning are parts of the others.")
        cost = _counter("cost_usd_total", "USD that calls with a known price cost.")
        unpriced = _counter("unpriced_total", "Calls whose price nobody knows; they are in no cost.")
        hits = _counter("cache_hits_total", "Calls answered from the gateway's own cache.")
        took = Family(f"{PREFIX}request_seconds", "histogram", "Seconds from a request to its answer's last byte.")
        first = Family(f"{PREFIX}first_token_seconds", "histogram", "Seconds from a request to its first content.")
        for (listener, form, provider, model, outcome), series in self._series.items():
            who = {"provider": provider, "model": model}
            calls.add({"listener": listener, "format": form, **who, "outcome": outcome or "ok"}, series.calls)
            attempts.add(who, series.attempts)
            retries.add(who, series.retries)
            fallbacks.add(who, series.fallbacks)
            for kind in ("input", "output", "cached_input", "cache_write", "reasoning"):
                tokens.add({**who, "kind": kind}, getattr(series, kind))
            cost.add(who, series.cost_usd)
            unpriced.add(who, series.unpriced)
            hits.add(who, series.cached)
            if not outcome:
                took.add(who, series.took)
                if any(series.first.counts):
                    first.add(who, series.first)
        return [calls, attempts, retries, fallbacks, tokens, cost, unpriced, hits, took, first]

    def _of_keys(self) -> list[Family]:
        calls = _counter("key_requests_total", "Calls by API key.")
        tokens = _counter("key_tokens_total", "Tokens by API key.")
        cost = _counter("key_cost_usd_total", "USD by API key.")
        for key, spent in self._keys.items():
            calls.add({"key": key}, spent.calls)
            tokens.add({"key": key}, spent.tokens)
            cost.add({"key": key}, spent.cost_usd)
        return [calls, tokens, cost]

    def _of_doors(self) -> list[Family]:
        refused = _counter("refused_total", "Requests refused before they became calls, by error code.")
        for (listener, code), count in self._refused.items():
            refused.add({"listener": listener, "code": code}, count)
        decisions = _counter("filter_decisions_total", "What filters decided.")
        for (name, verdict), count in self._decisions.items():
            decisions.add({"filter": name, "decision": verdict}, count)
        reloads = _counter("reloads_total", "Reloads of the configuration: ok, or refused.")
        for outcome in ("ok", "refused"):
            reloads.add({"outcome": outcome}, self._reloads[outcome])
        notices = _counter("budget_notices_total", "Budgets that came to 90 % (budget.warning), or were paused.")
        for kind in ("budget.warning", "budget.paused"):
            notices.add({"kind": kind}, self._notices[kind])
        left = _counter("clients_left_total", "Clients that left before their answer was whole.")
        left.add({}, self.left)
        loaded = Family(f"{PREFIX}config_loaded_timestamp_seconds", "gauge", "When the configuration in use was read.")
        loaded.add({}, self._loaded_at)
        began = Family("process_start_time_seconds", "gauge", "When this process began to serve.")
        began.add({}, self._began)
        return [refused, decisions, reloads, notices, left, loaded, began]


def _seconds() -> Histogram:
    return Histogram(SECONDS, [0] * (len(SECONDS) + 1))


def _counter(name: str, text: str) -> Family:
    return Family(PREFIX + name, "counter", text)
