"""engine schedule."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import called, one_error_line

CONFIG = """
store: runs.db
schedules:
  - {name: news, task: the news, daily: 10:30, zone: Europe/Berlin}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with one schedule, its time without quotes."""
    (tmp_path / "engine.yaml").write_text(CONFIG)
    return tmp_path


def schedule(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run engine schedule."""
    return called("schedule", *args, cwd=cwd)


def test_b58_schedules_are_added_paused_and_removed(folder: Path) -> None:
    """B58: one of the configuration and one that is added are listed, with when they are due, and can be paused."""
    assert schedule("add", "tick", "look", "--every", "5 min", cwd=folder).returncode == 0
    assert schedule("pause", "news", cwd=folder).returncode == 0
    found = {one["name"]: one for one in json.loads(schedule("list", "--json", cwd=folder).stdout)}
    assert (found["news"]["daily"], found["news"]["paused"]) == ("10:30", True)
    assert (found["tick"]["when"], found["tick"]["source"]) == ("every 5 min", "registry")
    assert "10:30:00 Europe/Berlin" in schedule("resume", "news", cwd=folder).stdout
    assert schedule("remove", "tick", cwd=folder).returncode == 0
    assert "tick" not in schedule("list", cwd=folder).stdout


def test_what_is_configured_is_not_removed(folder: Path) -> None:
    """What stands in the configuration is taken out there; an unknown name is told with the nearest."""
    refused = schedule("remove", "news", cwd=folder)
    assert refused.returncode == 4
    assert "engine schedule pause news" in one_error_line(refused)
    assert "did you mean 'news'?" in one_error_line(schedule("show", "newz", cwd=folder))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--every", "0"], "--every: expected a time of 1 s to 366 days"),
        (["--daily", "25:00"], "--daily: expected a time of day from 00:00 to 23:59"),
        (["--daily", "09:30", "--every", "5"], "has every and daily"),
        ([], "has none of them"),
    ],
)
def test_b59_a_wrong_schedule_is_told_in_one_line(folder: Path, options: list[str], said: str) -> None:
    """B59: at the command line, what is no schedule is refused with what would be right."""
    refused = schedule("add", "x", "look", *options, cwd=folder)
    assert refused.returncode == 2
    assert said in one_error_line(refused)


def test_b59_a_wrong_schedule_of_the_configuration_names_its_line(tmp_path: Path) -> None:
    """B59: 25:00 without quotes, which YAML takes for a number, is told as it is written, with file and line."""
    (tmp_path / "engine.yaml").write_text(CONFIG.replace("10:30", "25:00"))
    refused = one_error_line(called("run", "hello", cwd=tmp_path))
    assert "engine.yaml:4" in refused
    assert '"25:00"' in refused
