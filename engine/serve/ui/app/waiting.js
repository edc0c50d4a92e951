// What a run waits for: shown exactly, answered here.
import { post, runPath, serverNow } from "./client.js";
import { JsonEditor } from "./editor.js";
import { Answering } from "./form.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Expected, PlanTable, useEstimate } from "./expected.js";
import { Icon } from "./icons.js";
import { Problem, useAct } from "./parts.js";
import { useTicking } from "./signal.js";
import { Value } from "./value.js";
import { plain, plural, seconds, usd } from "./words.js";

/** @type {Record<string, string>} */
const TITLES = { step: "wants to call", in_doubt: "broke off while it called", client_tool: "is to be called by the client:" };

/** @param {{run: import("./fold.js").Run, choose: (id: string) => void}} props */
export function Waiting({ run, choose }) {
  const box = useRef(/** @type {any} */ (null));
  const asked = [...run.approvals.values()];
  const before = useRef(asked.length);
  useEffect(() => {
    // an answer takes its card away: the focus goes on to the next one, or to the heading of the run
    if (asked.length < before.current && document.activeElement === document.body) (box.current?.querySelector("h2") || document.querySelector("h1"))?.focus();
    before.current = asked.length;
  });
  return html`<div class="waiting" ref=${box}><p class="unseen" role="status">${asked.length ? `The run waits for you: ${plural(asked.length, "request")}` : ""}</p>
    ${asked.map((each) => html`<${Request} key=${each.approval_id} run=${run} asked=${each} choose=${choose} />`)}</div>`;
}

/** @param {{run: import("./fold.js").Run, asked: any, choose: (id: string) => void}} props */
function Request({ run, asked, choose }) {
  const { subject } = asked;
  const [mode, setMode] = useState(/** @type {"ask"|"edit"|"reject"|"done"} */ ("ask"));
  const [given, setGiven] = useState({ value: /** @type {any} */ (undefined), fits: false });
  const [reason, setReason] = useState("");
  const back = useRef(/** @type {any} */ (null));
  const answer = useAct(async () => back.current && post(runPath(run.id, "/answer"), { approval_id: asked.approval_id, ...back.current }));
  const decide = (/** @type {string} */ decision, /** @type {any} */ more = {}) => {
    back.current = { decision, ...more };
    return answer.run();
  };
  const onValue = (/** @type {any} */ value, /** @type {boolean} */ fits) => setGiven({ value, fits });
  const spec = run.started?.tools.find((/** @type {any} */ tool) => tool.name === asked.tool);
  const estimate = useEstimate(run.id, subject === "plan" ? asked.approval_id : null, mode === "edit" && given.fits ? given.value : null);
  const parts = { run, asked, mode, setMode, given, onValue, reason, setReason, decide, busy: answer.busy, spec };
  return html`<section class=${`request r-${subject}`} aria-labelledby=${`asked-${asked.approval_id}`}>
    <header><${Icon} name="waiting" size=${20} /><h2 id=${`asked-${asked.approval_id}`} tabIndex=${-1}>${subject === "plan" ? html`Approve plan ${asked.revision}?` : subject === "question" ? "A question for you"
      : html`${asked.step_id && html`<button type="button" class="ref" onClick=${() => choose(asked.step_id)}>Step ${asked.step_id}</button>`} ${subject === "elicitation" ? html`<code>${asked.tool}</code> asks` : html`${TITLES[subject] || "waits"} <code>${asked.tool}</code>`}`}</h2>
      <${Expiry} asked=${asked} /></header>
    ${asked.question && html`<p class="question" dir="auto">${plain(asked.question)}</p>`}
    ${asked.reason && asked.reason !== asked.question && html`<p class="reason" dir="auto">${plain(asked.reason)}</p>`}
    ${asked.rationale && html`<p class="reason">What for: ${plain(asked.rationale)}</p>`}
    ${asked.expected_usd && subject !== "plan" ? html`<p class="reason">Expected to cost ${usd(asked.expected_usd)}</p>` : ""}
    ${asked.input && !["question", "elicitation"].includes(subject) && mode !== "edit" && html`<div class="exact"><h3>Exact input</h3><${Value} value=${asked.input} name="Exact input" /></div>`}
    ${asked.dry_run !== null && asked.dry_run !== undefined && html`<div class="exact dry"><h3>Dry run</h3><${Value} value=${asked.dry_run} name="Dry run" /></div>`}
    ${subject === "plan" && asked.plan && html`<${Expected} found=${estimate} />${mode !== "edit" && html`<${PlanTable} plan=${asked.plan} steps=${estimate.told?.steps} />`}`}
    <${Problem} error=${answer.error} />
    ${mode === "reject" ? html`<${Rejecting} ...${parts} />` : subject === "question" || subject === "elicitation" ? html`<${Telling} ...${parts} />`
      : subject === "in_doubt" ? html`<${Doubting} ...${parts} />` : subject === "client_tool" ? html`<${Giving} ...${parts} />` : html`<${Deciding} ...${parts} />`}
  </section>`;
}

