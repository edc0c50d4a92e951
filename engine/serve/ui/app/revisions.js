// The plans of a run: which one is looked at, why it was made, and what it changed.
import { difference } from "./changes.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { inputLine, plain, triggerText } from "./words.js";

/** @param {{run: import("./fold.js").Run, revision: number|null, choose: (number: number|null) => void}} props */
export function Revisions({ run, revision, choose }) {
  const numbers = [...run.revisions.values()].filter((each) => each.ids.size || each.keeps.length).map((each) => each.number);
  if (numbers.length < 2 || run.mode === "react") return null;
  return html`<label class="inline">Show <select value=${revision ?? ""} onChange=${(/** @type {any} */ event) => choose(event.target.value ? Number(event.target.value) : null)}>
    <option value="" selected=${revision === null}>the whole run</option>${numbers.map((number) => html`<option value=${number} selected=${number === revision}>plan ${number}${number === numbers.at(-1) ? " (now)" : ""}</option>`)}</select></label>`;
}

/** @param {{run: import("./fold.js").Run, number: number, choose: (id: string) => void, point: (id: string|null) => void}} props */
export function Change({ run, number, choose, point }) {
  const found = difference(run, number);
  const triggers = run.revisions.get(number)?.triggers || [];
  const counts = [[found.replaced, "replaced"], [found.added, "new"], [found.dropped, "dropped"], [found.kept, "kept"]].filter(([rows]) => rows.length).map(([rows, word]) => `${rows.length} ${word}`);
  const chip = (/** @type {import("./rows.js").Row} */ row) => html`<button type="button" class="ref" onClick=${() => choose(row.id)} onMouseEnter=${() => point(row.id)} onMouseLeave=${() => point(null)} onFocus=${() => point(row.id)} onBlur=${() => point(null)}>${row.id} ${row.tool}</button>`;
  const told = (/** @type {import("./rows.js").Row} */ row) => html`<span class="change-step">${chip(row)}<${Icon} name=${row.state} /><code>${inputLine(row.step.tool_input ?? row.input, 140)}</code></span>`;
  const line = (/** @type {string} */ word, /** @type {string} */ kind, /** @type {any} */ left, /** @type {any} */ right) => html`<tr class=${`d-${kind}`}><th scope="row">${word}</th><td>${left}</td><td>${right}</td></tr>`;
  return html`<details class="change" key=${number} open=${found.before !== null && run.rows.size < 30}><summary><b>Plan ${number}</b>${found.before === null ? html` <span>the first one</span>` : html` <span>${counts.join(", ")}</span>`}${triggers.length > 0 && html` <span class="why">because ${plain(triggers.map(triggerText).join("; "))}</span>`}</summary>
    ${found.before !== null && html`<div class="scroll" tabIndex=${0} role="region" aria-label=${`What plan ${number} changed`}><table><thead><tr><th scope="col">Step</th><th scope="col">Plan ${found.before}</th><th scope="col">Plan ${number}</th></tr></thead><tbody>
      ${found.replaced.map(([old, next]) => line("replaced", "replaced", told(old), told(next)))}
      ${found.added.map((row) => line("new", "added", "", told(row)))}
      ${found.dropped.map((row) => line("dropped", "dropped", told(row), ""))}
      ${found.ended.map((row) => line(row.state === "failed" ? "given up" : "done before", "ended", told(row), ""))}
      ${found.kept.length > 0 && line("kept", "kept", found.kept.slice(0, 40).map(chip), found.kept.length > 40 ? `and ${found.kept.length - 40} more` : "")}
    </tbody></table></div>`}</details>`;
}
