// Numbers, times and states in words.

/** @type {Record<string, string>} */
export const STATE_WORDS = {
  planned: "Planned", waiting: "Waiting", postponed: "Postponed", running: "Running", retrying: "Retrying", done: "Done",
  failed: "Failed", skipped: "Skipped", cancelled: "Cancelled", discarded: "Discarded", queued: "Queued",
  completed: "Completed",
};

/**
 * @param {number|null|undefined} s
 * @returns {string} 0.2 s, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h
 */
export function seconds(s) {
  if (s === null || s === undefined || Number.isNaN(s)) return "–";
  const value = Math.max(0, s);
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return two(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

/** @param {number} a @param {string} unit @param {number} b @param {string} smaller */
const two = (a, unit, b, smaller) => (b ? `${a} ${unit} ${b} ${smaller}` : `${a} ${unit}`);

/**
 * @param {number|null|undefined} value
 * @returns {string} $0, $0.0012, $1.20, or that it is not known
 */
export function usd(value) {
  if (value === undefined) return "–";
  if (value === null) return "price unknown";
  if (value === 0) return "$0";
  if (value < 0.0001) return "<$0.0001";
  return `$${value.toFixed(value < 0.01 ? 4 : value < 1 ? 3 : 2)}`;
}

/** @param {number} value */
export function count(value) {
  if (value < 10_000) return value.toLocaleString("en");
  if (value < 1e6) return `${(value / 1000).toFixed(value < 1e5 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

/** @param {number} number @param {string} one @param {string} [more] */
export const plural = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} s how long ago */
export function ago(s) {
  if (s < 5) return "just now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86_400)} d ago`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** @param {number} at Unix time */
export const clock = (at) => CLOCK.format(at * 1000);
/** @param {number} at Unix time */
export const moment = (at) => MOMENT.format(at * 1000);

// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
// Joiners belong to emoji, and to scripts whose letters join: there they hide nothing.
const JOINED = /[\p{Extended_Pictographic}\u{1f3fb}-\u{1f3ff}\ufe0f\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gujarati}\p{Script=Gurmukhi}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Oriya}\p{Script=Sinhala}\p{Script=Tamil}\p{Script=Telugu}]/u;

/**
 * Text in which nothing hides: what steers, reorders or shows nothing is written as an escape.
 * @param {string} text
 */
export const plain = (text) =>
  text.replace(UNSEEN, (found, at) => ((found === "\u200c" || found === "\u200d") && joins(text, at) ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`));

/** @param {string} text @param {number} at of a joiner */
function joins(text, at) {
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1) || "";
  const after = String.fromCodePoint(text.codePointAt(at + 1) ?? 32);
  return JOINED.test(before) && JOINED.test(after);
}

/**
 * JSON on one line, cut to about so many characters.
 * @param {any} value
 * @param {number} most
 */
export function brief(value, most) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const line = plain(text.slice(0, most * 2).replace(/\s+/g, " "));
  return line.length > most || text.length > most * 2 ? `${line.slice(0, most - 1)}…` : line;
}

/**
 * A step's input in a few words: its only argument's value, or name: value of each.
 * @param {any} input
 * @param {number} most
 */
export function inputLine(input, most) {
  if (!input || typeof input !== "object") return brief(input, most);
  const entries = Object.entries(input);
  if (entries.length === 1) return brief(entries[0][1], most);
  return brief(entries.map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", "), most);
}

/** @param {any} trigger */
export function triggerText(trigger) {
  const kind = trigger.kind.replaceAll("_", " ");
  const where = trigger.step_id ? ` (step ${trigger.step_id})` : "";
  return trigger.message && !trigger.message.startsWith(kind) ? `${kind}${where}: ${trigger.message}` : trigger.message || kind + where;
}
