"""Reading plans out of replies and files."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.build import check_plan
from engine.planner.formats.loading import load_plan
from engine.planner.read import PlanReader, Reading, read_reply
from schemas.errors import PlanError, PlanParseError, PlanSchemaError
from tests.planner.doubles import BY_NAME

PLAN = {
    "goal": "g",
    "steps": [
        {"id": 1, "tool": "search", "tool_input": {"query": "Everest {x} ```"}},
        {"id": "s2", "tool": "convert", "tool_input": {"value": "{{1.m}}", "to": "ft"}, "depends_on": [1]},
    ],
}
BARE = json.dumps(PLAN)
COMPACT = '{"steps":[{"search":"Everest é 珠峰 😀"},{"convert":{"value":"{{1.m}}","to":"ft"}},{"answer":"{{2}} ft"}]}'
WRAPPED = [
    BARE,
    f"```json\n{BARE}\n```",
    f"```JSON\n{BARE}\n```",
    f"```\n{BARE}\n```",
    f"Here it is: {BARE} Good luck!",
    f'A set {{x}}, a list [1] and {{"a, b}} first. {BARE} And {{y}} after.',
    f" <think>{{x}} {{y: [</think> {BARE}",
    f"<thin {BARE}",
    f'```json\n{{"thought": 1}}\n```\nNow:\n```json\n{BARE}\n```',
]
BROKEN = [
    "",
    "No plan today.",
    BARE[:-40],
    COMPACT[:-1],
    "null",
    f"[{BARE}]",
    '{"steps":[{"search":"a"},]}',
    '{"steps":[{"search":"a"} {"search":"b"}]}',
    '{"steps":[{"search":"a"}}',
    '{"steps":["a", 1, null]}',
    '{"steps":null}',
]


def read(text: str) -> Reading:
    """One reply, read whole."""
    return read_reply(text, BY_NAME, goal="task")


def problem(text: str) -> str:
    """The first thing wrong with a reply."""
    return str(read(text).problems[0])


def test_bare() -> None:
    """B1: A bare JSON plan is read, its ids and order kept."""
    reading = read(BARE)
    assert reading.problems == ()
    assert [(step.id, step.tool) for step in reading.plan.steps] == [("1", "search"), ("s2", "convert")]


@pytest.mark.parametrize("fence", ["json", "JSON", ""])
def test_fences(fence: str) -> None:
    """B2: A plan in a json, JSON or bare fence is the same plan."""
    assert read(f"```{fence}\n{BARE}\n```").plan == read(BARE).plan


def test_sentences_around() -> None:
    """B3: Sentences before and after the object change nothing."""
    assert read(f"Sure, here is the plan:\n\n{BARE}\n\nTell me if it suits you.").plan == read(BARE).plan


@pytest.mark.parametrize(
    "before", ["{x}", "{", '{"a, b}', "[see {x}]", "{{1.x}}", "{\"it's", 'say "{" or "[" now', "{'a': 1}"]
)
def test_braces_in_prose(before: str) -> None:
    """B4: Braces in the prose before and after the object change nothing."""
    reading = read(f"Mind {before} in this: {BARE} and then {{y}}.")
    assert (reading.plan, reading.problems) == (read(BARE).plan, ())


def test_second_fence() -> None:
    """B5: Of two fences, the one that holds the plan is used."""
    reading = read(f'```json\n{{"thought": 1}}\n```\n```json\n{BARE}\n```')
    assert (reading.plan, reading.problems) == (read(BARE).plan, ())


@pytest.mark.parametrize("text", ["```", "```json\n{}\n```", "}{", '\\"}]', "{{literal", '{"steps": [{"a": 1}]}', "\\"])
def test_braces_in_strings(text: str) -> None:
    """B6: A string inside the plan that holds fences or braces arrives intact."""
    reply = json.dumps({"steps": [{"search": text}, {"search": "next"}]})
    reading = read(f"```json\n{reply}\n```")
    assert reading.problems == ()
    assert [step.tool_input for step in reading.plan.steps] == [{"query": text}, {"query": "next"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the reply is empty"),
        ("  \n", "the reply is empty"),
        ("I cannot do that.", "no JSON in the reply"),
        (COMPACT[:-2], "cut off after"),
        (COMPACT[:30], "cut off after 0 whole steps"),
        ('{"goal": "x', "no JSON object can be read"),
        ('{"search": "Everest"}', "$.steps: this field is missing"),
    ],
)
def test_no_plan(text: str, said: str) -> None:
    """B7: A reply without JSON, empty or cut off, is a problem that says so, and the raw reply is kept."""
    reading = read(text)
    assert said in str(reading.problems[0])
    assert reading.raw == text


def test_trailing_comma() -> None:
    """A trailing comma is named with the JSON path of the step and its place in it."""
    assert problem('{"steps":[{"search":"a"},{"search":"b",}]}').startswith(
        "$.steps[1]: trailing comma at line 1, column"
    )
    assert problem('{"steps":[{"search":"a"},]}').startswith("$.steps[0]: trailing comma after this step")
    assert problem('{"steps":[{"search":"a"}],}').startswith("$: outside the steps: trailing comma")


def test_unknown_fields() -> None:
    """B9: Unknown fields are ignored with a warning that names their path."""
    reading = read(
        '{"mood":1,"steps":[{"id":1,"tool":"search","colour":2,"when":[{"value":"{{0}}","op":"eq","to":1,"x":0}]}]}'
    )
    assert reading.problems == ()
    assert [warning.split(":")[0] for warning in reading.warnings] == [
        "$.steps[0].colour",
        "$.steps[0].when[0].x",
        "$.mood",
    ]


def test_bad_fields() -> None:
    """B10: A missing field or a wrong enum is named with its path and the values allowed."""
    [enum] = read('{"steps":[{"id":2,"tool":"search","when":[{"value":"{{1}}","op":"equals","to":1}]}]}').problems
    assert problem('{"steps":[{"tool":"search"}]}') == "$.steps[0].id: this field is missing"
    assert enum.path == "$.steps[0].when[0].op"
    assert all(word in enum.message for word in ("'equals'", "'eq'", "'ne'", "'exists'"))
    assert problem('{"steps":[{"id":1}]}') == "$.steps[0].tool: this field is missing"


@pytest.mark.parametrize(
    ("text", "kind"), [("null", "null"), (f"[{BARE}]", "a list"), ("3", "the number 3"), ('"x"', "the text 'x'")]
)
def test_not_an_object(text: str, kind: str) -> None:
    """B11: A top-level array or null is rejected with the reason."""
    for reply in (text, f"```json\n{text}\n```"):
        assert f"$: expected an object, got {kind}" in problem(reply)
        assert read(reply).plan.steps == ()


def test_ids() -> None:
    """B12: Integer and string ids are both taken, and are texts inside."""
    reading = read(BARE)
    assert [step.id for step in reading.plan.steps] == ["1", "s2"]
    assert reading.plan.steps[1].depends_on == ("1",)


@given(text=st.sampled_from([*WRAPPED, COMPACT, *BROKEN]), data=st.data())
def test_any_chunking(text: str, data: st.DataObject) -> None:
    """B13: Whatever the chunking, down to one character, a reply reads as it does in one piece."""
    size = data.draw(st.integers(1, 9))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)) | set(range(0, len(text), size)))
    reader = PlanReader(BY_NAME, goal="task")
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        reader.feed(text[begin:end])
    assert reader.finish() == read(text)


def test_handed_on_at_once() -> None:
    """Each step is handed on with the very character that closes it, and no sooner."""
    reader = PlanReader(BY_NAME)
    closed = {at: steps[0].id for at, char in enumerate(COMPACT) if (steps := reader.feed(char))}
    assert closed == {COMPACT.index('"},{') + 1: "1", COMPACT.index("}},") + 1: "2"}


@given(st.text(alphabet='{}[]",:\\ a1\n`', max_size=60))
def test_any_prose(prose: str) -> None:
    """No text makes the reader fail otherwise than by a problem."""
    reading = read(prose)
    assert (
        reading.problems or reading.plan.steps or reading.plan.question or reading.plan.answer or not reading.plan.steps
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"steps":[],"question":"Which year?"}',
        '{"steps":[],"reason":"Which year?"}',
        '{"steps":[{"ask":"Which year?"}]}',
        '{"question":"Which year?"}',
    ],
)
def test_question(text: str) -> None:
    """B19: No steps but a reason or a question is a plan that asks it."""
    reading = read(text)
    assert (reading.plan.question, reading.plan.steps, reading.problems) == ("Which year?", (), ())


def test_thoughts() -> None:
    """A plan drafted in the thoughts before the reply is not the plan; thoughts that never end are said to."""
    assert read(f"<think>{COMPACT}</think>{BARE}").plan == read(BARE).plan
    assert "in the middle of its thoughts" in problem(f"<think>{COMPACT}")
    assert read(f"{BARE}<think>").plan == read(BARE).plan


def test_steps_as_text() -> None:
    """A list of steps that a model wrote as text is read, with a warning."""
    reading = read(json.dumps({"steps": json.dumps([{"search": "a"}])}))
    assert ([step.id for step in reading.plan.steps], reading.problems) == (["1"], ())
    assert reading.warnings


def test_positions() -> None:
    """Steps that cannot be read keep their number, so that the others keep theirs."""
    reader = PlanReader(BY_NAME, first_id=5)
    steps = reader.feed('{"steps":[{"search":"a"},{"search":"b",},{"search":"c"}]}')
    assert [step.id for step in steps] == ["5", "7"]


@pytest.mark.parametrize("second", [COMPACT, BARE, f"```json\n{BARE}\n```", '{"steps":[]}'])
def test_two_plans(second: str) -> None:
    """Of two plans in one reply the first counts, and a warning says so."""
    reading = read(f"{COMPACT}\nOr rather:\n{second}")
    assert (reading.plan, reading.problems) == (read(COMPACT).plan, ())
    assert reading.warnings == ("the reply holds a second plan; the first one counts",)
    assert read(f'{COMPACT} The "steps" are few.').warnings == ()


def test_repeated_keys() -> None:
    """A key written twice in one object is a warning that says which one counts."""
    reading = read('{"goal":"a","steps":[{"search":"a","search":"b"}],"goal":"c","steps":[{"search":"d"}]}')
    assert [step.tool_input for step in reading.plan.steps] == [{"query": "b"}]
    assert reading.plan.goal == "c"
    assert reading.warnings == (
        "$.steps[0]: 'search' is written twice, the last one counts",
        "$: 'goal' is written twice, the last one counts",
        "$: 'steps' is written twice, the first one counts",
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"steps":[// first\n{"search":"a"}]}',
        '{"steps":[{"search":"a"}, /* then */ {"search":"b"}]}',
        '{"steps":[{"search":"a" // why\n}]}',
        '{"steps":[{"search":"a"}] // end\n}',
        '{// plan\n"steps":[{"search":"a"}]}',
    ],
)
def test_comments(text: str) -> None:
    """Comments are no JSON: a problem that says so, and never a step of its own."""
    reading = read(text)
    assert {problem.code for problem in reading.problems} == {"parse"}
    assert "JSON has no comments" in "".join(map(str, reading.problems))
    assert len(reading.plan.steps) <= 2


def test_colliding_ids() -> None:
    """An id that two steps share is told with both places; neither step is lost."""
    reading = read('{"steps":[{"id":1,"tool":"search","tool_input":{"query":"a"}},{"id":"1","tool":"search"}]}')
    assert [step.id for step in reading.plan.steps] == ["1", "1"]
    [problem] = [one for one in check_plan(reading.plan, BY_NAME) if one.code == "duplicate"]
    assert problem.path.startswith("$.steps[1]")


@pytest.mark.parametrize("tag", ["think", "thinking", "thought", "reasoning"])
def test_tags_of_thoughts(tag: str) -> None:
    """Whatever a model calls its thoughts, a plan drafted there is not the plan."""
    assert read(f"<{tag}>\n{COMPACT}\n</{tag}>\n{BARE}").plan == read(BARE).plan


def test_ten_thousand_steps() -> None:
    """10,000 steps are read in proportion to their number."""

    def seconds(count: int) -> float:
        text = '{"steps":[' + ",".join(['{"search":"some words"}'] * count) + "]}"
        begin = time.thread_time()
        assert len(read(text).plan.steps) == count
        return time.thread_time() - begin

    assert seconds(10_000) < 0.5 + 40 * min(seconds(1_000) for _ in range(3))


def test_tutorial_plans(bench_data: Path) -> None:
    """The tutorial's plans load as they are published."""
    plans = json.loads((bench_data / "tutorial_plans.json").read_text())
    memo, _ = load_plan(json.dumps(plans["credit_memo"]))
    rebalance, warnings = load_plan(json.dumps(plans["rebalance"]))
    assert [step.id for step in memo.steps] == ["1", "2", "3", "4", "5", "6"]
    assert memo.steps[1].tool_input == {"years": 3}
    assert memo.steps[4].depends_on == ("3", "4")
    assert (len(rebalance.steps), warnings) == (6, ["$.note: unknown field, ignored"])


def test_larger_document() -> None:
    """A plan inside a larger document is not guessed; the error says where there are some."""
    with pytest.raises(PlanSchemaError) as caught:
        load_plan(json.dumps({"first": PLAN, "second": PLAN}))
    assert "$.first, $.second" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "{'steps': []}", '{"steps": [],}', "NaN", '{"a": "\\ud800"}', "[" * 9000]
)
def test_file_without_json(text: str) -> None:
    """A plan file that is no JSON object is a typed error."""
    with pytest.raises(PlanParseError):
        load_plan(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"steps": 3}', "$.steps"),
        ('{"steps": [3]}', "$.steps[0]"),
        ('{"steps": [{"id": 1}]}', "$.steps[0].tool"),
        ('{"steps": [{"id": true, "tool": "a"}]}', "$.steps[0].id"),
        ('{"goal": 3, "steps": []}', "$.goal"),
        ('{"steps": [{"id": 1, "tool": "a", "tool_input": []}]}', "$.steps[0].tool_input"),
    ],
)
def test_file_fields(text: str, path: str) -> None:
    """A wrong field of a plan file is named by its JSON path."""
    with pytest.raises(PlanError) as caught:
        load_plan(text)
    assert caught.value.details["problems"][0]["path"] == path
