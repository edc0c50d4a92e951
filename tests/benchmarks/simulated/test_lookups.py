"""The ideal model of the load on ``engine serve``."""

from __future__ import annotations

import json

from benchmarks.simulated.lookups import CASE, finding, look, question, tell, told
from benchmarks.simulated.oracle import Asked, Turn
from schemas.fence import fence


def test_each_question_is_planned_with_its_own_number() -> None:
    """Two look-ups of the item that is asked about, none for anything else."""
    planned = json.loads(look(CASE, Asked("look", (Turn("user", question(42)),))).text)
    assert [each["look"]["item"] for each in planned["steps"]] == [42, 42]
    assert json.loads(look(CASE, Asked("look", (Turn("user", "hello"),))).text) == {"steps": []}


def test_the_answer_tells_what_was_found() -> None:
    """What stands in the results is the answer, which is right where the results are."""
    shown = "\n".join(fence("result", finding(42, side), step="1") for side in ("left", "right"))
    assert tell(CASE, Asked("tell", (Turn("user", shown),))).text.startswith(told(42))
