"""Model providers: where models are, behind one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal, cast

from gateway.providers.base import Provider
from schemas.settings import ModelProvider

Maker = Literal["sdk", "http1"]

_OFFLINE = ("gateway.providers.offline", "OfflineProvider")
_PROVIDER = ("gateway.providers.http", "HttpProvider")
_FORMATS = {
    "anthropic": (("gateway.wire.messages.provider", "MessagesProviderFormat"),),
    "openai": (
        ("gateway.wire.chat.provider", "ChatProviderFormat"),
        ("gateway.wire.responses.provider", "ResponsesProviderFormat"),
    ),
}
_UPSTREAMS = {
    ("anthropic", "sdk"): ("gateway.upstream.anthropic", "anthropic_upstream"),
    ("openai", "sdk"): ("gateway.upstream.openai", "openai_upstream"),
    ("anthropic", "http1"): ("gateway.upstream.http1", "Http1Upstream"),
    ("openai", "http1"): ("gateway.upstream.http1", "Http1Upstream"),
}

__all__ = ["Maker", "Provider", "make_provider"]


def make_provider(settings: ModelProvider, environ: Mapping[str, str], maker: Maker = "sdk") -> Provider:
    """Return the provider that a configuration entry describes.

    The only place that imports a provider's modules; an SDK (1 to 2 s) is imported with the first request.
    Nothing is sent and no key is looked up until then.

    Args:
        settings: One entry of ``model_providers``.
        environ: Where ``$NAME`` keys are looked up.
        maker: Who carries the bytes: the official SDKs on any event loop, or HTTP/1.1 of our own on asyncio.
    """
    if settings.kind == "offline":
        return cast("Provider", _named(_OFFLINE)(settings))
    wires = [_named(place)() for place in _FORMATS[settings.kind]]

    def connect(base_url: str) -> Any:
        return _named(_UPSTREAMS[settings.kind, maker])(base_url)

    return cast("Provider", _named(_PROVIDER)(settings, environ, wires, connect))


def _named(place: tuple[str, str]) -> Callable[..., Any]:
    module, name = place
    return cast("Callable[..., Any]", getattr(import_module(module), name))