/** @param {{asked: any}} props */
function Expiry({ asked }) {
  useTicking(1000, asked.expires_at !== null);
  if (!asked.expires_at) return null;
  const left = asked.expires_at - serverNow();
  return html`<span class="expiry">${asked.by_default === "approve" ? "approved" : "refused"} by itself ${left > 0 ? `in ${seconds(left)}` : "now"}</span>`;
}

/** Steps and plans: approve, edit, reject. @param {any} props */
function Deciding({ asked, mode, setMode, given, onValue, decide, busy, spec }) {
  const plan = asked.subject === "plan";
  if (mode === "edit") {
    return html`<${JsonEditor} label=${plan ? "The plan" : "Input"} value=${plan ? lean(asked.plan) : asked.input} schema=${plan ? null : spec?.input_schema} onValue=${onValue} focus=${true} />
      <p class="buttons"><button type="button" class="primary" disabled=${!given.fits || busy} onClick=${() => decide("edit", plan ? { plan: given.value } : { tool_input: given.value })}>Approve as edited</button>
      <button type="button" onClick=${() => setMode("ask")}>Back</button></p>`;
  }
  return html`<p class="buttons"><button type="button" class="primary" disabled=${busy} onClick=${() => decide("approve")}>Approve</button>
    <button type="button" onClick=${() => setMode("edit")}>Edit…</button><button type="button" class="danger" onClick=${() => setMode("reject")}>Reject…</button></p>`;
}

/** @param {any} props */
function Rejecting({ asked, reason, setReason, setMode, decide, busy }) {
  const area = useRef(/** @type {any} */ (null));
  useEffect(() => area.current.focus(), []);
  const id = `why-${asked.approval_id}`;
  const words = ["question", "elicitation", "client_tool"].includes(asked.subject);
  return html`<div class="field"><label for=${id}>${words ? "Why there is no answer" : "Why not?"} <span class="may">the planner reads it</span></label>
    <textarea id=${id} ref=${area} rows="2" value=${reason} onInput=${(/** @type {any} */ event) => setReason(event.target.value)}></textarea></div>
    <p class="buttons"><button type="button" class="danger solid" disabled=${busy} onClick=${() => decide("reject", { reason })}>${words ? "Give no answer" : "Reject"}</button><button type="button" onClick=${() => setMode("ask")}>Back</button></p>`;
}

/** Questions and elicitations: an answer in words, by a form, or none. @param {any} props */
function Telling({ asked, given, onValue, setMode, decide, busy }) {
  const send = (/** @type {any} */ event) => {
    event.preventDefault();
    if (given.fits && !busy) decide("done", { result: given.value });
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && send(event);
  return html`<form onSubmit=${send} onKeyDown=${onKeyDown}><${Answering} schema=${asked.answer_schema} name=${`a-${asked.approval_id}`} label="Your answer" onValue=${onValue} />
    <p class="buttons"><button type="submit" class="primary" disabled=${!given.fits || busy}>Answer</button><button type="button" onClick=${() => setMode("reject")}>No answer…</button></p></form>`;
}

/** A step that broke off. @param {any} props */
function Doubting({ mode, setMode, given, onValue, decide, busy }) {
  if (mode === "done") {
    return html`<${JsonEditor} label="What it gave" value=${null} onValue=${onValue} focus=${true} /><p class="buttons"><button type="button" class="primary" disabled=${!given.fits || busy} onClick=${() => decide("done", { result: given.value })}>It happened</button><button type="button" onClick=${() => setMode("ask")}>Back</button></p>`;
  }
  return html`<p>Did it happen? It is never repeated by itself.</p><p class="buttons"><button type="button" class="primary" onClick=${() => setMode("done")}>It happened…</button>
    <button type="button" disabled=${busy} onClick=${() => decide("approve")}>It did not: run it</button><button type="button" class="danger" onClick=${() => setMode("reject")}>Abort the run…</button></p>`;
}

/** A tool of the client's own. @param {any} props */
function Giving({ mode, setMode, given, onValue, decide, busy, spec }) {
  if (mode !== "done") return html`<p class="faint">The client that asked for this run makes the call itself. Its result can be given here, too.</p><p class="buttons"><button type="button" onClick=${() => setMode("done")}>Give the result…</button><button type="button" class="danger" onClick=${() => setMode("reject")}>No result…</button></p>`;
  return html`<${JsonEditor} label="Its result" value=${null} schema=${spec?.output_schema} onValue=${onValue} focus=${true} /><p class="buttons"><button type="button" class="primary" disabled=${!given.fits || busy} onClick=${() => decide("done", { result: given.value })}>Give the result</button><button type="button" onClick=${() => setMode("ask")}>Back</button></p>`;
}

/** A plan without what stands at its default, for people who edit it. @param {any} plan */
export function lean(plan) {
  const keep = (/** @type {[string, any]} */ [name, value]) => value !== null && !(Array.isArray(value) && !value.length) && !(name === "max_items" && value === 100) && !(name === "critical" && value === true) && value !== "";
  return { ...Object.fromEntries(Object.entries(plan).filter(keep)), steps: plan.steps.map((/** @type {any} */ step) => Object.fromEntries(Object.entries(step).filter(keep))) };
}
