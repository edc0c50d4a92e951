"""``engine audit``."""

from __future__ import annotations

import json
from pathlib import Path

from engine.cli.terminal import me
from tests.cli.command import engine
from tests.cli.desk import call, desk


def test_an_account_and_its_proof(tmp_path: Path) -> None:
    """Who approved what by which command is told; an export is found to be as it was, or not to be."""
    folder = desk(tmp_path, call("note", text="a"))
    ran = engine("apply", "plan.json", cwd=folder)
    assert ran.returncode == 12, ran.stderr
    engine("runs", "approve", "last", cwd=folder)
    told = engine("audit", "--json", cwd=folder)
    found = {line["what"]: line for line in map(json.loads, told.stdout.splitlines())}
    assert (found["decided"]["by"], found["decided"]["through"]) == (me(), "terminal")
    assert (found["called"]["tool"], found["called"]["outcome"]) == ("note", "done")
    (folder / "export.jsonl").write_text(told.stdout)
    assert engine("audit", "--verify", "export.jsonl", cwd=folder).returncode == 0
    (folder / "export.jsonl").write_text(told.stdout.replace(found["asked"]["digest"], "0" * 64))
    changed = engine("audit", "--verify", "export.jsonl", cwd=folder)
    assert (changed.returncode, "is not what it was" in changed.stdout) == (1, True)
    shown = engine("audit", "--what", "decided", cwd=folder).stdout
    assert me() in shown
    assert "approve" in shown
