"""What the gateway did, in numbers."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from gateway.record import CallRecord
from gateway.server.metrics import Metrics, Reading
from gateway.warnings import Notice
from schemas.result import Usage


def found(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Return values by name (without prefix) and the labels' values."""
    families = parsed(metrics.text().decode())
    return {
        (s.name.removeprefix("engine_gateway_"), " ".join(s.labels.values())): s.value
        for family in families
        for s in family.samples
    }


def call(**fields: object) -> CallRecord:
    """Return a record of an answered call."""
    usage = Usage(input_tokens=10, output_tokens=5, cached_tokens=4)
    record = CallRecord("r", 1.0, 0.3, 0.04, "chat", "x", "p", "m", "named", attempts=1, usage=usage, cost_usd=0.25)
    record.listener, record.key = "default", "k_1"
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def test_calls_are_counted() -> None:
    """Calls, tokens by kind, money, time and attempts add up, by who answered and how it came out."""
    metrics = Metrics()
    for record in (call(), call(attempts=4, fallbacks=1), call(outcome="model.timeout", cost_usd=None)):
        metrics(record)
    values = found(metrics)
    assert values["requests_total", "default chat p m ok"] == 2
    assert values["requests_total", "default chat p m model.timeout"] == 1
    assert [values["tokens_total", f"p m {kind}"] for kind in ("input", "output", "cached_input")] == [30, 15, 12]
    assert values["cost_usd_total", "p m"] == 0.5
    assert values["unpriced_total", "p m"] == 1
    assert [values[f"{kind}_total", "p m"] for kind in ("attempts", "retries", "fallbacks")] == [6, 2, 1]
    assert values["request_seconds_count", "p m"] == 2
    assert values["first_token_seconds_bucket", "p m 0.05"] == 2
    assert values["key_cost_usd_total", "k_1"] == 0.5


def test_decisions_and_refusals_are_counted() -> None:
    """What filters decided, answers of the cache, refusals at the door and reloads are counted."""
    metrics = Metrics()
    metrics(call(cached=True, decisions=("pii: changed 2 names", "words: blocked")))
    metrics.refused("default", "request.access")
    metrics.reloaded("refused")
    metrics.noticed(Notice("budget.paused", "all", "usd", 1.0, 1.0))
    values = found(metrics)
    assert values["cache_hits_total", "p m"] == 1
    assert values["filter_decisions_total", "pii changed"] == 1
    assert values["refused_total", "default request.access"] == 1
    assert values["reloads_total", "refused"] == 1
    assert values["budget_notices_total", "budget.paused"] == 1


def test_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that somebody makes up, of models or keys, end in one series of others; nothing is lost."""
    monkeypatch.setattr("gateway.server.metrics.MOST", 200)
    monkeypatch.setattr("gateway.server.metrics.MOST_KEYS", 50)
    metrics = Metrics()
    for number in range(300):
        metrics(call(model=f"m{number}", key=f"k{number}"))
    values = found(metrics)
    calls = {key: value for key, value in values.items() if key[0] == "requests_total"}
    assert (len(calls), sum(calls.values())) == (201, 300)
    keys = {key: value for key, value in values.items() if key[0] == "key_requests_total"}
    assert (len(keys), sum(keys.values())) == (51, 300)


def test_readings_are_looked_up() -> None:
    """What is known elsewhere is asked for when somebody looks."""
    metrics = Metrics()
    metrics.sources.append(lambda: [Reading("waiting", "Calls in line.", 3, {"gate": "g"})])
    assert found(metrics)["waiting", "g"] == 3


@pytest.mark.parametrize("took_s", [0.0, 0.01, 1e9])
def test_any_time_has_a_bucket(took_s: float) -> None:
    """A call of any length is in a bucket."""
    metrics = Metrics()
    metrics(call(took_s=took_s))
    assert found(metrics)["request_seconds_bucket", "p m +Inf"] == 1


def test_made_up_names_make_no_series() -> None:
    """Labels are never what a client made up: a name that nobody answers to is other, a configured one is not."""
    metrics = Metrics()
    metrics.configured([("p", "m")])
    for name in ("m", "x1", "x2", "x3"):
        metrics(call(model=name, outcome="model.not_found"))
    metrics(call(model="new"))
    metrics(call(model="new", outcome="model.timeout"))
    told = [key[1] for key in found(metrics) if key[0] == "requests_total"]
    assert sorted(told) == [
        "default chat p m model.not_found",
        "default chat p new model.timeout",
        "default chat p new ok",
        "default chat p other model.not_found",
    ]
