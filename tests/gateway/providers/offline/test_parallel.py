"""One tool asked for several times in one clause."""

from __future__ import annotations

from tests.gateway.providers.offline.asking import TEXT, Offered, number, plan, text

CHANGE = Offered(
    "change_money",
    "Convert an amount of money from one currency to another",
    {
        "amount": number("Amount"),
        "from_code": text("Currency to convert from"),
        "to_code": text("Currency to convert to"),
    },
)
READ = Offered("read_text", "Read a text file", {"path": text("Path of the file")}, None, {"text": TEXT})
SHORTEN = Offered("shorten", "Summarize a text", {"text": text("The text")}, None, {"summary": TEXT})


def test_two_complete_sets_are_two_calls() -> None:
    """ "A to B and C to D" is two calls, each with its own values."""
    assert plan("Convert 250 GBP to JPY and 90 CHF to USD", [CHANGE]) == [
        {"change_money": {"amount": 250, "from_code": "GBP", "to_code": "JPY"}},
        {"change_money": {"amount": 90, "from_code": "CHF", "to_code": "USD"}},
    ]


def test_each_of_several_results() -> None:
    """ "Each" of two results is a call for either."""
    items = plan("Read a.txt and b.txt and summarize each of them", [READ, SHORTEN])
    assert items[2:4] == [{"shorten": "{{1.text}}"}, {"shorten": "{{2.text}}"}]
    assert plan("读取 a.txt 和 b.txt，分别总结它们", [READ, SHORTEN])[2:4] == items[2:4]
