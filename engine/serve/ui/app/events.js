// Every event of a run, newest last; only the rows in view are drawn.
import { html, useEffect, useRef, useState } from "./html.js";
import { download, runPath } from "./client.js";
import { Icon } from "./icons.js";
import { sentence, stepOf } from "./sentences.js";
import { TimesButton, times } from "./times.js";
import { useSignal } from "./signal.js";
import { Value } from "./value.js";
import { clock, seconds } from "./words.js";

const ROW = 30;
const BEYOND = 10;
/** @type {WeakMap<any, string>} what an event is found by */
const SEARCHED = new WeakMap();

/** @param {any} event */
function searched(event) {
  const held = SEARCHED.get(event) ?? `${event.kind.replaceAll("_", " ")} ${event.kind} ${stepOf(event)} ${sentence(event)}`.toLowerCase();
  SEARCHED.set(event, held);
  return held;
}

/** @param {{run: import("./fold.js").Run, choose: (id: string) => void}} props */
export function Events({ run, choose }) {
  const box = useRef(/** @type {any} */ (null));
  const [view, setView] = useState({ top: 0, height: 600 });
  const [text, setText] = useState("");
  const [open, setOpen] = useState(/** @type {number|null} */ (null));
  const follows = useRef(true);
  useSignal(times);
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = wanted.length ? run.events.filter((event) => wanted.every((word) => searched(event).includes(word))) : run.events;
  const look = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current;
    follows.current = scrollTop + clientHeight > scrollHeight - ROW;
    setView({ top: scrollTop, height: clientHeight });
  };
  useEffect(look, []);
  useEffect(() => {
    if (follows.current && !run.ended) box.current.scrollTop = box.current.scrollHeight;
  }, [found.length]);
  const first = Math.max(0, Math.floor(view.top / ROW) - BEYOND);
  const last = Math.min(found.length, Math.ceil((view.top + view.height) / ROW) + BEYOND);
  const chosen = open === null ? null : run.events.find((event) => event.seq === open);
  return html`<div class="events">
    <div class="toolbar"><label class="search"><${Icon} name="search" /><span class="unseen">Search events</span><input type="search" placeholder="Search events" value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)} /></label>
      <span class="faint">${found.length} of ${run.events.length}${run.forgotten ? ` (the first ${run.forgotten} are in the export)` : ""}</span><${TimesButton} />
      <button type="button" class="quiet small" onClick=${() => download(runPath(run.id, "/export"), `${run.id}.jsonl`)}><${Icon} name="down" size=${13} />Export</button></div>
    <div class="event-list" ref=${box} onScroll=${look} tabIndex=${0} role="log" aria-label="Events" aria-live="off">
      <div style=${{ height: `${found.length * ROW}px`, position: "relative" }}>
        ${found.slice(first, last).map((event, index) => {
          const id = stepOf(event);
          return html`<div class=${`event k-${event.kind}${open === event.seq ? " selected" : ""}`} key=${event.seq} style=${{ top: `${(first + index) * ROW}px` }}>
            <span class="seq">${event.seq}</span><span class="at">${times.clock ? clock(event.at) : `+${seconds(event.at - run.startedAt)}`}</span>
            <button type="button" class="kind" aria-expanded=${open === event.seq ? "true" : "false"} onClick=${() => setOpen(open === event.seq ? null : event.seq)}>${event.kind.replaceAll("_", " ")}</button>
            ${id ? html`<button type="button" class="ref" onClick=${() => choose(id)} aria-label=${`Step ${id}`}>${id}</button>` : html`<span></span>`}
            <span class="told">${sentence(event)}</span></div>`;
        })}
      </div>
    </div>
    ${chosen && html`<section class="event-open" aria-label=${`Event ${chosen.seq}`}><${Value} value=${chosen} name=${`Event ${chosen.seq}`} /></section>`}
  </div>`;
}
