"""What the configuration says of the gateway: listeners, filters, budgets, limits, fallbacks, cache, warnings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from schemas.accounts import Period, time_zone
from schemas.errors import ConfigError
from schemas.result import Record

WireFormat = Literal["chat", "messages", "responses", "embeddings"]
"""How a client, or a provider, writes requests: chat completions, messages, responses, embeddings."""

FilterKind = Literal["pii", "injection", "secrets", "words", "schema", "http", "mcp", "python"]
Side = Literal["input", "output"]


class RateLimits(Record):
    """What may be asked at once and in a minute; None for no limit. Whoever does not fit waits in line.

    Attributes:
        requests_per_minute: Most calls started in any 60 s.
        tokens_per_minute: Most tokens (estimated before, corrected after) in any 60 s.
        max_parallel: Most calls at once.
        wait_s: Longest wait in line; then 429 with Retry-After.
    """

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    max_parallel: int | None = Field(default=None, ge=1)
    wait_s: float = Field(default=30.0, ge=0)


class Weighted(Record):
    """One target of an alias that splits its calls.

    Attributes:
        model: A name, as elsewhere.
        weight: Its share of the calls, in proportion to the others'; 0 is used only when the others fail.
    """

    model: str
    weight: float = Field(default=1.0, ge=0)


class Fallbacks(Record):
    """Which models follow one that failed, by class of error; names as elsewhere, tried in order.

    Classes that are left out go on with the rest of the name's own list. A content filter has no fallback unless one
    is written here.

    Attributes:
        rate_limit: 429s that waiting did not heal.
        overload: 5xx, overloaded, unreachable, or broken off.
        timeout: No answer, no first token, or a stalled stream.
        context_length: The request is too long for the model.
        content_filter: The provider's filter refused it.
    """

    rate_limit: tuple[str, ...] | None = None
    overload: tuple[str, ...] | None = None
    timeout: tuple[str, ...] | None = None
    context_length: tuple[str, ...] | None = None
    content_filter: tuple[str, ...] | None = None


class FilterSettings(Record):
    """One filter; chains name it.

    Attributes:
        name: Unique.
        kind: A built-in one (pii, injection, secrets, words, schema), or whose it is (http, mcp, python).
        on: What it sees: requests, answers, or both.
        url: ``http``: where the body is posted. 200 carries the body to go on with, 4xx blocks with its text.
        headers: ``http``: sent with it; ``$NAME`` is looked up.
        mcp: ``mcp``: the server's command line, or its address; its tool is named by ``tool``.
        tool: ``mcp``: which tool is called.
        python: ``python``: ``module:function``, importable from the folder of the configuration file.
        fail: Whether a request goes on (open) or is refused (closed) when the filter itself fails or is late.
        timeout_s: Longest time of one decision.
        models: Only for these models, or names asked for; ``*`` for any text. Empty: all.
        agents: Only for calls of these agents, in the same way.
        options: What the kind knows, such as the words of ``words``.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    kind: FilterKind
    on: tuple[Side, ...] = ("input", "output")
    url: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    mcp: str | None = None
    tool: str | None = None
    python: str | None = None
    fail: Literal["open", "closed"] = "closed"
    timeout_s: float = Field(default=5.0, gt=0)
    models: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_whose_it_is(self) -> FilterSettings:
        needed = {"http": ("url",), "mcp": ("mcp", "tool"), "python": ("python",)}.get(self.kind, ())
        missing = [field for field in needed if not getattr(self, field)]
        if missing:
            raise ValueError(f"filter {self.name!r} of kind {self.kind} needs {' and '.join(missing)}")
        return self


class Listener(Record):
    """One port of ``engine gateway``.

    Attributes:
        name: Unique.
        host, port: Where it listens; port 0 takes a free one.
        models: Names clients may ask for, ``*`` for any text; empty: all.
        default_model: What is asked when a client names no model, or one that only its SDK knows.
        always: What is asked whatever a client names: the port is that assistant's, or that model's, alone.
        filters: Names of ``filters``, in the order they see a request; answers pass them in the opposite order.
        keys: Whether a key is needed: ``auto`` needs one unless only this machine can reach the port and no key exists.
        limits: For all its calls together.
        allow_hosts: Further names clients call it by (a proxy's).
        allow_origins: Web pages that may use it; ``*`` for every one.
        restart: Whether clients that do not say so accept that a broken-off answer begins anew.
    """

    name: str = "default"
    host: str = "127.0.0.1"
    port: int = Field(default=8766, ge=0, le=65535)
    models: tuple[str, ...] = ()
    default_model: str | None = None
    always: str | None = None
    filters: tuple[str, ...] = ()
    keys: Literal["auto", "required", "none"] = "auto"
    limits: RateLimits = RateLimits()
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    restart: bool = False


class BudgetRule(Record):
    """A budget of a key, of an agent, or of all calls together, over a period.

    Attributes:
        of: ``key:NAME``, ``agent:NAME`` (``*`` for each of them), or ``all``.
        usd, tokens: The most of it in a period; None for no cap.
        per: After what it begins anew; empty: never.
        zone: In which time zone days begin.
    """

    of: str = Field(pattern=r"^(all|(key|agent):.+)$")
    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=1)
    per: Period = "day"
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            time_zone(name)
        except ConfigError:
            raise ValueError("a time zone such as UTC or Europe/Berlin") from None
        return name


class Webhook(Record):
    """Who is told when a budget is nearly used up, or is.

    Attributes:
        url: Posted to, as JSON.
        secret: Signs the body (HMAC-SHA256, ``webhook-signature`` of the Standard Webhooks specification); ``$NAME``.
    """

    url: str
    secret: str | None = None


class CacheSettings(Record):
    """Answers kept for the same request again; off unless models are named.

    Attributes:
        models: Names for which answers are kept, ``*`` for any text.
        ttl_s: How long.
        max_bytes: Larger answers are not kept.
    """

    models: tuple[str, ...] = ()
    ttl_s: float = Field(default=3_600.0, gt=0)
    max_bytes: int = Field(default=1_000_000, ge=1)


class GatewaySettings(Record):
    """How the gateway serves, beyond its models and listeners.

    Attributes:
        budgets: Of keys, agents, or all.
        key_limits: For each key that has none of its own.
        fallbacks: By name asked for (model, alias, role; ``*`` for all others).
        cache: Exact answers kept.
        webhooks: Who is told of budgets.
        router: The model that chooses among preferences by their descriptions; None: rules do.
        affinity_s: For how long a conversation stays with its model, so that the provider's prompt cache pays; 0: not.
        body_bytes: The largest request.
        drain_s: After SIGTERM, seconds for running calls to end.
    """

    budgets: tuple[BudgetRule, ...] = ()
    key_limits: RateLimits = RateLimits()
    fallbacks: dict[str, Fallbacks] = Field(default_factory=dict)
    cache: CacheSettings = CacheSettings()
    webhooks: tuple[Webhook, ...] = ()
    router: str | None = None
    affinity_s: float = Field(default=600.0, ge=0)
    body_bytes: int = Field(default=32_000_000, ge=1)
    drain_s: float = Field(default=25.0, ge=0)
