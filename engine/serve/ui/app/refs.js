// References ({{id.path}}) in plans: which steps a step needs, and a text split at them. As engine/dag/refs.py reads them.

const MARK = /\\\{\{|\{\{(?!\{)((?:[^{}]|\{[^{}]*\})*)\}\}/g;
const BODY = /^\s*([\p{L}\p{N}_-]+)\s*((?:[.[|][^]*)?)$/u;

/**
 * @param {string} text
 * @returns {(string | {id: string, path: string, text: string})[]} literals and references in reading order
 */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(MARK)) {
    const body = match[1] === undefined ? null : BODY.exec(match[1]);
    if (!body) continue;
    if (match.index > end) found.push(text.slice(end, match.index));
    found.push({ id: body[1], path: body[2].trim(), text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length || !found.length) found.push(text.slice(end));
  return found;
}

/**
 * @param {any} value JSON
 * @param {Set<string>} [into]
 * @returns {Set<string>} ids of the steps it refers to
 */
export function referred(value, into = new Set()) {
  if (typeof value === "string") {
    if (value.includes("{{")) for (const piece of pieces(value)) if (typeof piece !== "string") into.add(piece.id);
  } else if (Array.isArray(value)) {
    for (const item of value) referred(item, into);
  } else if (value && typeof value === "object") {
    for (const item of Object.values(value)) referred(item, into);
  }
  return into;
}

/**
 * @param {any} step
 * @returns {string[]} ids it needs, declared and implied, each once
 */
export function needs(step) {
  const found = new Set((step.depends_on || []).map(String));
  referred(step.foreach, found);
  for (const condition of step.when || []) {
    referred(condition.value, found);
    referred(condition.to, found);
  }
  referred(step.tool_input, found);
  found.delete("item");
  return [...found];
}
