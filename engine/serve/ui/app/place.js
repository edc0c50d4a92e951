// What the address of the page names: a view, a run, a step of it, and how it is looked at. A link can be sent to others.

/**
 * @typedef {{view: string, id: string, step: string|null, query: URLSearchParams}} Place
 */

/** @param {string} hash as it stands in the address @returns {Place} */
export function placeOf(hash) {
  const [path, asked = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", id = "", step = ""] = path.split("/").map(decoded);
  return { view: view === "runs" && id ? "run" : view || "runs", id, step: step || null, query: new URLSearchParams(asked) };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The address of a run, or of one of its steps.
 * @param {string} id
 * @param {string|null} [step]
 * @param {Record<string, string|number|null|undefined>|URLSearchParams} [query] what is empty is left out
 */
export function runAt(id, step = null, query = {}) {
  return `#/runs/${encodeURIComponent(id)}${step === null ? "" : `/${encodeURIComponent(step)}`}${asked(query)}`;
}

/** @param {Record<string, string|number|null|undefined>} query */
export const listAt = (query) => `#/${asked(query)}`;

/** @param {Record<string, string|number|null|undefined>} query */
export const usageAt = (query) => `#/usage${asked(query)}`;

/** @param {Record<string, string|number|null|undefined>|URLSearchParams} query */
function asked(query) {
  const given = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const found = new URLSearchParams(given.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => [name, String(value)]));
  return found.size ? `?${found}` : "";
}

/** @param {string} hash another place, which one comes back from */
export function go(hash) {
  location.hash = hash;
}

/** @param {string} hash the same place looked at otherwise: no step back leads to how it was */
export function turn(hash) {
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** @returns {string} the whole address, to be sent to others; it never holds the key */
export const linkTo = (/** @type {string} */ hash) => `${location.origin}/${hash}`;
