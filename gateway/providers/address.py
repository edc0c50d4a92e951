"""Where a provider's server takes each format of request, and what must stand in the head of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import quote, urlsplit

from gateway.providers.base import Secrets, checked_base_url
from schemas.gateway import WireFormat
from schemas.presets import Preset, presets
from schemas.settings import ModelProvider

_PATHS: Mapping[WireFormat, str] = {
    "chat": "/chat/completions",
    "messages": "/messages",
    "responses": "/responses",
    "embeddings": "/embeddings",
}
_OFFICIAL = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
_FORMATS: Mapping[str, tuple[WireFormat, ...]] = {"openai": ("chat", "embeddings"), "anthropic": ("messages",)}
_OFFICIAL_FORMATS: tuple[WireFormat, ...] = ("chat", "responses", "embeddings")
_RESPONSES_ALONE = re.compile(r"^(?:o\d|gpt-\d[\w.]*)-pro\b|codex|deep-research|computer-use")
_MESSAGES_VERSION = {"anthropic-version": "2023-06-01"}
_FORWARDED = frozenset(("anthropic-beta", "anthropic-version", "openai-beta", "idempotency-key"))


class Address:
    """One provider's addresses and headers. The key is looked up when it is first needed.

    Args:
        settings: The configuration entry.
        environ: Where ``$NAME`` is looked up, and ``…_BASE_URL``, ``…_API_KEY`` where nothing is configured.
    """

    def __init__(self, settings: ModelProvider, environ: Mapping[str, str]) -> None:
        self.preset = presets()[settings.preset] if settings.preset else Preset(title=settings.name)
        self._settings = settings
        self._environ = environ
        self._prefix = settings.kind.upper()
        self._secrets = Secrets(settings, environ)
        self._secret: str | None = None
        self._configured: dict[str, str] = {}
        self._heads: dict[WireFormat, dict[str, str]] = {}
        self._urls: dict[tuple[WireFormat, str], str] = {}
        self._takes: dict[tuple[WireFormat, str], bool] = {}
        self._forwarded = _FORWARDED.union(self.preset.forwards)

    @property
    def official(self) -> bool:
        """Whether the provider is the service its kind is named for."""
        host = urlsplit(self._written).hostname or ""
        return host == f"{self._settings.kind}.com" or host.endswith(f".{self._settings.kind}.com")

    @property
    def secret(self) -> str | None:
        """The key in use, to be kept out of messages; None before the first request."""
        return self._secret

    @cached_property
    def formats(self) -> tuple[WireFormat, ...]:
        """The formats that the server takes as they are."""
        if self._settings.formats is not None:
            return self._settings.formats
        if self.preset.deployments and not self._is_versioned:
            return tuple(name for name in self.preset.formats if name in ("chat", "embeddings"))
        if self.preset.formats:
            return tuple(name for name in self.preset.formats if self._is_home or name not in self.preset.urls)
        official = self._settings.kind == "openai" and self.official
        return _OFFICIAL_FORMATS if official else _FORMATS[self._settings.kind]

    def format_of(self, model: str) -> WireFormat:
        """Return the format in which a request of our own is written for a model.

        Source: the pages of OpenAI's models, which say which of them ``/chat/completions`` does not serve.
        """
        if "responses" not in self.formats:
            return _FORMATS[self._settings.kind][0]
        alone = self.official and _RESPONSES_ALONE.search(model) is not None
        return "responses" if alone or "chat" not in self.formats else "chat"

    def takes(self, wire: WireFormat, model: str) -> bool:
        """Whether the server takes a format for a model as it is: some models are served by ``/responses`` alone."""
        key = (wire, model)
        known = self._takes.get(key)
        if known is None:
            if len(self._takes) > 1_000:
                self._takes.clear()
            alone = wire == "chat" and self.format_of(model) == "responses"
            known = self._takes[key] = wire in self.formats and not alone
        return known

    def base_url(self) -> str:
        """Return the base URL.

        Raises:
            ConfigError: It is none.
        """
        return checked_base_url(self._settings.name, self._written)

    def url(self, wire: WireFormat, model: str) -> str:
        """Return where a request goes. Raises ConfigError: the base URL is none."""
        key = (wire, model if self.preset.deployments else "")
        known = self._urls.get(key)
        if known is None:
            if len(self._urls) > 1_000:
                self._urls.clear()
            known = self._urls[key] = self._made_url(wire, model)
        return known

    def headers(self, wire: WireFormat, sent: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the head of a request: who we are, what is configured, and what a client's own headers may add.

        Args:
            wire: Its format.
            sent: The client's headers, names in lower case; only those that steer the format go on, never its
                authorization, cookies or addresses.

        Raises:
            ConfigError: The key is missing, or can't be sent in a header.
        """
        head = self._heads.get(wire)
        if head is None:
            head = self._heads[wire] = self._head(wire)
        if not sent:
            return head
        added = {name: value for name, value in sent.items() if name in self._forwarded}
        return {**head, **added, **self._configured} if added else head

    @property
    def _written(self) -> str:
        kind = self._settings.kind
        return self._settings.base_url or self._environ.get(f"{self._prefix}_BASE_URL") or _OFFICIAL[kind]

    @property
    def _is_home(self) -> bool:
        """Whether the provider is reached where its preset says."""
        return self._written.rstrip("/") == self.preset.base_url.rstrip("/")

    @property
    def _is_versioned(self) -> bool:
        """Whether the address of a service with deployments is the one that takes their names in the body."""
        return urlsplit(self._written).path.rstrip("/").endswith("/v1")

    def _made_url(self, wire: WireFormat, model: str) -> str:
        own_url = self.preset.urls.get(wire) if self._is_home else None
        if own_url is not None:
            return own_url
        base, mark, query = self.base_url().partition("?")
        base = base.rstrip("/")
        if self._settings.kind == "anthropic" and not base.endswith("/v1"):
            base += "/v1"
        if self.preset.deployments and not self._is_versioned:
            base += self.preset.deployments.format(model=quote(model, safe=""))
            mark, query = "?", query or self.preset.query
        return f"{base}{_PATHS[wire]}{mark}{query}"

    def _head(self, wire: WireFormat) -> dict[str, str]:
        self._configured = {name.lower(): value for name, value in self._secrets.headers().items()}
        self._secret = key = self._key()
        head = dict(_MESSAGES_VERSION) if wire == "messages" else dict[str, str]()
        if key is not None:
            scheme = self.preset.auth or ("x-api-key" if self._settings.kind == "anthropic" else "bearer")
            head |= {"authorization": f"Bearer {key}"} if scheme == "bearer" else {scheme: key}
            if wire == "messages" and scheme == "bearer":
                head["x-api-key"] = key  # servers of both families heed one or the other
        if self._settings.kind == "openai" and self.official:
            names = {"OPENAI_ORG_ID": "openai-organization", "OPENAI_PROJECT_ID": "openai-project"}
            head |= {name: value for known, name in names.items() if (value := self._environ.get(known))}
        return {"accept-encoding": "identity", **head, **self._configured}

    def _key(self) -> str | None:
        """Return the key. A configured address gets only one configured beside it, never the official service's."""
        if self._settings.base_url is not None:
            return self._secrets.api_key(None)
        name = f"{self._prefix}_API_KEY"
        elsewhere = self._environ.get(f"{self._prefix}_BASE_URL") is not None
        return self._secrets.api_key(None if elsewhere and not self._environ.get(name) else f"${name}")
