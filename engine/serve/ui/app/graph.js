// The plan as a graph: edges in SVG, steps as buttons above them; only steps that changed are drawn anew.
import { Component, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Minimap } from "./minimap.js";
import { HEIGHT, WIDTH, fitsDown, laidOut, pathOf, shapeOf } from "./layout.js";
import { tookS } from "./schedule.js";
import { STATE_WORDS, brief, inputLine, plural, seconds } from "./words.js";
import { serverNow } from "./client.js";

const LEAST = 0.03;
const MOST = 1.6;
const READABLE = 0.4; // the smallest scale at which a whole plan is shown at first
const START = 0.6;
const FAR = 0.6; // below this scale only tools and states are told apart
const TINY = 0.2; // below this only states, by colour and by what stands in a failed one

/** One step. @extends {Component<any, any>} */
class Node extends Component {
  /** @param {any} next */
  shouldComponentUpdate(next) {
    const now = this.props;
    return ["version", "x", "y", "selected", "hot", "dim", "tab", "critical", "now"].some((name) => next[name] !== now[name]);
  }

  render() {
    const { row, x, y, selected, hot, dim, tab, critical, choose, point, now } = this.props;
    const took = tookS(row, now);
    const many = row.total !== null ? `${row.ended}/${row.total}` : "";
    const line = row.progress ? `${row.progress.fraction === null ? "" : `${Math.round(row.progress.fraction * 100)} % `}${row.progress.message}` : row.note && row.state !== "done" ? row.note : inputLine(row.input, 60);
    return html`<button type="button" class=${`node s-${row.state}${selected ? " selected" : ""}${hot ? " hot" : ""}${dim ? " dim" : ""}${critical ? " critical" : ""}`}
      style=${{ transform: `translate(${x}px, ${y}px)` }} data-step=${row.id} tabIndex=${tab ? 0 : -1} aria-pressed=${selected ? "true" : "false"}
      onClick=${() => choose(row.id)} onMouseEnter=${() => point(row.id)} onMouseLeave=${() => point(null)} onFocus=${() => point(row.id)} onBlur=${() => point(null)}>
      <${Icon} name=${row.state} size=${22} />
      <span class="node-text"><span class="node-id"><span class="unseen">Step</span> ${row.id}</span><b>${brief(row.tool, 40)}<span class="unseen"> ${STATE_WORDS[row.state]}${critical ? ", on the critical path" : ""}</span></b>
      <i>${many || (took === null ? "" : seconds(took))}</i><span class="node-line" dir="auto">${brief(line, 80)}</span></span>
      ${row.progress?.fraction != null && html`<span class="node-bar" style=${{ width: `${row.progress.fraction * 100}%` }}></span>`}
    </button>`;
  }
}

/**
 * A layout that follows the plan: made again when steps come or go, seldom enough that a growing plan stays smooth.
 * @param {import("./fold.js").Run} run @param {number|null} revision @param {{width: number, height: number}} room
 */
function useLayout(run, revision, room) {
  const held = useRef(/** @type {any} */ ({ key: "", made: null, until: 0, timer: 0 }));
  const [, again] = useState(0);
  const down = useRef(/** @type {boolean|null} */ (null));
  const key = `${run.plan} ${revision} ${run.mode} ${room.width > 0} ${room.width < 600}`;
  const state = held.current;
  if (room.width && key !== state.key) {
    if (performance.now() >= state.until) {
      const shape = shapeOf(run, revision);
      if (down.current === null || !run.planning) down.current = fitsDown(shape, room.width, room.height);
      state.made = laidOut(shape, down.current);
      state.key = key;
      state.until = performance.now() + Math.min(2000, state.made.ms * 5);
      performance.measure?.("plan-layout", { start: performance.now() - state.made.ms, duration: state.made.ms });
    } else if (!state.timer) {
      state.timer = setTimeout(() => {
        state.timer = 0;
        again((number) => number + 1);
      }, state.until - performance.now() + 5);
    }
  }
  useEffect(() => () => clearTimeout(state.timer), []);
  return state.made;
}

