"""The two C programs that put a gateway under load: compiled on first use, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.baselines.environment import cache_folder
from schemas.errors import ConfigError

SOURCES = Path(__file__).parent / "simulated"
START_S = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """How a number of requests went.

    Attributes:
        requests, errors: Whole answers, and all others.
        seconds: From the first request to the last answer.
        chunks: Chunks of streams that carried their time.
        whole_ms, first_ms, late_ms: Median, 95th and 99th percentile and maximum of: whole answers, the first byte of
            a body, how late a chunk was; None where there were none.
    """

    requests: int
    errors: int
    seconds: float
    chunks: int
    whole_ms: list[float] | None
    first_ms: list[float] | None
    late_ms: list[float] | None


def program(name: str) -> Path:
    """Return a compiled program.

    Raises:
        ConfigError: It cannot be compiled here: there is no compiler, or this is no Linux.
    """
    source = SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    made = cache_folder() / f"{name}-{digest}"
    if made.exists():
        return made
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise ConfigError("the load of gateways needs a C compiler", hint="install gcc, or another cc")
    fresh = made.with_suffix(".new")
    done = subprocess.run([compiler, "-O2", "-o", str(fresh), str(source)], capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(f"{source.name} cannot be compiled: {done.stderr.strip().splitlines()[:1]}")
    fresh.replace(made)
    return made


@contextmanager
def upstream(cpu: int, *, delay_ms: int = 0, chunks: int = 200, gap_ms: float = 0.0) -> Generator[int]:
    """Run a provider of fixed answers on one CPU; yields its port."""
    port = free_port()
    command = [*pinned(cpu), str(program("upstream")), str(port), str(delay_ms), str(chunks), str(gap_ms)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, START_S)
        yield port
    finally:
        process.terminate()
        process.wait()


def load(
    cpu: int, port: int, path: str, body: Path, *, connections: int, seconds: float, headers: Sequence[str] = ()
) -> Load:
    """Put a server under load from one CPU; ``seconds`` below 0 is a number of requests."""
    command = [*pinned(cpu), str(program("load")), str(port), path, str(connections), str(seconds), str(body), *headers]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.stderr:
        print(done.stderr.strip()[:600], file=sys.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return Load(**found)


def pinned(cpu: int) -> list[str]:
    """Return what goes before a command so that it runs on one CPU only."""
    return ["taskset", "-c", str(cpu)]


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, patience_s: float) -> float:
    """Wait until somebody accepts connections; return the seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    while time.monotonic() - began < patience_s:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return time.monotonic() - began
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"nobody listens on port {port} after {patience_s:g} s")
