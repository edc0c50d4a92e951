"""Lines, JSON lines, the answer alone, and the live view, each fed a written-down run."""

from __future__ import annotations

import io
import json
import re
from typing import get_args

import pytest
from rich.cells import cell_len
from rich.console import Console

from engine.sinks import AnswerWriter, JsonView, LineView, QuietView, RunProgress, Sink, summary_line
from engine.sinks.board import ICONS, Screen, board
from engine.sinks.live import LiveView
from engine.sinks.sentences import _SENTENCES
from schemas import events
from schemas.events import LoggedEvent, LoggedRecord
from schemas.live import LiveReset, LiveText
from schemas.plan import Plan, Step
from tests.sinks import story

ANSWER = "Apple earns half as much."


def text(offset: int, words: str) -> LiveText:
    """A piece of the answer's stream."""
    return LiveText(stream="answer", offset=offset, text=words)


def play(sink: Sink, records: list[LoggedRecord]) -> None:
    """Feed a run to a sink and close it."""
    for record in records:
        sink.on_record(record)
    sink.close()


def progress(records: list[LoggedRecord]) -> RunProgress:
    """Fold records."""
    run = RunProgress()
    for record in records:
        run.on_record(record)
    return run


def test_json_view_round_trips() -> None:
    """--json writes each logged event as one line that reads back as the same record."""
    out = io.StringIO()
    play(JsonView(out), story.comparison())
    lines = out.getvalue().splitlines()
    assert [LoggedRecord.from_json(json.loads(line)) for line in lines] == story.comparison()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(lines) + 1))


def test_json_view_keeps_text_and_survives_half_a_pair() -> None:
    """Text stays readable; half a surrogate pair is escaped instead of breaking the stream."""
    out = io.StringIO()
    play(JsonView(out), story.records([(0, events.RunStarted(task="東京", mode="plan")), (0, story.called("東京"))]))
    view = JsonView(out)
    view.on_record(story.records([(0, events.Answer.model_construct(text="\ud800"))])[0])
    assert "東京" in out.getvalue()
    assert out.getvalue().encode("utf-8")


def test_line_view_writes_one_line_an_event() -> None:
    """Each event is one line on stderr; the answer goes to stdout, the summary comes last."""
    out, err = io.StringIO(), io.StringIO()
    play(LineView(err, AnswerWriter(out, live=False)), story.comparison())
    lines = err.getvalue().splitlines()
    assert len(lines) == len(story.comparison()) + 1
    assert lines[3] == "[   0.600s] step 1 started: fetch_filings ticker=AAPL years=3"
    assert lines[-1].startswith("completed in 5.0s · 3 steps · critical path 2.5s · 1.7× as fast as one by one")
    assert out.getvalue() == ANSWER + "\n"


def test_the_run_is_named() -> None:
    """The first line has the run's id; on a terminal it stands at the right edge, unless the task needs the room."""
    err = io.StringIO()
    play(LineView(err, AnswerWriter(io.StringIO(), live=False)), story.comparison())
    assert "run run_1 started (plan): Compare" in err.getvalue().splitlines()[0]
    run = progress(story.comparison())
    assert board(run, Screen(45, 9), 5.0)[0].plain.endswith("…  run_1")
    assert "run_1" not in board(run, Screen(28, 9), 5.0)[0].plain


def test_every_event_has_a_sentence() -> None:
    """No kind of logged event is left without words."""
    union = get_args(LoggedEvent)[0]
    assert set(_SENTENCES) == {member.model_fields["kind"].default for member in get_args(union)}


def test_paused_lines_come_later() -> None:
    """While somebody answers a question no line is written; afterwards all are, in order."""
    err = io.StringIO()
    view = LineView(err, AnswerWriter(io.StringIO(), live=False))
    view.pause()
    for record in story.comparison():
        view.on_record(record)
    assert err.getvalue() == ""
    view.resume()
    assert len(err.getvalue().splitlines()) == len(story.comparison()) + 1


def test_quiet_view_is_the_answer() -> None:
    """-q writes the answer and nothing else."""
    out = io.StringIO()
    play(QuietView(AnswerWriter(out, live=False)), story.comparison())
    assert out.getvalue() == ANSWER + "\n"


@pytest.mark.parametrize("pieces", [[ANSWER], list(ANSWER), ["Apple ", ""], [], [ANSWER, "\n"]])
def test_streamed_answer_stands_there_once(pieces: list[str]) -> None:
    """However the answer streamed, it stands on the terminal exactly once."""
    out = io.StringIO()
    writer = AnswerWriter(out, live=True)
    offset = 0
    for piece in pieces:
        writer.on_text(text(offset, piece))
        offset += len(piece)
    writer.on_answer(events.Answer(text=ANSWER))
    assert out.getvalue().strip() == ANSWER


def test_gap_and_repeat_in_the_stream() -> None:
    """Text that was shown is not repeated, text after a gap waits for the final answer."""
    out = io.StringIO()
    writer = AnswerWriter(out, live=True)
    for offset, piece in ((0, "Apple "), (3, "le earns"), (20, "much.")):
        writer.on_text(text(offset, piece))
    assert out.getvalue() == "Apple earns"
    writer.on_answer(events.Answer(text=ANSWER))
    assert out.getvalue() == ANSWER + "\n"


def test_reset_says_that_it_starts_over() -> None:
    """A retry in the middle of the answer is said on the terminal; then the new text follows."""
    out = io.StringIO()
    view = QuietView(AnswerWriter(out, live=True))
    view.on_live(text(0, "Wro"))
    view.on_live(LiveReset(stream="answer", reason="connection lost"))
    view.on_record(story.records([(0, events.Answer(text="Right."))])[0])
    assert out.getvalue() == "Wro\n[starting over: connection lost]\nRight.\n"