/** @param {{run: import("./fold.js").Run, revision: number|null, selected: string|null, hot: string|null, critical: Set<string>, choose: (id: string) => void, point: (id: string|null) => void}} props */
export function Graph({ run, revision, selected, hot, critical, choose, point }) {
  const view = useRef(/** @type {any} */ (null));
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [scale, setScale] = useState(/** @type {number|null} */ (null));
  useLayoutEffect(() => {
    const measure = () => view.current && setRoom({ width: view.current.clientWidth, height: view.current.clientHeight });
    measure();
    const watching = new ResizeObserver(measure);
    watching.observe(view.current);
    return () => watching.disconnect();
  }, []);
  const made = useLayout(run, revision, room);
  const fit = made ? Math.min(1, Math.max(LEAST, Math.min((room.width - 4) / made.width, (room.height - 4) / made.height))) : 1;
  const shown = scale ?? (fit >= READABLE ? fit : START);
  const near = useMemo(() => (hot && made ? new Set(made.lines.filter((/** @type {any} */ line) => line.from === hot || line.to === hot).flatMap((/** @type {any} */ line) => [line.from, line.to])) : null), [hot, made]);
  useZoom(view, shown, setScale);
  const empty = !made || !made.places.size;
  useBeginning(view, made, run, shown);
  const tabbed = selected && made?.places.has(selected) ? selected : made?.places.keys().next().value;
  const now = run.ended ? run.lastAt : serverNow();
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if ((event.key === "+" || event.key === "=") && !event.ctrlKey) setScale(Math.min(MOST, shown * 1.25));
    else if (event.key === "-" && !event.ctrlKey) setScale(Math.max(LEAST, shown / 1.25));
    else if (event.key === "0" && !event.ctrlKey) setScale(fit);
    else if (!made || !walk(event, made)) return;
    event.preventDefault();
  };
  return html`<div class="graph">
    <div class="graph-view" ref=${view} onKeyDown=${onKeyDown} role="group" aria-label=${`The plan: ${plural(made?.places.size || 0, "step")}. Arrow keys move between steps, Enter opens one.`}>
      ${empty && html`<div class="empty"><strong>${run.planning ? "Planning…" : run.ended ? "No steps" : "No plan yet"}</strong><span>${run.planning ? "Steps appear as they are written." : run.ended ? "This run was answered without any." : ""}</span></div>`}
      ${made && html`<div class="graph-size" style=${{ width: `${made.width * shown}px`, height: `${made.height * shown}px` }}>
        <div class=${`graph-plane${shown < FAR ? " far" : ""}${shown < TINY ? " tiny" : ""}`} style=${{ transform: `scale(${shown})`, width: `${made.width}px`, height: `${made.height}px` }}>
          <${Lines} made=${made} hot=${hot} critical=${critical} />
          ${[...made.places.values()].map((place) => {
            const row = run.rows.get(place.id);
            return row && html`<${Node} key=${place.id} row=${row} version=${row.version} x=${place.x} y=${place.y} selected=${selected === place.id}
              hot=${hot === place.id} dim=${near !== null && !near.has(place.id) && hot !== place.id} tab=${tabbed === place.id} critical=${critical.has(place.id)} choose=${choose} point=${point}
              now=${row.state === "running" ? Math.floor(now) : 0} />`;
          })}
        </div>
      </div>`}
    </div>
    ${!empty && made && room.width > 420 && (made.width * shown > room.width + 8 || made.height * shown > room.height + 8) && html`<${Minimap} run=${run} made=${made} scale=${shown} room=${room} view=${view} />`}
    ${!empty && html`<div class="zoom" role="group" aria-label="Zoom">
      <button type="button" class="quiet icon-only" aria-label="Zoom out" onClick=${() => setScale(Math.max(LEAST, shown / 1.25))}><${Icon} name="minus" /></button>
      <button type="button" class="quiet icon-only" aria-label="Fit the plan" onClick=${() => setScale(fit)}><${Icon} name="fit" /></button>
      <button type="button" class="quiet icon-only" aria-label="Zoom in" onClick=${() => setScale(Math.min(MOST, shown * 1.25))}><${Icon} name="plus" /></button>
    </div>`}
  </div>`;
}

