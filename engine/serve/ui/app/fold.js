// A run as it is shown, folded from its events; each event costs O(1), a new plan O(steps). As engine/sinks/progress.py.
import { HANDLERS } from "./handlers.js";
import { needs } from "./refs.js";
import { newRow } from "./rows.js";
import { Texts } from "./texts.js";

/**
 * @typedef {import("./rows.js").Row} Row
 * @typedef {{number: number, at: number, triggers: any[], plan: any, keeps: string[], similarity: number|null,
 *   warnings: string[], repairs: any[], error: any, ids: Set<string>}} Revision
 */

const MOST_EVENTS = 20_000; // kept for looking at; the export has all of them
const INSTANCE = /^(.+)\[\d+\]$/;

/** Everything of one run that a page shows. ``plan`` rises when steps come or go, ``version`` with every change. */
export class Run {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.version = 0;
    this.plan = 0;
    this.task = "";
    this.mode = "";
    /** @type {any} */
    this.started = null;
    this.startedAt = 0;
    this.lastAt = 0;
    this.seq = 0;
    /** @type {any[]} */
    this.events = [];
    this.forgotten = 0;
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Map<number, Revision>} */
    this.revisions = new Map();
    this.revision = 0;
    this.planning = false;
    /** @type {Map<string, any>} */
    this.approvals = new Map();
    /** @type {any[]} */
    this.answered = [];
    /** @type {any[]} */
    this.calls = [];
    this.usage = { calls: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0, cost_usd: /** @type {number|null} */ (0) };
    /** @type {any[]} */
    this.notes = [];
    this.replans = 0;
    this.claims = 0;
    /** @type {any} */
    this.parked = null;
    this.cancelling = false;
    /** @type {any} */
    this.answer = null;
    /** @type {any} */
    this.ended = null;
    this.texts = new Texts();
  }

  /** @param {any} item what the stream sent: an event with a number, or live text */
  take(item) {
    this.version += 1;
    if (item.seq === undefined) {
      this.live(item);
      return;
    }
    if (item.seq <= this.seq) return;
    this.seq = item.seq;
    this.lastAt = item.at;
    this.events.push(item);
    if (this.events.length > MOST_EVENTS) this.forgotten += this.events.splice(0, MOST_EVENTS / 10).length;
    if (Object.hasOwn(HANDLERS, item.kind)) HANDLERS[item.kind](this, item);
  }

  /** @param {any} item */
  live(item) {
    if (item.kind === "progress") {
      const row = this.row(item.step_id);
      if (row) this.touch(row).progress = item;
    } else if (item.kind === "text" || item.kind === "reset") {
      this.texts.take(item);
      const row = this.rows.get(item.stream);
      if (row) this.touch(row);
    }
  }

  /** The status in one word, as the runs API says it. */
  get status() {
    if (this.ended) return this.ended.status;
    if (this.parked || [...this.approvals.values()].some((asked) => asked.subject === "elicitation")) return "waiting";
    return this.started ? "running" : "queued";
  }

  /** @param {string} id */
  row(id) {
    const found = this.rows.get(id);
    if (found) return found;
    const parent = INSTANCE.exec(id);
    return parent ? this.rows.get(parent[1])?.instances.find((row) => row.id === id) : undefined;
  }

  /** @param {Row} row */
  touch(row) {
    row.version += 1;
    if (row.parent) row.parent.version += 1;
    return row;
  }

  /**
   * @param {any} step
   * @param {number} revision
   */
  add(step, revision) {
    let row = this.rows.get(step.id);
    if (!row) {
      row = newRow(step, revision);
      this.rows.set(step.id, row);
      this.plan += 1;
    } else if (row.state === "planned" || !row.step.id) {
      const before = row.needs.join();
      Object.assign(row, { tool: step.tool, step, revision, needs: needs(step) });
      if (row.input === null) row.input = step.tool_input;
      if (row.needs.join() !== before) this.plan += 1;
    }
    return this.touch(row);
  }

  /**
   * Forget steps that were planned, never began and are in no plan any more.
   * @param {Set<string>} keep
   * @param {number} [revision]
   */
  drop(keep, revision) {
    for (const row of [...this.rows.values()]) {
      if (row.state === "planned" && !keep.has(row.id) && (revision === undefined || row.revision === revision)) {
        if (revision === undefined) this.touch(row).state = "discarded";
        else this.rows.delete(row.id);
        this.plan += 1;
      }
    }
  }

  /**
   * The row of a step or of an instance, made where an event is the first word of it.
   * @param {string} id
   * @param {string} tool
   * @param {any} input
   */
  ensure(id, tool, input) {
    const found = this.row(id);
    if (found) return found;
    const match = INSTANCE.exec(id);
    const parent = match && this.rows.get(match[1]);
    if (!parent) return this.add({ id, tool, tool_input: input }, this.revision);
    const row = newRow({ id, tool: tool || parent.tool, tool_input: input }, this.revision);
    row.parent = parent;
    parent.instances.push(row);
    return row;
  }

  /** @param {number} number @param {number} at @returns {Revision} */
  revisionOf(number, at) {
    let found = this.revisions.get(number);
    if (!found) {
      found = {
        number, at, triggers: [], plan: null, keeps: [], similarity: null, warnings: [], repairs: [], error: null,
        ids: new Set(),
      };
      this.revisions.set(number, found);
    }
    return found;
  }

  /** @param {string} text @param {number} at @param {string} [kind] */
  say(text, at, kind = "info") {
    this.notes.push({ text, at, kind });
  }
}
