"""What is wrong, in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import load_settings, parse_settings
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('agents: [{name: "we ather", url: "http://x"}]', "expected a name of at most 64 letters, digits"),
        (
            'tools: [{builtin: all, approval: {rule: "a >> 5"}}]',
            "approval.rule: 'a >> 5' is no rule: >>",
        ),
    ],
)
def test_a_problem_is_said_in_plain_words(text: str, said: str) -> None:
    """Names and rules that cannot be are told without a pattern, and once."""
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    assert said in caught.value.message


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder called engine.yaml is an error, not as if there were no configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engine.yaml").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        load_settings(None, {})
