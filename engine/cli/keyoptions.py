"""What ``engine keys`` may say of a key, declared once for every command that takes it."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from engine.cli import options as given
from schemas.accounts import time_zone
from schemas.bookkeeping import ApiKey
from schemas.gateway import RateLimits

Per = Literal["day", "week", "month", "ever"]
SCOPES = ("usage", "runs", "admin")
_PERIODS = {"day": "day", "week": "week", "month": "month", "ever": ""}


def expiry(text: str) -> float:
    """Return the Unix time of ``30d`` (from now on), or of an ISO date or time; ``never`` is 0.

    Raises:
        typer.BadParameter: It is neither, or is over already.
    """
    told = text.strip().lower()
    if told == "never":
        return 0.0
    try:
        at = datetime.fromisoformat(text.strip())
        until = (at if at.tzinfo else at.astimezone()).timestamp()
    except ValueError:
        try:
            until = time.time() + given.duration(told)
        except typer.BadParameter:
            said = f"{text!r} is no time: write how long from now (12h, 30d, 8w), a date such as 2027-01-31, or never"
            raise typer.BadParameter(said) from None
    if until <= time.time():
        raise typer.BadParameter(f"{text!r} is over already")
    return until


ModelsOption = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", metavar="NAME", help="A name it may ask for, * for any text; again for more. All."),
]
ListenersOption = Annotated[
    list[str] | None, typer.Option("--listener", metavar="NAME", help="Where it may be used; again for more. All.")
]
ScopesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="usage|runs|admin",
        help="usage: it may read what it used; runs: count calls to anybody's runs; admin: all of it. None.",
    ),
]
AgentOption = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Whose calls these are.")]
UsdOption = Annotated[
    float | None, typer.Option("--usd", parser=given.money, metavar="USD", help="Most USD of a period.")
]
TokensOption = Annotated[int | None, typer.Option("--tokens", min=1, help="Most tokens of a period.")]
PerOption = Annotated[Per | None, typer.Option("--per", help="The period of its budget; month.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", metavar="ZONE", help="Where its days begin; UTC.")]
RpmOption = Annotated[int | None, typer.Option("--rpm", min=1, help="Most requests in a minute.")]
TpmOption = Annotated[int | None, typer.Option("--tpm", min=1, help="Most tokens in a minute.")]
ParallelOption = Annotated[int | None, typer.Option("--max-parallel", min=1, help="Most requests at once.")]
ExpiresOption = Annotated[
    float | None,
    typer.Option("--expires", parser=expiry, metavar="TIME|DATE", help="When it ends: 30d, 2027-01-31, never."),
]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of a key; typer reads the options off these fields. None: nothing was said."""

    models: ModelsOption = None
    listeners: ListenersOption = None
    scopes: ScopesOption = None
    agent: AgentOption = None
    usd_cap: UsdOption = None
    tokens: TokensOption = None
    per: PerOption = None
    zone: ZoneOption = None
    rpm: RpmOption = None
    tpm: TpmOption = None
    max_parallel: ParallelOption = None
    expires: ExpiresOption = None

    def fields(self, before: ApiKey | None = None) -> dict[str, Any]:
        """Return the fields of a key that were named, limits on top of what it has.

        Raises:
            ConfigError: There is no such time zone.
            typer.BadParameter: There is no such scope.
        """
        if self.zone is not None:
            time_zone(self.zone)
        _check_scopes(self.scopes or ())
        told: dict[str, Any] = {
            "models": self.models and tuple(self.models),
            "listeners": self.listeners and tuple(self.listeners),
            "scopes": self.scopes and tuple(self.scopes),
            "agent": self.agent,
            "usd": self.usd_cap,
            "tokens": self.tokens,
            "per": _PERIODS.get(self.per or ""),
            "zone": self.zone,
            "limits": self._limits(before.limits if before is not None else None),
        }
        found = _given(told)
        return found if self.expires is None else {**found, "expires_at": self.expires or None}

    def _limits(self, before: RateLimits | None) -> RateLimits | None:
        """Return limits with what was named put on top; None where nothing was."""
        told = {"requests_per_minute": self.rpm, "tokens_per_minute": self.tpm, "max_parallel": self.max_parallel}
        changes = _given(told)
        return (before or RateLimits()).model_copy(update=changes) if changes else None


def _check_scopes(scopes: Iterable[str]) -> None:
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is no scope: there are {', '.join(SCOPES)}")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def takes_wishes(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of ``Wishes`` in the place of its parameter ``wishes``."""
    options = inspect.signature(Wishes, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters.values()
    every = [one for each in own for one in (options.values() if each.name == "wishes" else (each,))]
    shown = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in every]

    @functools.wraps(command)
    def told(**values: Any) -> int:
        wishes = Wishes(**{name: values.pop(name) for name in options})
        return command(wishes=wishes, **values)

    described: Any = told
    described.__signature__ = inspect.Signature(shown)
    described.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return told
