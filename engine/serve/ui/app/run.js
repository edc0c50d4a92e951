// One run: what it waits for, its plan as graph, timeline and events, and beside them the answer or a step.
import { Cancel, Fork, Steer } from "./acts.js";
import { AnswerView } from "./answer.js";
import { download, runPath, serverNow } from "./client.js";
import { copyText, curl, startOf } from "./copying.js";
import { Events } from "./events.js";
import { Run } from "./fold.js";
import { Graph } from "./graph.js";
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Timeline } from "./lanes.js";
import { Menu } from "./menu.js";
import { Pill, Problem, Tabs } from "./parts.js";
import { go, linkTo, runAt, turn } from "./place.js";
import { Change, Revisions } from "./revisions.js";
import { criticalPath } from "./schedule.js";
import { Signal, useSignal, useTicking } from "./signal.js";
import { StepView } from "./step.js";
import { follow } from "./stream.js";
import { Waiting } from "./waiting.js";
import { count, moment, plain, plural, seconds, usd } from "./words.js";

/** Follows a run and draws with it. @param {string} id */
function useRun(id) {
  const held = useMemo(() => ({ run: new Run(id), signal: new Signal(), line: "opening", error: /** @type {any} */ (null) }), [id]);
  useEffect(() => {
    const { run, signal } = held;
    /** @type {any} */ (window).__engine = held; // for who looks at it from the console
    return follow(id, {
      items: (items) => {
        for (const item of items) run.take(item);
        signal.changed();
      },
      line: (line, error) => {
        Object.assign(held, { line, error: error || null });
        signal.changed();
      },
    });
  }, [held]);
  useSignal(held.signal);
  return held;
}

const TABS = ["graph", "timeline", "events"];

/** @param {{place: import("./place.js").Place}} props */
export function RunView({ place }) {
  const { id, step, query } = place;
  const { run, line, error } = useRun(id);
  const tab = TABS.find((each) => each === query.get("tab")) ?? "graph";
  const revision = run.revisions.has(Number(query.get("plan"))) ? Number(query.get("plan")) : null;
  const look = (/** @type {Record<string, string|number|null>} */ how) => turn(runAt(id, step, { ...Object.fromEntries(query), ...how }));
  const [hot, point] = useState(/** @type {string|null} */ (null));
  const [dialog, setDialog] = useState(/** @type {any} */ (null));
  const opener = useRef(/** @type {any} */ (null));
  const row = step === null ? undefined : run.row(step);
  useTicking(1000, !run.ended && run.started !== null);
  const choose = (/** @type {string|null} */ to) => {
    if (to !== null && step === null) opener.current = document.activeElement;
    go(runAt(id, to, query));
    if (to === null) setTimeout(() => opener.current?.focus?.(), 0);
  };
  useEffect(() => {
    const waits = run.approvals.size;
    document.title = run.started ? `${waits ? `(${waits}) ` : ""}${(run.task || "A given plan").slice(0, 60)} · ${run.status}` : "Run";
  });
  useEffect(() => {
    if (row === undefined) return;
    const title = document.getElementById("step-title");
    if (window.matchMedia("(max-width: 900px)").matches) title?.closest(".inspector")?.scrollIntoView({ block: "start" });
    title?.focus({ preventScroll: true });
  }, [step, row !== undefined]);
  const critical = useMemo(() => (run.ended ? criticalPath(run) : NONE), [run.ended]);
  if (error && !run.started) return html`<main id="main" class="page"><h1 tabIndex=${-1}>Run ${id}</h1><${Problem} error=${error} /><p class="buttons"><a href="#/">All runs</a></p></main>`;
  if (!run.started) return html`<main id="main" class="page"><p class="loading" role="status"><span class="spinner"></span> ${line === "lost" ? "No line to the server; trying again…" : "Loading the run…"}</p></main>`;
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && step !== null && !dialog && !event.defaultPrevented && !/TEXTAREA|INPUT|SELECT/.test(/** @type {any} */ (event.target).tagName)) choose(null);
  };
  return html`<main id="main" class="page run" onKeyDown=${onKeyDown}>
    <${Head} run=${run} line=${line} error=${error} open=${setDialog} />
    <${Waiting} run=${run} choose=${choose} />
    <div class="split">
      <section class="card stage" aria-label="The run">
        <div class="stage-head"><${Tabs} label="Views" chosen=${tab} choose=${(/** @type {string} */ to) => look({ tab: to === "graph" ? null : to })} tabs=${[{ id: "graph", label: "Plan", count: run.rows.size }, { id: "timeline", label: "Timeline" }, { id: "events", label: "Events", count: run.events.length }]} />
          ${tab === "graph" && html`<${Revisions} run=${run} revision=${revision} choose=${(/** @type {number|null} */ to) => look({ plan: to })} />`}</div>
        <div role="tabpanel" id=${`panel-${tab}`} aria-labelledby=${`tab-${tab}`} class="stage-body">
          ${tab === "graph" ? html`<div class="plan-body">${revision !== null && html`<${Change} run=${run} number=${revision} choose=${choose} point=${point} />`}<${Graph} run=${run} revision=${revision} selected=${step} hot=${hot} critical=${critical} choose=${choose} point=${point} /></div>`
            : tab === "timeline" ? html`<${Timeline} run=${run} selected=${step} hot=${hot} choose=${choose} point=${point} />` : html`<${Events} run=${run} choose=${choose} />`}
        </div>
      </section>
      <aside class="card inspector" aria-label=${row ? `Step ${row.id}` : "Answer"}>
        ${row ? html`<${StepView} key=${row.id} run=${run} row=${row} choose=${choose} point=${point} fork=${(/** @type {string} */ from) => setDialog({ kind: "fork", from })} />`
          : html`<${AnswerView} run=${run} choose=${choose} point=${point} />`}
      </aside>
    </div>
    ${dialog?.kind === "steer" && html`<${Steer} run=${run} close=${() => setDialog(null)} />`}
    ${dialog?.kind === "cancel" && html`<${Cancel} run=${run} close=${() => setDialog(null)} />`}
    ${dialog?.kind === "fork" && html`<${Fork} run=${run} step=${dialog.from ?? null} close=${() => setDialog(null)} opened=${(/** @type {string} */ made) => go(runAt(made))} />`}
  </main>`;
}

