"""What a message wants of a run that goes on."""

from __future__ import annotations

import pytest

from engine.serve.chat.steering import wish


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "Stop!",
        "please stop",
        "cancel it",
        "never mind",
        "abbrechen",
        "Stopp bitte",
        "arrête",
        "para",
        "停止",
        "取消",
        "やめて",
        "취소해",
    ],
)
def test_stop(text: str) -> None:
    """A word that only stops, stops."""
    assert wish(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "how far are you?",
        "status?",
        "are you done yet?",
        "wie weit bist du?",
        "où en es-tu ?",
        "¿cuánto falta?",
        "进度怎么样?",
        "まだですか",
        "어디까지 했어?",
    ],
)
def test_status(text: str) -> None:
    """A question about the work is no new goal."""
    assert wish(text) == "status"


@pytest.mark.parametrize("text", ["ok", "thanks", "go on", "weiter", "merci", "继续", "続けて"])
def test_on(text: str) -> None:
    """What asks nothing lets it go on."""
    assert wish(text) == "on"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "stop using Bing",
            "cancel the order 4711",
            "also for 2022",
            "what is the status of order 4711 in the shop system of Acme?",
        ),
        *(
            "use euros instead",
            "停止使用必应",
            "How far is Rome from Paris?",
            "ok, and in euros",
            "cancel my subscription",
        ),
    ],
)
def test_a_goal(text: str) -> None:
    """A wish that only sounds alike is a goal of its own."""
    assert wish(text) == "other"
