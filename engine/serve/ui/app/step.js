// One step: what went in, what came out, what it cost, how often it was tried, what its models wrote.
import { html, useState } from "./html.js";
import { download, get, runPath, serverNow } from "./client.js";
import { Icon } from "./icons.js";
import { Copy, Pill } from "./parts.js";
import { linkTo, runAt } from "./place.js";
import { costOf, tookS } from "./schedule.js";
import { Value } from "./value.js";
import { clock, count, plain, plural, seconds, size, usd } from "./words.js";

/** @param {{run: import("./fold.js").Run, row: import("./rows.js").Row, choose: (id: string|null) => void, point: (id: string|null) => void, fork: (id: string) => void}} props */
export function StepView({ run, row, choose, point, fork }) {
  const took = tookS(row, run.ended ? run.lastAt : serverNow());
  const { result, step } = row;
  const facts = [
    ["Time", took === null ? "–" : seconds(took)], ["Started", row.startedAt ? clock(row.startedAt) : "–"], ["Attempts", String(result?.attempts ?? row.attempt)], ["Cost", usd(costOf(row))],
  ];
  if (run.revisions.size > 1) facts.push(["Plan", String(row.revision)]);
  const live = run.texts.of(row.id);
  const planned = step.tool_input && JSON.stringify(step.tool_input) !== JSON.stringify(row.input);
  return html`<article class="step" aria-labelledby="step-title">
    <header class="inspector-head">
      <div><h2 id="step-title" tabIndex=${-1}><span class="step-id">${row.id}</span> ${row.tool}</h2><${Pill} state=${row.state} /></div>
      <div class="inspector-acts"><${Copy} icon="link" label="Link" text=${() => linkTo(runAt(run.id, row.id))} /><button type="button" class="quiet icon-only" aria-label="Close the step" onClick=${() => choose(null)}><${Icon} name="close" /></button></div>
    </header>
    ${(step.description || step.rationale) && html`<p class="about" dir="auto">${step.description}${step.description && step.rationale && html`<br />`}${step.rationale && html`<span class="faint">${step.rationale}</span>`}</p>`}
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${row.note && row.state !== "done" && !result?.error && html`<p class="note">${plain(row.note)}</p>`}
    ${row.progress && html`<p class="note" role="status">${row.progress.message} ${row.progress.fraction !== null && html`<progress value=${row.progress.fraction} max="1"></progress>`}</p>`}
    ${result?.error && html`<section><h3>Error</h3><div class="problem"><strong>${plain(result.error.message)}</strong>${result.error.hint && html`<span class="hint">${plain(result.error.hint)}</span>`}<code>${result.error.code}</code></div></section>`}
    ${result?.in_doubt && html`<p class="note">It broke off: whether it happened is not known.</p>`}
    ${result?.warnings?.map((/** @type {string} */ warning) => html`<p class="note">${plain(warning)}</p>`)}
    ${row.judged && html`<p class="note">Judged: ${row.judged.fits ? "fits what was expected" : "does not fit"}. ${plain(row.judged.reason)}</p>`}
    <section><h3>Input${row.filled && html`<span class="tag">filled by a model</span>`}</h3>
      ${row.input === null ? html`<p class="faint">None yet</p>` : html`<${Value} value=${row.input} name="Input" hot=${point} choose=${choose} />`}
      ${planned && html`<details><summary>As planned</summary><${Value} value=${step.tool_input} name="Planned input" hot=${point} choose=${choose} /></details>`}
    </section>
    ${live && !result && html`<section><h3>Writing</h3><pre class="live" dir="auto" tabIndex=${0}>${plain(live.slice(-6000))}</pre></section>`}
    <${Output} run=${run} row=${row} />
    <${Decided} run=${run} row=${row} />
    ${row.instances.length > 0 && html`<section><h3>${plural(row.total ?? row.instances.length, "call")}</h3><ul class="rows">${row.instances.slice(0, 200).map((each) => html`<li key=${each.id}>
      <button type="button" onClick=${() => choose(each.id)}><${Icon} name=${each.state} /><em>${each.id}</em><span>${plain(each.note)}</span><i>${seconds(tookS(each, serverNow()))}</i></button></li>`)}</ul></section>`}
    <${Needs} run=${run} row=${row} choose=${choose} point=${point} />
    ${row.calls.length > 0 && html`<${Calls} calls=${row.calls} title="Model calls" />`}
    ${row.retries.length > 0 && html`<section><h3>Tried again</h3><ul class="plain">${row.retries.map((each) => html`<li>after attempt ${each.attempt}: ${plain(each.error.message)} <span class="faint">(${seconds(each.delay_s)})</span></li>`)}</ul></section>`}
    ${!row.parent && html`<footer><button type="button" onClick=${() => fork(row.id)}><${Icon} name="fork" />Fork from here</button></footer>`}
  </article>`;
}

