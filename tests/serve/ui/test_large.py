"""Much of everything: steps, events, bytes, hours; and text of every field that wants to be more than text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.sync_api import Browser, Page, expect

from engine.durable.memory import MemoryLog
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.errors import ToolError
from schemas.events import LoggedEvent, PlanAccepted, RunEnded, RunStarted, StepEnded, StepStarted
from schemas.plan import Plan, Step
from schemas.result import StepResult
from tests.serve.serving import Served, served
from tests.serve.ui import scenes
from tests.serve.ui.chromium import visiting
from tests.serve.ui.watching import QUIET, begin, status

pytestmark = [QUIET, pytest.mark.slow]
HERE = Path(__file__).parent
MEASURE = (HERE / "measuring.js").read_text(encoding="utf-8")
FEED = """(count) => {
  const { run, signal } = window.__engine;
  for (let n = 0; n < count; n += 1) {
    const event = { seq: run.seq + 1, at: run.lastAt, kind: "something_new", step_id: "1", text: `${n} `.repeat(100) };
    run.take(event);
  }
  signal.changed();
  return run.events.length;
}"""


def long_run(steps: int) -> list[LoggedEvent]:
    """A run of so many steps, one after another: two events each."""
    plan = Plan(
        goal="long", steps=tuple(Step(id=str(n), tool="look", tool_input={"n": n}) for n in range(1, steps + 1))
    )
    events: list[LoggedEvent] = [RunStarted(task="A long run", mode="plan"), PlanAccepted(revision=1, plan=plan)]
    for step in plan.steps:
        events.append(StepStarted(step_id=step.id, tool="look", input=step.tool_input))
        events.append(StepEnded(step_id=step.id, tool="look", result=StepResult(status="done", value="x" * 200)))
    return events


def filled(log: MemoryLog, run_id: str, events: Sequence[LoggedEvent]) -> None:
    """Append events from outside the browser's event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(anyio.run, log.append, run_id, 0, events).result()


def test_two_hundred_steps_stay_smooth(here: Served, page: Page) -> None:
    """A plan of 200 steps is laid out within 1.5 s, and what an event changes is drawn within 50 ms."""
    page.goto(begin(here, "many", scenes.many(200), wait=True))
    expect(page.locator(".node")).to_have_count(200)
    laid_out, updated = page.evaluate(MEASURE)  # of several, what is not due to a busy machine
    print(f"layout {laid_out:.0f} ms, an update {updated:.1f} ms")
    assert laid_out <= 1_500
    assert updated <= 50
    expect(page.locator(".minimap")).to_be_visible()
    before = page.evaluate("document.querySelector('.graph-view').scrollTop")
    page.locator(".minimap").click(position={"x": 90, "y": 40})
    assert page.evaluate("document.querySelector('.graph-view').scrollTop") != before
    page.get_by_role("button", name="Fit the plan").click()
    expect(page.locator(".minimap")).to_have_count(0)


def test_five_thousand_events_can_be_searched(browser: Browser) -> None:
    """A run of 5,000 events opens, is searched and scrolled with a few dozen rows drawn."""
    log = MemoryLog()
    events = [*long_run(2_499), RunEnded(status="completed")]
    filled(log, "long", events)
    with served(lambda: scenes.make(log)) as here, visiting(browser, here.url) as page:
        page.goto(f"{here.url}/#/runs/long?tab=events")
        expect(page.locator(".events")).to_contain_text(f"{len(events)} of {len(events)}", timeout=30_000)
        assert page.locator(".event").count() < 80
        page.get_by_label("Search events").fill("step ended 2400")
        expect(page.locator(".events")).to_contain_text(f"1 of {len(events)}")
        page.get_by_label("Search events").fill("")
        page.locator(".event-list").press("End")
        expect(page.locator(".event .seq").last).to_have_text(str(len(events)))
        page.get_by_role("tab", name="Timeline").click()
        assert page.locator(".lane-row").count() < 60


