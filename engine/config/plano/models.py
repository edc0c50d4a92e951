"""Plano's models: providers, aliases, and preferences by which one is chosen.

Source: katanemo/plano, config/plano_config_schema.yaml and cli/planoai/config_generator.py (v0.4.36), and the
addresses of config/envoy.template.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.config.plano.section import Findings, Section
from schemas.presets import presets

_PRESETS: Mapping[str, str] = {"together_ai": "together", "azure_openai": "azure"}
_ADDRESSES: Mapping[str, str] = {
    "digitalocean": "https://inference.do-ai.run/v1",
    "moonshotai": "https://api.moonshot.ai/v1",
    "vercel": "https://ai-gateway.vercel.sh/v1",
    "xiaomi": "https://api.xiaomimimo.com/v1",
    "zhipu": "https://open.bigmodel.cn/api/paas/v4",
}
_PREFER: Mapping[str, str] = {"cheapest": "price", "fastest": "latency", "none": "listed"}
_NOT_SPOKEN: Mapping[str, str] = {
    "chatgpt": "a ChatGPT subscription is no API that is spoken here: left out",
    "amazon_bedrock": "Bedrock's own format is not spoken here: left out",
}
ELSE = "default"
"""The preference that is taken where no description fits."""


@dataclass(slots=True)
class Models:
    """What is known of the models.

    Attributes:
        providers: Entries of ``model_providers``.
        aliases: Other names of models.
        default: The model that is asked where nothing else is said; empty: the file names none.
        refs: Every model by each of its names, as ``provider/model`` of ours.
        preferences: Entries of ``routing_preferences``.
        left_out: Names of models that are not asked here.
    """

    providers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    aliases: dict[str, Any] = field(default_factory=dict[str, Any])
    default: str = ""
    refs: dict[str, str] = field(default_factory=dict[str, str])
    preferences: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    left_out: set[str] = field(default_factory=set[str])

    def names(self) -> list[str]:
        """Return every name a client of a model listener may ask for."""
        wildcards = [f"{name}/*" for name, entry in self.providers.items() if not entry.get("models")]
        known = [*self.refs, *self.refs.values(), *self.aliases, *self.preferences, *wildcards]
        return list(dict.fromkeys([*known, *(["auto"] if self.preferences else [])]))


def read_models(top: Section) -> Models:
    """Return the models of a file: ``model_providers`` (or ``llm_providers``), aliases and preferences."""
    found = Models()
    key = "model_providers" if top.has("model_providers") else "llm_providers"
    if top.has("model_providers") and top.has("llm_providers"):
        top.cannot("llm_providers", "is the old name of model_providers, which is there, too: not read")
    for entry in top.sections(key):
        _provider(entry, found)
    for name, alias in top.named("model_aliases"):
        target = alias.needs("target")
        alias.close()
        if target in found.left_out:
            alias.found.note(alias.at("target"), f"{target!r} is left out, and so is {name!r}")
        elif target:
            found.aliases[name] = found.refs.get(target, target)
    _preferences(top, found)
    return found


def _provider(entry: Section, models: Models) -> None:
    written = entry.needs("model")
    interface = entry.text("provider_interface") or entry.text("provider")
    vendor, model = _split(written, interface)
    if not vendor or not model:
        if written:
            hint = f"such as openai/{written}"
            entry.found.problem(entry.at("model"), f"expected provider/model, not {written!r}", hint)
        return
    inline, own_name, is_default = entry.sections("routing_preferences"), entry.text("name"), entry.flag("default")
    ref = _placed(entry, models, vendor, interface or vendor, model)
    if ref is None:
        models.left_out |= {written, model}
        entry.leave()
        return
    entry.close()
    if model == "*":
        return
    _name(models, ref, (written, model, own_name))
    if is_default or not models.default:
        models.default = ref
    for preference in inline:
        _inline(preference, models, ref)


def _name(models: Models, ref: str, names: tuple[str, ...]) -> None:
    """Have a model asked by every name that Plano knows it by."""
    for name in names:
        if name:
            models.refs.setdefault(name, ref)
            if name not in (ref, ref.partition("/")[2]):
                models.aliases.setdefault(name, ref)


def _split(written: str, interface: str) -> tuple[str, str]:
    """Return (provider, model); older files name the provider beside the model.

    >>> _split("openai/gpt-4o", ""), _split("gpt-4o", "openai")
    (('openai', 'gpt-4o'), ('openai', 'gpt-4o'))
    """
    vendor, slash, model = (part.strip() for part in written.partition("/"))
    return (vendor, model) if slash else (interface, vendor)


def _placed(entry: Section, models: Models, vendor: str, interface: str, model: str) -> str | None:
    """Put a model at its provider, a new one where address, key or headers differ; return its name here."""
    address = entry.text("base_url")
    if interface in _NOT_SPOKEN or (interface == "plano" and not address):
        why = _NOT_SPOKEN.get(interface, "Plano's own hosted models are not asked: left out")
        entry.found.note(entry.path, f"{vendor}/{model}: {why}")
        return None
    said = {
        "kind": "anthropic" if interface == "anthropic" else "openai",
        "preset": _preset(interface),
        "base_url": address or _ADDRESSES.get(interface, ""),
        "api_key": entry.secret("access_key"),
        "headers": entry.secrets("headers"),
    }
    said = {key: value for key, value in said.items() if value}
    if not said.get("preset") and not said.get("base_url"):
        entry.found.problem(entry.path, f"where {vendor} is, is not known", "add base_url")
        return None
    _unhonoured(entry)
    return _joined(models, vendor, said, model)


def _unhonoured(entry: Section) -> None:
    if entry.flag("passthrough_auth"):
        why = "the client's own key is not passed on to a provider: give an access_key"
        entry.cannot("passthrough_auth", why)
    entry.cannot("http_host", "the Host header is that of base_url: not honoured")


def _joined(models: Models, vendor: str, said: Mapping[str, Any], model: str) -> str:
    name, number = vendor, 1
    while name in models.providers and models.providers[name]["said"] != said:
        number += 1
        name = f"{vendor}-{number}"
    entry = models.providers.setdefault(name, {"said": dict(said), "name": name, "models": []})
    if model == "*":
        entry["open"] = True
    else:
        entry["models"].append({"name": model})
    return f"{name}/{model}"


def written_providers(models: Models, timeout_s: float | None) -> list[dict[str, Any]]:
    """Return the entries of our ``model_providers``."""
    found: list[dict[str, Any]] = []
    for entry in models.providers.values():
        listed = () if entry.get("open") else tuple(entry["models"])
        made = {"name": entry["name"], **entry["said"], **({"models": listed} if listed else {})}
        found.append(made | ({"timeout_s": timeout_s} if timeout_s else {}))
    return found


def _preset(interface: str) -> str:
    name = _PRESETS.get(interface, interface)
    return name if name in presets() else ""


def _inline(preference: Section, models: Models, ref: str) -> None:
    """A preference under a model is the older form: those of one name are one, in the order of the models."""
    name, description = preference.needs("name"), preference.text("description")
    preference.close()
    if name:
        entry = models.preferences.setdefault(name, {"name": name, "description": description, "models": []})
        entry["models"].append(ref)


def _preferences(top: Section, models: Models) -> None:
    inline, models.preferences = models.preferences, {}
    for entry in top.sections("routing_preferences"):
        name, description = entry.needs("name"), entry.needs("description")
        wanted = [models.refs.get(model, model) for model in entry.texts("models")]
        policy = entry.section("selection_policy")
        prefer = _PREFER.get(policy.text("prefer"), "listed") if policy is not None else "listed"
        entry.close()
        if not wanted:
            entry.found.problem(entry.at("models"), "missing", "name the models, best first")
        elif name:
            said = {"name": name, "description": description, "models": wanted, "prefer": prefer}
            models.preferences.setdefault(name, said)
    for name, entry in inline.items():
        models.preferences.setdefault(name, entry)
    if models.preferences and models.default and ELSE not in models.preferences:
        said = {"name": ELSE, "description": "anything else", "models": [models.default]}
        models.preferences = {ELSE: said, **models.preferences}


def unknown_targets(models: Models, found: Findings) -> None:
    """Name aliases and preferences that lead to no model of the file."""
    known = {*models.refs, *models.refs.values(), *models.aliases, *models.preferences}
    starts = tuple(f"{name}/" for name, entry in models.providers.items() if entry.get("open"))
    for name, target in models.aliases.items():
        if target not in known and not str(target).startswith(starts or "\0"):
            found.problem(("model_aliases", name, "target"), f"{target!r} is no model of this file")
    for name, entry in models.preferences.items():
        for target in entry["models"]:
            if target in models.left_out:
                found.note(("routing_preferences",), f"{name}: {target!r} is left out")
            elif target not in known and not str(target).startswith(starts or "\0"):
                found.problem(("routing_preferences",), f"{name}: {target!r} is no model of this file")
