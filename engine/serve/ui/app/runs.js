// The list of runs, live: status, task, cost, time; by status and by text; a page at a time.
import { get, serverNow } from "./client.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Empty, Pill, Problem } from "./parts.js";
import { Start } from "./start.js";
import { ago, moment, plain, seconds, usd } from "./words.js";

const PAGE = 25;
const FAST_MS = 1500;
const SLOW_MS = 6000;
const STATUSES = [["", "All"], ["queued,running", "Running"], ["waiting", "Waiting"], ["completed", "Completed"], ["failed", "Failed"], ["cancelled", "Cancelled"]];

/** Asks again and again while the page is seen; faster while something runs. @param {string} path */
function useListed(path) {
  const [found, setFound] = useState(/** @type {any} */ ({ path: "", data: null, error: null }));
  const alive = useRef(0);
  useEffect(() => {
    const turn = (alive.current += 1);
    let timer = 0;
    const look = async () => {
      let wait = SLOW_MS;
      if (!document.hidden) {
        try {
          const data = await get(path);
          if (turn === alive.current) setFound({ path, data, error: null });
          if (data.runs.some((/** @type {any} */ run) => ["queued", "running"].includes(run.status))) wait = FAST_MS;
        } catch (error) {
          if (turn === alive.current) setFound((/** @type {any} */ before) => ({ ...before, error }));
        }
      }
      if (turn === alive.current) timer = setTimeout(look, wait);
    };
    look();
    return () => {
      alive.current += 1;
      clearTimeout(timer);
    };
  }, [path]);
  return found;
}

/** @param {{go: (hash: string) => void}} props */
export function RunsView({ go }) {
  const [status, setStatus] = useState("");
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [offset, setOffset] = useState(0);
  useEffect(() => {
    document.title = "Runs";
    const timer = setTimeout(() => {
      setAsked(text.trim());
      if (text.trim() !== asked) setOffset(0);
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  const query = new URLSearchParams({ limit: String(PAGE), ...(offset ? { offset: String(offset) } : {}), ...(status ? { status } : {}), ...(asked ? { text: asked } : {}) });
  const { data, error } = useListed(`/runs?${query}`);
  return html`<main id="main" class="page"><h1 class="unseen" tabIndex=${-1}>Runs</h1>
    <${Start} go=${go} />
    <section class="card list" aria-label="Runs">
      <div class="toolbar"><div class="chips" role="group" aria-label="Status">${STATUSES.map(([id, label]) => html`<button type="button" aria-pressed=${status === id ? "true" : "false"} onClick=${() => { setStatus(id); setOffset(0); }}>${label}</button>`)}</div>
        <label class="search"><${Icon} name="search" /><span class="unseen">Search tasks</span><input type="search" placeholder="Search tasks" value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)} /></label></div>
      <${Problem} error=${error} />
      ${!data ? html`<p class="loading" role="status">${error ? "" : "Loading…"}</p>` : data.runs.length ? html`<${Table} runs=${data.runs} go=${go} />`
        : html`<${Empty} title=${status || asked ? "No such runs" : "No runs yet"}>${status || asked ? "Change the filter." : "Say above what should be done."}</${Empty}>`}
      ${data && (offset > 0 || data.next_offset !== null) && html`<nav class="pages" aria-label="Pages"><button type="button" disabled=${!offset} onClick=${() => setOffset(Math.max(0, offset - PAGE))}>Newer</button><span class="faint">${offset + 1}–${offset + data.runs.length}</span>
        <button type="button" disabled=${data.next_offset === null} onClick=${() => setOffset(data.next_offset)}>Older</button></nav>`}
    </section>
  </main>`;
}

/** @param {{runs: any[], go: (hash: string) => void}} props */
function Table({ runs, go }) {
  const now = serverNow();
  return html`<table class="runs"><thead><tr><th scope="col">Status</th><th scope="col">Task</th><th scope="col" class="right">Cost</th><th scope="col" class="right">Time</th><th scope="col" class="right">Started</th></tr></thead>
    <tbody>${runs.map((run) => {
      const over = ["completed", "failed", "cancelled"].includes(run.status);
      const href = `#/runs/${encodeURIComponent(run.id)}`;
      return html`<tr key=${run.id} onClick=${(/** @type {MouseEvent} */ e) => !(/** @type {Element} */ (e.target).closest("a")) && !String(getSelection()) && go(href)}>
        <td><${Pill} state=${run.status} /></td><td class="task"><a href=${href}>${plain(run.task.slice(0, 300)) || "A given plan"}</a><span class="faint"><code>${run.id}</code>${run.user && html` · ${run.user}`}${run.forked_from && html` · forked from ${run.forked_from}`}${run.status === "waiting" && run.waits_for && html` · waits: ${run.waits_for.replaceAll("_", " ")}`}</span></td>
        <td class="right">${usd(run.cost_usd)}</td><td class="right">${seconds((over ? run.updated_at : now) - run.started_at)}</td><td class="right" title=${moment(run.started_at)}>${ago(now - run.started_at)}</td></tr>`;
    })}</tbody></table>`;
}
