"""What a model plans for the tasks of a set."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio

from benchmarks.quality.attempts import Attempt, Pupil, attempts, keep, read
from benchmarks.quality.plansets import Declared, GoldCall, PlanSet
from benchmarks.quality.scores import score

READ = Declared("read_text", "Read a text file", {"path": {"type": "string"}}, ("path",), {"text": {"type": "string"}})
SHORTEN = Declared("shorten", "Shorten a text", {"text": {"type": "string"}}, ("text",))
TASK = "Read a.txt, then shorten the text"
GOLD = (GoldCall("read_text", {"path": "a.txt"}), GoldCall("shorten", {"text": "{{1.text}}"}))


def test_the_offline_model_plans_through_the_engine(tmp_path: Path) -> None:
    """A plan that is right in tools, edges, arguments and values is exact; what is kept is read again."""
    plans = PlanSet("one", (READ, SHORTEN), ((TASK, GOLD),))
    (found,) = anyio.run(partial(attempts, plans, Pupil(), made=lambda one: keep(one, tmp_path)))
    assert score(plans, [found]).exact == 1
    assert read(tmp_path) == [found]


def test_each_task_may_have_tools_of_its_own() -> None:
    """A tool that only another task is offered is not planned with."""
    plans = PlanSet("own", (), (("Read a.txt", GOLD[:1]), ("Read a.txt", ())), ((READ,), (SHORTEN,)))
    found = anyio.run(attempts, plans, Pupil())
    assert [[step["tool"] for step in one.steps] for one in found] == [["read_text"], []]


def test_what_was_planned_is_not_asked_for_again(tmp_path: Path) -> None:
    """A known attempt stands, unless it is of another text or another model; a broken line is none."""
    plans = PlanSet("one", (READ,), (("Read a.txt", ()), ("Read b.txt", ())))
    known = [Attempt("one", 0, "Read a.txt", "offline"), Attempt("one", 1, "Read c.txt", "offline")]
    for one in known:
        keep(one, tmp_path)
    with (tmp_path / "attempts.jsonl").open("a") as lines:
        lines.write('{"plans": "o')
    made = list[Attempt]()
    found = anyio.run(partial(attempts, plans, Pupil(), read(tmp_path), made=made.append))
    assert found == [known[0], *made]
    assert [one.task for one in made] == ["Read b.txt"]
