"""``engine compare`` on the offline model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from engine.cli import main
from engine.cli.compare import show
from engine.comparison import Comparison
from engine.comparison.figures import system_report
from schemas.result import Usage
from tests.cli.command import clean_environ
from tests.comparison.test_figures import run

TASK = "What is 17 * 23, and how many days are between 2024-01-01 and 2024-03-01?"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENGINE_CONFIG", clean_environ()["ENGINE_CONFIG"])
    monkeypatch.setattr("engine.config.environment.find_local_server", lambda: None)


def test_out_of_the_box(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any model a plan and ReAct are compared, and both answer."""
    assert main(["compare", TASK]) == 0
    out, err = capsys.readouterr()
    assert all(word in out for word in ("plan, react", "391", "60", "lower bound", "of bound", "cannot judge"))
    assert "plan: completed in" in err


def test_json_and_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--json prints one object and nothing else; -o writes Markdown, or JSON by its name."""
    assert main(["compare", TASK, "-s", "plan,sequential", "-n", "2", "--json", "-o", "report.md"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [(report["name"], len(report["runs"])) for report in found["systems"]] == [("plan", 2), ("sequential", 2)]
    assert "| plan | 2/2 |" in (tmp_path / "report.md").read_text()
    assert main(["compare", TASK, "-s", "direct", "-o", "report.json"]) == 0
    assert Comparison.model_validate_json((tmp_path / "report.json").read_text()).task == TASK


@pytest.mark.parametrize(
    ("args", "said"),
    [(["-s", "paln"], "did you mean plan?"), (["-s", ","], "no system"), (["-n", "0"], "greater than or equal to 1")],
)
def test_wrong_options(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A system that does not exist is a wrong command line, with the nearest name."""
    assert main(["compare", TASK, *args]) == 2
    assert said in capsys.readouterr().err


def test_no_run_completed(capsys: pytest.CaptureFixture[str]) -> None:
    """When no system completes, the exit code is that of the first failure, and each says why."""
    assert main(["compare", TASK, "--max-tokens", "10"]) == 9
    assert "plan failed: " in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_fits_the_terminal(width: int) -> None:
    """No line is wider than the terminal, wide characters included; answers stand side by side where there is room."""
    usage = Usage(calls=12, input_tokens=1_234_567, cached_tokens=1_000_000, output_tokens=98_765, cost_usd=12.345)
    names, text = ("plan", "react-sequential"), "東京 の天気は 晴れです。" * 9
    runs = [run(name, usage=usage, seconds=3725.0, answer=f"{name}: {text}") for name in names]
    found = Comparison(task=text, systems=tuple(system_report(r.system, "", [r], None) for r in runs))
    out = io.StringIO()
    show(found, Console(file=out, width=width, force_terminal=False))
    lines = out.getvalue().splitlines()
    if width > 40:
        assert max(map(cell_len, lines)) <= width
    beside = any("plan: " in line and "react-sequential: " in line for line in lines)
    assert beside == (width > 40)
