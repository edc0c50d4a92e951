// Markdown within a line: code, emphasis, links. Only http, https and mailto links; no pictures from elsewhere.
// Read in one pass; every search for an end is bounded, so that no text, however hostile, takes long.
import { h } from "./html.js";

const SAFE = /^(?:https?:\/\/|mailto:)/i;
const SPECIAL = /[\\`*_[!<~]|https?:\/\//g;
const ADDRESS = /https?:\/\/[^\s<>"'`]{1,2000}/y;
const TARGET = /\(\s{0,9}<?([^\s<>()]{0,2000}(?:\([^\s()]{0,500}\)[^\s<>()]{0,500})?)>?(?:\s{1,9}"[^"]{0,200}")?\s{0,9}\)/y;
const DEEPEST = 6;
const LONGEST_LABEL = 500;
const TRIES = 40;

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {any[]} texts and elements
 */
export function inline(text, depth = 0) {
  return depth > DEEPEST ? [text] : new Line(text, depth).read();
}

/** One pass over a text. ``none`` remembers ends that were looked for in vain. */
class Line {
  /** @param {string} text @param {number} depth */
  constructor(text, depth) {
    this.text = text;
    this.depth = depth;
    /** @type {Set<string>} */
    this.none = new Set();
  }

  /** @returns {any[]} */
  read() {
    const found = [];
    const special = new RegExp(SPECIAL);
    let end = 0;
    for (let match = special.exec(this.text); match; match = special.exec(this.text)) {
      const read = this.at(match.index);
      if (!read) {
        special.lastIndex = match.index + this.run(match.index);
        continue;
      }
      if (match.index > end) found.push(...broken(this.text.slice(end, match.index)));
      found.push(read.drawn);
      end = read.end;
      special.lastIndex = end;
    }
    if (end < this.text.length) found.push(...broken(this.text.slice(end)));
    return found;
  }

  /** @param {number} at @returns {{drawn: any, end: number}|null} what begins there */
  at(at) {
    const mark = this.text[at];
    if (mark === "\\") return /[\\`*_{}[\]()#+\-.!|~<>]/.test(this.text[at + 1] || "") ? { drawn: this.text[at + 1], end: at + 2 } : null;
    if (mark === "`") return this.code(at);
    if (mark === "[") return this.link(at, false);
    if (mark === "!") return this.text[at + 1] === "[" ? this.link(at + 1, true) : null;
    if (mark === "<" || mark === "h") return this.address(at);
    return this.emphasis(at);
  }

  /** @param {number} at @returns {number} how often its character is repeated there, 1 for what is no mark */
  run(at) {
    const mark = this.text[at];
    if (!"`*_~".includes(mark)) return 1;
    let end = at + 1;
    while (this.text[end] === mark) end += 1;
    return end - at;
  }

  /** @param {number} at */
  code(at) {
    const length = this.run(at);
    const ticks = "`".repeat(length);
    if (this.none.has(ticks)) return null;
    for (let end = this.text.indexOf(ticks, at + length); end >= 0; end = this.text.indexOf(ticks, end)) {
      const found = this.run(end);
      if (found === length) {
        const inner = this.text.slice(at + length, end);
        return { drawn: h("code", {}, inner.trim() || inner), end: end + length };
      }
      end += found;
    }
    this.none.add(ticks);
    return null;
  }

  /** @param {number} at @param {boolean} picture */
  link(at, picture) {
    let open = 0;
    let close = at;
    for (const most = Math.min(this.text.length, at + LONGEST_LABEL); close < most; close += 1) {
      if (this.text[close] === "[") open += 1;
      else if (this.text[close] === "]" && (open -= 1) === 0) break;
    }
    if (open !== 0 || this.text[close] !== "]" || this.text[close + 1] !== "(") return null;
    const target = new RegExp(TARGET);
    target.lastIndex = close + 1;
    const match = target.exec(this.text);
    if (!match) return null;
    const label = this.text.slice(at + 1, close);
    const shown = picture ? [`[picture: ${label || "no description"}]`] : inline(label, this.depth + 1);
    const drawn = SAFE.test(match[1]) ? linked(match[1], shown) : h("span", {}, shown);
    return { drawn, end: target.lastIndex };
  }

  /** @param {number} at */
  address(at) {
    const pointed = this.text[at] === "<";
    const address = new RegExp(ADDRESS);
    address.lastIndex = at + (pointed ? 1 : 0);
    const match = address.exec(this.text);
    if (!match) return null;
    if (pointed) return this.text[address.lastIndex] === ">" ? { drawn: linked(match[0], [match[0]]), end: address.lastIndex + 1 } : null;
    const found = match[0].replace(match[0].includes("(") ? /[.,;:!?\]}*_~]+$/ : /[.,;:!?)\]}*_~]+$/, "");
    return { drawn: linked(found, [found]), end: at + found.length };
  }

  /** @param {number} at */
  emphasis(at) {
    const mark = this.text[at];
    const length = this.run(at) >= 2 ? 2 : 1;
    if (mark === "~" && length === 1) return null;
    if (mark === "_" && /[\p{L}\p{N}]/u.test(this.text[at - 1] || "")) return null; // snake_case
    if (mark === "*" && /\d/.test(this.text[at - 1] || "") && /\d/.test(this.text[at + length] || "")) return null; // 2*3
    const wanted = mark.repeat(length);
    if (this.none.has(wanted) || /\s|^$/.test(this.text[at + length] || "")) return null;
    const end = this.closing(wanted, at + length);
    if (end < 0) return null;
    const kind = mark === "~" ? "del" : length === 2 ? "strong" : "em";
    return { drawn: h(kind, {}, inline(this.text.slice(at + length, end), this.depth + 1)), end: end + length };
  }

  /** @param {string} wanted @param {number} from @returns {number} where it ends, or -1 */
  closing(wanted, from) {
    let at = this.text.indexOf(wanted, from);
    if (at < 0) this.none.add(wanted);
    for (let tries = 0; at >= 0 && tries < TRIES; tries += 1) {
      const run = this.run(at);
      const word = wanted[0] === "_" && /[\p{L}\p{N}]/u.test(this.text[at + run] || "");
      const fits = wanted.length === 1 ? run !== 2 : run >= 2;
      if (at > from && fits && !word && !/\s/.test(this.text[at - 1])) return wanted.length === 1 || run === 2 ? at : at + run - 2;
      at = this.text.indexOf(wanted, at + run);
    }
    return -1;
  }
}

/** @param {string} href @param {any[]} shown */
const linked = (href, shown) => h("a", { href, rel: "noopener noreferrer nofollow", target: "_blank" }, shown);

/** @param {string} text @returns {any[]} with two spaces, or a backslash, at a line's end as a break */
function broken(text) {
  return text.split(/ {2}\n|\\\n/).flatMap((part, index) => (index ? [h("br", {}), part] : [part]));
}
