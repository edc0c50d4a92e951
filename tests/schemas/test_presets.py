"""Well-known services: what an entry that names one need not say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.config import load_settings
from schemas.errors import ConfigError
from schemas.presets import presets
from schemas.settings import ModelProvider, Settings


@pytest.mark.parametrize("name", [name for name, preset in presets().items() if preset.base_url])
def test_a_preset_alone_is_enough(name: str) -> None:
    """Name, kind, address and key are filled in; its facts have a source."""
    provider = ModelProvider.model_validate({"preset": name})
    preset = presets()[name]
    assert (provider.name, provider.kind, provider.base_url) == (name, preset.kind, preset.base_url)
    assert provider.api_key == (f"${preset.key}" if preset.key else None)
    assert provider.local == (not preset.key)
    assert preset.sources


def test_what_the_entry_says_itself_holds() -> None:
    """Every field of a preset can be said otherwise."""
    entry = {"preset": "groq", "name": "fast", "api_key": "$MINE", "timeout_s": 5, "formats": ["chat"]}
    provider = ModelProvider.model_validate(entry)
    assert (provider.name, provider.api_key, provider.formats) == ("fast", "$MINE", ("chat",))


def test_another_address_gets_no_key_of_the_preset() -> None:
    """The key goes where its service is, and to nobody else who only speaks like it."""
    assert ModelProvider.model_validate({"preset": "groq", "base_url": "http://proxy:8080/v1"}).api_key is None


def test_an_own_address_gets_its_key_and_is_needed() -> None:
    """A service with an address for everybody is told its key; without the address there is an error that says so."""
    azure = ModelProvider.model_validate({"preset": "azure", "base_url": "https://me.openai.azure.com"})
    assert azure.api_key == "$AZURE_OPENAI_API_KEY"
    with pytest.raises(ValidationError, match="preset 'azure' needs the base_url of your own Azure OpenAI"):
        ModelProvider.model_validate({"preset": "azure"})


def test_an_unknown_preset_is_told_with_the_nearest(tmp_path: Path) -> None:
    """A misspelt preset is one problem, with the name that was probably meant."""
    path = tmp_path / "engine.yaml"
    path.write_text("model_providers:\n  - preset: grok\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(str(path), {})
    said = f"{caught.value.message} {caught.value.hint}"
    assert "did you mean 'groq'?" in said
    assert "missing" not in said


def test_a_round_trip_changes_nothing() -> None:
    """Settings written out and read again are the same, whatever the preset filled in."""
    settings = Settings.model_validate({"model_providers": [{"preset": "ollama"}]})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
