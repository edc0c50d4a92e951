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


def test_acts_beside_runs_and_runs_that_are_gone(tmp_path: Path) -> None:
    """Keys, budgets, agents and schedules: who did what to them; a deleted run still verifies an export of it."""
    folder = desk(tmp_path, call("double", number=2))
    assert engine("apply", "plan.json", cwd=folder).returncode == 0
    export = engine("audit", "--json", cwd=folder).stdout
    secret = engine("keys", "create", "app", "--usd", "5", cwd=folder).stdout.strip()
    for command in (
        ("keys", "change", "app", "--usd", "7"),
        ("keys", "rotate", "app"),
        ("keys", "revoke", "app"),
        ("budgets", "set", "agent:a", "--usd", "1"),
        ("budgets", "resume", "agent:a"),
        ("agents", "add", "sky", "--url", "http://127.0.0.1:9/v1"),
        ("agents", "disable", "sky"),
        ("agents", "remove", "sky"),
        ("schedule", "add", "news", "What is new?", "--daily", "09:30"),
        ("schedule", "pause", "news"),
        ("runs", "delete", "last", "--yes"),
    ):
        done = engine(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
    told = engine("audit", "--json", cwd=folder).stdout
    found = [json.loads(line) for line in told.splitlines()]
    acts = [(one["what"], one["about"], one["act"]) for one in found if one["act"]]
    assert acts == [
        *[("key", "app", act) for act in ("created", "changed", "rotated", "revoked")],
        *[("budget", "agent:a", act) for act in ("changed", "resumed")],
        *[("agent", "sky", act) for act in ("added", "disabled", "removed")],
        *[("schedule", "news", act) for act in ("added", "paused")],
    ]
    assert {(one["by"], one["through"]) for one in found if one["act"]} == {(me(), "terminal")}
    assert [one["input"]["usd"] for one in found if one["what"] == "key" and "usd" in one["input"]] == [5.0, 7.0]
    assert (secret in told, '"hash"' in told) == (False, False)
    assert [one["what"] for one in found if one["run_id"]][-1] == "removed"
    (folder / "export.jsonl").write_text(export + told)
    assert engine("audit", "--verify", "export.jsonl", cwd=folder).returncode == 0
