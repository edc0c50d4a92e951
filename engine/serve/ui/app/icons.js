// Icons as shapes: a state is known by its shape and its word, its colour only helps.
import { html } from "./html.js";

/** @type {Record<string, string>} paths in a box of 16 × 16 */
const PATHS = {
  done: "M4.5 8.3l2.4 2.4 4.8-5.2", completed: "M4.5 8.3l2.4 2.4 4.8-5.2",
  failed: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6", running: "M6.2 4.8v6.4L11.4 8z", retrying: "M11 6.2A3.6 3.6 0 1 0 11.6 9M11.4 4v2.6H8.8",
  waiting: "M6.3 5v6M9.7 5v6", postponed: "M8 4.8V8l2.2 1.4", queued: "M5 8h.01M8 8h.01M11 8h.01", planned: "",
  skipped: "M4.8 5l3 3-3 3M8.4 5l3 3-3 3", cancelled: "M5.4 5.4h5.2v5.2H5.4z", discarded: "M4.8 8h6.4", model: "M8 4l1 3 3 1-3 1-1 3-1-3-3-1 3-1z",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01", code: "M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5", close: "M4 4l8 8M12 4l-8 8", plus: "M8 3.5v9M3.5 8h9", minus: "M3.5 8h9", fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  copy: "M5.5 5.5V3h7.5v7.5h-2.5M3 5.5h7.5V13H3z", back: "M9.5 3.5L5 8l4.5 4.5", right: "M6 4l4 4-4 4", play: "M5 3.5v9l7.5-4.5z",
  stop: "M4.5 4.5h7v7h-7z", fork: "M5 3v10M5 9c5 0 6-1 6-5M9 5.5L11 3.5l2 2", steer: "M3 8h8M8 4.5L11.5 8 8 11.5M13.5 3v10", down: "M8 3v8M4.5 7.8L8 11.3l3.5-3.5M3 13.5h10",
  search: "M7 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10 10l3.5 3.5", key: "M9.5 9.5a3 3 0 1 0-3-3L3 12v1.5h2V12h1.5v-1.5H8z", link: "M6.5 9.5l3-3M7 5l1.5-1.5a2.5 2.5 0 0 1 4 3.5L11 8.5M9 11l-1.5 1.5a2.5 2.5 0 0 1-4-3.5L5 7.5",
};
const RINGED = new Set(["done", "completed", "failed", "running", "retrying", "waiting", "postponed", "queued", "planned", "skipped", "cancelled", "discarded"]);
const FILLED = new Set(["running", "play"]);

/** @param {{name: string, size?: number}} props */
export function Icon({ name, size = 16 }) {
  const ring = RINGED.has(name);
  return html`<svg class=${`icon ${ring ? `state s-${name}` : ""}`} viewBox="0 0 16 16" width=${size} height=${size} aria-hidden="true" focusable="false">
    ${ring && html`<circle class="ring" cx="8" cy="8" r="6.75" />`}
    <path class=${FILLED.has(name) ? "full" : ""} d=${PATHS[name] || ""} />
  </svg>`;
}
