"""Approvals asked in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import engine
from tests.cli.desk import call, desk
from tests.terminal import Terminal


def notes(folder: Path) -> Path:
    """A plan of one note that needs approval beside a step that does not."""
    return desk(folder, call("note", text="hello"), call("double", number=4), answer="{{1}}, {{2}}")


@pytest.mark.parametrize("yes", ["y", "yes", "  YES "])
def test_yes_runs_the_step(tmp_path: Path, yes: str) -> None:
    """B46: the input is shown as it will be sent, other steps go on, and yes runs the step once."""
    terminal = Terminal("apply", "plan.json", cwd=notes(tmp_path))
    terminal.expect('"text": "hello"')
    terminal.expect("[e]dit >")
    assert not (tmp_path / "note.txt").exists()
    terminal.type(yes)
    assert terminal.end() == 0
    assert "noted hello, 8" in terminal.text
    assert (tmp_path / "note.txt").read_text() == "hello"


def test_no_with_its_reason(tmp_path: Path) -> None:
    """No fails the step with the person's reason, and nothing is written."""
    terminal = Terminal("apply", "plan.json", cwd=notes(tmp_path))
    terminal.expect("[e]dit >")
    terminal.type("no not on a Friday")
    assert terminal.end() == 7
    assert "not on a Friday" in terminal.text
    assert not (tmp_path / "note.txt").exists()


def test_edit_in_the_editor(tmp_path: Path) -> None:
    """Edit opens $EDITOR on the input; what is saved is checked and sent."""
    folder = notes(tmp_path)
    terminal = Terminal("apply", "plan.json", cwd=folder, EDITOR="sed -i s/hello/edited/")
    terminal.expect("[e]dit >")
    terminal.type("e")
    assert terminal.end() == 0
    assert (tmp_path / "note.txt").read_text() == "edited"


def test_wrong_edit_is_asked_again(tmp_path: Path) -> None:
    """An edit that breaks the tool's schema is refused and the question comes again."""
    terminal = Terminal("apply", "plan.json", cwd=notes(tmp_path), EDITOR="sed -i s/text/txt/")
    terminal.expect("[e]dit >")
    terminal.type("e")
    terminal.expect("error: ")
    terminal.type("y")
    assert terminal.end() == 0
    assert (tmp_path / "note.txt").read_text() == "hello"


def test_unclear_answer_is_asked_again(tmp_path: Path) -> None:
    """B47: an unclear answer changes nothing and names the approval that is asked for."""
    terminal = Terminal("apply", "plan.json", cwd=notes(tmp_path))
    terminal.expect("[e]dit >")
    terminal.type("maybe")
    terminal.expect("please answer yes, no or edit for approval a1\n  [y]es")
    terminal.type("n")
    terminal.expect("reason")
    terminal.type("")
    assert terminal.end() == 7
    assert not (tmp_path / "note.txt").exists()


def test_a_question_of_a_tool_is_answered_in_words(tmp_path: Path) -> None:
    """B51: what a tool asks stands there in its words; an empty line asks again, a text is the answer."""
    terminal = Terminal("apply", "plan.json", cwd=desk(tmp_path, call("choose"), answer="it is {{1}}"))
    terminal.expect("Which one?")
    terminal.expect("there is none) >")
    terminal.type("")
    terminal.expect("please answer with the answer")
    terminal.type("the blue one")
    assert terminal.end() == 0
    assert "it is the blue one" in terminal.text


def test_a_question_may_be_refused(tmp_path: Path) -> None:
    """B51: /no with a reason declines a question, and the step fails with it."""
    terminal = Terminal("apply", "plan.json", cwd=desk(tmp_path, call("choose"), answer="it is {{1}}"))
    terminal.expect("there is none) >")
    terminal.type("/no I cannot tell")
    assert terminal.end() == 7
    assert "declined: I cannot tell" in terminal.text


def test_a_tool_that_asks_where_nobody_is_does_not_wait(tmp_path: Path) -> None:
    """B51: in a script its question is declined at once."""
    done = engine("apply", "plan.json", "-q", cwd=desk(tmp_path, call("choose"), answer="it is {{1}}"))
    assert (done.returncode, "nobody is here to answer" in done.stderr) == (7, True)


