"""Clauses of a task."""

from __future__ import annotations

import pytest

from gateway.providers.offline.clauses import split


@pytest.mark.parametrize(
    ("task", "clauses"),
    [
        ("Read a.txt. Then count it", ["Read a.txt", "count it"]),
        ("Add 1.5 and 2, and then print the sum", ["Add 1.5 and 2", "print the sum"]),
        ("1. Read a 2. Count it", ["Read a", "Count it"]),
        ("The radius is 5. After that, sort it", ["The radius is 5", "sort it"]),
        ("- Read a\n- Count it", ["Read a", "Count it"]),
        ("Find A, sort the list and print it", ["Find A", "sort the list", "print it"]),
        ("Say 'first. then second' to Ann", ["Say 'first. then second' to Ann"]),
        ("Ask Dr. Lee. Finally, stop it", ["Ask Dr. Lee", "stop it"]),
        ("读取文件，然后总结它，最后发送", ["读取文件", "总结它", "发送"]),
        ("まず調べて、次に保存して", ["調べて", "保存して"]),
        ("Suche das Buch, danach lies es", ["Suche das Buch", "lies es"]),
        ("Please can you read a.txt?", ["read a.txt?"]),
    ],
)
def test_split(task: str, clauses: list[str]) -> None:
    """Sentence ends, list numbers, connectives and commas before verbs part clauses; quotes and numbers do not."""
    assert [clause.text.rstrip("?") for clause in split(task, ())] == [clause.rstrip("?") for clause in clauses]


def test_verbs_of_the_tools_split() -> None:
    """A comma or "and" before a verb that tools begin with parts clauses, before a noun it does not."""
    assert [clause.text for clause in split("Take salt and pepper and grind both", {"grind"})] == [
        "Take salt and pepper",
        "grind both",
    ]


def test_linked() -> None:
    """A connective marks the clause as going on from the one before."""
    assert [clause.linked for clause in split("Read a. Read b, then count both", ())] == [False, False, True]
