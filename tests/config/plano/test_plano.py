"""Which files are Plano's, and how they come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.cli.session import loaded
from engine.config import load_settings
from engine.config.plano import is_plano


@pytest.mark.parametrize(
    ("raw", "theirs"),
    [
        ({"version": "v0.4.0", "listeners": []}, True),
        ({"listeners": {"egress_traffic": {}}}, True),
        ({"listeners": [{"type": "agent", "name": "a"}]}, True),
        ({"llm_providers": []}, True),
        ({}, False),
        ({"listeners": [{"name": "a", "port": 1}], "agents": [{"name": "a", "url": "http://a"}]}, False),
        ({"version": 2}, False),
    ],
)
def test_files_are_told_apart_by_their_shape(raw: dict[str, Any], theirs: bool) -> None:
    """A key that only Plano's format has makes a file Plano's."""
    assert is_plano(raw) is theirs


def test_a_file_of_planos_is_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded like any other, and what is not honoured is said on stderr, once, with file and line."""
    file = tmp_path / "plano.yaml"
    file.write_text("version: v0.4.0\nlisteners: []\nmodel_providers: [{model: openai/x}]\nmode: llm\n")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert loaded(str(file)).settings.roles.planner == "openai/x"
    assert f"note: {file}:4: mode:" in capsys.readouterr().err.replace("\n", "")
    assert load_settings(str(file), {}).settings.tools == ()
