"""The contract every model provider meets, and what all of them do alike.

A provider makes exactly one attempt: retries, fallbacks, limits, budgets and prices belong to the gateway above it.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol, cast

from schemas.errors import ConfigError, ModelError, ModelOutputError, ModelRequestError, ModelUnavailableError
from schemas.model import ModelChunk, ModelRequest, ModelResponse, ToolCallPart
from schemas.settings import ModelProvider, ProviderKind

Dialect = Literal["unions", "strings", "offline", "openai", "anthropic"]
PlanTier = Literal["schema", "tool", "text"]

_REFERENCE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<plain>[A-Za-z_]\w*))")

_DATA_URL = re.compile(r"data:(?P<media_type>[\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,")


class Provider(Protocol):
    """One configured place where models are."""

    @property
    def name(self) -> str:
        """The configured name."""
        ...

    @property
    def kind(self) -> ProviderKind:
        """The wire format spoken."""
        ...

    @property
    def dialect(self) -> Dialect:
        """How plans are written: a non-string argument as its type or a reference (``unions``), or as text
        (``strings``), or by the published limits of a service, which the planner knows (``engine.planner.limits``).
        """
        ...

    def plan_tier(self, model: str) -> PlanTier:
        """Return how this model is best made to write a plan."""
        ...

    def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncIterator[ModelChunk]:
        """Make one attempt and stream it; the last chunk is ``Done``, its usage without a price.

        Cancellation: closes the upstream connection at once. Close the iterator (``aclosing``) when leaving early.

        Raises:
            ModelError: The attempt failed; the class says whether another may help.
            ConfigError: The API key is missing.
        """
        ...

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Make one attempt without streaming. Cancellation and errors as ``stream``."""
        ...

    async def aclose(self) -> None:
        """Close the connections. The provider can't be used afterwards."""
        ...


class Secrets:
    """Values of one provider's settings that may stand as ``$NAME``; looked up when used, never shown.

    Args:
        settings: The provider; its name is used in errors.
        environ: Where ``$NAME`` is looked up.
    """

    def __init__(self, settings: ModelProvider, environ: Mapping[str, str]) -> None:
        self._provider = settings.name
        self._key = settings.api_key
        self._headers = settings.headers
        self._environ = environ

    def __repr__(self) -> str:
        return f"Secrets({self._provider!r})"

    def api_key(self, default: str | None) -> str | None:
        """Return the API key, or None when none is configured.

        Args:
            default: What stands for a key that is not configured (``$NAME``), or None if the server may need none.

        Raises:
            ConfigError: The variable it names is missing, or the value can't be sent in a header.
        """
        written = self._key if self._key is not None else default
        return None if written is None else self._reveal(written, "api_key")

    def headers(self) -> dict[str, str]:
        """Return the extra headers to send.

        Raises:
            ConfigError: As ``api_key``.
        """
        return {name: self._reveal(value, f"header {name}") for name, value in self._headers.items()}

    def _reveal(self, written: str, what: str) -> str:
        match = _REFERENCE.fullmatch(written.strip())
        if match is None:
            return self._checked(written.strip(), what)
        variable = match["braced"] or match["plain"]
        value = self._environ.get(variable, "").strip()
        if not value:
            raise ConfigError(
                f"model provider {self._provider!r}: the environment variable {variable} is not set",
                hint=f"set {variable}, or write {what} into the configuration",
                details={"provider": self._provider, "variable": variable},
            )
        return self._checked(value, what)

    def _checked(self, value: str, what: str) -> str:
        if not value.isascii() or not value.isprintable():
            raise ConfigError(
                f"model provider {self._provider!r}: its {what} holds characters that no HTTP header may carry",
                hint="copy it again; it is printable ASCII on one line",
                details={"provider": self._provider},
            )
        return value


def configured_tier(settings: ModelProvider, model: str) -> PlanTier | None:
    """Return the plan tier that the configuration gives a model, if it does."""
    return next((known.plan_tier for known in settings.models if known.name == model), None)


def tool_call(call_id: str, name: str, raw: str) -> ToolCallPart:
    """Return a tool call from the argument text a model wrote; no text at all stands for no arguments.

    >>> tool_call("c1", "search", '{"query": "x"}').arguments
    {'query': 'x'}
    >>> tool_call("c1", "search", '{"query": ').valid
    False
    """
    try:
        parsed: Any = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        return ToolCallPart(call_id=call_id, name=name, raw=raw, valid=False)
    return ToolCallPart(call_id=call_id, name=name, arguments=cast("dict[str, Any]", parsed), raw=raw)


def split_data_url(url: str) -> tuple[str, str] | None:
    """Return (media type, base64 text) of a ``data:`` URL, or None for any other URL.

    Raises:
        ModelRequestError: A ``data:`` URL that is not base64 or names no media type.

    >>> split_data_url("data:image/png;base64,iVBOR")
    ('image/png', 'iVBOR')
    """
    if not url.startswith("data:"):
        return None
    match = _DATA_URL.match(url)
    if match is None:
        raise ModelRequestError(
            f"an image can't be sent: {one_line(url, 40)!r} is not data:<media type>;base64,…",
            hint="give the image as an https: URL or as base64 data",
        )
    return match["media_type"], url[match.end() :]


def checked_base_url(provider: str, url: str) -> str:
    """Return a base URL that a request can be sent to.

    Raises:
        ConfigError: It is none.
    """
    if not re.fullmatch(r"https?://[^\s/]\S*", url):
        raise ConfigError(
            f"model provider {provider!r}: base_url {url!r} is no http(s) address",
            hint="write it with its scheme, as in http://localhost:8000/v1",
            details={"provider": provider},
        )
    return url


def broken_off(where: str, *, began: bool) -> ModelError:
    """Return the error for a stream that ended before the reply did."""
    details = {"model": where}
    if began:
        return ModelUnavailableError(f"{where} broke off in the middle of its reply", details=details)
    return ModelOutputError(
        f"{where} sent no reply in its stream", hint="check the provider's base_url and kind", details=details
    )


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds a reply asks to wait, or None when it doesn't say.

    Args:
        headers: Of the reply; ``retry-after-ms`` wins over ``Retry-After``, which is seconds or an HTTP date.
        now: The current time, for dates.

    Source: RFC 9110, section 10.2.3; ``retry-after-ms`` as both official SDKs read it.

    >>> retry_after_s({"retry-after": "1.5"})
    1.5
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    written = headers.get("retry-after")
    seconds = _number(written)
    if seconds is not None or written is None:
        return seconds
    try:
        date = parsedate_to_datetime(written)
    except ValueError:
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", text):
        return None
    return float(text)


def one_line(text: object, limit: int = 300) -> str:
    """Return text on one line, cut to ``limit`` characters: what a provider said, fit for an error message."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
