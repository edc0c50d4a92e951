"""What is said of an agent at run time is kept, and told in the audit trail: secrets are only named there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from schemas.agents import AgentSettings
from schemas.errors import ConfigError

_SECRET = re.compile(
    r"(?<![a-z])(?:api-?key|auth|authorization|bearer|cookie|credentials?|key|passwd|password|secret|signature|token)"
    r"(?![a-z])",
    re.IGNORECASE,
)


def require_named(settings: AgentSettings) -> None:
    """Return if every secret of an agent is named (``$NAME``), and none written out.

    Raises:
        ConfigError: One is written out.
    """
    for name in _written(settings):
        raise ConfigError(
            f"agents.{settings.name}.{name}: a secret that is written out would be kept in the store",
            hint="name the environment variable that holds it: $NAME",
        )


def _written(settings: AgentSettings) -> Iterator[str]:
    """Yield the fields that hold one."""
    if not (settings.api_key or "$").startswith("$"):
        yield "api_key"
    yield from (
        f"headers.{name}" for name, value in settings.headers.items() if _is_secret(name) and not value.startswith("$")
    )
    for field in ("url", "a2a", "mcp"):
        if _holds_secret(getattr(settings, field) or ""):
            yield field


def _holds_secret(address: str) -> bool:
    """Whether an address has a password in it, or a query that is one."""
    try:
        parts = urlsplit(address)
        found = parts.password
    except ValueError:  # it is none: said elsewhere
        return False
    asked = parse_qsl(parts.query) if parts.scheme in ("http", "https") else []
    return bool(found) or any(_is_secret(name) and not value.startswith("$") for name, value in asked)


def _is_secret(name: str) -> bool:
    """Whether what is called so is a secret.

    >>> _is_secret("X-Goog-Api-Key"), _is_secret("x-tokens"), _is_secret("Cookie")
    (True, False, True)
    """
    return _SECRET.search(name) is not None
