"""What the environment offers where no file says it: keys, a local server, else the offline model."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from schemas.settings import ModelProvider, ModelSettings

OFFLINE = "offline"
PROBE_S = 0.1
LISTING_S = 2.0

ROLE_MODELS: Mapping[str, Mapping[str, str]] = {
    "anthropic": {
        "planner": "claude-opus-5-5",
        "executor": "claude-haiku-5-5",
        "synthesizer": "claude-opus-5-5",
        "judge": "claude-haiku-5-5",
    },
    "openai": {
        "planner": "gpt-6.1-sol",
        "executor": "gpt-6-luna",
        "synthesizer": "gpt-6.1-sol",
        "judge": "gpt-6-luna",
    },
}
"""A big planner, a small executor, a big synthesizer for each official provider.

Source: the price list bundled with genai-prices 0.2.3, read 2026-11-21: the newest large model at an everyday price
and the newest small one. A test fails when a name is no longer in the installed list.
"""

LOCAL_SERVERS: tuple[tuple[str, int], ...] = (("ollama", 11434), ("vllm", 8000))
"""Name and default port. Sources: Ollama's OpenAI compatibility page; vLLM's OpenAI-compatible server page."""


def providers_from(environ: Mapping[str, str]) -> tuple[tuple[ModelProvider, ...], str]:
    """Return the providers the environment offers, and the line that says which."""
    found = [provider for provider in (_anthropic_from(environ), _openai_from(environ)) if provider]
    offline = ModelProvider(name=OFFLINE, kind=OFFLINE, local=True, models=(ModelSettings(name=OFFLINE),))
    if found:
        names = " and ".join(_described(provider) for provider in found)
        return (*found, offline), f"no model_providers configured: using {names} from the environment"
    local = find_local_server()
    if local:
        return (local, offline), f"no API key set: using {_described(local)}"
    advice = "set ANTHROPIC_API_KEY or OPENAI_API_KEY for a real model"
    return (offline,), f"no API key and no local server found: using the offline model, rules only ({advice})"


def _described(provider: ModelProvider) -> str:
    models = dict.fromkeys(model.name for model in provider.models)
    return f"{provider.name} ({', '.join(list(models)[:3])})" if models else provider.name


def _official_models(kind: str) -> tuple[ModelSettings, ...]:
    return tuple(ModelSettings(name=name) for name in dict.fromkeys(ROLE_MODELS[kind].values()))


def _anthropic_from(environ: Mapping[str, str]) -> ModelProvider | None:
    if not environ.get("ANTHROPIC_API_KEY"):
        return None
    return ModelProvider(
        name="anthropic", kind="anthropic", api_key="$ANTHROPIC_API_KEY", models=_official_models("anthropic")
    )


def _openai_from(environ: Mapping[str, str]) -> ModelProvider | None:
    key, base_url = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL") or None
    if not key and not base_url:
        return None
    provider = ModelProvider(
        name="openai", kind="openai", base_url=base_url, api_key="$OPENAI_API_KEY" if key else None
    )
    listed = () if _is_official(provider) else _listed_models(base_url or "", key, LISTING_S)
    known = {model.name for model in listed}
    wanted = _official_models("openai")
    models = wanted if not known or known.issuperset(model.name for model in wanted) else listed
    return provider.model_copy(update={"models": models})


def find_local_server(
    servers: Sequence[tuple[str, int]] = LOCAL_SERVERS, timeout_s: float = PROBE_S
) -> ModelProvider | None:
    """Return the first of the servers on loopback that lists models within ``timeout_s``, else None.

    All are asked at once; one that accepts and then says nothing costs no more than the time limit.
    """
    answers: dict[str, tuple[ModelSettings, ...]] = {}

    def ask(name: str, port: int) -> None:
        answers[name] = _listed_models(f"http://127.0.0.1:{port}/v1", None, timeout_s)

    threads = [threading.Thread(target=ask, args=server, daemon=True) for server in servers]
    _join_all(threads, timeout_s)
    for name, port in servers:
        if models := answers.get(name):
            return ModelProvider(
                name=name, kind="openai", base_url=f"http://127.0.0.1:{port}/v1", models=models, local=True
            )
    return None


def _join_all(threads: Sequence[threading.Thread], timeout_s: float) -> None:
    for thread in threads:
        thread.start()
    done = threading.Event()

    def wait() -> None:
        for thread in threads:
            thread.join()
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    done.wait(timeout_s)


def _listed_models(base_url: str, key: str | None, timeout_s: float) -> tuple[ModelSettings, ...]:
    """Return the models a compatible server lists, embedding models left out; none when it does not answer so."""
    url = urlsplit(base_url)
    secure = url.scheme == "https"
    try:
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        with contextlib.closing(kind(url.hostname or "", url.port, timeout=timeout_s)) as connection:
            connection.request("GET", f"{url.path.rstrip('/')}/models", headers=headers)
            response = connection.getresponse()
            body = json.loads(response.read(1_000_000)) if response.status == 200 else None
        names = [str(entry["id"]) for entry in body["data"]] if body else []
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return ()
    return tuple(ModelSettings(name=name) for name in names if "embed" not in name.lower())


def role_models(role: str, providers: Sequence[ModelProvider]) -> tuple[str, ...] | None:
    """Return the default models of a role, best first; the offline model only where there is no other."""
    real = [provider for provider in providers if provider.kind != OFFLINE] or list(providers)
    names = (f"{provider.name}/{model}" for provider in real if (model := _default_model(role, provider)))
    return tuple(names) or None


def _default_model(role: str, provider: ModelProvider) -> str | None:
    offered = [model.name for model in provider.models]
    official = ROLE_MODELS.get(provider.kind, {}).get(role) if _is_official(provider) else None
    if official and (not offered or official in offered):
        return official
    return offered[0] if offered else (OFFLINE if provider.kind == OFFLINE else None)


def _is_official(provider: ModelProvider) -> bool:
    host = urlsplit(provider.base_url or "").hostname or ""
    return provider.base_url is None or host.endswith((".anthropic.com", ".openai.com"))
