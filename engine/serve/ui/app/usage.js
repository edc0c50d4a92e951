// What calls used: money and tokens by day and by model, as bars and as a table.
import { get } from "./client.js";
import { html, useEffect, useState } from "./html.js";
import { Empty, Problem } from "./parts.js";
import { turn, usageAt } from "./place.js";
import { count, usd } from "./words.js";

const DAY_MS = 86_400_000;
const SPANS = [[7, "7 days"], [30, "30 days"], [90, "90 days"]];
const COLOURS = 6;

/** @param {number} ago days */
const day = (ago) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10);

const MEASURES = [["cost", "Cost"], ["tokens", "Tokens"], ["calls", "Calls"]];

/** @param {{place: import("./place.js").Place}} props */
export function UsageView({ place }) {
  const days = SPANS.find(([each]) => each === Number(place.query.get("days")))?.[0] ?? 30;
  const measure = MEASURES.find(([id]) => id === place.query.get("measure"))?.[0] ?? "cost";
  const look = (/** @type {any} */ how) => turn(usageAt({ ...Object.fromEntries(place.query), ...how }));
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => {
    document.title = "Usage";
    get(`/v1/usage?by=day,model&since=${day(days - 1)}`).then(setFound, setError);
  }, [days]);
  return html`<main id="main" class="page"><h1 tabIndex=${-1}>Usage</h1>
    <div class="toolbar"><div class="chips" role="group" aria-label="Span">${SPANS.map(([each, label]) => html`<button type="button" aria-pressed=${days === each ? "true" : "false"} onClick=${() => look({ days: each })}>${label}</button>`)}</div>
      <div class="chips" role="group" aria-label="Measure">${MEASURES.map(([id, label]) => html`<button type="button" aria-pressed=${measure === id ? "true" : "false"} onClick=${() => look({ measure: id })}>${label}</button>`)}</div></div>
    <${Problem} error=${error} />
    ${found && (found.data.length ? html`<${Usage} data=${found.data} days=${days} measure=${measure} />` : html`<section class="card"><${Empty} title="Nothing used yet">Calls of models are counted here, by day and model.</${Empty}></section>`)}
  </main>`;
}

/** @param {any} line @param {string} measure @returns {number} */
function amount(line, measure) {
  if (measure === "cost") return line.cost_usd || 0;
  return measure === "tokens" ? line.input_tokens + line.output_tokens : line.calls;
}

/** @param {{data: any[], days: number, measure: string}} props */
function Usage({ data, days, measure }) {
  const say = (/** @type {number} */ value) => (measure === "cost" ? usd(value) : count(value));
  /** @type {Map<string, any>} */
  const models = new Map();
  for (const line of data) {
    const held = models.get(line.model) || { model: line.model, calls: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0, unknown: false };
    for (const name of ["calls", "input_tokens", "output_tokens"]) held[name] += line[name];
    held.cost_usd += line.cost_usd || 0;
    held.unknown ||= line.cost_usd === null;
    models.set(line.model, held);
  }
  const ranked = [...models.values()].sort((a, b) => amount(b, measure) - amount(a, measure));
  const colour = new Map(ranked.map((each, index) => [each.model, Math.min(index, COLOURS - 1)]));
  const columns = Array.from({ length: days }, (_, index) => day(days - 1 - index)).map((date) => ({ date, lines: data.filter((line) => line.day === date) }));
  const sum = (/** @type {any[]} */ lines) => lines.reduce((total, line) => total + amount(line, measure), 0);
  const most = Math.max(...columns.map(({ lines }) => sum(lines)), 1e-9);
  return html`<section class="card"><div class="totals">${MEASURES.map(([id, label]) => html`<div><span>${label}</span><b>${id === "cost" ? usd(data.reduce((t, l) => t + amount(l, id), 0)) : count(data.reduce((t, l) => t + amount(l, id), 0))}</b></div>`)}</div>
    <div class="chart" role="img" aria-label=${`By day, at most ${say(most)} a day. The same numbers stand in the table below.`}><span class="most">${say(most)}</span>
      ${columns.map(({ date, lines }) => html`<div class="column" title=${`${date}: ${say(sum(lines))}`}>${[...lines].sort((a, b) => (colour.get(a.model) || 0) - (colour.get(b.model) || 0)).map((line) => html`<i class=${`c${colour.get(line.model)}`} style=${{ height: `${(amount(line, measure) / most) * 100}%` }}></i>`)}</div>`)}</div>
    <div class="chart-days" aria-hidden="true"><span>${columns[0].date}</span><span>${columns.at(-1)?.date}</span></div></section>
    <section class="card"><h2>By model</h2><div class="scroll" tabIndex=${0} role="region" aria-label="By model"><table><thead><tr><th scope="col">Model</th><th scope="col" class="right">Calls</th><th scope="col" class="right">Read</th><th scope="col" class="right">Written</th><th scope="col" class="right">Cost</th></tr></thead>
      <tbody>${ranked.map((each) => html`<tr><th scope="row"><i class=${`swatch c${colour.get(each.model)}`}></i>${each.model}</th><td class="right">${count(each.calls)}</td><td class="right">${count(each.input_tokens)}</td><td class="right">${count(each.output_tokens)}</td><td class="right">${usd(each.cost_usd)}${each.unknown ? " +?" : ""}</td></tr>`)}</tbody></table></div></section>
    <section class="card"><h2>By day</h2><div class="scroll" tabIndex=${0} role="region" aria-label="By day"><table><thead><tr><th scope="col">Day</th><th scope="col">Model</th><th scope="col" class="right">Calls</th><th scope="col" class="right">Tokens</th><th scope="col" class="right">Cost</th></tr></thead>
      <tbody>${[...data].sort((a, b) => (a.day < b.day ? 1 : -1)).slice(0, 400).map((line) => html`<tr><th scope="row">${line.day}</th><td>${line.model}</td><td class="right">${count(line.calls)}</td><td class="right">${count(line.input_tokens + line.output_tokens)}</td><td class="right">${usd(line.cost_usd)}</td></tr>`)}</tbody></table></div></section>`;
}
