"""``engine gateway --check``: what a configuration comes to, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.cli.columns import print_table
from engine.cli.storage import Place
from gateway.gateway import Gateway
from schemas.gateway import Listener, RateLimits
from schemas.settings import Settings


def show(settings: Settings, file: Path | None, place: Place) -> None:
    """Print what a configuration comes to: listeners, models, filters, budgets."""
    print(f"{file or 'the environment'} is right; keys, budgets and usage are kept in {place.shown}\n")
    head = ("listener", "address", "keys", "models", "default", "filters", "limits")
    print_table(head, [_listener_row(each) for each in settings.listeners])
    models = Gateway(settings, environ={}).models()
    rows = [
        (
            model.ref,
            str(model.kind),
            _usd(model.input_usd_per_mtok),
            _usd(model.output_usd_per_mtok),
            f"{model.context_tokens:,}" if model.context_tokens else "",
        )
        for model in models
    ]
    _section(("model", "kind", "USD in", "out, a million", "context"), rows, right=(2, 3, 4))
    names = [(name, ", ".join(map(str, _targets(target)))) for name, target in settings.aliases.items()]
    _section(("alias", "models"), names)
    _section(
        ("filter", "kind", "on", "when it fails"),
        [(each.name, each.kind, ", ".join(each.on), each.fail) for each in settings.filters],
    )
    budgets = [
        (rule.of, _usd(rule.usd), f"{rule.tokens:,}" if rule.tokens else "", rule.per or "ever")
        for rule in settings.gateway.budgets
    ]
    _section(("budget of", "USD", "tokens", "per"), budgets, right=(1, 2))


def _section(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    listed = list(rows)
    if listed:
        print()
        print_table(head, listed, right=right)


def _listener_row(listener: Listener) -> tuple[str, ...]:
    return (
        listener.name,
        f"{listener.host}:{listener.port}",
        listener.keys,
        ", ".join(listener.models) or "all",
        listener.default_model or "",
        ", ".join(listener.filters),
        _limits(listener.limits),
    )


def _limits(limits: RateLimits) -> str:
    each = ((limits.requests_per_minute, "requests/min"), (limits.tokens_per_minute, "tokens/min"))
    said = [f"{most:,} {unit}" for most, unit in (*each, (limits.max_parallel, "at once")) if most is not None]
    return ", ".join(said)


def _targets(target: object) -> list[str]:
    if isinstance(target, str):
        return [target]
    assert isinstance(target, tuple)
    return [each if isinstance(each, str) else f"{each.model} ({each.weight:g})" for each in target]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _usd(amount: float | None) -> str:
    return "" if amount is None else f"{amount:g}"
