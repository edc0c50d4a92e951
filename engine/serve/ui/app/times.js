// Moments as people want them: how long ago, or by the clock; chosen once, kept on this device, the other one on hover.
import { html } from "./html.js";
import { Signal, useSignal } from "./signal.js";
import { ago, moment } from "./words.js";

const KEPT = "engine-times";

/** Whether moments are told by the clock. */
export const times = Object.assign(new Signal(), { clock: kept() === "clock" });

/** @returns {string|null} nothing where the browser keeps nothing */
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export function turnTimes() {
  times.clock = !times.clock;
  try {
    localStorage.setItem(KEPT, times.clock ? "clock" : "ago");
  } catch {
    // it is told otherwise until the page is left
  }
  times.changed();
}

/** A button that tells moments the other way. @param {{label?: string, kind?: string}} props */
export function TimesButton({ label = "By the clock", kind = "quiet small" }) {
  useSignal(times);
  return html`<button type="button" class=${kind} aria-pressed=${times.clock ? "true" : "false"} aria-label=${label === "By the clock" ? undefined : `${label}: by the clock`} title="By the clock, or how long ago" onClick=${turnTimes}>${label}</button>`;
}

/** @param {{at: number, now: number}} props Unix times */
export function When({ at, now }) {
  const [near, far] = times.clock ? [moment(at), ago(now - at)] : [ago(now - at), moment(at)];
  return html`<time dateTime=${new Date(at * 1000).toISOString()} title=${far}>${near}</time>`;
}
