"""Break the code on purpose, one entry of mutations.toml at a time, and require that the named test notices.

Run as ``python -m tests.mutate [B14 …] [--jobs N]``. Each mutation is applied in a copy of the tree, never here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
ENTRIES = ROOT / "tests" / "mutations.toml"
COPIED = ("schemas", "gateway", "engine", "benchmarks", "tests", "docs", "examples", "README.md", "pyproject.toml")
TIMEOUT_S = 120.0
FAILED = 1  # pytest's exit code when tests ran and some failed
_SECONDS = count(1_000_000_000)  # times of change that no copied file has


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to break one behaviour."""

    number: str
    file: str
    find: str
    replace: str
    test: str

    def problem(self, root: Path = ROOT) -> str | None:
        """Return what is wrong with the entry itself, or None."""
        path = root / self.file
        if not path.is_file():
            return f"{self.number}: no file {self.file}"
        count = path.read_text(encoding="utf-8").count(self.find)
        if count != 1:
            return f"{self.number}: {self.find!r} occurs {count} times in {self.file}"
        if not (root / self.test.split("::")[0]).is_file():
            return f"{self.number}: no test file {self.test}"
        return None if self.find != self.replace else f"{self.number}: {self.find!r} is replaced by itself"


def load(path: Path = ENTRIES) -> list[Mutation]:
    """Return the entries of a mutations file in its order.

    Raises:
        TypeError: An entry has a field too many or too few.
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Mutation(number=number, **entry) for number, entries in tables.items() for entry in entries]


def copy_tree(target: Path) -> None:
    """Copy what the tests need of the project, caches left out."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "results")
    for name in COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, target / name, ignore=ignore)
        elif path.exists():
            shutil.copy2(path, target / name)


def run_tests(tree: Path, tests: Sequence[str], timeout_s: float = TIMEOUT_S) -> tuple[int | None, str]:
    """Run tests in a copy and return pytest's exit code (None: it hung) and the end of its output."""
    data = os.environ.get("ENGINE_BENCH_DATA")
    environ = os.environ | {"PYTHONPATH": str(tree)}
    if data:
        environ["ENGINE_BENCH_DATA"] = str(Path(data).resolve())
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-m", "", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environ, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return None, "no end before the time limit"
    return done.returncode, "\n".join(done.stdout.splitlines()[-15:])


def _write(path: Path, text: str) -> None:
    """Write a module and give it a second of its own: compiled code is told stale by size and whole seconds alone."""
    path.write_text(text, encoding="utf-8")
    second = next(_SECONDS)
    os.utime(path, (second, second))


def verdict(mutation: Mutation, tree: Path) -> str | None:
    """Apply a mutation in a copy, run its test, undo it; return why the mutation was not caught, or None."""
    path = tree / mutation.file
    original = path.read_text(encoding="utf-8")
    _write(path, original.replace(mutation.find, mutation.replace))
    try:
        code, output = run_tests(tree, [mutation.test])
    finally:
        _write(path, original)
    if code is None or code == FAILED:
        return None
    why = "the test still passes (or is skipped)" if code == 0 else f"pytest ended with {code}:\n{output}"
    return f"{mutation.number} {mutation.file}: {mutation.find!r} → {mutation.replace!r}\n  {mutation.test}: {why}"


def run(mutations: Sequence[Mutation], jobs: int) -> list[str]:
    """Try every mutation, ``jobs`` at a time, each in a copy of its own; return what was not caught."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for job in range(jobs):
            copy_tree(Path(folder) / str(job))
            trees.put(Path(folder) / str(job))

        def attempt(mutation: Mutation) -> str | None:
            tree = trees.get()
            try:
                survived = verdict(mutation, tree)
            finally:
                trees.put(tree)
            print("." if survived is None else "F", end="", flush=True)
            return survived

        tests = sorted({mutation.test for mutation in mutations})
        code, output = run_tests(Path(folder) / "0", tests, timeout_s=10 * TIMEOUT_S) if tests else (0, "")
        if code != 0:
            return [f"the unbroken tree fails its tests (pytest ended with {code}):\n{output}"]
        with ThreadPoolExecutor(jobs) as pool:
            return [survived for survived in pool.map(attempt, mutations) if survived is not None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutations of the given numbers (of all, when none is given); return 1 when one was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="B14", help="behaviour numbers; all when none is given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    wanted = [m for m in load() if not options.numbers or m.number in options.numbers]
    problems = [problem for m in wanted if (problem := m.problem())] or run(wanted, options.jobs)
    print(f"\n{len(wanted) - len(problems)} of {len(wanted)} mutations caught", *problems, sep="\n")
    return 1 if problems or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
