"""How alike plans are."""

from __future__ import annotations

import time
from typing import Any

from engine.dag.similarity import SAME, calls, similarity, words
from schemas.plan import Step
from tests.dag.graphs import step

Values = dict[str, Any]


def alike(new: list[Step], failed: list[Step], broken: Values, values: Values | None = None) -> float:
    """Likeness of a new plan to one of which ``broken`` (id → sent input) failed."""
    lookup = (values or {}).__getitem__
    return similarity(calls(new, lookup), calls(failed, lookup, broken))


def test_the_same_failed_call_again() -> None:
    """The same failed tool with the same resolved input is at least 0.9, whatever else the new plan does."""
    values = {"1": {"city": "Paris"}}
    failed = [step(2, "search", tool_input={"query": "{{1.city}}"}), step(3, "look", 2)]
    others = [step(i, "send", tool_input={"n": i}) for i in range(10, 20)]
    again = [*others, step(7, "search", tool_input={"query": "Paris"})]
    assert alike(again, failed, {"2": {"query": "Paris"}}, values) >= SAME


def test_another_tool_or_input_is_less() -> None:
    """With the failed step's tool or arguments changed the likeness is below 0.9, however much stays."""
    others = [step(i, "send", tool_input={"n": i}) for i in range(10, 20)]
    failed = [*others, step(2, "search", tool_input={"query": "Paris"})]
    for changed in (
        step(2, "look", tool_input={"query": "Paris"}),
        step(2, "search", tool_input={"query": "Rome"}),
        step(2, "search", tool_input={"query": "Paris", "limit": 3}),
        step(2, "search", tool_input={"query": "Paris"}, foreach=[1, 2]),
    ):
        assert alike([*others, changed], failed, {"2": {"query": "Paris"}}) < SAME


def test_numbers_and_wording_change_nothing() -> None:
    """Other ids, another order, other descriptions, case and spaces: still the same plan."""
    failed = [step(1, "search", tool_input={"query": "Café  prices"}), step(2, "look", tool_input={"x": "{{1.rows}}"})]
    again = [
        step(8, "look", tool_input={"x": "{{9.rows}}"}, rationale="once more"),
        step(9, "search", tool_input={"query": "CAFE\u0301 prices"}, description="look it up"),
    ]
    assert alike(again, failed, {"1": {"query": "Café  prices"}}) == 1.0


def test_another_input_upstream_is_another_call() -> None:
    """A step whose input comes from a changed step is changed with it."""
    chain = [step(1, "search", tool_input={"query": "a"}), step(2, tool_input={"x": "{{1}}"})]
    other = [step(1, "search", tool_input={"query": "b"}), step(2, tool_input={"x": "{{1}}"})]
    assert calls(chain, {}.__getitem__)[1].key != calls(other, {}.__getitem__)[1].key


def test_chinese_japanese_and_korean_by_bigrams() -> None:
    """B77: Text without spaces is compared by pairs of characters: a near wording is near, a foreign one is not."""
    assert words("東京都の天気") == ["東京", "京都", "都の", "の天", "天気"]
    for near, far, text in (
        ("东京今天的天气预报", "苹果公司去年的收入", "东京今天的天气"),
        ("今日の東京の天気予報", "会社の売上高を調べる", "今日の東京の天気"),
        ("서울의오늘날씨예보", "회사의작년매출액", "서울의오늘날씨"),
    ):
        old = calls([step(1, "search", tool_input={"query": text})], {}.__getitem__)
        scores = [
            similarity(calls([step(1, "search", tool_input={"query": new})], {}.__getitem__), old)
            for new in (near, far)
        ]
        assert 1 > scores[0] > scores[1] + 0.3


def test_plans_of_nothing() -> None:
    """Two empty plans are the same; an empty one is like no other."""
    one = calls([step(1)], {}.__getitem__)
    assert (similarity([], []), similarity(one, []), similarity([], one)) == (1.0, 0.0, 0.0)


def test_a_ladder_of_references_takes_no_time() -> None:
    """Forty steps that each refer twice to the one before, and a chain of a thousand, are compared in a second."""
    ladder = [step(0), *(step(i, tool_input={"a": f"{{{{{i - 1}}}}}", "b": f"{{{{{i - 1}}}}}"}) for i in range(1, 40))]
    chain = [step(0), *(step(i, tool_input={"a": f"{{{{{i - 1}.x}}}}"}) for i in range(1, 1000))]
    began = time.perf_counter()
    assert alike(ladder, ladder, {"39": None}) == alike(chain, chain, {"999": None}) == 1.0
    assert time.perf_counter() - began < 1