const NONE = new Set();

/** @param {{run: import("./fold.js").Run, line: string, error: any, open: (dialog: any) => void}} props */
function Head({ run, line, error, open }) {
  const { started, ended, usage } = run;
  const took = (ended ? run.lastAt : serverNow()) - run.startedAt;
  const facts = [
    seconds(took), usd(usage.cost_usd), `${count(usage.input_tokens + usage.output_tokens)} tokens`, plural(usage.calls, "model call"),
    run.mode, started.assistant && `assistant ${started.assistant}`, run.replans > 0 && plural(run.replans, "replan"), started.user && `of ${started.user}`,
  ].filter(Boolean);
  const done = [...run.rows.values()].filter((row) => ["done", "failed", "skipped", "cancelled", "discarded"].includes(row.state)).length;
  return html`<header class="run-head">
    <p class="crumbs"><a href="#/"><${Icon} name="back" size=${14} />Runs</a><code>${run.id}</code>${started.forked_from && html`<a href=${`#/runs/${encodeURIComponent(started.forked_from)}`}><${Icon} name="fork" size=${13} />forked from ${started.forked_from}</a>`}${!ended && line !== "gone" && html`<span class=${`line-now l-${line}`}>${line === "open" ? "Live" : line === "lost" ? "Reconnecting" : "Connecting"}</span>`}</p>
    <div class="title"><h1 tabIndex=${-1} dir="auto">${plain(run.task || "A given plan")}</h1><span role="status"><${Pill} state=${run.approvals.size && !ended ? "waiting" : run.status} word=${run.approvals.size && !ended ? "Waiting for you" : run.cancelling && !ended ? "Cancelling" : undefined} /></span></div>
    <div class="sub"><p class="facts-line" title=${`Begun ${moment(run.startedAt)}`}>${facts.map((fact) => html`<span>${fact}</span>`)}</p>
      <p class="buttons">${!ended && html`<button type="button" onClick=${() => open({ kind: "steer" })}><${Icon} name="steer" />Steer</button><button type="button" onClick=${() => open({ kind: "cancel" })}><${Icon} name="stop" />Cancel</button>`}
        <button type="button" onClick=${() => open({ kind: "fork", from: run.status === "failed" ? firstFailed(run) : null })}><${Icon} name="fork" />${run.status === "failed" ? "Retry" : "Fork"}</button>
        <${Menu} label="More" items=${takings(run)} /></p></div>
    ${!ended && run.rows.size > 0 && html`<progress class="whole" max=${run.rows.size} value=${done} aria-label=${`${done} of ${run.rows.size} steps are over`}></progress>`}
    <p class="line-state" role="status">${line === "lost" ? html`<span class="tag warn">The line to the server is lost; trying again…</span>` : line === "gone" && !ended ? html`<span class="tag warn">${error?.status === 404 ? "This run was deleted: what is shown is what was known of it." : error?.message || "The server tells no more of this run."}</span>` : ""}</p>
  </header>`;
}

/** The step that a retry begins with: the first that failed. @param {import("./fold.js").Run} run */
const firstFailed = (run) => [...run.rows.values()].find((row) => row.state === "failed")?.id ?? null;

/** What one takes elsewhere of a run. @param {import("./fold.js").Run} run */
function takings(run) {
  const file = (/** @type {string} */ rest, /** @type {string} */ ending) => download(runPath(run.id, rest), `${run.id}.${ending}`);
  return [
    { icon: "link", label: "Copy link", act: () => copyText(linkTo(location.hash)), said: "Link copied" },
    { icon: "copy", label: "Copy id", act: () => copyText(run.id), said: "Id copied" },
    { icon: "code", label: "Copy as curl", act: () => copyText(curl("/runs", startOf(run))), said: "Command copied: it starts this once more" },
    { icon: "down", label: "Plan as JSON", act: () => file("/plan.json", "plan.json") },
    { icon: "down", label: "Plan as SVG", act: () => file("/plan.svg", "svg") },
    { icon: "down", label: "Plan as Mermaid", act: () => file("/plan.mmd", "mmd") },
    { icon: "down", label: "Events as JSON lines", act: () => file("/export", "jsonl") },
  ];
}
