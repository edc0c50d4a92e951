// Follows a run: server-sent events read by fetch (EventSource cannot send a key), gone on with after the last id.
import { ServerError, runPath, send } from "./client.js";

const FIRST_MS = 300;
const LONGEST_MS = 5000;
const SILENT_MS = 45_000; // the server says at least every 15 s that it is still there

/** Splits bytes of an event stream into messages; any cut of the bytes gives the same messages. */
export class Messages {
  constructor() {
    this.decoder = new TextDecoder();
    this.rest = "";
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {{id: string, event: string, data: string, retry: number}[]} those that are whole
   */
  take(bytes) {
    this.rest += this.decoder.decode(bytes, { stream: true });
    const blocks = this.rest.split(/\r?\n\r?\n/);
    this.rest = blocks.pop() || "";
    return blocks.map(message).filter((found) => found.data || found.retry);
  }
}

/** @param {string} block */
function message(block) {
  const found = { id: "", event: "message", data: "", retry: 0 };
  const lines = [];
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") lines.push(value);
    else if (name === "id") found.id = value;
    else if (name === "event") found.event = value;
    else if (name === "retry") found.retry = Number(value) || 0;
  }
  found.data = lines.join("\n");
  return found;
}

/**
 * Follows a run until it has ended, over lost lines and restarted servers.
 * @param {string} id
 * @param {{items: (items: any[]) => void, line: (state: "open"|"lost"|"over"|"gone", error?: Error) => void}} to
 * @returns {() => void} ends it
 */
export function follow(id, to) {
  const over = new AbortController();
  let last = "";
  let waitMs = FIRST_MS;

  async function once() {
    const silent = new AbortController();
    const stop = () => silent.abort();
    over.signal.addEventListener("abort", stop);
    let timer = setTimeout(stop, SILENT_MS);
    try {
      const headers = { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) };
      const response = await send(runPath(id, "/events"), { headers, signal: silent.signal });
      if (response.status === 204 || !response.body) return true;
      to.line("open");
      const reader = response.body.getReader();
      const messages = new Messages();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return false;
        clearTimeout(timer);
        timer = setTimeout(stop, SILENT_MS);
        waitMs = FIRST_MS;
        const items = [];
        for (const each of messages.take(value)) {
          if (each.retry) waitMs = each.retry;
          if (each.event === "message" && each.data) {
            items.push(JSON.parse(each.data));
            if (each.id) last = each.id;
          }
        }
        if (items.length) to.items(items);
        if (items.some((item) => item.kind === "run_ended")) return true;
      }
    } finally {
      clearTimeout(timer);
      over.signal.removeEventListener("abort", stop);
    }
  }

  (async () => {
    while (!over.signal.aborted) {
      try {
        if (await once()) {
          to.line("over");
          return;
        }
        to.line("lost");
      } catch (error) {
        if (over.signal.aborted) return;
        if (error instanceof ServerError && [401, 403, 404].includes(error.status)) {
          to.line("gone", error);
          return;
        }
        to.line("lost");
      }
      await new Promise((done) => setTimeout(done, waitMs * (0.75 + Math.random() / 2)));
      waitMs = Math.min(waitMs * 2, LONGEST_MS);
    }
  })();
  return () => over.abort();
}