/** Who answered what about a step. @param {{run: import("./fold.js").Run, row: import("./rows.js").Row}} props */
function Decided({ run, row }) {
  const found = run.answered.filter((each) => each.asked?.step_id === row.id);
  if (!found.length) return null;
  return html`<section><h3>Asked</h3><ul class="plain">${found.map((each) => html`<li>${DECIDED[each.decision] || each.decision} by ${plain(each.by || "somebody")}${each.through ? ` (${each.through})` : ""}, ${clock(each.at)}${each.reason ? html`: ${plain(each.reason)}` : ""}
    ${each.asked.reason && html`<span class="faint"> · ${plain(each.asked.reason)}</span>`}</li>`)}</ul></section>`;
}

/** @type {Record<string, string>} */
const DECIDED = { approve: "Approved", edit: "Approved as edited", reject: "Refused", done: "Answered" };

/** @param {any} props */
function Output({ run, row }) {
  const { result } = row;
  const [loaded, setLoaded] = useState(/** @type {any} */ (null));
  const [error, setError] = useState("");
  if (!result || (result.value === null && !result.artifact)) return result?.status === "done" ? html`<section><h3>Output</h3><p class="faint">${result.gathered ? "Gathered from the steps above" : "null"}</p></section>` : null;
  if (!result.artifact) return html`<section><h3>Output</h3><${Value} value=${result.value} name="Output" /></section>`;
  const { sha256, size_bytes: bytes, preview } = result.artifact;
  const path = runPath(run.id, `/artifacts/${sha256}`);
  const show = async () => {
    try {
      setLoaded({ value: await get(path) });
    } catch (failure) {
      setError(String(/** @type {Error} */ (failure).message));
    }
  };
  return html`<section><h3>Output<span class="tag">${size(bytes)}</span></h3>
    ${loaded ? html`<${Value} value=${loaded.value} name="Output" />` : html`<pre class="live" dir="auto" tabIndex=${0}>${plain(preview)}…</pre>`}
    ${error && html`<p class="wrong">${error}</p>`}
    <p class="buttons">${!loaded && html`<button type="button" class="small" onClick=${show}>Show all</button>`}<button type="button" class="small" onClick=${() => download(path, `${run.id}-${row.id}.json`)}><${Icon} name="down" size=${13} />Download</button></p></section>`;
}

/** @param {any} props */
function Needs({ run, row, choose, point }) {
  const after = [...run.rows.values()].filter((each) => each.needs.includes(row.id)).map((each) => each.id);
  const chips = (/** @type {string[]} */ ids) => ids.map((id) => html`<button type="button" class="ref" onClick=${() => choose(id)} onMouseEnter=${() => point(id)} onMouseLeave=${() => point(null)}>${id} ${run.rows.get(id)?.tool || ""}</button>`);
  if (!row.needs.length && !after.length) return null;
  return html`<section class="needs">${row.needs.length > 0 && html`<div><h3>Needs</h3>${chips(row.needs)}</div>`}${after.length > 0 && html`<div><h3>Needed by</h3>${chips(after)}</div>`}</section>`;
}

/** @param {{calls: any[], title: string}} props */
export function Calls({ calls, title }) {
  return html`<section><h3>${title}</h3><ul class="calls">${calls.map((call) => html`<li><details><summary><b>${call.role}</b> <span>${call.model}</span><i>${seconds(call.latency_s)} · ${count(call.usage.input_tokens)} → ${count(call.usage.output_tokens)} tokens · ${usd(call.usage.cost_usd)}</i></summary>
    ${call.error && html`<p class="wrong">${plain(call.error.message)}</p>`}
    ${call.parts.map((/** @type {any} */ part) => (part.text ? html`<pre class="live" dir="auto" tabIndex=${0}>${plain(part.text)}</pre>` : html`<${Value} value=${part} name="Part" />`))}
    ${call.attempts > 1 && html`<p class="faint">${plural(call.attempts, "attempt")}</p>`}</details></li>`)}</ul></section>`;
}