def test_ten_megabytes_are_not_drawn_whole(browser: Browser) -> None:
    """A result of 10 MB, and an answer made of it, show their beginning, more on demand; the page stays quick."""
    text = "0123456789" * 1_000_000
    tools = [FakeTool("huge", text), FakeTool("take", "taken")]
    plan = scenes.plan(("huge", {}, []), ("take", {"text": "{{1}}"}, [1]), answer="All: {{1}}", goal="huge")
    with served(lambda: scripted_engine(ScriptedProvider(lambda _: ""), tools, store=MemoryLog())) as here:
        begin(here, "huge", plan, wait=True)
        with visiting(browser, here.url) as page:
            page.goto(f"{here.url}/#/runs/huge")
            status(page, "Completed")
            for step in ("1", "2"):
                page.goto(f"{here.url}/#/runs/huge/{step}")
                expect(page.locator(".step")).to_contain_text("0123456789")
            page.goto(f"{here.url}/#/runs/huge/1")
            page.locator(".step").get_by_role("button", name="Show all").click()
            page.get_by_role("button", name="Show more (10.0M characters left)").click()
            assert page.evaluate("document.body.innerText.length") < 300_000


def test_an_hour_of_events_does_not_fill_the_tab(here: Served, page: Page) -> None:
    """Of 60,000 events (an hour, 17 a second) the last 20,000 are kept; the heap grows no more after them."""
    page.goto(begin(here, "hour", scenes.three(), wait=True))
    status(page, "Completed")
    debugger, sizes = page.context.new_cdp_session(page), list[float]()
    for _ in range(6):
        assert page.evaluate(FEED, 10_000) <= 20_000
        page.wait_for_timeout(100)
        debugger.send("HeapProfiler.collectGarbage")
        sizes.append(debugger.send("Runtime.getHeapUsage")["usedSize"] / 1e6)
    print("MB of heap after each 10,000 events:", *(f"{size:.1f}" for size in sizes))
    assert sizes[-1] - sizes[2] < 2.0
    page.get_by_role("tab", name="Events").click()
    expect(page.locator(".events")).to_contain_text("are in the export")


def test_text_stays_text_wherever_it_comes_from(browser: Browser) -> None:
    """Task, description, rationale, input, output, error, question, form, dry run, user, address: never markup."""
    evil = scenes.HOSTILE.replace("{{1}}", "")
    form = {
        "type": "object",
        "title": evil,
        "properties": {"a": {"type": "string", "title": evil, "description": evil}},
    }

    class Asks(FakeTool):
        async def call(self, arguments: Any, context: Any) -> Any:
            return await context.ask(evil, form)

    tools = [
        FakeTool("look", {evil: [evil]}, description=evil),
        FakeTool("broken", ToolError(evil, hint=evil), description=evil),
        FakeTool("pay", 1, effects="effectful", approval="always", simulate="quote"),
        FakeTool("quote", {evil: evil}),
        Asks("asks"),
    ]

    def replies(request: Any) -> Any:
        return evil if request.output is None else {"steps": [{"ask": evil}]}

    steps = [("look", {evil: evil}, []), ("broken", {"u": evil}, []), ("pay", {"to": evil}, []), ("asks", {}, [])]
    plan: dict[str, Any] = scenes.plan(*steps, answer=evil, goal=evil)
    for step in plan["steps"]:
        step.update(description=evil, rationale=evil)
    provider = ScriptedProvider(replies)
    with served(lambda: scripted_engine(provider, tools, store=MemoryLog())) as here:
        begin(here, "evil", plan, user=evil[:60])
        here.post("", {"task": evil, "mode": "plan", "run_id": "question", "wait": True})
        begin(here, "planned", plan, approve="plan", wait=True)
        for run_id in ("evil", "question", "planned"):
            here.asked(run_id)
        with visiting(browser, here.url) as page:
            places = ["#/", f"#/?text={evil}", "#/runs/evil", *(f"#/runs/evil/{n}" for n in (1, 2, 3, 4)), "#/agents"]
            for place in [
                *places,
                "#/runs/evil?tab=timeline",
                "#/runs/evil?tab=events",
                "#/runs/question",
                "#/runs/planned",
            ]:
                page.goto("about:blank")
                page.goto(f"{here.url}/{place}")
                page.wait_for_timeout(300)
                assert page.evaluate("window.__hit") is None, place
                assert page.locator("iframe, img[onerror], svg[onload], a[href^='javascript']").count() == 0, place
            page.goto(f"{here.url}/#/runs/{json.dumps(evil)}")
            expect(page.get_by_role("alert")).to_be_visible()
            assert page.evaluate("window.__hit") is None
        here.post("/evil/cancel", {})
