// Markdown as a tree of elements. Text stays text: no markup of the source is ever handed to the browser to read.
import { h } from "./html.js";
import { inline } from "./spans.js";

/**
 * @typedef {{kind: "heading", level: number, text: string} | {kind: "code", language: string, text: string}
 *   | {kind: "list", ordered: boolean, start: number, items: {text: string, done: boolean|null, below: Block[]}[]}
 *   | {kind: "quote", below: Block[]} | {kind: "table", head: string[], align: string[], rows: string[][]}
 *   | {kind: "rule"} | {kind: "paragraph", text: string}} Block
 */

// Each is linear in the line: what a hostile text could make slow is told apart by hand.
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]{0,9}){3,}|(?:-[ \t]{0,9}){3,}|(?:_[ \t]{0,9}){3,})$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:[ \t](.*)|$)/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const DEEPEST = 12;

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {Block[]}
 */
export function blocks(text, depth = 0) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  /** @type {Block[]} */
  const found = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const [block, next] = depth > DEEPEST ? paragraph(lines, at) : blockAt(lines, at, depth);
    found.push(block);
    at = next;
  }
  return found;
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function blockAt(lines, at, depth) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence && !(fence[1][0] === "`" && fence[2].includes("`"))) return fenced(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ kind: "heading", level: heading[1].length, text: closed(heading[2] || "") }, at + 1];
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (QUOTE.test(line)) return quoted(lines, at, depth);
  if (ITEM.test(line)) return listed(lines, at, depth);
  if (line.includes("|") && dashes(lines[at + 1] || "")) return table(lines, at);
  return paragraph(lines, at);
}

/** @param {string} text @returns {string} a heading's text without the marks that may end it */
function closed(text) {
  const trimmed = text.trim();
  let end = trimmed.length;
  while (trimmed[end - 1] === "#") end -= 1;
  return end === 0 || /\s/.test(trimmed[end - 1]) ? trimmed.slice(0, end).trim() : trimmed;
}

/** @param {string[]} lines @param {number} at @param {RegExpExecArray} fence @returns {[Block, number]} */
function fenced(lines, at, fence) {
  const close = new RegExp(`^ {0,3}${fence[1][0] === "`" ? "`" : "~"}{${fence[1].length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  return [{ kind: "code", language: fence[2].trim().split(" ")[0], text: lines.slice(at + 1, end).join("\n") }, end + 1];
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function quoted(lines, at, depth) {
  const inner = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const match = QUOTE.exec(lines[end]);
    if (!match) break;
    inner.push(match[1]);
  }
  return [{ kind: "quote", below: blocks(inner.join("\n"), depth + 1) }, end];
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function listed(lines, at, depth) {
  const first = /** @type {RegExpExecArray} */ (ITEM.exec(lines[at]));
  const ordered = /\d/.test(first[2]);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const match = ITEM.exec(lines[end]);
    if (!match || /\d/.test(match[2]) !== ordered || RULE.test(lines[end])) break;
    const indent = match[1].length + match[2].length + 1;
    const inner = [];
    for (end += 1; end < lines.length; end += 1) {
      const line = lines[end];
      const blank = !line.trim();
      const further = line.search(/\S/) >= Math.min(indent, 2);
      if (blank ? !/^\s{2,}\S/.test(lines[end + 1] || "") : !further && (ITEM.test(line) || begins(line) || !(lines[end - 1] || "").trim())) break;
      inner.push(line.slice(Math.min(indent, Math.max(0, line.search(/\S/)))));
    }
    const task = /^\[([ xX])\]\s+(.*)$/.exec((match[3] || "").trim());
    items.push({ text: task ? task[2] : (match[3] || "").trim(), done: task ? task[1] !== " " : null, below: blocks(inner.join("\n"), depth + 1) });
    while (end < lines.length && !lines[end].trim() && ITEM.test(lines[end + 1] || "")) end += 1;
  }
  return [{ kind: "list", ordered, start: ordered ? Number.parseInt(first[2], 10) : 1, items }, end];
}

/** @param {string} line */
const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

/** @param {string} line @returns {boolean} whether it stands between a table's head and its rows */
const dashes = (line) => line.includes("-") && cells(line).every((cell) => /^:?-+:?$/.test(cell));

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function table(lines, at) {
  const head = cells(lines[at]);
  const align = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left"));
  const rows = [];
  let end = at + 2;
  for (; end < lines.length && lines[end].includes("|"); end += 1) rows.push(cells(lines[end]));
  return [{ kind: "table", head, align, rows }, end];
}

/** @param {string} line */
const begins = (line) => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !begins(lines[end]) && !ITEM.test(lines[end])) end += 1;
  return [{ kind: "paragraph", text: lines.slice(at, end).join("\n") }, end];
}

/** @param {Block} block @returns {any} */
function drawn(block) {
  switch (block.kind) {
    case "heading":
      return h(`h${Math.min(6, block.level + 2)}`, {}, inline(block.text)); // below the page's own headings
    case "code":
      return h("pre", { tabIndex: 0, dir: "ltr" }, h("code", {}, block.text));
    case "rule":
      return h("hr", {});
    case "quote":
      return h("blockquote", {}, block.below.map(drawn));
    case "list":
      return h(block.ordered ? "ol" : "ul", block.ordered ? { start: block.start } : {}, block.items.map((item) => h("li", {},
        item.done === null ? null : h("span", { class: "tick" }, item.done ? "☑ " : "☐ "), inline(item.text), item.below.map(drawn))));
    case "table":
      return h("div", { class: "scroll", tabIndex: 0 }, h("table", {},
        h("thead", {}, h("tr", {}, block.head.map((cell, index) => h("th", { class: block.align[index], scope: "col" }, inline(cell))))),
        h("tbody", {}, block.rows.map((row) => h("tr", {}, row.map((cell, index) => h("td", { class: block.align[index] }, inline(cell))))))));
    default:
      return h("p", { dir: "auto" }, inline(block.text));
  }
}

/** @param {{text: string}} props */
export function Markdown({ text }) {
  return h("div", { class: "prose", dir: "auto" }, blocks(text).map(drawn));
}
