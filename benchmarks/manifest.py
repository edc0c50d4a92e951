"""What must be known to read a folder of results: the command, the versions, the machine, the date."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.simulated import counting
from schemas.errors import ConfigError

FILE = "run.json"
_TOLD = ("openai", "anthropic", "pydantic", "anyio", "httpx2")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One run of a suite.

    Attributes:
        command: As it was typed; ``python -m benchmarks …``.
        tokens: How tokens were counted: o200k, or four bytes a token; or by the providers.
        profile: How the simulated models behaved; empty where none took part.
        planner_model, worker_model: The real models, where those were asked for.
        load: The machine's load when it began; None where it cannot be read.
    """

    suite: str
    command: str
    date: str
    python: str
    machine: str
    cores: int
    tokens: str
    systems: tuple[str, ...] = ()
    profile: str = ""
    planner_model: str = ""
    worker_model: str = ""
    speed: float = 1.0
    seed: int = 1
    cases: int = 0
    repeats: int = 1
    load: float | None = None
    versions: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def now(cls, *, arguments: Sequence[str], tokens: str = "", **told: Any) -> Manifest:
        """Return the manifest of a run that begins."""
        return cls(
            **told,
            tokens=tokens or ("o200k" if counting.exact() else "four bytes a token"),
            command=" ".join(["python -m benchmarks", *arguments]),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            python=sys.version.split()[0],
            machine=f"{platform.system()} {platform.machine()}",
            cores=os.cpu_count() or 1,
            load=round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            versions={name: metadata.version(name) for name in _TOLD},
        )

    def write(self, folder: Path) -> None:
        """Write it into a folder.

        Raises:
            ConfigError: The folder holds another run: other systems or cases may be added, not another way of running.
        """
        known = read(folder)
        same = ("suite", "profile", "planner_model", "worker_model", "speed", "seed", "tokens")
        if known is not None:
            differing = [name for name in same if getattr(known, name) != getattr(self, name)]
            if differing:
                raise ConfigError(
                    f"{folder} holds a run with another {differing[0]}", hint="name another folder with --out"
                )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


_MANIFEST = TypeAdapter(Manifest)


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None where there is none."""
    path = folder / FILE
    if not path.exists():
        return None
    return _MANIFEST.validate_json(path.read_bytes())
