// Talks to the server this page came from: JSON in and out, the key where one is needed, errors as they are said.
import { Signal } from "./signal.js";

const KEPT = "engine-key";

/** An error as the server says it. */
export class ServerError extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, message?: string, hint?: string, details?: any}} body
   */
  constructor(status, body) {
    super(body.message || `the server answered ${status}`);
    this.status = status;
    this.code = body.code || "";
    this.hint = body.hint || "";
    this.details = body.details || null;
  }
}

/** Whether the server asks for a key; ``wrong`` is why the last one was refused. */
export const gate = Object.assign(new Signal(), { asked: false, wrong: "" });

let ahead = 0; // seconds that the server's clock is ahead of this one's

/** @returns {number} Unix time by the server's clock */
export const serverNow = () => Date.now() / 1000 + ahead;

/** @param {string} key */
export function useKey(key) {
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
  gate.asked = false;
  gate.wrong = "";
  gate.changed();
}

/** @returns {boolean} whether a key is kept for this tab */
export const hasKey = () => !!sessionStorage.getItem(KEPT);

/**
 * Sends a request with the key. 401 asks for one, and the request fails; so it does, with status 0, where no server answers.
 * @param {string} path
 * @param {RequestInit & {json?: any}} [how]
 * @returns {Promise<Response>}
 */
export async function send(path, how = {}) {
  const headers = new Headers(how.headers);
  const key = sessionStorage.getItem(KEPT);
  if (key) headers.set("authorization", `Bearer ${key}`);
  const init = { ...how, headers, credentials: /** @type {RequestCredentials} */ ("omit"), cache: /** @type {RequestCache} */ ("no-store") };
  if (how.json !== undefined) {
    headers.set("content-type", "application/json");
    init.body = JSON.stringify(how.json);
    init.method = how.method || "POST";
  }
  const response = await fetch(path, init).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ServerError(0, { message: "The server does not answer", hint: navigator.onLine ? `Is it still running at ${location.host}? Start it with: engine serve. This page goes on by itself once it is back.` : "This device has no connection. The page goes on by itself once it has." });
  });
  const date = Date.parse(response.headers.get("date") || "");
  if (date) {
    const now = date / 1000 - Date.now() / 1000; // whole seconds: believed only when clearly off
    ahead = Math.abs(now + 0.5) > 2 ? now + 0.5 : 0;
  }
  if (response.ok) return response;
  const failure = await response.json().then((body) => body.error || body, () => ({}));
  if (response.status === 401) {
    gate.asked = true;
    gate.wrong = key ? failure.message || "this key is not known" : "";
    gate.changed();
  }
  throw new ServerError(response.status, failure);
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export const get = async (path) => (await send(path)).json();

/**
 * @param {string} path
 * @param {any} body
 * @returns {Promise<any>}
 */
export const post = async (path, body) => (await send(path, { json: body })).json();

/**
 * The address of a run, or of something of it.
 * @param {string} id
 * @param {string} [rest]
 */
export const runPath = (id, rest = "") => `/runs/${encodeURIComponent(id)}${rest}`;

/**
 * Saves what is at a path as a file: a link could not send the key.
 * @param {string} path
 * @param {string} name
 */
export async function download(path, name) {
  const url = URL.createObjectURL(await (await send(path)).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
