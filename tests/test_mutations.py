"""The mutations file is sound: complete, unambiguous, and its runner tells a caught mutation from a survivor."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import mutate
from tests.mutate import ROOT, Mutation
from tests.source import functions_of
from tests.test_architecture import RELEASED


def test_every_entry_finds_its_place() -> None:
    """Each entry's text occurs exactly once in its file, and its test file is there."""
    assert [problem for mutation in mutate.load() if (problem := mutation.problem())] == []


def test_every_entry_names_a_test_of_its_number() -> None:
    """The test of an entry exists, and its docstring begins with the entry's number."""
    wrong: list[str] = []
    for mutation in mutate.load():
        path, _, name = mutation.test.partition("::")
        functions = {node.name: ast.get_docstring(node) or "" for node in functions_of(ROOT / path)}
        if not functions.get(name.split("::")[-1].split("[")[0], "").startswith(f"{mutation.number}: "):
            wrong.append(f"{mutation.number}: {mutation.test}")
    assert wrong == []


def test_every_released_behaviour_is_broken_once() -> None:
    """Each released behaviour has at least one mutation that its test must notice."""
    assert {f"B{number}" for number in RELEASED} - {mutation.number for mutation in mutate.load()} == set()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project of one line and one test."""
    (tmp_path / "twice.py").write_text("def twice(x):\n    return x * 2\n")
    (tmp_path / "test_twice.py").write_text("from twice import twice\n\ndef test_it():\n    assert twice(3) == 6\n")
    return tmp_path


def test_a_caught_mutation_is_no_problem(tree: Path) -> None:
    """A mutation that the test notices is caught, and the file is whole again afterwards."""
    mutation = Mutation("B0", "twice.py", "x * 2", "x * 3", "test_twice.py::test_it")
    before = (tree / "twice.py").read_text()
    assert mutate.verdict(mutation, tree) is None
    assert (tree / "twice.py").read_text() == before


@pytest.mark.slow
def test_a_survivor_is_named(tree: Path) -> None:
    """A mutation that changes nothing the test sees is reported with file and test."""
    mutation = Mutation("B0", "twice.py", "x * 2", "x + x", "test_twice.py::test_it")
    assert "the test still passes" in (mutate.verdict(mutation, tree) or "")


@pytest.mark.slow
def test_a_missing_test_is_not_a_catch(tree: Path) -> None:
    """A test id that pytest cannot find does not count as caught."""
    mutation = Mutation("B0", "twice.py", "x * 2", "x * 3", "test_twice.py::test_gone")
    assert "pytest ended with" in (mutate.verdict(mutation, tree) or "")


def test_an_ambiguous_entry_is_refused(tree: Path) -> None:
    """Text that occurs twice in the file is no entry."""
    mutation = Mutation("B0", "twice.py", "twice"[:1], "d", "test_twice.py::test_it")
    assert "occurs 2 times" in (mutation.problem(tree) or "")
