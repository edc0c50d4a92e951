"""Workers as they are used: real processes on a real Postgres, killed, frozen, drained."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.cli import main
from engine.durable.dispatch import prepare
from engine.durable.postgres.address import Address
from engine.durable.postgres.store import PostgresStore
from schemas.plan import Plan
from schemas.runs import RunSummary
from tests.cli.command import engine as command
from tests.source import ROOT

pytestmark = pytest.mark.anyio
TIMEOUT_S = 2.0
PATIENCE_S = 40.0
TOOLS = '''
import os, time

def _say(line):
    with open(os.environ["MARKS"], "a") as marks:
        marks.write(f"{os.getpid()} {line}\\n")
        marks.flush()
        os.fsync(marks.fileno())

def mark(name: str, seconds: float = 0.0) -> str:
    """Say when it begins and ends; it takes its time only where it is called for the first time."""
    again = f" start {name}\\n" in open(os.environ["MARKS"]).read()
    _say(f"start {name}")
    time.sleep(0.0 if again else seconds)
    _say(f"end {name}")
    return name

def die(name: str) -> str:
    """End the whole process."""
    _say(f"start {name}")
    os._exit(66)
'''
CONFIG = """
tools:
  - {python: "marking:mark", effects: idempotent, timeout_s: 120}
  - {python: "marking:die", effects: idempotent}
  - {python: "marking:mark", name: careful, effects: idempotent, approval: always}
durability: {driver_timeout_s: %s, max_claims: 2}
workers: {grace_s: %s}
statistics: false
"""


@pytest.fixture
def anyio_backend() -> str:
    """Psycopg runs on asyncio."""
    return "asyncio"


class Place:
    """A folder with a configuration, an empty store, and the workers started there.

    Attributes:
        url: The store.
        folder: Its configuration, its tools, what these said.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.started: list[subprocess.Popen[str]] = []
        (folder / "marking.py").write_text(TOOLS)
        self.configure(grace_s=10)
        (folder / "marks").touch()
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")},
            "MARKS": str(folder / "marks"),
            "PYTHONPATH": str(ROOT),
            "ENGINE_STORE": url,
            "ENGINE_CONFIG": str(folder / "engine.yaml"),
        }

    def configure(self, grace_s: float, *, tools: bool = True) -> None:
        """Write the configuration; without tools its last lines alone."""
        text = CONFIG if tools else CONFIG[CONFIG.index("durability:") :]
        (self.folder / "engine.yaml").write_text(text % (TIMEOUT_S, grace_s))

    def worker(self, *options: str) -> subprocess.Popen[str]:
        """Start a worker; its log is a file of its own."""
        command = [sys.executable, "-m", "engine.cli", "worker", *options]
        with (self.folder / f"log{len(self.started)}").open("w") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, env=self.environ, text=True
            )
        self.started.append(process)
        return process

    def log(self, process: subprocess.Popen[str]) -> str:
        """What a worker has logged."""
        return (self.folder / f"log{self.started.index(process)}").read_text()

    def logs(self) -> str:
        """What all have logged."""
        return "\n".join(self.log(process) for process in self.started)

    def marks(self) -> list[tuple[int, str, str]]:
        """What the tools said: (process, start or end, name)."""
        lines = [line.split() for line in (self.folder / "marks").read_text().splitlines()]
        return [(int(pid), what, name) for pid, what, name in lines]

    async def said(self, what: str, name: str) -> int:
        """Wait until a tool said it, and return in which process."""
        with anyio.fail_after(PATIENCE_S):
            while True:
                for pid, said, named in self.marks():
                    if (said, named) == (what, name):
                        return pid
                assert any(process.poll() is None for process in self.started), self.logs()
                await anyio.sleep(0.01)

    async def logged(self, process: subprocess.Popen[str], words: str) -> None:
        """Wait until a worker has logged it."""
        with anyio.fail_after(PATIENCE_S):
            while words not in self.log(process):
                assert process.poll() is None, self.log(process)
                await anyio.sleep(0.02)

    def of(self, pid: int) -> subprocess.Popen[str]:
        """The worker of that process id."""
        return next(process for process in self.started if process.pid == pid)

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
def place(tmp_path: Path, postgres_url: str) -> Iterator[Place]:
    """Where workers run."""
    made = Place(tmp_path, postgres_url)
    yield made
    made.close()


