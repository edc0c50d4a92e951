"""YAML to plain data, and what is no YAML."""

from __future__ import annotations

import pytest

from engine.config.reader import Reader
from schemas.errors import ConfigError


def test_lines_of_keys() -> None:
    """Each key path keeps the line its key stands on."""
    reader = Reader("f.yaml")
    assert reader.read("a: 1\nb:\n  - c: 2\n") == {"a": 1, "b": [{"c": 2}]}
    assert reader.lines == {"a": 1, "b": 2, "b[0]": 3, "b[0].c": 3}


def test_repeated_key() -> None:
    """A key given twice is an error that names both lines."""
    with pytest.raises(ConfigError) as caught:
        Reader("f.yaml").read("a: 1\nb: 2\na: 3\n")
    assert caught.value.message == "f.yaml:3: a: given twice, first on line 1"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a:\n\tb: 1", "f.yaml:2: not YAML", "indent with spaces, not tabs"),
        ("a: b: c", "f.yaml:1: not YAML: mapping values are not allowed here", "put text that holds a colon in quotes"),
        ("a: [1", "f.yaml:1: not YAML", "check quotes, brackets"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not YAML", ""),
        ("a: !!python/object/apply:os.getcwd []", "f.yaml:1: not YAML", ""),
        ("a: 'open", "f.yaml:1: not YAML", ""),
        ("a: \x00", "f.yaml: not YAML", ""),
        ("? [1]\n: 2", "f.yaml:1: not YAML", ""),
    ],
)
def test_not_yaml(text: str, message: str, hint: str) -> None:
    """What is no YAML is one line with file and line."""
    with pytest.raises(ConfigError) as caught:
        Reader("f.yaml").read(text)
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message
    assert hint in caught.value.hint


def test_aliases_and_merges_are_read() -> None:
    """Anchors, aliases and merge keys mean what they mean in YAML; the own key wins."""
    text = "base: &b {x: 1, y: 2}\nmine:\n  <<: *b\n  y: 3\n"
    assert Reader("f.yaml").read(text)["mine"] == {"x": 1, "y": 3}


def test_alias_of_itself() -> None:
    """A value that contains itself is an error, not an endless loop."""
    with pytest.raises(ConfigError, match="contains itself"):
        Reader("f.yaml").read("a: &a\n  - *a\n")


def test_aliases_that_multiply() -> None:
    """A short text that stands for billions of values is refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="more than 100000 values"):
        Reader("f.yaml").read("\n".join(lines))


def test_dates_stay_text() -> None:
    """A date is the text it is written as."""
    assert Reader("f.yaml").read("a: 2026-02-30\nb: 2026-01-01") == {"a": "2026-02-30", "b": "2026-01-01"}
