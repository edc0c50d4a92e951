// What a person takes elsewhere: links, ids, JSON, commands. No key is ever in any of it.
import { hasKey } from "./client.js";

/**
 * Puts a text where one pastes from. Browsers keep their own way from pages that came without TLS from another machine; the
 * old one is left there: a selection that is copied.
 * @param {string} text
 */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  area.value = text;
  area.className = "unseen";
  (before?.closest("dialog") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  if (!done) throw new Error("The browser does not allow copying");
}

/**
 * A word as a POSIX shell reads it back.
 * @param {string} word
 */
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * The command that asks the server for something; where a key is needed it stands there by name.
 * @param {string} path
 * @param {any} [body] sent as JSON
 */
export function curl(path, body) {
  const parts = ["curl -s"];
  if (hasKey()) parts.push('-H "authorization: Bearer $ENGINE_KEY"');
  if (body !== undefined) parts.push("-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  return [...parts, quoted(location.origin + path)].join(" ");
}

/**
 * What POST /runs would take to start the same run once more.
 * @param {import("./fold.js").Run} run
 */
export function startOf(run) {
  const { started } = run;
  return {
    ...(started.task ? { task: started.task } : {}), ...(started.plan ? { plan: started.plan } : {}),
    ...(started.assistant ? { assistant: started.assistant } : {}), mode: started.mode, approve: started.approve,
  };
}
