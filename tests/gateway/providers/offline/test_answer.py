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