def test_pipe_gets_no_half_sentence() -> None:
    """Where a program reads, nothing is written before the answer is final."""
    out = io.StringIO()
    writer = AnswerWriter(out, live=False)
    writer.on_text(text(0, "Wro"))
    assert out.getvalue() == ""


@pytest.mark.parametrize("width", [20, 45, 80, 120])
@pytest.mark.parametrize("height", [5, 12, 40])
def test_board_keeps_to_its_screen(width: int, height: int) -> None:
    """No line is wider than the terminal and there are never more lines than fit, wide characters included."""
    run = progress(story.fan_out(1000))
    run.task = "すべてのページを読む" * 9
    lines = board(run, Screen(width, height), story.START + 3)
    assert len(lines) <= height
    assert max(cell_len(line.plain) for line in lines) <= width


def test_a_narrow_board_keeps_its_times() -> None:
    """However narrow the terminal, a duration is shown whole."""
    lines = board(progress(story.comparison()), Screen(20, 20), story.START + 5)
    assert all(re.search(r"[\d.]+m?s$", line.plain) for line in lines if line.plain.startswith("✓"))


def test_large_board_shows_what_matters() -> None:
    """Of 1,000 steps the running and failed ones are seen, the last done too, the others are counted."""
    lines = "\n".join(line.plain for line in board(progress(story.fan_out(1000)), Screen(100, 16), story.START + 3))
    assert all(f" {n} " in lines for n in (501, 502, 503, 500))
    assert "404 for this page" in lines
    assert "done" in lines.splitlines()[-2]
    assert "500/1,000 steps · 3 at once · 1 failed" in lines


def test_every_step_of_a_small_run_is_seen() -> None:
    """All steps that fit are shown, in plan order, with their state, input and time."""
    lines = [line.plain for line in board(progress(story.comparison()), Screen(100, 20), story.START + 5)]
    assert [line[:3] for line in lines[1:4]] == ["✓ 1", "✓ 2", "✓ 3"]
    assert "ticker=MSFT years=3" in lines[2]
    assert lines[2].endswith("2.0s")


def test_bars_show_what_ran_side_by_side() -> None:
    """Bars of steps that ran at the same time overlap; one that ran later begins further right."""
    lines = [line.plain for line in board(progress(story.comparison()), Screen(100, 20), story.START + 5)]
    first, second, third = (line.index("━") for line in lines[1:4])
    assert abs(first - second) <= 2
    assert third > first + 8


def test_ascii_terminal() -> None:
    """A terminal without Unicode gets ASCII only."""
    run = progress(story.comparison()[:-3])
    shown = "\n".join(line.plain for line in board(run, Screen(80, 20, unicode=False), story.START + 5))
    assert shown.isascii()


def test_hostile_text_stays_text() -> None:
    """Escape sequences in a task, a tool input or an error reach the terminal as harmless characters."""
    bad = "\x1b[2J\x1b]0;x\x07[red]"
    plan = Plan(steps=(Step(id="1", tool="a", tool_input={"q": bad}),))
    run = progress(
        story.records(
            [(0, events.RunStarted(task=bad, mode="plan")), (0, events.PlanAccepted(revision=1, plan=plan)),
             (0, story.started("1", "a", q=bad)), (1, story.failed("1", bad))]
        )
    )  # fmt: skip
    shown = "".join(line.plain for line in board(run, Screen(100, 20), story.START + 5))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]" in shown


def test_every_state_has_an_icon() -> None:
    """Every state a row can be in is drawn."""
    assert set(get_args(events.StepResult.model_fields["status"].annotation)) <= set(ICONS)


@pytest.mark.parametrize("records", [story.comparison(), story.fan_out(200), story.comparison()[:6], []])
def test_live_view_leaves_a_clean_terminal(records: list[LoggedRecord]) -> None:
    """The live view ends with the board and the summary in the scroll-back, the answer on stdout, the cursor shown."""
    screen, out = io.StringIO(), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=20, _environ={"TERM": "xterm"})
    view = LiveView(console, AnswerWriter(out, live=False), clock=lambda: story.START + 5)
    play(view, records)
    view.close()
    shown = screen.getvalue()
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h")
    assert out.getvalue() == (ANSWER + "\n" if len(records) == len(story.comparison()) else "")


def test_live_view_pauses_for_a_question() -> None:
    """While it is paused the live view draws nothing, and still takes events."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=20, _environ={"TERM": "xterm"})
    view = LiveView(console, AnswerWriter(io.StringIO(), live=False), clock=lambda: story.START + 5)
    records = story.comparison()
    view.on_record(records[0])
    view.pause()
    before = screen.getvalue()
    for record in records[1:12]:
        view.on_record(record)
    assert screen.getvalue() == before
    view.close()


def test_summary_of_a_failed_run() -> None:
    """A failed run's summary tells its time and what it used; an unknown price is said."""
    usage = events.Usage(calls=1, input_tokens=10, output_tokens=2, cost_usd=None)
    began, ended = (
        events.RunStarted(task="t", mode="plan"),
        events.RunEnded(status="failed", duration_s=0.2, usage=usage),
    )
    run = progress(story.records([(0, began), (0.2, ended)]))
    assert summary_line(run) == "failed in 200ms · 1 model call · 12 tokens · cost unknown · 0 replans"
