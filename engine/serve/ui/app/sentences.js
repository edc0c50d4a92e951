// Events in words, one line each.
import { brief, plural, seconds, triggerText, usd } from "./words.js";

/** @type {Record<string, (event: any) => string>} */
const SENTENCES = {
  run_started: (e) => `asked: ${brief(e.task || e.plan?.goal || "a given plan", 200)}`,
  run_claimed: (e) => `driven by ${e.by || e.driver}`,
  run_parked: (e) => `waits: ${e.reason.replaceAll("_", " ")}`,
  plan_started: (e) => (e.mode === "plan" ? "planning" : `turn ${e.revision} (${e.mode})`),
  replan_started: (e) => `planning anew: ${e.triggers.map(triggerText).join("; ")}`,
  plan_looked_up: (e) => (e.plan ? "a plan of this kind is used again" : `no kept plan: ${e.reason}`),
  plan_step: (e) => `planned ${e.step.tool} ${brief(e.step.tool_input, 120)}`,
  plan_repair: (e) => `the plan is mended: ${e.errors.join("; ")}`,
  plan_accepted: (e) => `plan ${e.revision} accepted: ${plural(e.plan.steps.length, "step")}`,
  plan_rejected: (e) => `no plan: ${e.error.message}`,
  model_called: (e) => `${e.role}: ${e.model}, ${e.usage.input_tokens} in, ${e.usage.output_tokens} out, ${usd(e.usage.cost_usd)}, ${seconds(e.latency_s)}${e.error ? `: ${e.error.message}` : ""}`,
  step_filled: (e) => `arguments filled: ${brief(e.input, 120)}`,
  step_expanded: (e) => `becomes ${plural(e.count, "call")}`,
  step_started: (e) => `calls ${e.tool} ${brief(e.input, 120)}`,
  step_retried: (e) => `tries again in ${seconds(e.delay_s)}: ${e.error.message}`,
  step_interrupted: (e) => (e.again ? "broke off, runs again" : "broke off; whether it happened is not known"),
  step_postponed: (e) => `postponed: ${e.reason || e.cause}`,
  step_reused: () => "taken over from the run it was forked from",
  step_judged: (e) => `judged: ${e.fits ? "fits" : "does not fit"}: ${e.reason}`,
  step_ended: (e) => `${e.result.status}${e.result.error ? `: ${e.result.error.message}` : e.result.reason ? `: ${e.result.reason}` : e.result.artifact ? `: ${brief(e.result.artifact.preview, 120)}` : `: ${brief(e.result.value, 120)}`}`,
  result_summarized: (e) => `summarized: ${brief(e.text, 120)}`,
  approval_requested: (e) => `asks (${e.subject.replaceAll("_", " ")}): ${e.question || e.reason || e.tool || "the plan"}`,
  approval_answered: (e) => `answered: ${e.decision}${e.by ? ` by ${e.by}` : ""}${e.reason ? `: ${e.reason}` : ""}`,
  goal_changed: (e) => `new goal${e.by ? ` by ${e.by}` : ""}: ${e.task}`,
  cancel_requested: (e) => `cancel${e.by ? ` by ${e.by}` : ""}: ${e.reason}`,
  mode_changed: (e) => `goes on in ${e.mode} mode: ${e.reason}`,
  budget_warning: (e) => `90 % of a budget is used: ${e.spent} of ${e.limit} ${e.measure}`,
  budget_exhausted: (e) => e.message || "a budget is used up",
  warning: (e) => e.message,
  answer: (e) => brief(e.text, 200),
  run_ended: (e) => `${e.status} after ${seconds(e.duration_s)}, ${usd(e.usage.cost_usd)}`,
};

/** @param {any} event @returns {string} empty for a kind that is not known here, or one of another release */
export function sentence(event) {
  try {
    return brief(Object.hasOwn(SENTENCES, event.kind) ? SENTENCES[event.kind](event) : "", 300);
  } catch {
    return "";
  }
}

/** @param {any} event @returns {string} the step it is about, empty when none */
export const stepOf = (event) => event.step_id || event.step?.id || "";