@pytest.fixture
async def engine(place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """An engine in this process that only submits."""
    monkeypatch.syspath_prepend(str(place.folder))
    store = await PostgresStore.open(place.url)
    await prepare(Address.read(place.url))
    async with Engine(str(place.folder / "engine.yaml"), store=store, environ={}, kind="library") as made:
        yield made
    await store.aclose()
    sys.modules.pop("marking", None)


def chain(*calls: tuple[str, dict[str, Any]]) -> Plan:
    """A plan of steps one after another."""
    steps = [
        {"id": number, "tool": tool, "tool_input": given, "depends_on": [number - 1] if number > 1 else []}
        for number, (tool, given) in enumerate(calls, 1)
    ]
    return Plan.model_validate({"goal": "marks", "steps": steps, "answer": f"{{{{{len(steps)}}}}}"})


async def until(engine: Engine, run_id: str, *statuses: str) -> RunSummary:
    """Wait until a run stands so."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            row = await engine.store.summary(run_id)
            if row.status in statuses:
                return row
            await anyio.sleep(0.01)


def finished(place: Place) -> Counter[str]:
    """How often each step finished."""
    return Counter(name for _, what, name in place.marks() if what == "end")


async def test_a_worker_drives_what_is_submitted_and_leaves_when_told(place: Place, engine: Engine) -> None:
    """A run is driven to its end, its driver is listed while it lives, SIGTERM ends an idle worker with 0."""
    run_id = await engine.submit(plan=chain(("mark", {"name": "a"}), ("mark", {"name": "b", "seconds": 1.5})))
    worker = place.worker()
    await place.said("start", "b")
    listed = command("workers", "--json", cwd=place.folder, environ=place.environ)
    (row,) = [row for row in json.loads(listed.stdout) if row["kind"] == "worker"]
    assert (row["pid"], row["alive"], row["draining"]) == (worker.pid, True, False)
    assert (await until(engine, run_id, "completed")).claims == 1
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0, place.logs()
    log = place.log(worker)
    assert "leaves_early" not in log
    for word in ("worker_started", "run_taken", "run_let_go", "worker_draining", "worker_stopped"):
        assert word in log
    assert await engine.store.drivers() == []


async def test_a_run_goes_to_a_worker_that_has_its_tools(place: Place, engine: Engine) -> None:
    """A worker that does not know a tool of an open step leaves the run to one that does."""
    run_id = await engine.submit(plan=chain(("mark", {"name": "a"})))
    place.configure(grace_s=10, tools=False)
    poor = place.worker()
    await place.logged(poor, "needs tools that are not declared here: mark")
    place.configure(grace_s=10)
    able = place.worker()
    row = await until(engine, run_id, "completed", "failed")
    assert (row.status, row.claims) == ("completed", 1), place.logs()
    assert place.of(await place.said("end", "a")) is able


async def test_a_killed_worker_s_run_goes_on_elsewhere(place: Place, engine: Engine) -> None:
    """kill -9 in the middle of a step: another worker takes the run over within its timeout, and repeats nothing."""
    place.worker()
    place.worker()
    plan = chain(("mark", {"name": "a"}), ("mark", {"name": "b", "seconds": 60}), ("mark", {"name": "c"}))
    run_id = await engine.submit(plan=plan)
    place.of(await place.said("start", "b")).kill()
    killed = time.monotonic()
    row = await until(engine, run_id, "completed", "failed")
    assert (row.status, row.claims) == ("completed", 2), place.logs()
    assert time.monotonic() - killed < TIMEOUT_S + 8
    assert finished(place) == {"a": 1, "b": 1, "c": 1}


async def test_a_draining_worker_lets_steps_end_and_hands_its_runs_over(place: Place, engine: Engine) -> None:
    """After SIGTERM the running step ends, no other starts there, and the run goes on with another worker at once."""
    first = place.worker()
    plan = chain(("mark", {"name": "a"}), ("mark", {"name": "b", "seconds": 1.5}), ("mark", {"name": "c"}))
    run_id = await engine.submit(plan=plan)
    await place.said("start", "b")
    second = place.worker()
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE_S) == 0, place.logs()
    await until(engine, run_id, "completed")
    assert finished(place) == {"a": 1, "b": 1, "c": 1}
    assert {name: pid for pid, what, name in place.marks() if what == "start"}["c"] == second.pid
    assert "step_interrupted" not in [record.event.kind for record in await engine.store.load(run_id)]


@pytest.mark.slow
async def test_a_frozen_worker_starts_nothing_when_it_wakes(place: Place, engine: Engine) -> None:
    """A worker frozen beyond its timeout leaves with 13 when it wakes; its run is another's, and no step ran twice."""
    place.worker()
    place.worker()
    plan = chain(("mark", {"name": "a"}), ("mark", {"name": "b", "seconds": 1}), ("mark", {"name": "c"}))
    run_id = await engine.submit(plan=plan)
    frozen = place.of(await place.said("start", "b"))
    frozen.send_signal(signal.SIGSTOP)
    assert (await until(engine, run_id, "completed")).claims == 2
    before = len([1 for pid, what, _ in place.marks() if pid == frozen.pid and what == "start"])
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(PATIENCE_S) == 13, place.logs()
    assert "worker_lost" in place.log(frozen)
    assert len([1 for pid, what, _ in place.marks() if pid == frozen.pid and what == "start"]) == before
    assert [record.event.kind for record in await engine.store.load(run_id)].count("run_ended") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("grace_s", "signals", "code"), [(0.5, 1, 0), (60, 2, 130)])
