"""The files to begin a deployment with: read by what reads them, and true to the program."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import yaml

from engine.cli.table import COMMANDS, EXIT_CODES
from schemas.errors import ConfigError, WorkerLostError
from schemas.settings import Settings, Workers

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"


class _Unit(configparser.RawConfigParser):
    """Reads a systemd unit: keys keep their case, and may come again."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_the_unit_restarts_a_lost_worker_and_lets_it_drain() -> None:
    """A worker that was frozen is started again, a wrong configuration is not, and stopping waits for the grace."""
    unit = _Unit(strict=False)
    unit.read_string((DEPLOY / "systemd" / "engine-worker@.service").read_text())
    service = unit["Service"]
    program, command = service["ExecStart"].split()[:2]
    assert (Path(program).name, command in COMMANDS) == ("engine", True)
    assert service["Restart"] == "always"
    spared = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert ConfigError.exit_code in spared
    assert WorkerLostError.exit_code in EXIT_CODES.keys() - spared
    assert float(service["TimeoutStopSec"]) > Workers().grace_s


def test_the_compose_file_is_whole() -> None:
    """Every service is built from files that are there, runs a command there is, and may drain."""
    told: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = told["services"]
    for name in ("worker", "engine"):
        service = services[name]
        context = (DEPLOY / service["build"]["context"]).resolve()
        assert (context / service["build"]["dockerfile"]).is_file()
        assert (context / "pyproject.toml").is_file()
        assert service["environment"]["ENGINE_STORE"].startswith("postgresql://")
        assert all((DEPLOY / volume.split(":")[0]).is_file() for volume in service["volumes"])
        assert set(service["depends_on"]) <= services.keys()
    assert services["worker"]["command"][0] in COMMANDS
    grace_s = Settings.model_validate(yaml.safe_load((DEPLOY / "engine.yaml").read_text())).workers.grace_s
    assert float(services["worker"]["stop_grace_period"].removesuffix("s")) > grace_s
    assert services["worker"]["restart"] == "always"