def test_several_are_asked_one_by_one(tmp_path: Path) -> None:
    """Two approvals are asked one after the other, each by its own id."""
    folder = desk(tmp_path, call("note", text="one"), {**call("note", text="two"), "depends_on": [1]}, answer="{{2}}")
    terminal = Terminal("apply", "plan.json", cwd=folder)
    terminal.expect("approval a1")
    terminal.type("y")
    terminal.expect("approval a2")
    terminal.type("y")
    assert terminal.end() == 0
    assert (tmp_path / "note.txt").read_text() == "two"


def test_nobody_is_here(tmp_path: Path) -> None:
    """Where nobody can answer and nothing is kept, the step is denied with that reason; --approve all runs it."""
    folder = notes(tmp_path)
    done = engine("apply", "plan.json", "--no-store", cwd=folder)
    assert done.returncode == 7
    assert "nobody is here to answer" in done.stderr
    assert engine("apply", "plan.json", "--approve", "all", cwd=folder).returncode == 0


def test_plan_is_approved_first(tmp_path: Path) -> None:
    """B49: --approve plan shows graph, table and estimate before anything runs; yes runs it all."""
    terminal = Terminal("apply", "plan.json", "--approve", "plan", cwd=notes(tmp_path))
    terminal.expect("run this plan?")
    terminal.expect("estimate:")
    terminal.expect("[e]dit >")
    assert all(word in terminal.text for word in ("step", "effects", "writes, asks", "reads"))
    terminal.type("y")
    terminal.end()
    assert "✓ 2" in terminal.text


def test_plan_is_edited(tmp_path: Path) -> None:
    """An edited plan is checked and runs instead; one that cannot run is refused and asked again."""
    folder = desk(tmp_path, call("double", number=4), answer="result {{1}}")
    terminal = Terminal("apply", "plan.json", "--approve", "plan", cwd=folder, EDITOR="sed -i s/4/21/")
    terminal.expect("[e]dit >")
    terminal.type("e")
    assert terminal.end() == 0
    assert "result 42" in terminal.text


def test_edited_plan_with_an_unknown_tool(tmp_path: Path) -> None:
    """An edited plan that names no declared tool is refused with the reason, and asked again."""
    folder = desk(tmp_path, call("double", number=4), answer="result {{1}}")
    terminal = Terminal("apply", "plan.json", "--approve", "plan", cwd=folder, EDITOR="sed -i s/double/duble/")
    terminal.expect("[e]dit >")
    terminal.type("e")
    terminal.expect("error: ")
    terminal.type("n never")
    assert terminal.end() != 0


def test_end_of_input_is_nobody(tmp_path: Path) -> None:
    """Ctrl-D at a question denies the step: nobody answers any more."""
    terminal = Terminal("apply", "plan.json", cwd=notes(tmp_path))
    terminal.expect("[e]dit >")
    terminal.type_end()
    assert terminal.end() == 7
    assert "nobody is here to answer" in terminal.text


def test_json_tells_the_answer(tmp_path: Path) -> None:
    """The record holds who answered what."""
    done = engine("apply", "plan.json", "--json", "--no-store", cwd=notes(tmp_path))
    answered = [line for line in map(json.loads, done.stdout.splitlines()) if line["kind"] == "approval_answered"]
    assert [(line["decision"], line["by"], line["through"]) for line in answered] == [("reject", "", "terminal")]


def test_answered_elsewhere(tmp_path: Path) -> None:
    """A question that somebody answers by another command is withdrawn, and the run goes on here."""
    folder = desk(tmp_path, call("note", text="x"), answer="{{1}}")
    terminal = Terminal("apply", "plan.json", cwd=folder)
    terminal.expect("[e]dit >")
    said = engine("runs", "approve", "last", "a1", cwd=folder)
    assert (said.returncode, said.stderr.startswith("approved; run ")) == (0, True), said.stderr
    terminal.expect("approval a1 was answered elsewhere")
    assert terminal.end() == 0
    assert "noted x" in terminal.text
