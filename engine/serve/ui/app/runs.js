// The list of runs, live: status, task, cost, time; what is looked for stands in the address; a page at a time.
import { get, serverNow } from "./client.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Empty, Pill, Problem } from "./parts.js";
import { go, listAt, runAt, turn } from "./place.js";
import { useSignal } from "./signal.js";
import { Start } from "./start.js";
import { TimesButton, When, times } from "./times.js";
import { Welcome } from "./welcome.js";
import { plain, plural, seconds, usd } from "./words.js";

const PAGE = 25;
const FAST_MS = 1500;
const SLOW_MS = 6000;
const STATUSES = [["", "All"], ["queued,running", "Running"], ["waiting", "Waiting"], ["completed", "Completed"], ["failed", "Failed"], ["cancelled", "Cancelled"]];
const SPANS = [["", "Any time"], ["1", "Last hour"], ["24", "Last day"], ["168", "Last 7 days"], ["720", "Last 30 days"]];
/** @type {Record<string, string>} */
const WAITS = { approval: "for an answer", question: "for what a tool asks", timer: "for its time", rate_limit: "for a rate limit", handover: "for a server", set_aside: "for somebody to let it go on" };

/** Asks again and again while the page is seen; faster while something runs. @param {string} path */
function useListed(path) {
  const [found, setFound] = useState(/** @type {any} */ ({ path: "", data: null, error: null }));
  const alive = useRef(0);
  useEffect(() => {
    const mine = (alive.current += 1);
    let timer = 0;
    const look = async () => {
      let wait = SLOW_MS;
      if (!document.hidden) {
        try {
          const data = await get(path);
          if (mine === alive.current) setFound({ path, data, error: null });
          if (data.runs.some((/** @type {any} */ run) => ["queued", "running"].includes(run.status))) wait = FAST_MS;
        } catch (error) {
          if (mine === alive.current) setFound((/** @type {any} */ before) => ({ ...before, error }));
          if (/** @type {any} */ (error).status === 0) wait = FAST_MS;
        }
      }
      if (mine === alive.current) timer = setTimeout(look, wait);
    };
    look();
    return () => {
      alive.current += 1;
      clearTimeout(timer);
    };
  }, [path]);
  return found;
}

/** What is looked for, as the address says it. @param {URLSearchParams} query */
function filterOf(query) {
  const of = (/** @type {string} */ name) => query.get(name) || "";
  return { status: of("status"), text: of("text"), user: of("user"), assistant: of("assistant"), hours: of("hours"), offset: Math.max(0, Number(of("offset")) || 0) };
}

/** What the server is asked for. @param {ReturnType<typeof filterOf>} filter */
function pathOf({ status, text, user, assistant, hours, offset }) {
  const since = Number(hours) ? String(Math.floor((serverNow() - Number(hours) * 3600) / 60) * 60) : "";
  const asked = { limit: PAGE, offset: offset || "", status, text, user, assistant, since };
  return `/runs?${new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "").map(([name, value]) => [name, String(value)]))}`;
}