async def test_a_worker_leaves_though_a_step_runs(
    place: Place, engine: Engine, grace_s: float, signals: int, code: int
) -> None:
    """At the end of its grace, or at a second signal, a worker leaves at once; its run goes on elsewhere."""
    place.configure(grace_s)
    first = place.worker()
    run_id = await engine.submit(plan=chain(("mark", {"name": "a", "seconds": 60})))
    await place.said("start", "a")
    for _ in range(signals):
        first.send_signal(signal.SIGTERM)
        await anyio.sleep(0.5)
    assert first.wait(PATIENCE_S / 2) == code, place.logs()
    place.worker()
    assert (await until(engine, run_id, "completed")).claims == 2


@pytest.mark.slow
async def test_a_run_that_kills_its_workers_is_set_aside(place: Place, engine: Engine) -> None:
    """After a few workers died of a run without any progress it waits for a person; the next worker works on."""
    poison = await engine.submit(plan=chain(("die", {"name": "x"})))
    worker = place.worker()
    with anyio.fail_after(4 * PATIENCE_S):
        while (row := await engine.store.summary(poison)).status != "waiting":
            if worker.poll() is not None:
                assert worker.returncode == 66, place.logs()
                worker = place.worker()
            await anyio.sleep(0.05)
    assert row.waits_for == "set_aside"
    fine = await engine.submit(plan=chain(("mark", {"name": "a"})))
    await until(engine, fine, "completed")
    assert worker.poll() is None
    assert len(place.started) - 1 == len([name for _, _, name in place.marks() if name == "x"]) <= 3


@pytest.mark.slow
async def test_two_workers_share_many_runs(place: Place, engine: Engine) -> None:
    """20 runs of 10 steps, two workers: each step once, each worker its part."""
    plans = [chain(*(("mark", {"name": f"r{run}s{step}"}) for step in range(10))) for run in range(20)]
    ids = [await engine.submit(plan=plan) for plan in plans]
    workers = [place.worker("--concurrency", "3"), place.worker("--concurrency", "3")]
    for run_id in ids:
        assert (await until(engine, run_id, "completed", "failed")).status == "completed"
    assert set(finished(place).values()) == {1}
    assert len(finished(place)) == 200
    assert {pid for pid, _, _ in place.marks()} <= {worker.pid for worker in workers}


@pytest.mark.slow
async def test_a_parked_run_answered_from_elsewhere_goes_on_at_once(place: Place, engine: Engine) -> None:
    """A run that waits for a person is driven by nobody; an answer from a third process starts its step at once."""
    place.worker()
    waits: list[float] = []
    for number in range(6):
        run_id = await engine.submit(plan=chain(("careful", {"name": f"n{number}"})))
        row = await until(engine, run_id, "waiting", "completed", "failed")
        assert (row.status, row.driver, row.waits_for) == ("waiting", "", "approval")
        await anyio.sleep(0.2)
        began = time.time()
        await engine.attach(run_id).approve()
        await until(engine, run_id, "completed")
        (started,) = [r.at for r in await engine.store.load(run_id) if r.event.kind == "step_started"]
        waits.append(started - began)
    print("wake:", sorted(waits))
    assert min(waits) < 0.5


def test_a_store_of_one_machine_has_no_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``engine worker`` on a file says in one line what it needs, and ends with 3."""
    assert main(["worker", "--store", str(tmp_path / "runs.db")]) == 3
    line = capsys.readouterr().err.strip()
    assert line.count("\n") == 0
    assert "postgresql://" in line
