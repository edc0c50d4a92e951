// What a person does to a run as a whole: steer, cancel, fork, each in a dialog.
import { post, runPath } from "./client.js";
import { JsonEditor } from "./editor.js";
import { html, useState } from "./html.js";
import { Dialog, Problem, useAct } from "./parts.js";

/** @param {{run: import("./fold.js").Run, close: () => void}} props */
export function Steer({ run, close }) {
  const [task, setTask] = useState(run.task);
  const act = useAct(async () => {
    await post(runPath(run.id, "/steer"), { task: task.trim() });
    close();
  });
  return html`<${Dialog} title="Change the goal" close=${close}><p class="faint">It is planned anew from what is done; what runs goes on.</p>
    <div class="field"><label for="steer-task">What the run is for from now on</label><textarea id="steer-task" data-first rows="4" value=${task} onInput=${(/** @type {any} */ e) => setTask(e.target.value)}></textarea></div>
    <${Problem} error=${act.error} /><p class="buttons"><button type="button" class="primary" disabled=${!task.trim() || act.busy} onClick=${act.run}>Change the goal</button><button type="button" onClick=${close}>Back</button></p></${Dialog}>`;
}

/** @param {{run: import("./fold.js").Run, close: () => void}} props */
export function Cancel({ run, close }) {
  const [reason, setReason] = useState("");
  const act = useAct(async () => {
    await post(runPath(run.id, "/cancel"), reason.trim() ? { reason: reason.trim() } : {});
    close();
  });
  return html`<${Dialog} title="Cancel the run?" close=${close}><p class="faint">Running steps are stopped; what is done stays, with a partial answer.</p>
    <div class="field"><label for="cancel-why">Reason <span class="may">optional</span></label><input id="cancel-why" data-first value=${reason} onInput=${(/** @type {any} */ e) => setReason(e.target.value)} /></div>
    <${Problem} error=${act.error} /><p class="buttons"><button type="button" class="danger solid" disabled=${act.busy} onClick=${act.run}>Cancel the run</button><button type="button" onClick=${close}>Let it go on</button></p></${Dialog}>`;
}

/** @param {{run: import("./fold.js").Run, step: string|null, close: () => void, opened: (id: string) => void}} props */
export function Fork({ run, step, close, opened }) {
  const row = step === null ? undefined : run.rows.get(step);
  const spec = run.started?.tools.find((/** @type {any} */ tool) => tool.name === row?.tool);
  const [from, setFrom] = useState(step ?? "");
  const [edits, setEdits] = useState(false);
  const [given, setGiven] = useState({ value: /** @type {any} */ (null), fits: true });
  const act = useAct(async () => {
    const body = { ...(from ? { from_step: from } : {}), ...(edits ? { tool_input: given.value } : {}) };
    const made = await post(runPath(run.id, "/fork"), body);
    close();
    opened(made.id);
  });
  const chosen = run.rows.get(from);
  return html`<${Dialog} title="Fork the run" close=${close}><p class="faint">A new run begins with everything that was done before a step. This one stays as it is.</p>
    <div class="field"><label for="fork-from">Run anew from</label><select id="fork-from" data-first value=${from} onChange=${(/** @type {any} */ e) => setFrom(e.target.value)}>
      <option value="" selected=${!from}>the first step that is not done</option>${[...run.rows.values()].map((each) => html`<option value=${each.id} selected=${each.id === from}>${each.id} · ${each.tool}</option>`)}</select></div>
    ${chosen && html`<label class="check"><input type="checkbox" checked=${edits} onChange=${(/** @type {any} */ e) => setEdits(e.target.checked)} /> with another input</label>`}
    ${chosen && edits && html`<${JsonEditor} key=${from} label="Input" value=${chosen.step.tool_input ?? chosen.input ?? {}} schema=${chosen.id === row?.id && !JSON.stringify(chosen.step.tool_input).includes("{{") ? spec?.input_schema : null} onValue=${(/** @type {any} */ value, /** @type {boolean} */ fits) => setGiven({ value, fits })} />`}
    <${Problem} error=${act.error} /><p class="buttons"><button type="button" class="primary" disabled=${act.busy || (edits && !given.fits)} onClick=${act.run}>Fork</button><button type="button" onClick=${close}>Back</button></p></${Dialog}>`;
}
