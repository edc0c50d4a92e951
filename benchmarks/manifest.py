"""What must be known to read a folder of results: the command, the versions, the machine, the date."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmarks.simulated import counting
from schemas.errors import ConfigError

FILE = "run.json"
_TOLD = ("openai", "anthropic", "pydantic", "anyio", "httpx2")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One run of a suite.

    Attributes:
        command: As it was typed; ``python -m benchmarks …``.
        earlier: Other commands that ran into the same folder before, the oldest first.
        tokens: How tokens were counted: o200k, or four bytes a token; or by the providers.
        clock: What seconds are by: wall, or virtual (those of models and tools alone, exact on every machine).
        profile: How the simulated models behaved; empty where none took part.
        planner_model, worker_model: The real models, where those were asked for.
        load: The machine's load when it began; None where it cannot be read.
        versions: Of the engine (with its commit, where it lies in a repository), of what it stands on, and of peers.
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
    clock: str = "wall"
    speed: float = 1.0
    seed: int = 1
    cases: int = 0
    repeats: int = 1
    load: float | None = None
    processor: str = ""
    versions: dict[str, str] = field(default_factory=dict[str, str])
    earlier: tuple[str, ...] = ()

    @classmethod
    def now(
        cls, *, arguments: Sequence[str], tokens: str = "", peers: Mapping[str, str] | None = None, **told: Any
    ) -> Manifest:
        """Return the manifest of a run that begins; ``peers``: the versions of what stands beside the engine."""
        return cls(
            **told,
            tokens=tokens or ("o200k" if counting.exact() else "four bytes a token"),
            command=f"python -m benchmarks {shlex.join(arguments)}",
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            python=sys.version.split()[0],
            machine=f"{platform.system()} {platform.machine()}",
            cores=os.cpu_count() or 1,
            load=round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            processor=_processor(),
            versions={"engine": _engine(), **{name: metadata.version(name) for name in _TOLD}, **(peers or {})},
        )

    def write(self, folder: Path) -> None:
        """Write it into a folder.

        Raises:
            ConfigError: The folder holds another run: other systems or cases may be added, not another way of running;
                or it cannot be written to.
        """
        known, made = read(folder), self
        same = ("suite", "profile", "planner_model", "worker_model", "clock", "speed", "seed", "tokens")
        if known is not None:
            differing = [name for name in same if getattr(known, name) != getattr(self, name)]
            if differing:
                raise ConfigError(
                    f"{folder} holds a run with another {differing[0]}", hint="name another folder with --out"
                )
            made = self._after(known)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / FILE).write_text(json.dumps(asdict(made), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as exc:
            raise ConfigError(f"{folder} cannot be written to: {exc.strerror}", hint="--out names a folder") from exc

    def _after(self, known: Manifest) -> Manifest:
        """Return it with what was run into the same folder before."""
        earlier = [one for one in (*known.earlier, known.command) if one != self.command]
        return replace(
            self,
            earlier=tuple(dict.fromkeys(earlier)),
            systems=tuple(dict.fromkeys((*known.systems, *self.systems))),
            cases=max(known.cases, self.cases),
            repeats=max(known.repeats, self.repeats),
            versions={**known.versions, **self.versions},
        )


def _engine() -> str:
    """Return the engine's version, with the commit where its code lies in a repository."""
    told = metadata.version("plan-execute-engine")
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return told
    return f"{told} ({found.stdout.strip()})"


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")


_MANIFEST = TypeAdapter(Manifest)


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None where there is none. Raises ConfigError for one that cannot be read."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return _MANIFEST.validate_json(path.read_bytes())
    except (OSError, ValidationError) as exc:
        hint = "it may have been broken off: remove it, and run the suite into that folder again"
        raise ConfigError(f"{path} cannot be read", hint=hint) from exc
