// What a plan that waits would take, told beside it and, while somebody edits it, of the plan as it is edited.
import { post, runPath } from "./client.js";
import { html, useEffect, useState } from "./html.js";
import { Problem } from "./parts.js";
import { brief, plain, plural, seconds, usd } from "./words.js";

const PAUSE_MS = 500; // after the last key
const MOST_SHOWN = 300;

/**
 * @param {string} id of the run
 * @param {string|null} approval null: nothing is asked for
 * @param {any} edited a plan, or null for the one that waits
 * @returns {{told: any, error: any, edited: boolean}}
 */
export function useEstimate(id, approval, edited) {
  const [found, setFound] = useState({ told: /** @type {any} */ (null), error: /** @type {any} */ (null), edited: false });
  const text = edited === null ? "" : JSON.stringify(edited);
  useEffect(() => {
    if (approval === null) return undefined;
    let over = false;
    const ask = () => post(runPath(id, "/estimate"), text ? { plan: JSON.parse(text) } : {}).then(
      (told) => over || setFound({ told, error: null, edited: !!text }),
      (error) => over || setFound({ told: null, error: text ? error : null, edited: !!text }),
    );
    const timer = setTimeout(ask, text ? PAUSE_MS : 0);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [id, approval, text]);
  return found;
}

/** @param {{found: ReturnType<typeof useEstimate>}} props */
export function Expected({ found }) {
  const { told, error, edited } = found;
  if (error) return html`<${Problem} error=${error} />`;
  if (!told) return html`<p class="expected" aria-busy="true">…</p>`;
  const changing = told.steps.filter((/** @type {any} */ step) => step.effects !== "none").length;
  const asking = told.steps.filter((/** @type {any} */ step) => step.asks).length;
  const facts = [
    plural(told.steps.length, "step"), between(usd(told.cost_usd), usd(told.p95_cost_usd)), plural(told.model_calls, "model call"),
    `about ${between(seconds(told.duration_s), seconds(told.p95_duration_s))}`, changing ? `${changing} may change something` : "nothing is changed", asking ? `${asking} asked about again` : "",
  ].filter(Boolean);
  const guessed = [told.steps_guessed ? plural(told.steps_guessed, "step") : "", told.model_calls_guessed ? "the model calls" : ""].filter(Boolean).join(" and ");
  return html`<p class="expected" role=${edited ? "status" : undefined}><b>${edited ? "As edited" : "Expected"}</b> ${facts.map((fact) => html`<span>${fact}</span>`)}${guessed && html`<small>The time of ${guessed} is a guess: none was seen yet.</small>`}</p>`;
}

/** A median, and what 95 % stay below where that is another. @param {string} middle @param {string} slow */
const between = (middle, slow) => (middle === slow ? middle : `${middle} (95 %: ${slow})`);

/** @type {Record<string, string>} */
const EFFECTS = { none: "", idempotent: "changes, repeatable", effectful: "changes" };
/** @type {Record<string, string>} */
const ASKS = { always: "asks", rule: "may ask" };

/** @param {{plan: any, steps: any[]|undefined}} props ``steps``: of each its effects and what is asked, once known */
export function PlanTable({ plan, steps }) {
  const of = new Map((steps || []).map((each) => [each.id, each]));
  const marks = (/** @type {any} */ known) => known && html`${EFFECTS[known.effects] && html`<span class="tag warn">${EFFECTS[known.effects]}</span>`}${ASKS[known.asks] && html`<span class="tag">${ASKS[known.asks]}</span>`}`;
  const took = (/** @type {any} */ known) => known && [seconds(known.duration_s), known.cost_usd ? usd(known.cost_usd) : ""].filter(Boolean).join(", ");
  return html`<div class="scroll" tabIndex=${0} role="region" aria-label="Steps of the plan"><table class="steps"><thead><tr><th scope="col">Step</th><th scope="col">Tool</th><th scope="col">Input</th><th scope="col">Effects</th><th scope="col" class="right">Takes</th><th scope="col">After</th></tr></thead>
    <tbody>${plan.steps.slice(0, MOST_SHOWN).map((/** @type {any} */ step) => html`<tr><td>${step.id}</td><td><b>${step.tool}</b>${step.description && html`<br /><span class="faint">${plain(step.description)}</span>`}</td><td><code>${brief(step.tool_input, 160)}</code></td><td>${marks(of.get(step.id))}</td><td class="right">${took(of.get(step.id))}</td><td>${step.depends_on.join(", ")}</td></tr>`)}</tbody></table></div>
    ${plan.steps.length > MOST_SHOWN && html`<p class="faint">and ${plan.steps.length - MOST_SHOWN} more: Edit shows all of them</p>`}`;
}
