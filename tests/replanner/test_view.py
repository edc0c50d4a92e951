"""How a result stands in a prompt: whole, summarized, or as a handle with its shape and beginning."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dag.refs import follow, parse
from engine.replanner.history import past_steps
from engine.replanner.view import Rules, View, head, preview, sketch, view
from schemas.events import ResultSummarized
from schemas.fence import terse
from schemas.result import ArtifactRef
from schemas.settings import Results
from schemas.tool import ToolSpec
from tests.dag.graphs import TOOLS, World, done, step

ROWS = [{"id": number, "name": f"n{number}", "tags": ["a"]} for number in range(2_000)]


def shown(value: Any, rules: Rules | None = None, policy: Any = None, summary: str = "") -> View:
    """How a step's result is shown."""
    tool = ToolSpec(name="look", effects="none", view=policy)
    world = World([step(1)], {**TOOLS, "look": tool})
    world.end("1", done(value))
    if summary:
        world.take(ResultSummarized(step_id="1", text=summary))
    return view(world.state, world.state.graph.steps["1"], rules or Rules())


@pytest.mark.parametrize("policy", ["auto", "whole", "summary", "preview", None])
def test_a_short_result_is_whole(policy: str | None) -> None:
    """Whatever the policy, a result no longer than its short form is shown whole."""
    assert shown({"é": [1, None]}, policy=policy) == View('{"é":[1,null]}')


@pytest.mark.parametrize(
    ("policy", "summaries", "kind", "wanted"),
    [
        ("auto", False, "preview", False),
        ("auto", True, "preview", True),
        ("whole", True, "whole", False),
        ("preview", True, "preview", False),
        ("summary", False, "preview", True),
    ],
)
def test_each_policy(policy: str, summaries: bool, kind: str, wanted: bool) -> None:
    """A long result is whole, wants a summary or is previewed as its tool says; auto asks where a model is there."""
    found = shown(ROWS, Rules(summaries=summaries), policy)
    assert (found.kind, found.wanted) == (kind, wanted)


def test_a_summary_once_made_is_used() -> None:
    """A summary in the log stands in every later prompt, under the handle of the whole."""
    found = shown(ROWS, Rules(summaries=True), summary="two thousand names")
    assert (found.kind, found.wanted) == ("summary", False)
    assert found.text.endswith("Its summary:\ntwo thousand names")
    assert found.text.startswith("{{1}} is a list of 2,000, too long to be shown whole; refer to it as {{1}}")


def test_a_planner_is_shown_less() -> None:
    """A planner refers to results more than it reads them: it sees less of them whole, and pays for no summary."""
    value = "x" * 4_000
    assert shown(value).kind == "whole"
    assert shown(value, Rules(summaries=True).for_planner()) == shown(value, Rules(Results(whole_tokens=500)))


@pytest.mark.parametrize("value", [ROWS, {"rows": ROWS, "n": 1}, {"a b": {"deep": ["x" * 9_000]}}, "x" * 40_000])
def test_the_handle_of_a_preview_leads_to_the_value(value: Any) -> None:
    """Each reference that a preview names leads to the value, or to a part of it."""
    text = preview("7", value, 50)
    references = [part for part in parse(text.split("\n")[0]) if not isinstance(part, str)]
    assert references
    for reference in references:
        assert follow(reference, value) is not None


def test_a_preview_tells_shape_size_and_beginning() -> None:
    """A preview names kind, size, artifact and shape, and begins as the value does."""
    ref = ArtifactRef(sha256="ab" * 32, size_bytes=123_456, preview="")
    text = preview("2", {"total": 2, "rows": ROWS}, 10, ref)
    assert "{{2}} is an object of 123,456 bytes (artifact abababababab)" in text
    assert 'Its shape: {"total": number, "rows": [2000 × {"id": number, "name": text, "tags": [1 × text]}]}' in text
    assert text.endswith('It begins: {"total":2,"rows":[{"id":0,"name":"n0","…')


@pytest.mark.parametrize("value", [[1, "é", None], {"a": {"b": [True]}}, "text", 3.5, [], {}])
def test_a_head_that_is_long_enough_is_the_whole(value: Any) -> None:
    """The head of a short value is its JSON; of a long one its first characters."""
    assert head(value, 1_000) == terse(value)
    assert len(head(["é" * 50] * 50, 100)) == 100


def test_wide_letters_count_as_the_tokens_they_are() -> None:
    """Chinese text takes three bytes a letter, so fewer letters of it are shown."""
    assert shown("字" * 20_000).kind == "preview"
    assert shown("字" * 9_000).kind == "whole"
    assert len(preview("1", "字" * 20_000, 100)) < 300


def test_shapes_are_cut() -> None:
    """A value of many keys and levels has a short shape."""
    assert sketch({str(number): number for number in range(100)}).endswith('"11": number, and 88 more}')
    assert sketch([[[[[1]]]]]) == "[1 × [1 × [1 × [1 × […]]]]]"


def test_fifty_large_results_fit_one_prompt() -> None:
    """50 results of 1 MB each stay within the room of one prompt, every one of them with its handle."""
    world = World([step(number) for number in range(1, 51)])
    for number in range(1, 51):
        world.end(str(number), done("x" * 1_000_000))
    told = past_steps(world.state, Rules())
    assert sum(len(past.preview) for past in told) <= 60_000
    assert all(f"refer to it as {{{{{past.step.id}}}}}" in past.preview for past in told)


def test_people_read_the_beginning() -> None:
    """What is told to a person holds the value's beginning and no word about references."""
    assert shown("x" * 100_000, Rules(whole_tokens=2, for_people=True)) == View('"xxxxxxx…')
