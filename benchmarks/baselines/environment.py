"""Throw-away environments for other frameworks: pinned, kept outside the project, never a dependency of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PINS = Path(__file__).parent


def python_with(name: str, where: Path | None = None, *, alone: bool = False) -> str | None:
    """Return a Python that has the packages of ``<name>.txt``, made on first use; None when it cannot be made.

    The environment lies in the user's cache folder (else the temporary one) under the hash of its pins. Why it
    could not be made is said on stderr: a comparison that is left out is never silent.

    Args:
        name: Of the file of pins.
        where: Its folder.
        alone: Install the packages without what they say they need.
    """
    pins = (where or PINS) / f"{name}.txt"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{digest}"
    python = folder / "bin" / "python"
    return (
        str(python)
        if _installed(name, folder, _commands(folder, python, pins, ["--no-deps"] if alone else []))
        else None
    )


def node_with(name: str, where: Path | None = None) -> Path | None:
    """Return a folder whose ``node_modules`` hold the packages of ``<name>.npm``; None when it cannot be made.

    A line ``override:PACKAGE@VERSION`` says which version packages get of one that they need.
    """
    pins = ((where or PINS) / f"{name}.npm").read_text(encoding="utf-8").split()
    folder = cache_folder() / f"{name}-{hashlib.sha256(' '.join(pins).encode()).hexdigest()[:12]}"
    npm = shutil.which("npm")
    if npm is None:
        print(f"LEFT OUT: {name} needs Node (npm)", file=sys.stderr)
        return None
    wanted = [pin for pin in pins if not pin.startswith("override:")]
    forced = [pin.removeprefix("override:").rpartition("@") for pin in pins if pin not in wanted]
    manifest = json.dumps({"overrides": {package: version for package, _, version in forced}})
    command = [npm, "install", "--prefix", str(folder), "--silent", "--no-audit", "--no-fund", *wanted]
    command += ["--legacy-peer-deps"] if forced else []
    return folder if _installed(name, folder, [command], {"package.json": manifest}) else None


def _installed(name: str, folder: Path, commands: list[list[str]], files: Mapping[str, str] | None = None) -> bool:
    """Write the files and run the commands that fill a folder, unless it is complete; whether it is now."""
    if (folder / "complete").exists():
        return True
    shutil.rmtree(folder, ignore_errors=True)
    for file, text in (files or {}).items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
            print(f"LEFT OUT: {name} cannot be installed: {said[0]}", file=sys.stderr)
            return False
    (folder / "complete").touch()
    return True


def cache_folder() -> Path:
    """Return the folder for what is installed once: the user's cache, else the temporary folder."""
    wanted = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plan-execute-engine"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        wanted = Path(tempfile.gettempdir()) / "plan-execute-engine"
        wanted.mkdir(parents=True, exist_ok=True)
    return wanted


def _commands(folder: Path, python: Path, pins: Path, options: list[str]) -> list[list[str]]:
    uv = shutil.which("uv")
    if uv is not None:
        return [
            [uv, "venv", "-q", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "-q", "--python", str(python), *options, "-r", str(pins)],
        ]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", *options, "-r", str(pins)],
    ]
