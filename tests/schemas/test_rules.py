"""Rules over the arguments of a call."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rules import RuleError, broken_rule, names_in, parse_rule, rule_faults

ORDER: dict[str, Any] = {
    "amount_usd": 900,
    "currency": "EUR",
    "to": {"iban": "DE1", "items": 3},
    "rows": [{"price": 1}, {"price": 600.5}],
    "note": None,
    "rate": float("nan"),
    "text": "900",
    "urgent": True,
}


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("amount_usd > 500", "amount_usd is 900, above 500"),
        ("amount_usd > 500.5 and currency != 'USD'", "amount_usd is 900, above 500.5 and currency is EUR, not USD"),
        ("amount_usd < 5 or urgent", "urgent is true"),
        ("to.items > 2", "to.items is 3, above 2"),
        ("note == null", "note is null"),
        ("len(rows) >= 2", "len(rows) is 2, at least 2"),
        ('currency not in ["USD"]', 'currency is EUR, not in ["USD"]'),
        ("not has(to.bic)", 'not has(to.bic) (to is {"iban": "DE1", "items": 3})'),
        ("sum(r.price for r in rows) > 600", "sum((r.price for r in rows)) is 601.5, above 600"),
        ("starts_with(lower(currency), 'e')", "starts_with(lower(currency), 'e') (currency is EUR)"),
    ],
)
def test_a_rule_that_holds_says_why(rule: str, reason: str) -> None:
    """The reason names the argument, what it is and the bound."""
    assert broken_rule(rule, ORDER) == reason


@pytest.mark.parametrize(
    "rule", ["amount_usd > 900", "has(note)", "any(r.price > 601 for r in rows)", "0 < len(text) < 3"]
)
def test_a_rule_that_does_not_hold(rule: str) -> None:
    """Of a call that is within the rule nothing is said."""
    assert broken_rule(rule, ORDER) == ""


@pytest.mark.parametrize(
    "rule",
    [
        "total > 500",  # missing
        "text > 500",  # a text that looks like a number
        "text == 900",
        "rate > 500",  # NaN compares as false with everything
        "note > 3",
        "to.bic == 'X'",
        "amount_usd",  # neither true nor false
        "urgent or total > 3",  # what is unclear is looked at although the other side holds
        "amount_usd / (amount_usd - 900) > 1",
        "any(any(any(any(a > d for d in many) for c in many) for b in many) for a in many)",
    ],
)
def test_a_rule_that_cannot_be_told_raises(rule: str) -> None:
    """What is not clear is never taken for no."""
    with pytest.raises(RuleError):
        broken_rule(rule, {**ORDER, "many": list(range(60))})


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("amount_usd >", "invalid syntax"),
        ("amount_usd > 5 && urgent", "write and"),
        ("amount_usd = 5", "== compares"),
        ("2 ** 99999999 > 1", "** is not possible"),
        ("amount_usd + 1", "neither yes nor no"),
        ("__import__('os').system('ls') == 0", "there is no function"),
        ("currency.lower() == 'eur'", "did you mean lower(…)?"),
        ("(lambda: true)() == true", "there is no function"),
        ("[x for x in rows] == []", "is not possible"),
        ("has(1 > 2)", "has takes the name of an argument"),
        ("len(a, b) > 1", "len takes 1 argument"),
        ("note is null", "== compares"),
        ("-" * 60 + "1 > 0", "nested too deeply"),
        ("", "it is empty"),
        ("x" * 2_000, "longer than"),
    ],
)
def test_what_is_no_rule(rule: str, says: str) -> None:
    """It is refused in one line that says what to write instead."""
    with pytest.raises(RuleError) as caught:
        parse_rule(rule)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_arguments_of_a_rule() -> None:
    """What a loop names is no argument, nor is a function."""
    assert names_in(parse_rule("order.amount > limit and any(x > len(y) for x in items)")) == [
        "order",
        "limit",
        "y",
        "items",
    ]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("ammount > 5", "there is no argument 'ammount': did you mean 'amount'?"),
        ("amount > '5'", "amount is a number, and is compared with a text: '5'"),
        ("amount > 5 and to == 'x' and has(note)", ""),
    ],
)
def test_a_rule_against_the_schema(rule: str, fault: str) -> None:
    """An argument that the tool does not have, or another kind than it declares, is found before any call."""
    kinds = {"amount": {"type": "number"}, "to": {"type": "string"}, "note": {}}
    assert next(rule_faults(rule, {"properties": kinds}), "") == fault


@given(st.text(alphabet="ab.()[]<>=!&|+-*/%'\" andortif0159,:{}\\\n", max_size=60))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    """Whatever is written, nothing but a RuleError comes of it."""
    with contextlib.suppress(RuleError):
        broken_rule(text, {"a": 1, "b": [1, "x"]})
