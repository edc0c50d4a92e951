// The whole plan in small, for one that is larger than the room: which part is in view, and a way to move it.
import { html, useEffect, useRef } from "./html.js";
import { HEIGHT, WIDTH } from "./layout.js";

const MOST_WIDE = 180;
const MOST_HIGH = 120;
/** @type {Record<string, string>} the state's colour; a failed step is drawn larger, too */
const COLOURS = { done: "--done", failed: "--failed", running: "--running", retrying: "--running", waiting: "--waiting", postponed: "--waiting" };

/**
 * Pointed at only: by keyboard one moves from step to step, and the view follows.
 * @param {{run: import("./fold.js").Run, made: import("./layout.js").Layout, scale: number, room: {width: number, height: number}, view: {current: any}}} props
 */
export function Minimap({ run, made, scale, room, view }) {
  const canvas = useRef(/** @type {any} */ (null));
  const frame = useRef(/** @type {any} */ (null));
  const small = Math.min(MOST_WIDE / made.width, MOST_HIGH / made.height);
  const [width, height] = [Math.ceil(made.width * small), Math.ceil(made.height * small)];
  useEffect(() => {
    const dense = devicePixelRatio || 1;
    const map = canvas.current;
    [map.width, map.height] = [width * dense, height * dense];
    const pen = map.getContext("2d");
    pen.scale(dense * small, dense * small);
    const style = getComputedStyle(map);
    for (const place of made.places.values()) {
      const state = run.rows.get(place.id)?.state ?? "planned";
      pen.fillStyle = style.getPropertyValue(COLOURS[state] ?? "--line-strong");
      const more = state === "failed" ? 2 / small : 0;
      pen.fillRect(place.x - more, place.y - more, Math.max(WIDTH, 2 / small) + 2 * more, Math.max(HEIGHT, 2 / small) + 2 * more);
    }
  }, [made, run.version, width]);
  useEffect(() => {
    const box = view.current;
    const follow = () => {
      const [left, top] = [box.scrollLeft, box.scrollTop].map((from) => (from / scale) * small);
      const [wide, high] = [box.clientWidth, box.clientHeight].map((room) => (room / scale) * small);
      Object.assign(frame.current.style, { left: `${left}px`, top: `${top}px`, width: `${Math.min(wide, width)}px`, height: `${Math.min(high, height)}px` });
    };
    follow();
    box.addEventListener("scroll", follow, { passive: true });
    return () => box.removeEventListener("scroll", follow);
  }, [made, scale, room]);
  const move = (/** @type {PointerEvent} */ event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = view.current;
    const { left, top } = canvas.current.getBoundingClientRect();
    box.scrollTo(((event.clientX - left) / small) * scale - box.clientWidth / 2, ((event.clientY - top) / small) * scale - box.clientHeight / 2);
    /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
  };
  return html`<div class="minimap" aria-hidden="true" onPointerDown=${move} onPointerMove=${move}><canvas ref=${canvas} style=${{ width: `${width}px`, height: `${height}px` }}></canvas><i ref=${frame}></i></div>`;
}
