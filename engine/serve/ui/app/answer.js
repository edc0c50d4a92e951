// The answer as it is written, what it rests on, what is missing from it, and how the run stands meanwhile.
import { html, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Markdown } from "./markdown.js";
import { Copy } from "./parts.js";
import { runAt } from "./place.js";
import { Calls } from "./step.js";
import { count, plain, triggerText } from "./words.js";

const MOST_NAMED = 24;
const LONGEST = 100_000; // characters drawn at first: megabytes would hold up the page

/** @param {{run: import("./fold.js").Run, choose: (id: string) => void, point: (id: string|null) => void}} props */
export function AnswerView({ run, choose, point }) {
  const { answer, ended } = run;
  const live = run.texts.of("answer");
  const text = answer ? answer.text : live;
  const [most, setMost] = useState(LONGEST);
  const own = run.calls.filter((call) => !call.step_id);
  return html`<article class="answer" aria-label="Answer">
    <header class="inspector-head"><div><h2>Answer</h2>${answer?.partial && html`<span class="tag warn">partial</span>`}${!answer && live && html`<span class="tag live-tag">writing</span>`}</div>${text && html`<${Copy} text=${() => text} />`}</header>
    ${ended?.error && html`<div class="problem" role="alert"><strong>${plain(ended.error.message)}</strong>${ended.error.hint && html`<span class="hint">${plain(ended.error.hint)}</span>`}<code>${ended.error.code}</code></div>`}
    ${text ? html`<div class=${answer ? "" : "growing"} aria-busy=${answer ? "false" : "true"}><${Markdown} text=${text.slice(0, most)} />${text.length > most && html`<p class="buttons"><button type="button" class="small" onClick=${() => setMost(most + LONGEST)}>Show more (${count(text.length - most)} characters left)</button></p>`}</div>` : html`<${Meanwhile} run=${run} />`}
    ${answer?.error && html`<p class="note">No model wrote it: ${plain(answer.error.message)}</p>`}
    ${answer?.missing.length > 0 && html`<section><h3>Missing</h3><ul class="plain">${answer.missing.map((/** @type {string} */ each) => html`<li>${plain(each)}</li>`)}</ul></section>`}
    ${answer?.steps_used.length > 0 && html`<section class="needs"><div><h3>Rests on</h3>${answer.steps_used.slice(0, MOST_NAMED).map((/** @type {string} */ id) => html`<button type="button" class="ref" onClick=${() => choose(id)} onMouseEnter=${() => point(id)} onMouseLeave=${() => point(null)}
      onFocus=${() => point(id)} onBlur=${() => point(null)}>${id} ${run.rows.get(id)?.tool || ""}</button>`)}${answer.steps_used.length > MOST_NAMED ? html`<span class="faint">and ${answer.steps_used.length - MOST_NAMED} more</span>` : ""}</div></section>`}
    ${run.notes.length > 0 && html`<section><h3>Notes</h3><ul class="notes">${run.notes.slice(-12).map((note) => html`<li class=${note.kind}>${plain(note.text)}</li>`)}</ul></section>`}
    ${[...run.revisions.values()].some((each) => each.triggers.length) && html`<section><h3>Plans</h3><ol class="plain">${[...run.revisions.values()].filter((each) => each.triggers.length).map((each) => html`<li><a href=${runAt(run.id, null, { plan: each.number })}>Plan ${each.number}</a>: ${plain(each.triggers.map(triggerText).join("; "))}</li>`)}</ol></section>`}
    ${own.length > 0 && html`<${Calls} calls=${own} title="Model calls of the run itself" />`}
  </article>`;
}

/** @param {{run: import("./fold.js").Run}} props */
function Meanwhile({ run }) {
  const thought = run.texts.of("reasoning") || run.texts.of("plan");
  const running = [...run.rows.values()].filter((row) => row.state === "running" || row.state === "retrying");
  const done = [...run.rows.values()].filter((row) => row.state === "done").length;
  const said = run.ended ? "There is no answer." : run.approvals.size ? "The run waits for you." : run.parked ? `The run waits (${run.parked.reason.replaceAll("_", " ")}).`
    : run.planning ? "Planning…" : running.length ? `${done} of ${run.rows.size} steps done` : run.started ? "Writing the answer…" : "Waiting for somebody to drive it…";
  return html`<div class="meanwhile"><p>${!run.ended && !run.parked && !run.approvals.size && html`<span class="spinner" aria-hidden="true"></span>`}${said}</p>
    ${running.length > 0 && html`<ul class="rows">${running.slice(0, 6).map((row) => html`<li><span><${Icon} name=${row.state} /><em>${row.id}</em><b>${row.tool}</b><span>${row.progress?.message || ""}</span></span></li>`)}</ul>`}
    ${run.planning && thought && html`<pre class="live" tabIndex=${0}>${plain(thought.slice(-1500))}</pre>`}</div>`;
}
