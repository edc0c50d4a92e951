// When what ran, and which chain of steps the run could not be shorter than.

/**
 * @typedef {{key: string, label: string, id: string|null, row: import("./rows.js").Row|null, state: string, indent: boolean,
 *   bars: {from: number, to: number, kind: string, open: boolean}[], duration: number|null, cost: number|null|undefined, critical: boolean}} Lane
 */

const LONGEST_LIST = 40; // instances of one foreach that are shown as lanes

/**
 * The lanes of a timeline: model calls of the run itself, steps in the order they began, instances below theirs.
 * @param {import("./fold.js").Run} run
 * @param {number} now Unix time up to which open bars reach
 * @returns {{lanes: Lane[], from: number, to: number}}
 */
export function timeline(run, now) {
  const from = run.startedAt;
  const until = run.ended ? run.lastAt : Math.max(now, run.lastAt);
  const critical = criticalPath(run);
  /** @type {Lane[]} */
  const lanes = [];
  const own = run.calls.filter((call) => !call.step_id);
  for (const role of ["planner", "executor", "judge"]) {
    const calls = own.filter((call) => call.role === role);
    if (calls.length || (role === "planner" && run.planning)) lanes.push(roleLane(role, calls, role === "planner" ? run : null, until));
  }
  const began = (/** @type {import("./rows.js").Row} */ row) => row.spans[0]?.from ?? row.startedAt ?? Infinity;
  const rows = [...run.rows.values()].sort((a, b) => began(a) - began(b) || 0);
  for (const row of rows) {
    lanes.push(stepLane(row, critical.has(row.id), until, false));
    for (const each of row.instances.slice(0, LONGEST_LIST)) lanes.push(stepLane(each, false, until, true));
  }
  const written = own.filter((call) => !["planner", "executor", "judge"].includes(call.role));
  for (const role of new Set(written.map((call) => call.role))) {
    lanes.push(roleLane(role, written.filter((call) => call.role === role), null, until));
  }
  return { lanes, from, to: Math.max(until, from + 0.001) };
}

/** @param {string} role @param {any[]} calls @param {import("./fold.js").Run|null} planning @param {number} until @returns {Lane} */
function roleLane(role, calls, planning, until) {
  const bars = calls.map((call) => ({ from: call.at - call.latency_s, to: call.at, kind: "model", open: false }));
  if (planning?.planning) {
    const since = planning.revisions.get(planning.revision)?.at ?? planning.startedAt;
    bars.push({ from: since, to: until, kind: "model", open: true });
  }
  const duration = bars.reduce((sum, bar) => sum + bar.to - bar.from, 0);
  return { key: `role:${role}`, label: role, id: null, row: null, state: "model", indent: false, bars, duration, cost: summed(calls.map((call) => call.usage.cost_usd)), critical: false };
}

/** @param {import("./rows.js").Row} row @param {boolean} critical @param {number} until @param {boolean} indent @returns {Lane} */
function stepLane(row, critical, until, indent) {
  const bars = row.spans.map((span) => ({
    from: span.from, to: span.to ?? until, kind: span.kind === "running" ? row.state : span.kind, open: span.to === null,
  }));
  return { key: row.id, label: row.tool, id: row.id, row, state: row.state, indent, bars, duration: tookS(row, until), cost: costOf(row), critical };
}

/**
 * What a step's own model calls cost.
 * @param {import("./rows.js").Row} row
 * @returns {number|null|undefined} null: a price is not known; undefined: there were none
 */
export function costOf(row) {
  const costs = row.result?.usage ? [row.result.usage.cost_usd] : row.calls.map((call) => call.usage.cost_usd);
  for (const each of row.instances) costs.push(costOf(each) ?? 0);
  return summed(costs);
}

/** @param {(number|null)[]} costs @returns {number|null|undefined} */
function summed(costs) {
  if (!costs.length) return undefined;
  return costs.includes(null) ? null : costs.reduce((/** @type {number} */ sum, cost) => sum + /** @type {number} */ (cost), 0);
}

/**
 * Seconds that a step ran: measured where it has ended, so far where it has not.
 * @param {import("./rows.js").Row} row
 * @param {number} now
 * @returns {number|null}
 */
export function tookS(row, now) {
  if (row.reused) return null;
  if (row.result && row.total === null) return row.result.attempts || row.result.duration_s ? row.result.duration_s : null;
  if (row.endedAt !== null && row.startedAt !== null) return row.endedAt - row.startedAt;
  const open = row.spans.at(-1);
  return open && open.to === null && open.kind === "running" ? now - open.from : null;
}

/**
 * The chain of finished steps with the greatest sum of times.
 * @param {import("./fold.js").Run} run
 * @returns {Set<string>}
 */
export function criticalPath(run) {
  /** @type {Map<string, {sum: number, from: string|null}>} */
  const best = new Map();
  const visit = (/** @type {string} */ id, /** @type {Set<string>} */ above) => {
    const known = best.get(id);
    if (known) return known.sum;
    const row = run.rows.get(id);
    if (!row || above.has(id)) return 0;
    above.add(id);
    let found = { sum: 0, from: /** @type {string|null} */ (null) };
    for (const need of row.needs) {
      const sum = visit(need, above);
      if (sum > found.sum) found = { sum, from: need };
    }
    above.delete(id);
    found.sum += row.result ? tookS(row, 0) || 0 : 0;
    best.set(id, found);
    return found.sum;
  };
  let last = null;
  let most = 0;
  for (const id of run.rows.keys()) {
    const sum = visit(id, new Set());
    if (sum > most) [last, most] = [id, sum];
  }
  const path = new Set();
  for (let id = last; id !== null && !path.has(id); id = best.get(id)?.from ?? null) path.add(id);
  return path;
}