/** @param {{place: import("./place.js").Place}} props */
export function RunsView({ place }) {
  const filter = filterOf(place.query);
  const [text, setText] = useState(filter.text);
  const typed = useRef(filter.text);
  const narrow = (/** @type {Partial<typeof filter>} */ how) => turn(listAt({ ...filter, ...how, offset: null }));
  useEffect(() => {
    document.title = "Runs";
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => {
      typed.current = text.trim();
      if (typed.current !== filter.text) narrow({ text: typed.current });
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    if (filter.text !== typed.current) setText((typed.current = filter.text)); // another address was opened
  }, [filter.text]);
  useSignal(times);
  const { data, error } = useListed(pathOf(filter));
  const narrowed = [filter.status, filter.text, filter.user, filter.assistant, filter.hours].some(Boolean);
  const tag = (/** @type {"user"|"assistant"} */ name, /** @type {string} */ word) => filter[name] && html`<button type="button" class="small" onClick=${() => narrow({ [name]: "" })} aria-label=${`${word} ${filter[name]}: show all`}>${word} ${filter[name]}<${Icon} name="close" size=${12} /></button>`;
  return html`<main id="main" class="page"><h1 class="unseen" tabIndex=${-1}>Runs</h1>
    <${Start} />
    <section class="card list" aria-label="Runs">
      <div class="toolbar"><div class="chips" role="group" aria-label="Status">${STATUSES.map(([id, label]) => html`<button type="button" aria-pressed=${filter.status === id ? "true" : "false"} onClick=${() => narrow({ status: id })}>${label}</button>`)}</div>
        <div class="narrow-by">${tag("user", "of")}${tag("assistant", "by")}
          <label class="inline"><span class="unseen">Started</span><select value=${filter.hours} onChange=${(/** @type {any} */ e) => narrow({ hours: e.target.value })}>${SPANS.map(([id, label]) => html`<option value=${id} selected=${id === filter.hours}>${label}</option>`)}</select></label>
          <label class="search"><${Icon} name="search" /><span class="unseen">Search by task or run id</span><input type="search" placeholder="Task or run id" value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)} /></label></div></div>
      <${Problem} error=${error} />
      ${!data ? html`<p class="loading" role="status">${error ? "" : "Loading…"}</p>` : data.runs.length ? html`<${Table} runs=${data.runs} narrow=${narrow} />`
        : narrowed ? html`<${Empty} title="No such runs"><button type="button" onClick=${() => { setText(""); turn("#/"); }}>Show all runs</button></${Empty}>` : html`<${Welcome} />`}
      ${data && (filter.offset > 0 || data.next_offset !== null) && html`<nav class="pages" aria-label="Pages"><button type="button" disabled=${!filter.offset} onClick=${() => turn(listAt({ ...filter, offset: Math.max(0, filter.offset - PAGE) || null }))}>Newer</button><span class="faint">${filter.offset + 1}–${filter.offset + data.runs.length}</span>
        <button type="button" disabled=${data.next_offset === null} onClick=${() => turn(listAt({ ...filter, offset: data.next_offset }))}>Older</button></nav>`}
    </section>
    <p class="unseen" role="status">${data && narrowed ? `${plural(data.runs.length, "run")} shown` : ""}</p>
  </main>`;
}

/** @param {{runs: any[], narrow: (how: any) => void}} props */
function Table({ runs, narrow }) {
  const now = serverNow();
  const only = (/** @type {string} */ name, /** @type {string} */ value) => html` · <button type="button" class="as-text" title=${`Only runs of this ${name}`} onClick=${() => narrow({ [name]: value })}>${plain(value)}</button>`;
  return html`<table class="runs"><thead><tr><th scope="col">Status</th><th scope="col">Task</th><th scope="col" class="right">Cost</th><th scope="col" class="right">Time</th><th scope="col" class="right"><${TimesButton} label="When" kind="as-text" /></th></tr></thead>
    <tbody>${runs.map((run) => {
      const over = ["completed", "failed", "cancelled"].includes(run.status);
      const href = runAt(run.id);
      return html`<tr key=${run.id} onClick=${(/** @type {MouseEvent} */ e) => !(/** @type {Element} */ (e.target).closest("a, button")) && !String(getSelection()) && go(href)}>
        <td><${Pill} state=${run.status} /></td><td class="task"><a href=${href} dir="auto">${plain(run.task.slice(0, 300)) || "A given plan"}</a><span class="faint"><code>${run.id}</code>${run.user && only("user", run.user)}${run.assistant && only("assistant", run.assistant)}${run.forked_from && html` · forked from <a href=${runAt(run.forked_from)}>${run.forked_from}</a>`}${run.status === "waiting" && run.waits_for && html` · waits ${WAITS[run.waits_for] || `for ${run.waits_for.replaceAll("_", " ")}`}`}</span></td>
        <td class="right">${usd(run.cost_usd)}</td><td class="right">${seconds((over ? run.updated_at : now) - run.started_at)}</td><td class="right"><${When} at=${run.started_at} now=${now} /></td></tr>`;
    })}</tbody></table>`;
}
