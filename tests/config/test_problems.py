"""What is wrong, in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import parse_settings
from schemas.errors import ConfigError
from schemas.settings import Settings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text("ab$:-", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", min_size=1, max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(list(Settings.model_fields)), VALUES, max_size=3))
def test_any_value_is_settings_or_one_clear_error(found: dict[str, object]) -> None:
    """Whatever stands under a key gives settings or a ConfigError that names file and line, never anything else."""
    outcome: Settings | ConfigError
    try:
        outcome = parse_settings(json.dumps(found))
    except ConfigError as exc:
        outcome = exc
    said = f"{outcome.message}{outcome.hint}" if isinstance(outcome, ConfigError) else "engine.yaml:1: "
    assert said.startswith("engine.yaml:1: ")
    assert "\n" not in said


@pytest.mark.parametrize("word", ["none ", "NONE", "nune"])
def test_nearest_word_forgives(word: str) -> None:
    """The nearest word is found in other case and with a slip."""
    with pytest.raises(ConfigError) as caught:
        parse_settings(f"tools:\n  - builtin: all\n    effects: '{word}'")
    assert "did you mean 'none'?" in caught.value.hint
