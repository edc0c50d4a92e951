"""``report DIR``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.report.pages import HONEST
from tests.benchmarks.report.outcomes import outcome, written

CASES = [outcome(system, str(case), seconds * (1 + case / 10)) for case in range(4)
         for system, seconds in (("react", 9.0), ("react-parallel", 6.0), ("plan", 3.0))]  # fmt: skip


def test_a_report_says_all_that_is_needed_to_believe_it(tmp_path: Path) -> None:
    """The plain statement, the command, the prompts, and ReAct with parallel calls in its own row."""
    written(tmp_path / "one", CASES)
    assert main(["report", str(tmp_path)]) == 0
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert HONEST in page
    assert HONEST in text
    assert "You are &lt;an&gt; agent." in page
    assert "python -m benchmarks run trips" in text
    assert "| react-parallel" in text
    assert "3.00 (3.00–3.00)" in text


def test_pictures_stand_beside_the_markdown(tmp_path: Path) -> None:
    """Every picture that the Markdown names is a file."""
    written(tmp_path, CASES)
    main(["report", str(tmp_path)])
    named = [part.split(")")[0] for part in (tmp_path / "report.md").read_text().split("](")[1:]]
    files = [name for name in named if not name.startswith("#")]
    assert len(files) >= 12
    assert all((tmp_path / name).exists() for name in files)


def test_every_part_is_linked_from_the_top(tmp_path: Path) -> None:
    """Two runs of one suite are two parts, with pictures of their own."""
    written(tmp_path / "one", CASES)
    written(tmp_path / "two", CASES)
    main(["report", str(tmp_path)])
    page = (tmp_path / "report.html").read_text()
    assert '<a href="#how-it-was-made">' in page
    assert 'id="how-it-was-made"' in page
    assert (tmp_path / "pictures/trips-plain-2-seconds.svg").exists()


def test_caching_is_priced_from_the_same_calls(tmp_path: Path) -> None:
    """Half of 100 tokens read at half the price: a quarter less."""
    written(tmp_path, CASES)
    main(["report", str(tmp_path)])
    assert "0.00025 | 3.00" not in (tmp_path / "report.md").read_text()
    assert "| 0.00019" in (tmp_path / "report.md").read_text()


def test_a_folder_without_results_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said in one line, with what to do."""
    assert main(["report", str(tmp_path)]) != 0
    assert f"there are no results in {tmp_path}" in capsys.readouterr().err
