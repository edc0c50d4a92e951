"""Plain tasks of a new user: what is planned, and what is not."""

from __future__ import annotations

import pytest

from tests.gateway.providers.offline.asking import NUMBER, TEXT, Offered, number, plan, text

CALC = Offered("calc", "Evaluate an arithmetic expression.", {"expression": text("Such as (3+4)*2")})
WRITE = Offered("save", "Write text to a file.", {"path": text("Path of the file"), "text": text("The text to write")})
MATCHES = {"matches": {"type": "array", "items": {"type": "object"}}}
SEARCH = Offered("grep", "Search the text files for a word or phrase.", {"text": text("Word to find")}, None, MATCHES)
ROWS = {"type": "array", "items": {"type": "object", "properties": {"path": TEXT, "size": NUMBER}}}
FILES = Offered(
    "files",
    "List the files of a folder.",
    {"folder": text("Folder to look in"), "pattern": text("Which names to list, such as *.csv or report*")},
    [],
    {"files": ROWS},
)
READ = Offered("read", "Read the text of a file.", {"path": text("Path of the file")}, None, {"text": TEXT})
DOUBLE = Offered("double", "Double a number.", {"value": number("The number")}, None, {"result": NUMBER})
WAIT = Offered("wait", "Wait some seconds.", {"seconds": number("Seconds to wait")})
ALL = [CALC, WRITE, SEARCH, FILES, READ]


@pytest.mark.parametrize(
    ("task", "expression"),
    [
        ("what is -5 times -3", "-5 * -3"),
        ("what is 15% off $80?", "80 - 15/100*80"),
        ("how much is 20% tip on €54.50", "20/100*54.50"),
        ("increase 200 by 10%", "200 + 10/100*200"),
        ("half of 90 plus 4", "90 / 2 + 4"),
        ("Was ist die Quadratwurzel aus 81?", "81 ** 0.5"),
    ],
)
def test_arithmetic_in_words(task: str, expression: str) -> None:
    """Arithmetic said in words becomes an expression."""
    assert plan(task, ALL)[0] == {"calc": expression}


def test_an_ordinal_means_its_result() -> None:
    """ "The first result" is the first result, not the last; the number is never left out."""
    items = plan("double 21 and wait 3 seconds, then double the first result", [DOUBLE, WAIT])
    assert items == [{"double": {"value": 21}}, {"wait": {"seconds": 3}}, {"double": {"value": "{{1.result}}"}}]


def test_results_of_one_clause_are_written_together() -> None:
    """ "The result" of a clause that gave two is both; of a sum made of them, the sum."""
    items = plan("calculate 3*4 and 5*6 and write the result to out.txt", ALL)
    assert items[2]["save"]["text"] == "3*4: {{1}}\n5*6: {{2}}"
    items = plan("calculate 3*4 and 5*6, add the two and write the result to out.txt", ALL)
    assert items[3]["save"]["text"] == "{{3}}"


def test_counting_what_was_found_is_no_second_search() -> None:
    """Counting the lines of a result is for the answer, not for another call."""
    assert plan('Search for "teapot" and count the lines', ALL) == [{"grep": "teapot"}]


@pytest.mark.parametrize("task", ["Delete all files", "Book a flight to Paris", "What is the capital of France?"])
def test_a_deed_no_tool_does(task: str) -> None:
    """A tool is not taken for a deed that it says nothing of."""
    assert "No tool here fits" in plan(task, ALL)[0]["ask"]


@pytest.mark.parametrize("task", ["Do not read notes.txt", "Don't write 'x' to x.txt", "不要读取 notes.txt"])
def test_what_is_forbidden_is_not_done(task: str) -> None:
    """A clause that says what must not be done gives no call."""
    assert [item for item in plan(task, ALL) if "ask" not in item] == []


def test_file_names_by_pattern_and_each_by_its_path() -> None:
    """ "Csv files" is a pattern, and each item of a list of objects is taken by the field that fits."""
    items = plan("List all csv files, then read each of them", ALL)
    assert items[0]["files"] == {"pattern": "*.csv"}
    assert items[1] == {"step": {"read": {"path": "{{item.path}}"}}, "foreach": "{{1.files}}"}


def test_a_mail_of_the_translation_takes_it_by_reference() -> None:
    """ "Mail the translation" takes the earlier result; no text is made up."""
    speak = Offered(
        "fanyi", "翻译文本。", {"text": text("要翻译的文本"), "lang": text("目标语言")}, None, {"translation": TEXT}
    )
    mail = Offered("mail", "发送邮件。", {"to": text("收件人邮箱 email"), "body": text("正文 text")})
    items = plan("把“早上好”翻译成英文，然后把翻译发邮件给 ann@example.com", [speak, mail])
    assert items[1]["mail"] == {"to": "ann@example.com", "body": "{{1.translation}}"}
