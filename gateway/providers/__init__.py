"""Model providers: where models are, behind one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from gateway.providers.base import Provider
from schemas.settings import ModelProvider

_MAKERS = {
    "anthropic": ("gateway.providers.anthropic", "make_anthropic"),
    "openai": ("gateway.providers.openai", "make_openai"),
    "offline": ("gateway.providers.offline", "OfflineProvider"),
}

__all__ = ["Provider", "make_provider"]


def make_provider(settings: ModelProvider, environ: Mapping[str, str]) -> Provider:
    """Return the provider that a configuration entry describes.

    The only place that imports a provider's module, and with it an SDK (1 to 2 s): call it when a model is used.
    Nothing is sent and no key is looked up until the provider's first call.

    Args:
        settings: One entry of ``model_providers``.
        environ: Where ``$NAME`` keys are looked up.
    """
    module, maker = _MAKERS[settings.kind]
    make = getattr(import_module(module), maker)
    made = make(settings) if settings.kind == "offline" else make(settings, environ)
    return cast("Provider", made)
