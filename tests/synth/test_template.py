"""Answers without a model: the plan's template, and what was found."""

from __future__ import annotations

from typing import Any

import pytest

from engine.synth.template import fill_answer, partial_answer
from schemas.errors import StepInputError
from schemas.plan import Step
from schemas.planning import AnswerRequest, PastStep
from schemas.result import ErrorInfo

ROWS = [{"year": 2024, "n": 1}, {"year": 2025, "n": 2}]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Total: {{1.total}} USD", "Total: 0.3 USD"),
        ("{{1.total}}", "0.3"),
        ("{{1.big}} in {{1.year}}", "391035000000 in 2024"),
        ("{{1.names}}", "AAPL, MSFT"),
        ("By year: {{1.rows}}.", "By year: (year: 2024, n: 1), (year: 2025, n: 2)."),
        ("By year:\n{{1.rows}}\nDone", "By year:\n- year: 2024, n: 1\n- year: 2025, n: 2\nDone"),
        ("Over: {{1.over}}", "Over: yes"),
        ("结果：{{1.over}}，{{1.names}}", "结果：是，AAPL、MSFT"),
        (r"\{{literal}} {{1.year}}", "{{literal}} 2024"),
        ("Skipped: {{2}}", "Skipped: —"),
    ],
)
def test_a_template_is_filled_plainly(template: str, expected: str) -> None:
    """Values are written for people: no quotes, no braces, no noise in numbers, words of the template's language."""
    total = {"total": 0.1 + 0.2, "big": 391035000000.0, "year": 2024, "names": ["AAPL", "MSFT"], "rows": ROWS}

    assert fill_answer(template, {"1": {**total, "over": True}, "2": None}) == expected


def test_a_result_is_never_read_as_a_template() -> None:
    """What a tool gave back is put in once, whatever braces it holds."""
    assert fill_answer("Said: {{1}}", {"1": "{{2}}", "2": "secret"}) == "Said: {{2}}"


@pytest.mark.parametrize("value", ["", "  ", None, [], {}])
def test_a_template_over_nothing_still_says_something(value: Any) -> None:
    """B53: a template whose only result is empty gives a sentence, not an empty answer."""
    assert fill_answer("{{1}}", {"1": value}) == "The result is empty."


def test_a_template_over_a_step_without_result_names_it() -> None:
    """A reference to a step that gave nothing is an error that names the reference."""
    with pytest.raises(StepInputError, match=r"refers to \{\{7.x\}\}, but step 7 gave no result"):
        fill_answer("{{7.x}}", {})


def _request(task: str, **options: Any) -> AnswerRequest:
    done = PastStep(step=Step(id="1", tool="search"), status="done", preview='{"population": 2100000}')
    error = ErrorInfo(code="tool.failed", message="no route")
    lost = PastStep(step=Step(id="2", tool="fetch"), status="failed", error=error)
    return AnswerRequest(task=task, steps=(done, lost), **options)


def test_a_partial_answer_says_what_was_found_and_what_is_missing() -> None:
    """Without a model the person still reads every result, every gap and the reason."""
    assert partial_answer(_request("How many people?"), "the budget is used up") == (
        "I could not finish this task: the budget is used up.\n\n"
        "What was found:\n- step 1, search: population: 2100000\n\n"
        "What is missing:\n- step 2, fetch: failed (no route)"
    )


def test_what_the_loop_says_is_missing_is_listed_as_it_is() -> None:
    """The loop's own list of gaps goes before a list made from the steps."""
    text = partial_answer(_request("How many?", missing=("rates of 2024",)), "stopped")

    assert text.endswith("What is missing:\n- rates of 2024")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("How many people live in Paris?", "What was found"),
        ("巴黎有多少人口？", "已得到的结果"),
        ("AAPL と MSFT の売上を比較してください", "得られた結果"),
        ("파리의 인구는 얼마입니까?", "찾은 결과"),
        ("Wie viele Menschen leben in Paris?", "Gefunden wurde"),
        ("Combien d'habitants y a-t-il à Paris ?", "Ce qui a été trouvé"),
        ("¿Cuántos habitantes tiene París?", "Lo que se encontró"),
        ('Translate "你好，世界" into English', "What was found"),
        ("", "What was found"),
    ],
)
def test_a_partial_answer_speaks_the_language_of_the_task(task: str, words: str) -> None:
    """B77: what the engine itself writes is in the person's language."""
    assert words in partial_answer(_request(task), "stopped")


def test_a_partial_answer_with_nothing_found_is_not_empty() -> None:
    """B53: even with no step and no model there is a sentence."""
    assert partial_answer(AnswerRequest(task="x"), "") == (
        "I could not finish this task.\n\nNothing was found before it stopped."
    )


def test_a_cancelled_task_is_called_cancelled() -> None:
    """What somebody ended is not said to have failed."""
    text = partial_answer(AnswerRequest(task="Look"), "no need any more", cancelled=True)
    assert text.splitlines()[0] == "This task was cancelled: no need any more."
