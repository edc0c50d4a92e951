"""Answers written from results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.fence import fence
from schemas.model import Message, ModelRequest
from tests.gateway.providers.offline.asking import reply


def answer(task: str, *results: tuple[str, Any, str], missing: str = "") -> str:
    """Return the answer from results (tool, value, status)."""
    fences = [fence("task", task)]
    for number, (tool, value, status) in enumerate(results, 1):
        told = json.dumps(value) if status == "done" else value
        fences.append(fence("result", told, step=str(number), tool=tool, status=status))
    fences += [fence("missing", missing)] if missing else []
    return reply(ModelRequest(messages=(Message.system("s"), Message.user("\n\n".join(fences))), model="rules")).text


def test_one_plain_value() -> None:
    """One result is the answer, its number written plainly."""
    assert answer("What is 0.1 + 0.2?", ("calc", {"value": 0.1 + 0.2}, "done")) == "0.3"


def test_each_result_under_its_clause() -> None:
    """Several results stand under the parts of the task they answer."""
    text = answer(
        "Get the weather of Rome, then translate it",
        ("weather", {"sky": "clear"}, "done"),
        ("translate", "sereno", "done"),
    )
    assert text.splitlines() == ["- Get the weather of Rome: clear", "- translate it: sereno"]


def test_last_of_a_chain_stands_first() -> None:
    """The value made of the others comes first; each line names what it was made from."""
    fences = [fence("task", "Calculate 12% of 48,000 and 15% of 3,200, then add the two")]
    steps = [("12/100*48000", 5760.0), ("15/100*3200", 480.0), ("5760 + 480", 6240.0)]
    for number, (given, value) in enumerate(steps, 1):
        told = json.dumps({"expression": given})
        fences.append(fence("result", json.dumps(value), step=str(number), tool="calc", status="done", input=told))
    request = ModelRequest(messages=(Message.system("s"), Message.user("\n\n".join(fences))), model="rules")
    lines = ["6,240", "", "- 12% × 48000: 5,760", "- 15% × 3200: 480", "- add the two: 6,240"]
    assert reply(request).text.splitlines() == lines


@pytest.mark.parametrize(
    ("task", "value", "text"),
    [
        ("Read it", {"path": "a", "text": "one\ntwo\n", "lines": 2, "truncated": False}, "one\ntwo"),
        ("How many lines are in it?", {"path": "a", "text": "x", "lines": 2, "truncated": False}, "2"),
        ("Search it", {"matches": [], "searched": 4, "skipped": [], "truncated": False}, "nothing found"),
        ("Ask it", {"columns": ["n"], "rows": [{"n": 7}], "row_count": 1, "truncated": False}, "7"),
        ("Read it", {"text": "one", "truncated": True}, "one\n…"),
        ("Search it, count them", {"matches": [{"a": 1}, {"a": 2}], "truncated": False}, "2\n- a: 1\n- a: 2"),
    ],
)
def test_what_was_asked_is_shown(task: str, value: Any, text: str) -> None:
    """Of a result that was fetched, its content is shown, or the number that was asked for."""
    assert answer(task, ("fetch", value, "done")) == text


def test_what_was_stood_in_for_is_not_told() -> None:
    """A failed step that another stood in for, with nothing missing, is left out."""
    assert answer("Read a.txt", ("read", "no such file", "failed"), ("fetch", "one", "done")) == "one"


def test_missing_and_failed_are_said() -> None:
    """A failed step shows its error, and what is missing is listed."""
    text = answer(
        "Read a.txt, then read b.txt", ("read", "one", "done"), ("read", "no such file", "failed"), missing="b.txt"
    )
    assert "failed: no such file" in text
    assert text.endswith("Missing:\n- b.txt")


def test_nested_values_are_readable() -> None:
    """Objects and lists become indented lines without braces."""
    text = answer("List the rows", ("rows", {"rows": [{"a": 1, "b": True}, {"a": 2.5, "b": None}], "n": 2}, "done"))
    assert text == "- rows:\n  - a: 1, b: yes\n  - a: 2.5, b: —\n- n: 2"


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("总结一下这个文件", "我是离线模型"),
        ("この文章を要約して", "私はオフラインモデルです"),
        ("이 글을 요약해 줘", "저는 오프라인 모델입니다"),
        ("Wer hat den Faust geschrieben?", "Ich bin das Offline-Modell"),
        ("Qui est l'auteur de la pièce ?", "Je suis le modèle hors ligne"),
        ("¿Quién es el autor de la obra?", "Soy el modelo sin conexión"),
        ("Who wrote it?", "I am the offline model"),
    ],
)
def test_speaks_the_task_s_language(task: str, words: str) -> None:
    """B77: with a task alone it says what it is, in the language of the task."""
    assert answer(task).startswith(words)


def test_a_result_never_stands_under_another_part_of_the_task() -> None:
    """Two results and two clauses are no pairs where both results are of the first clause."""
    fences = [fence("task", "What is the population of Ghent and of Bruges, and what is the sum?")]
    for number, (city, people) in enumerate([("Ghent", 270000), ("Bruges", 119000)], 1):
        told = json.dumps({"city": city})
        fences.append(
            fence("result", json.dumps(people), step=str(number), tool="population", status="done", input=told)
        )
    request = ModelRequest(messages=(Message.system("s"), Message.user("\n\n".join(fences))), model="rules")
    assert reply(request).text.splitlines() == ["- population Ghent: 270000", "- population Bruges: 119000"]
