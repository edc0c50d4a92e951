// JSON as a tree that opens where one looks: large values are never drawn whole unless asked for.
import { html, useState } from "./html.js";
import { Copy } from "./parts.js";
import { pieces } from "./refs.js";
import { count, plain, plural } from "./words.js";

const OPEN_DEPTH = 2;
const LONG_TEXT = 700;
const MORE_TEXT = 20_000; // at a time: a text of megabytes would hold up the page
const MOST = 50;

/**
 * @param {{value: any, name?: string, hot?: (id: string|null) => void, choose?: (id: string) => void}} props
 *   ``hot`` and ``choose``: references in it are shown as such
 */
export function Value({ value, name = "value", hot, choose }) {
  return html`<div class="value" role="group" aria-label=${name}>
    <div class="value-tools"><${Copy} text=${() => (typeof value === "string" ? value : JSON.stringify(value, null, 2))} /></div>
    <div class="tree" dir="auto"><${Branch} value=${value} depth=${0} hot=${hot} choose=${choose} top=${true} /></div>
  </div>`;
}

/** @param {any} props */
function Branch({ value, depth, hot, choose, top }) {
  if (typeof value === "string") return html`<${Text} text=${value} hot=${hot} choose=${choose} quoted=${!top} />`;
  if (value === null || typeof value !== "object") return html`<span class=${`v-${value === null ? "null" : typeof value}`}>${String(value)}</span>`;
  return html`<${Twig} value=${value} depth=${depth} hot=${hot} choose=${choose} />`;
}

/** @param {any} props */
function Twig({ value, depth, hot, choose }) {
  const list = Array.isArray(value);
  const entries = list ? value.map((each, index) => [index, each]) : Object.entries(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= 100);
  const [most, setMost] = useState(MOST);
  if (!entries.length) return html`<span class="v-null">${list ? "[ ]" : "{ }"}</span>`;
  const summary = list ? plural(entries.length, "item") : plural(entries.length, "field");
  return html`<div class="twig">
    ${depth > 0 && html`<button type="button" class="twist" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>${open ? "▾" : "▸"} ${summary}</button>`}
    ${depth === 0 && !open && html`<button type="button" class="twist" aria-expanded="false" onClick=${() => setOpen(true)}>▸ ${summary}</button>`}
    ${open && html`<dl class=${list ? "list" : ""}>
      ${entries.slice(0, most).map(([key, each]) => html`<div key=${key}><dt>${plain(String(key))}</dt><dd><${Branch} value=${each} depth=${depth + 1} hot=${hot} choose=${choose} /></dd></div>`)}
    </dl>`}
    ${open && entries.length > most && html`<button type="button" class="quiet small" onClick=${() => setMost(most + 200)}>Show more (${count(entries.length - most)} left)</button>`}
  </div>`;
}

/** @param {any} props */
function Text({ text, hot, choose, quoted }) {
  const [most, setMost] = useState(LONG_TEXT);
  const long = text.length > LONG_TEXT;
  const left = Math.max(0, text.length - most);
  const shown = left ? text.slice(0, most) : text;
  const parts = hot && shown.includes("{{") ? pieces(shown) : [shown];
  return html`<span class=${`v-string ${quoted ? "quoted" : ""}`}>${parts.map((part) => (typeof part === "string" ? plain(part)
    : html`<button type="button" class="ref" onClick=${() => choose(part.id)} onMouseEnter=${() => hot(part.id)} onMouseLeave=${() => hot(null)}
        onFocus=${() => hot(part.id)} onBlur=${() => hot(null)} title=${`Step ${part.id}${part.path}`}>${part.text}</button>`))}${left ? "…" : ""}</span>
    ${left > 0 && html`<button type="button" class="quiet small" onClick=${() => setMost(most + MORE_TEXT)}>${left <= MORE_TEXT ? `Show all (${count(text.length)} characters)` : `Show more (${count(left)} characters left)`}</button>`}
    ${long && most > LONG_TEXT && html`<button type="button" class="quiet small" onClick=${() => setMost(LONG_TEXT)}>Show less</button>`}`;
}
