"""engine usage."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import anyio
import pytest
import typer

from engine.cli.usage import day, names
from engine.durable.sqlite.store import SqliteStore
from schemas.bookkeeping import ApiKey, UsageLine
from schemas.result import Usage
from tests.cli.command import called, one_error_line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with three days of usage of two models, one of them without a known price."""

    async def fill() -> None:
        store = SqliteStore(tmp_path / "runs.db")
        await store.key_store.add(ApiKey(id="k_1", name="app", hash="0" * 64))
        for number in (19, 20, 21):
            used = Usage(calls=2, input_tokens=1_000, cached_tokens=400, output_tokens=50)
            line = UsageLine(day=f"2026-11-{number}", key="k_1", provider="openai", model="gpt-5", usage=used)
            await store.usage_book.add([line.model_copy(update={"cost_nano_usd": 1_500_000, "run_id": f"r{number}"})])
        unknown = UsageLine(day="2026-11-21", provider="own", model="=x", usage=Usage(calls=1), unpriced_calls=1)
        await store.usage_book.add([unknown.model_copy(update={"failed_calls": 1})])
        await store.aclose()

    anyio.run(fill)
    return tmp_path


def usage(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run engine usage on the store in a folder."""
    return called("usage", *args, "--store", "runs.db", cwd=cwd)


def test_a_table(folder: Path) -> None:
    """People get a table with a total; an unknown price is marked, and columns in which nothing stands are left out."""
    done = usage("--by", "model", cwd=folder)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [
        ["model", "calls", "input", "cached", "output", "failed", "cost", "USD"],
        ["=x", "1", "0", "0", "0", "1", "?"],
        ["gpt-5", "6", "3,000", "1,200", "150", "0", "0.004500"],
        ["total", "7", "3,000", "1,200", "150", "1", "0.004500+"],
    ]
    assert "1 call has no known price" in done.stderr


def test_programs_get_exact_numbers(folder: Path) -> None:
    """JSON and CSV carry the sums in billionths, an unknown cost as null or nothing, and no formula."""
    told = json.loads(usage("--by", "key,run", "--json", cwd=folder).stdout)
    assert [(row["key"], row["run"], row["cost_nano_usd"]) for row in told["rows"]][-1] == ("k_1", "r21", 1_500_000)
    assert (told["total"]["calls"], told["total"]["unpriced_calls"]) == (7, 1)
    rows = list(csv.DictReader(io.StringIO(usage("--by", "model", "--csv", cwd=folder).stdout)))
    assert [(row["model"], row["cost_usd"]) for row in rows] == [("'=x", ""), ("gpt-5", "0.004500000")]


@pytest.mark.parametrize(
    ("args", "calls"),
    [
        (("--since", "2026-11-20", "--until", "2026-11-20"), 2),
        (("--key", "app"), 6),
        (("--key", "k_1", "--model", "openai/gpt-5", "--since", "2026-11-20"), 4),
        (("--run", "r19"), 2),
        (("--agent", "nobody"), 0),
        (("--top", "1", "--by", "run"), 7),
    ],
)
def test_only_what_is_asked(folder: Path, args: tuple[str, ...], calls: int) -> None:
    """Options narrow what is counted; the total is of all that they leave."""
    assert json.loads(usage(*args, "--json", cwd=folder).stdout)["total"]["calls"] == calls


def test_a_key_is_shown_by_its_name(folder: Path) -> None:
    """Keys are told by name and id, calls without one as such, and nothing counted is said."""
    assert "app (k_1)" in usage("--by", "key", cwd=folder).stdout
    assert "none" in usage("--by", "key", cwd=folder).stdout
    assert usage("--run", "x", cwd=folder).stdout == "nothing was counted in runs.db for that\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--by", "dey"), "'dey' is none of day, key"),
        (("--since", "soon"), "'soon' is no day"),
        (("--key", "apq"), "did you mean app"),
        (("--csv", "--json"), "choose one"),
    ],
)
def test_wrong_words_are_one_line(folder: Path, args: tuple[str, ...], told: str) -> None:
    """Each mistake is one line that says what there is."""
    assert told in one_error_line(usage(*args, cwd=folder))


def test_days_and_names() -> None:
    """Days are written as people do; names may be repeated."""
    assert (day("2026-11"), day("2026-01-31")) == ("2026-11-01", "2026-01-31")
    assert day("1w") < day("6d") < day("yesterday") < day("today")
    assert names("run, model,run") == ("run_id", "model")
    with pytest.raises(typer.BadParameter):
        names(",")