/** Shows a plan that is larger than the room from its first steps, once. @param {any} view @param {any} made @param {any} run @param {number} scale */
function useBeginning(view, made, run, scale) {
  const done = useRef(false);
  useLayoutEffect(() => {
    if (done.current || !made?.places.size || run.planning) return;
    done.current = true;
    const roots = [...made.places.values()].filter((place) => !run.rows.get(place.id)?.needs.length);
    const first = roots.sort((a, b) => a.x + a.y - b.x - b.y)[0];
    const { x, y } = first || made.places.values().next().value;
    const { clientWidth: width, clientHeight: height } = view.current;
    view.current.scrollTo((x + WIDTH / 2) * scale - width / (made.down ? 2 : 4), (y + HEIGHT / 2) * scale - height / (made.down ? 4 : 2));
  });
}

/** The edges: drawn anew only when the layout or what is pointed at changes. @extends {Component<any, any>} */
class Lines extends Component {
  /** @param {any} next */
  shouldComponentUpdate(next) {
    return next.made !== this.props.made || next.hot !== this.props.hot || [...next.critical].join() !== [...this.props.critical].join();
  }

  render() {
    const { made, hot, critical } = this.props;
    return html`<svg class="lines" width=${made.width} height=${made.height} aria-hidden="true" focusable="false">
      <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .6 7.4 4 0 7.4z" /></marker></defs>
      ${made.lines.map((/** @type {any} */ line) => html`<path key=${`${line.from}>${line.to}`} d=${pathOf(line.points, made.down)} marker-end="url(#tip)" data-from=${line.from} data-to=${line.to}
        class=${`line ${line.kind}${hot === line.from || hot === line.to ? " hot" : hot ? " dim" : ""}${critical.has(line.from) && critical.has(line.to) ? " critical" : ""}`} />`)}
    </svg>`;
  }
}

/** Arrow keys: to the nearest step in that direction. @param {KeyboardEvent} event @param {import("./layout.js").Layout} made */
function walk(event, made) {
  const way = /** @type {Record<string, [number, number]>} */ ({ ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] })[event.key];
  const at = made.places.get(/** @type {HTMLElement} */ (event.target).dataset?.step || "");
  if (!way || !at) return false;
  let best = null;
  let least = Infinity;
  for (const place of made.places.values()) {
    const [dx, dy] = [(place.x - at.x) / WIDTH, (place.y - at.y) / HEIGHT];
    const ahead = dx * way[0] + dy * way[1];
    const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (ahead > 0.2 && ahead + aside * 2.5 < least) [best, least] = [place.id, ahead + aside * 2.5];
  }
  if (best !== null) /** @type {any} */ (event.currentTarget).querySelector(`[data-step="${CSS.escape(best)}"]`)?.focus();
  return true;
}

/** Ctrl + wheel zooms, dragging the ground moves. @param {any} view @param {number} shown @param {(scale: number) => void} setScale */
function useZoom(view, shown, setScale) {
  const now = useRef(shown);
  now.current = shown;
  useEffect(() => {
    const box = view.current;
    const wheel = (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      setScale(Math.min(MOST, Math.max(LEAST, now.current * Math.exp(-event.deltaY / 300))));
    };
    const down = (/** @type {PointerEvent} */ event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || /** @type {Element} */ (event.target).closest("button")) return;
      const from = { x: event.clientX + box.scrollLeft, y: event.clientY + box.scrollTop };
      const move = (/** @type {PointerEvent} */ to) => box.scrollTo(from.x - to.clientX, from.y - to.clientY);
      const up = () => {
        box.classList.remove("dragged");
        window.removeEventListener("pointermove", move);
      };
      box.classList.add("dragged");
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", up, { once: true });
    };
    box.addEventListener("wheel", wheel, { passive: false });
    box.addEventListener("pointerdown", down);
    return () => {
      box.removeEventListener("wheel", wheel);
      box.removeEventListener("pointerdown", down);
    };
  }, []);
}
