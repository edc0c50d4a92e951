// The timeline: a lane a step, bars when it ran or waited, the critical path marked; rows outside the view are not drawn.
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { serverNow } from "./client.js";
import { timeline } from "./schedule.js";
import { STATE_WORDS, brief, seconds, usd } from "./words.js";

const ROW = 34;
const BEYOND = 8;

/** @param {{run: import("./fold.js").Run, selected: string|null, hot: string|null, choose: (id: string) => void, point: (id: string|null) => void}} props */
export function Timeline({ run, selected, hot, choose, point }) {
  const box = useRef(/** @type {any} */ (null));
  const [window_, setWindow] = useState({ top: 0, height: 600 });
  const look = () => box.current && setWindow({ top: box.current.scrollTop, height: box.current.clientHeight });
  useEffect(look, []);
  const { lanes, from, to } = timeline(run, serverNow());
  const span = to - from;
  const first = Math.max(0, Math.floor(window_.top / ROW) - BEYOND);
  const last = Math.min(lanes.length, Math.ceil((window_.top + window_.height) / ROW) + BEYOND);
  const steps = ticks(span);
  const onKeyDown = (/** @type {any} */ event) => {
    const way = { ArrowDown: 1, ArrowUp: -1 }[/** @type {string} */ (event.key)];
    if (!way) return;
    event.preventDefault();
    const buttons = [...event.currentTarget.querySelectorAll("button.lane")];
    buttons[buttons.indexOf(document.activeElement) + way]?.focus();
  };
  return html`<div class="timeline">
    <div class="axis" aria-hidden="true"><span class="lane-name">Step</span><div class="lane-bars">${steps.map((at) => html`<i style=${{ left: `${(at / span) * 100}%` }}>${seconds(at)}</i>`)}</div><span class="lane-time">Time</span></div>
    <div class="lanes" ref=${box} onScroll=${look} onKeyDown=${onKeyDown} role="list" aria-label="Timeline of steps" tabIndex=${-1}>
      <div style=${{ height: `${lanes.length * ROW}px`, position: "relative" }}>
        <div class="grid" aria-hidden="true">${steps.map((at) => html`<i style=${{ left: `${(at / span) * 100}%` }}></i>`)}</div>
        ${lanes.slice(first, last).map((lane, index) => html`<div role="listitem" key=${lane.key} class="lane-row" style=${{ top: `${(first + index) * ROW}px` }}>
          <${Lane} lane=${lane} from=${from} span=${span} selected=${selected === lane.id} hot=${hot !== null && hot === lane.id} choose=${choose} point=${point} /></div>`)}
      </div>
    </div>
    <p class="legend"><span class="span s-done key"></span> ran <span class="span s-waiting key"></span> waited <span class="span s-model key"></span> model <span class="span s-done critical key"></span> critical path${run.ended ? html` · ${seconds(run.ended.critical_path_s)} of ${seconds(run.ended.sequential_s)} one after another` : ""}</p>
  </div>`;
}

/** @param {any} props */
function Lane({ lane, from, span, selected, hot, choose, point }) {
  const about = lane.id === null ? "" : html`<span class="unseen"> ${STATE_WORDS[lane.state]}${lane.critical ? ", on the critical path" : ""}</span>`;
  const inside = html`<span class="lane-name">${lane.indent && html`<i class="indent"></i>`}<${Icon} name=${lane.state} /><span class="lane-id">${lane.id !== null && html`<span class="unseen">Step</span> ${lane.id}`}</span><b>${brief(lane.label, 40)}${about}</b></span>
    <span class="lane-bars">${lane.bars.map((/** @type {any} */ bar) => html`<span class=${`span s-${bar.kind}${lane.critical ? " critical" : ""}${bar.open ? " open" : ""}`}
      style=${{ left: `${((bar.from - from) / span) * 100}%`, width: `max(3px, ${((bar.to - bar.from) / span) * 100}%)` }}></span>`)}</span>
    <span class="lane-time">${lane.duration === null ? "" : seconds(lane.duration)}${lane.cost ? html`<small>${usd(lane.cost)}</small>` : ""}</span>`;
  if (lane.id === null) return html`<div class="lane">${inside}</div>`;
  return html`<button type="button" class=${`lane${selected ? " selected" : ""}${hot ? " hot" : ""}`} aria-pressed=${selected ? "true" : "false"} onClick=${() => choose(lane.id)}
    onMouseEnter=${() => point(lane.id)} onMouseLeave=${() => point(null)}>${inside}</button>`;
}

/** @param {number} span seconds @returns {number[]} round moments, four to eight of them */
function ticks(span) {
  const rough = span / 7;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) || rough;
  const found = [];
  for (let at = step; at < span * 0.97; at += step) found.push(at);
  return found;
}
