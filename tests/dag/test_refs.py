"""References into results."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.refs import SKIPPED, Reference, as_text, exists, find_references, locate, locate_keys, parse, resolve
from engine.dag.refs import short as shortened
from schemas.errors import StepInputError

RESULT = {
    "rows": [{"price": 3.5, "name": "a"}, {"price": None, "name": "b"}],
    "total price": 7,
    "7": "seven",
    'odd"name': 1,
    "ok": True,
    "text": "{{2.secret}} \\{{x}}",
}


def value(text: str, result: Any = RESULT) -> Any:
    """What a text becomes when every step gave ``result``."""
    return resolve(text, lambda _: result)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{1.rows[0].price}}", 3.5),
        ("{{ 1 . rows[ 0 ].price }}", 3.5),
        ("{{1.rows[-1].name}}", "b"),
        ("{{1.ok}}", True),
        ("{{1.rows[1].price}}", None),
        ('{{1."total price"}}', 7),
        ("{{1['total price']}}", 7),
        ('{{1["total price"]}}', 7),
        ("{{1['odd\"name']}}", 1),
        ("{{1[7]}}", "seven"),
        ("{{1.rows}}", RESULT["rows"]),
        ("{{1}}", RESULT),
    ],
)
def test_a_whole_reference_keeps_its_type(text: str, expected: Any) -> None:
    """B22: A whole-string reference gives the value with its JSON type; names may hold spaces, indices be negative."""
    assert value(text) == expected
    assert type(value(text)) is type(expected)


def test_inside_text_it_is_interpolated() -> None:
    """B22: Inside text strings stand bare, and everything else as compact JSON."""
    assert value("{{1.rows[0].name}}: {{1.rows[0].price}}, {{1.ok}}, {{1.rows[1]}}") == (
        'a: 3.5, true, {"price": null, "name": "b"}'
    )


@pytest.mark.parametrize(
    ("text", "missing", "there"),
    [
        ("{{1.row}}", "no 'row' at its top", "keys there: rows, total price"),
        ("{{1.rows[2]}}", "no item 2 at rows", "it is a list of 2"),
        ("{{1.rows[-3]}}", "no item -3 at rows", "it is a list of 2"),
        ("{{1.rows[1].price.eur}}", "no 'eur' at rows[1].price", "it is null"),
        ("{{1.rows[0].prise}}", "no 'prise' at rows[0]", "keys there: price, name"),
        ("{{1.ok.x}}", "no 'x' at ok", "it is a bool"),
    ],
)
def test_an_absent_path_names_what_is_there(text: str, missing: str, there: str) -> None:
    """B22: A path that is absent fails the step with the path and the keys there are; null is not absent."""
    with pytest.raises(StepInputError) as caught:
        value(text)
    assert text in caught.value.message
    assert missing in caught.value.message
    assert there in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{1.rows[?price > `3`].name}}", ["a"]),
        ("{{1.rows[?name=='b'] | [0].price}}", None),
        ("{{1.rows[*].name}}", ["a", "b"]),
        ("{{1.length(rows)}}", 2),
        ("{{1.{n: rows[0].name, t: ok}}}", {"n": "a", "t": True}),
        ("{{1.rows[:1]}}", [RESULT["rows"][0]]),
    ],
)
def test_other_paths_are_jmespath(text: str, expected: Any) -> None:
    """Filters, projections, slices, functions and objects are JMESPath."""
    assert value(text) == expected


def test_an_escaped_brace_is_a_literal() -> None:
    r"""``\{{`` gives ``{{``, alone and beside a reference, and is no dependency."""
    assert value(r"write \{{1.ok}} for {{1.ok}}") == "write {{1.ok}} for true"
    assert [str(found) for found in find_references(r"\{{2}} {{1}}")] == ["{{1}}"]


def test_what_comes_in_is_data() -> None:
    """A result that holds braces is put in as it is: it is never read as a reference."""
    assert value("{{1.text}}") == RESULT["text"]
    assert value("<{{1.text}}>") == f"<{RESULT['text']}>"


def test_a_skipped_step_is_null() -> None:
    """Every path into a skipped step is null, and nothing exists there."""
    assert value("{{1}}", SKIPPED) is value("{{1.a[3]}}", SKIPPED) is value("{{1.a[*]}}", SKIPPED) is None
    assert value("got {{1.a}}", SKIPPED) == "got null"
    for text in ("{{1}}", "{{1.a}}"):
        (reference,) = parse(text)
        assert isinstance(reference, Reference)
        assert not exists(reference, SKIPPED)
        assert exists(reference, {"a": None})


@given(
    st.recursive(
        st.sampled_from(["{{1}}", "a {{2.x}} b {{1}}", r"\{{3}}", "{{", "plain", 4, None, True]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "{{4}}"]), inner) | st.tuples(inner),
    )
)
def test_references_are_found_wherever_they_stand(value: Any) -> None:
    """They are those that are found with their places, in the same order."""
    assert find_references(value) == [found.reference for found in locate(value)]


def test_where_references_stand() -> None:
    """Each reference is found with its JSON path, and keys that hold one are found too."""
    nested = {"a": ["x", {"b": "{{1.c}} {{2}}"}], "{{3}}": {"{{x": 1, "y{{4}}": 2}}
    assert [(str(found.reference), found.where) for found in locate(nested, "$")] == [
        ("{{1.c}}", "$.a[1].b"),
        ("{{2}}", "$.a[1].b"),
    ]
    assert list(locate_keys(nested, "$")) == ["$.{{3}}", "$.{{3}}.y{{4}}"]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{1[::0]}}", [1]),
        ("{{1[?a > 'x']}}", [{"a": 1}]),
        ("{{1.sort_by(@, &a)}}", [{"a": 1}, {"a": "x"}]),
        ("{{1.nothing(@)}}", {}),
        ("{{1" + "[" * 4000 + "}}", {}),
        ("{{1[" + "9" * 5000 + "]}}", [1]),
        ("{{}}", {}),
        ("{{.a}}", {}),
        ("{{1 and 2}}", {}),
        ("{{1.&@}}", {}),
        ("x{{1.[&a]}}", {}),
        ("{{1.to_array(&a)}}", {}),
        ("{{" + "z" * 50_000 + ".a}}", {}),
    ],
)
def test_what_cannot_be_followed_fails_the_step(text: str, result: Any) -> None:
    """A path nobody can evaluate is a step's input error with one short line, whatever the library raised."""
    with pytest.raises(StepInputError) as caught:
        value(text, result)
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


def test_a_result_too_deep_for_text_fails_the_step() -> None:
    """A value nested a hundred thousand levels deep passes whole, but cannot stand inside text."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert value("{{1}}", deep) is deep
    with pytest.raises(StepInputError, match="nested too deeply"):
        value("x{{1}}", deep)


SCRIPT = st.text(st.sampled_from("{}[]()1a.?*|&@:,'\"` \\-\n²é"), max_size=24)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a{}1", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a1 ", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(SCRIPT | SCRIPT.map(lambda body: f"{{{{1{body}}}}}") | SCRIPT.map(lambda body: f"x{{{{a.{body}}}}}"), VALUES)
def test_resolving_fails_in_one_way_only(text: str, result: Any) -> None:
    """Whatever stands in a text and whatever a step gave, resolving gives a value or a StepInputError."""
    try:
        found = value(text, result)
    except StepInputError:
        return
    assert text.count("{{") or found == text
    assert json.dumps(found)


@given(SCRIPT)
def test_text_without_references_is_kept(text: str) -> None:
    """A text whose braces are escaped comes out as it was."""
    plain = text.replace("\\", "/")
    assert value(plain.replace("{{", "\\{{")) == plain


@given(VALUES)
def test_text_of_a_value_reads_back(result: Any) -> None:
    """A value inside text is its JSON."""
    shown = as_text(result)
    assert shown == (result if isinstance(result, str) else json.dumps(result, ensure_ascii=False))


def test_long_names_are_shortened() -> None:
    """A message never holds more than 80 characters of a name."""
    assert shortened("x" * 80) == "x" * 80
    assert shortened("x" * 81) == "x" * 79 + "…"


def test_a_brace_around_a_reference() -> None:
    """A brace right before a reference is text, so that an object can be written around it."""
    assert resolve('{"n": {{{1.n}}}}', lambda _: {"n": 3}) == '{"n": {3}}'
