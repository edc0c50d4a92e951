// One step as it is shown, and when it ran, waited or was put off.
import { needs } from "./refs.js";

/**
 * @typedef {"planned"|"waiting"|"postponed"|"running"|"retrying"|"done"|"failed"|"skipped"|"cancelled"|"discarded"} State
 * @typedef {{from: number, to: number|null, kind: "running"|"waiting"|"postponed"}} Span
 * @typedef {{id: string, tool: string, step: any, input: any, state: State, revision: number, startedAt: number|null,
 *   endedAt: number|null, note: string, attempt: number, total: number|null, ended: number, result: any, calls: any[],
 *   retries: any[], spans: Span[], parent: Row|null, instances: Row[], progress: any, needs: string[], filled: boolean,
 *   reused: boolean, judged: any, version: number}} Row
 */

export const ENDED = ["done", "failed", "skipped", "cancelled", "discarded"];

/** @param {any} step @param {number} revision @returns {Row} */
export function newRow(step, revision) {
  return {
    id: step.id, tool: step.tool, step, input: step.tool_input ?? null, state: "planned", revision, startedAt: null,
    endedAt: null, note: "", attempt: 1, total: null, ended: 0, result: null, calls: [], retries: [], spans: [],
    parent: null, instances: [], progress: null, needs: needs(step), filled: false, reused: false, judged: null, version: 0,
  };
}

/** @param {Row} row @param {number} at */
export function closeSpan(row, at) {
  const last = row.spans.at(-1);
  if (last && last.to === null) last.to = at;
}

/** @param {Row} row @param {Span["kind"]} kind @param {number} at */
export function openSpan(row, kind, at) {
  closeSpan(row, at);
  row.spans.push({ from: at, to: null, kind });
}
