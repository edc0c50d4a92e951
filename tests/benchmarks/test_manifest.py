"""What is kept of how a folder of results came about."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import manifest
from benchmarks.manifest import Manifest
from schemas.errors import ConfigError


def made(*arguments: str, **told: object) -> Manifest:
    """A run of the trips."""
    return Manifest.now(arguments=arguments, **{"suite": "trips", "tokens": "o200k", **told})


def test_a_command_is_kept_as_a_shell_takes_it() -> None:
    """Arguments with blanks are quoted."""
    assert made("run", "trips", "--out", "my results").command == "python -m benchmarks run trips --out 'my results'"


def test_commands_into_one_folder_are_all_kept(tmp_path: Path) -> None:
    """In their order, each once; systems and versions add up."""
    made("run", "one", systems=("react",), peers={"langgraph": "1"}).write(tmp_path)
    made("run", "two", systems=("plan",)).write(tmp_path)
    made("run", "two", systems=("plan",)).write(tmp_path)
    told = manifest.read(tmp_path)
    assert told is not None
    assert (told.earlier, told.command) == (("python -m benchmarks run one",), "python -m benchmarks run two")
    assert told.systems == ("react", "plan")
    assert told.versions["langgraph"] == "1"
    assert told.versions["engine"].startswith("0.")


@pytest.mark.parametrize("told", [{"speed": 2.0}, {"clock": "virtual"}, {"profile": "cached"}, {"seed": 2}])
def test_a_folder_holds_one_way_of_running(told: dict[str, object], tmp_path: Path) -> None:
    """Another speed, clock, profile or seed is refused, and the folder stays as it is."""
    made("run", "one").write(tmp_path)
    with pytest.raises(ConfigError, match=f"holds a run with another {next(iter(told))}"):
        made("run", "two", **told).write(tmp_path)
    kept = manifest.read(tmp_path)
    assert kept is not None
    assert kept.command == "python -m benchmarks run one"


def test_a_manifest_that_broke_off_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "run.json").write_text('{"suite": "tri')
    with pytest.raises(ConfigError, match=r"run\.json cannot be read"):
        manifest.read(tmp_path)


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """Before anything runs."""
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        made("run", "one").write(tmp_path / "out")
