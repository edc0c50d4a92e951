// A box to start a run.
import { get, post } from "./client.js";
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Problem, useAct } from "./parts.js";
import { go, runAt } from "./place.js";

const MODES = [["auto", "Decide by the task"], ["plan", "Plan and execute"], ["react", "Step by step (ReAct)"], ["direct", "Answer directly"]];
const APPROVES = [["", "As configured"], ["ask", "Ask where a tool needs it"], ["plan", "Ask for the plan first"], ["all", "Approve everything"], ["none", "Refuse what needs approval"]];

/** @returns {Promise<{id: string, description: string}[]>} the assistants that this server offers */
async function assistants() {
  const { data } = await get("/v1/models");
  return data.filter((/** @type {any} */ model) => model.engine?.kind === "assistant" || model.engine?.assistant).map((/** @type {any} */ model) => ({ id: model.id, description: model.engine.description || "" }));
}

export function Start() {
  const [task, setTask] = useState("");
  const [mode, setMode] = useState("auto");
  const [approve, setApprove] = useState("");
  const [budget, setBudget] = useState("");
  const [known, setKnown] = useState(/** @type {{id: string, description: string}[]} */ ([]));
  const [assistant, setAssistant] = useState("");
  useEffect(() => {
    assistants().then(setKnown, () => setKnown([]));
  }, []);
  const act = useAct(async () => {
    const body = {
      task: task.trim(), ...(assistant ? { assistant } : { mode }), ...(approve ? { approve } : {}), ...(budget ? { limits: { budget_usd: Number(budget) } } : {}),
    };
    const made = await post("/runs", body);
    go(runAt(made.id));
  });
  const start = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (task.trim()) act.run();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && start(event);
  return html`<form class="card start" onSubmit=${start} aria-label="Start a run">
    <label for="task" class="unseen">What should be done?</label>
    <textarea id="task" dir="auto" rows="2" placeholder="What should be done?" value=${task} onInput=${(/** @type {any} */ e) => setTask(e.target.value)} onKeyDown=${onKeyDown}></textarea>
    <${Problem} error=${act.error} />
    <div class="start-row">
      ${known.length > 0 && html`<label class="inline">Assistant <select value=${assistant} onChange=${(/** @type {any} */ e) => setAssistant(e.target.value)}><option value="" selected=${!assistant}>none</option>${known.map(({ id, description }) => html`<option value=${id} title=${description} selected=${id === assistant}>${id}</option>`)}</select></label>`}
      ${!assistant && html`<label class="inline">Mode <select value=${mode} onChange=${(/** @type {any} */ e) => setMode(e.target.value)}>${MODES.map(([id, label]) => html`<option value=${id} selected=${id === mode}>${label}</option>`)}</select></label>`}
      <label class="inline">Approvals <select value=${approve} onChange=${(/** @type {any} */ e) => setApprove(e.target.value)}>${APPROVES.map(([id, label]) => html`<option value=${id} selected=${id === approve}>${label}</option>`)}</select></label>
      <label class="inline">Budget $ <input type="number" min="0" step="0.01" inputmode="decimal" placeholder="none" value=${budget} onInput=${(/** @type {any} */ e) => setBudget(e.target.value)} /></label>
      <button type="submit" class="primary" disabled=${!task.trim() || act.busy} title="Ctrl+Enter"><${Icon} name="play" />Start</button>
    </div>
  </form>`;
}
