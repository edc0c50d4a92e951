"""engine agents."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import called, one_error_line

CONFIG = """
store: runs.db
agents:
  - {name: calm, python: "MODULE:calm", description: Calms people., capabilities: [peace]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with one agent in Python."""
    (tmp_path / "engine.yaml").write_text(CONFIG.replace("MODULE", tmp_path.name))
    (tmp_path / f"{tmp_path.name}.py").write_text(
        "def calm(query):\n    yield 'be '\n    yield f'calm about {query}'\n"
    )
    return tmp_path


def agents(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run engine agents."""
    return called("agents", *args, cwd=cwd)


def test_b80_agents_are_added_disabled_and_removed(folder: Path) -> None:
    """B80: what one process says of agents every other on the store knows, and agents are found by capability."""
    assert agents("add", "sky", "--url", "http://127.0.0.1:9", "--capability", "weather", cwd=folder).returncode == 0
    assert agents("disable", "calm", cwd=folder).returncode == 0
    found = {one["name"]: one for one in json.loads(agents("list", "--json", cwd=folder).stdout)}
    assert (found["calm"]["status"], found["sky"]["status"]) == ("disabled", "down")
    (sky,) = json.loads(agents("list", "--capability", "weather", "--json", cwd=folder).stdout)
    assert (sky["name"], sky["source"]) == ("sky", "registry")
    assert agents("remove", "sky", cwd=folder).returncode == 0
    assert "sky" not in agents("list", cwd=folder).stdout


def test_an_agent_of_the_configuration_is_not_removed(folder: Path) -> None:
    """What stands in the configuration is taken out there; the error says so on one line."""
    refused = agents("remove", "calm", cwd=folder)
    assert refused.returncode == 4
    assert "engine agents disable calm" in one_error_line(refused)


def test_no_secret_is_kept_in_the_store(folder: Path) -> None:
    """A key that is written out is refused: only the name of its variable is kept."""
    refused = agents("add", "x", "--url", "http://h", "--api-key", "s3cret", cwd=folder)
    assert refused.returncode == 3
    assert "$NAME" in one_error_line(refused)
