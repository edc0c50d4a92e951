// What each kind of event changes in a run. A kind that is not here changes nothing that is shown.
import { closeSpan, openSpan } from "./rows.js";

/** @typedef {import("./fold.js").Run} Run */

/** @type {Record<string, (run: Run, event: any) => void>} */
export const HANDLERS = {
  run_started(run, event) {
    Object.assign(run, { started: event, startedAt: event.at, task: event.task, mode: event.mode });
  },
  run_claimed(run, event) {
    run.parked = null;
    run.planning = false;
    run.texts.close();
    if (run.claims) run.say(`goes on in ${event.by || event.driver}`, event.at);
    run.claims += 1;
  },
  run_parked(run, event) {
    run.parked = event;
    run.planning = false;
    run.texts.close();
  },
  step_interrupted(run, event) {
    const row = run.row(event.step_id);
    if (!row) return;
    closeSpan(row, event.at);
    Object.assign(run.touch(row), { state: event.again ? "planned" : "waiting", note: event.again ? "" : "broken off" });
  },
  step_postponed(run, event) {
    const row = run.row(event.step_id);
    if (!row) return;
    openSpan(row, "postponed", event.at);
    Object.assign(run.touch(row), { state: "postponed", note: event.reason });
  },
  step_reused(run, event) {
    const row = run.ensure(event.step_id, "", null);
    Object.assign(run.touch(row), { state: event.result.status, endedAt: event.at, result: event.result, reused: true });
  },
  plan_started(run, event) {
    run.revisionOf(event.revision, event.at);
    Object.assign(run, { revision: event.revision, planning: true, mode: event.mode });
    run.texts.close("plan");
    run.texts.close("reasoning");
  },
  replan_started(run, event) {
    run.revisionOf(event.revision, event.at).triggers = event.triggers;
    Object.assign(run, { revision: event.revision, planning: true, replans: run.replans + 1 });
    run.texts.close("plan");
    run.texts.close("reasoning");
  },
  plan_step(run, event) {
    run.revisionOf(event.revision, event.at).ids.add(event.step.id);
    run.add(event.step, event.revision);
  },
  plan_repair(run, event) {
    const revision = run.revisionOf(event.revision, event.at);
    revision.repairs.push(event);
    revision.ids.clear();
    run.drop(new Set(), event.revision);
  },
  plan_accepted(run, event) {
    const revision = run.revisionOf(event.revision, event.at);
    const { plan, keeps, similarity, warnings } = event;
    const ids = plan.steps.map((/** @type {any} */ step) => step.id);
    Object.assign(revision, { plan, keeps, similarity, warnings, ids: new Set(ids) });
    for (const step of plan.steps) run.add(step, event.revision);
    run.drop(new Set([...ids, ...keeps]));
    Object.assign(run, { revision: event.revision, planning: false });
    run.texts.close("plan");
    run.texts.close("reasoning");
    for (const warning of warnings) run.say(warning, event.at, "warning");
  },
  plan_rejected(run, event) {
    run.revisionOf(event.revision, event.at).error = event.error;
    run.planning = false;
    run.drop(new Set(), event.revision);
    run.say(`no plan: ${event.error.message}`, event.at, "warning");
  },
  model_called(run, event) {
    run.calls.push(event);
    const { usage } = run;
    for (const name of /** @type {const} */ (["calls", "input_tokens", "cached_tokens", "output_tokens"])) {
      usage[name] += event.usage[name];
    }
    const cost = event.usage.cost_usd;
    usage.cost_usd = usage.cost_usd === null || cost === null ? null : usage.cost_usd + cost;
    const row = event.step_id && run.row(event.step_id);
    if (row) run.touch(row).calls.push(event);
  },
  step_filled(run, event) {
    const row = run.row(event.step_id);
    if (row) Object.assign(run.touch(row), { input: event.input, filled: true });
  },
  step_expanded(run, event) {
    const row = run.row(event.step_id);
    if (!row) return;
    Object.assign(run.touch(row), { total: event.count, state: "running", startedAt: row.startedAt ?? event.at });
    openSpan(row, "running", event.at);
  },
  step_started(run, event) {
    const row = run.ensure(event.step_id, event.tool, event.input);
    Object.assign(run.touch(row), {
      state: "running", input: event.input ?? row.input, startedAt: row.startedAt ?? event.at, note: "", progress: null,
    });
    openSpan(row, "running", event.at);
  },
  step_retried(run, event) {
    const row = run.row(event.step_id);
    if (!row) return;
    row.retries.push(event);
    Object.assign(run.touch(row), { state: "retrying", attempt: event.attempt + 1, note: event.error.message });
  },
  step_ended(run, event) {
    const { result } = event;
    const row = run.ensure(event.step_id, event.tool || "?", null);
    closeSpan(row, event.at);
    Object.assign(run.touch(row), {
      state: result.status, endedAt: event.at, result, attempt: Math.max(result.attempts, 1),
      note: result.error?.message || result.reason || result.warnings.join("; "), progress: null,
    });
    if (row.parent) row.parent.ended += 1;
    run.texts.close(event.step_id);
  },
  step_judged(run, event) {
    const row = run.row(event.step_id);
    if (row) run.touch(row).judged = event;
  },
  approval_requested(run, event) {
    run.approvals.set(event.approval_id, event);
    if (event.subject === "plan" && event.plan) {
      run.revisionOf(event.revision, event.at).ids = new Set(event.plan.steps.map((/** @type {any} */ step) => step.id));
      for (const step of event.plan.steps) run.add(step, event.revision);
    }
    const row = event.step_id && run.row(event.step_id);
    if (!row) return;
    openSpan(row, "waiting", event.at);
    run.touch(row).state = "waiting";
  },
  approval_answered(run, event) {
    const asked = run.approvals.get(event.approval_id);
    run.approvals.delete(event.approval_id);
    run.answered.push({ ...event, asked });
    run.parked = null;
    const row = asked?.step_id && run.row(asked.step_id);
    if (!row || row.state !== "waiting") return;
    closeSpan(row, event.at);
    const runs = asked.subject === "elicitation" || asked.subject === "client_tool";
    Object.assign(run.touch(row), { state: runs && event.decision === "done" ? "running" : "planned" });
    if (row.state === "running") openSpan(row, "running", event.at);
  },
  time_came(run) {
    run.parked = null;
  },
  goal_changed(run, event) {
    run.task = event.task;
    run.say(`new goal: ${event.task}`, event.at);
  },
  cancel_requested(run, event) {
    run.cancelling = true;
    run.say(`cancelling: ${event.reason || "asked to"}`, event.at);
  },
  mode_changed(run, event) {
    run.mode = event.mode;
    run.say(`going on in ${event.mode} mode: ${event.reason}`, event.at);
  },
  budget_warning(run, event) {
    run.say(`90 % of the budget is used: ${event.spent} of ${event.limit} ${event.measure}`, event.at, "warning");
  },
  budget_exhausted(run, event) {
    run.say(event.message || "the budget is used up", event.at, "warning");
  },
  warning(run, event) {
    run.say(event.message, event.at, "warning");
  },
  answer(run, event) {
    run.answer = event;
    run.texts.close();
  },
  run_ended(run, event) {
    Object.assign(run, { ended: event, planning: false, parked: null, replans: event.replans });
    run.usage = { ...event.usage };
    run.approvals.clear();
    run.texts.close();
    for (const row of run.rows.values()) closeSpan(row, event.at);
  },
};
