"""What proves to an API who is calling: the document says how, the configuration with what.

Secrets are looked up when a call is made, and taken out of whatever an answer repeats.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from engine.config import resolve_secret
from engine.tools.openapi.document import Document, Operation
from schemas.errors import ConfigError

ANY_SCHEME = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to prove it.

    Attributes:
        name: As the document calls it.
        kind: bearer, basic, header, query or cookie.
        parameter: The header's, query parameter's or cookie's name.
    """

    name: str
    kind: str
    parameter: str = ""


@dataclass(slots=True)
class Credentials:
    """What is added to one request, and the secrets in it."""

    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    query: list[str] = field(default_factory=list[str])
    secrets: list[str] = field(default_factory=list[str])

    def without_secrets(self, text: str) -> str:
        """Return a text with every secret in it blotted out."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class Keys:
    """The configuration's secrets: by scheme, or one for whichever; and headers sent with every call."""

    by_scheme: Mapping[str, str]
    headers: Mapping[str, str]
    environ: Mapping[str, str]

    def credentials(self, schemes: tuple[Scheme, ...]) -> Credentials:
        """Return what a request needs.

        Raises:
            ConfigError: An environment variable is not set.
        """
        made = Credentials()
        for name, value in self.headers.items():
            secret = self._secret(value)
            made.headers.append((name, secret))
            if secret != value:
                made.secrets.append(secret)
        for scheme in schemes:
            secret = self._secret(self.by_scheme.get(scheme.name, self.by_scheme.get(ANY_SCHEME, "")))
            made.secrets.append(secret)
            self._add(scheme, secret, made)
        return made

    def _secret(self, value: str) -> str:
        secret = resolve_secret(value, self.environ) or ""
        if not secret.isprintable():
            raise ConfigError("a secret holds a line break or another character that no header can hold")
        return secret

    def _add(self, scheme: Scheme, secret: str, made: Credentials) -> None:
        match scheme.kind:
            case "header":
                made.headers.append((scheme.parameter, secret))
            case "query":
                made.query.append(f"{quote(scheme.parameter, safe='')}={quote(secret, safe='')}")
                made.secrets.append(quote(secret, safe=""))
            case "cookie":
                made.headers.append(("Cookie", f"{scheme.parameter}={secret}"))
            case "basic":
                packed = base64.b64encode(secret.encode()).decode()
                made.headers.append(("Authorization", f"Basic {packed}"))
                made.secrets += [packed, *(part for part in secret.split(":", 1)[1:] if part)]
            case _:
                made.headers.append(("Authorization", f"Bearer {secret}"))


def read_schemes(document: Document) -> dict[str, Scheme]:
    """Return the document's security schemes by name; oauth2 and OpenID Connect take a token as bearer does.

    Raises:
        ConfigError: A reference leads nowhere.
    """
    components = cast("dict[str, Any]", document.content.get("components") or {})
    found: dict[str, Scheme] = {}
    for name, node in cast("dict[str, Any]", components.get("securitySchemes") or {}).items():
        scheme = document.follow(node)
        if scheme.get("type") == "apiKey":
            found[name] = Scheme(name, str(scheme.get("in", "header")), str(scheme.get("name", name)))
        else:
            basic = scheme.get("type") == "http" and str(scheme.get("scheme", "")).lower() == "basic"
            found[name] = Scheme(name, "basic" if basic else "bearer")
    return found


def chosen_schemes(
    document: Document, operation: Operation, schemes: Mapping[str, Scheme], given: Mapping[str, str]
) -> tuple[Scheme, ...]:
    """Return the first of the operation's alternatives for which every secret is configured; none when none is.

    A document that asks for nothing gets a secret given for whichever as a bearer token.
    """
    asked = operation.body.get("security", document.content.get("security"))
    if asked is None:
        return (Scheme(ANY_SCHEME, "bearer"),) if ANY_SCHEME in given else ()
    for alternative in cast("list[Any]", asked if isinstance(asked, list) else []):
        names = cast("dict[str, Any]", alternative if isinstance(alternative, dict) else {})
        if all(name in schemes and (name in given or ANY_SCHEME in given) for name in names):
            return tuple(schemes[name] for name in names)
    return ()
