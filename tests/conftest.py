"""What every test may use, and what none may do: reach the network, or read this machine's keys."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from schemas.result import Record
from tests.durable.cluster import NO_CONTROL, NO_POSTGRES, cluster, postgres_url

__all__ = ["cluster", "postgres_url"]  # fixtures for every test

SECRETS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ENGINE_CONFIG")
NO_DATA = "ENGINE_BENCH_DATA is not set: tests on public data are skipped"
NO_SERVERS = "the MCP servers cannot be installed"
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")

# Hundreds of processes start below: without its compiled code at hand each takes two seconds of CPU more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="engine-tests-")  # what earlier runs of a tool took is no input

hypothesis.settings.register_profile("fast", max_examples=50, derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("full", max_examples=2000, derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


class _Guard:
    """Says whether the running test may reach the network, and keeps the keys until a live test asks for them."""

    def __init__(self) -> None:
        self.live = False
        self.secrets = {name: os.environ.pop(name) for name in SECRETS if name in os.environ}

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self.live or event not in ("socket.connect", "socket.getaddrinfo"):
            return
        host = args[1] if event == "socket.connect" else args[0]
        if isinstance(host, tuple):
            host = host[0]
        elif event == "socket.connect":
            return  # a local socket, addressed by a path
        if isinstance(host, bytes):
            host = host.decode()
        if host and not str(host).startswith(LOOPBACK):
            raise RuntimeError(f"a test without the live marker tried to reach {host}")


def _compared(kind: type[Record], **parts: Any) -> Record:
    """Make a record as the engine does where it does not check, and the checked way too: they must be the same."""
    made = _trusted(kind, **parts)
    checked = kind.model_validate(parts, strict=True)
    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    return made


_trusted: Callable[..., Record] = Record.trusted.__func__  # type: ignore[attr-defined]
Record.trusted = classmethod(_compared)  # type: ignore[assignment]

_guard = _Guard()
sys.addaudithook(_guard.audit)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open the network, and give the keys back, to live tests only."""
    _guard.live = item.get_closest_marker("live") is not None
    for name, value in _guard.secrets.items():
        if _guard.live:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as there are cores: many tests wait, for a clock, a server or a process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both event loops; a test of asyncio-only code overrides this fixture and says why."""
    return request.param


@pytest.fixture(scope="session")
def bench_data() -> Path:
    """The folder of public data sets that ENGINE_BENCH_DATA names; without it the test is skipped, and said so."""
    folder = os.environ.get("ENGINE_BENCH_DATA")
    if not folder:
        pytest.skip(NO_DATA)
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"ENGINE_BENCH_DATA names {folder}, which is no folder")
    return path


@pytest.fixture(scope="session")
def count_tokens(bench_data: Path) -> Callable[[str], int]:
    """Counter of o200k_base tokens, from the vocabulary beside the data sets."""
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(bench_data / "tiktoken"))
    encoding = pytest.importorskip("tiktoken").get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name what failed at once where nobody sits before the screen: the slow tests end an hour later."""
    if report.failed and os.environ.get("CI") and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f" {report.nodeid} ", end="", flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was left out for want of data sets, MCP servers or a Postgres, also under -q."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    for why in (NO_DATA, NO_SERVERS, NO_POSTGRES, NO_CONTROL):
        count = sum(why in text for text in skipped)
        if count:
            terminalreporter.write_line(f"NOT RUN: {count} tests. {why}.", yellow=True, bold=True)
