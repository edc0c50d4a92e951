// What somebody sees who has no runs yet: three ways to the first one.
import { curl } from "./copying.js";
import { html } from "./html.js";
import { Copy } from "./parts.js";

const TASK = "what is 12 percent of 3400?";

export function Welcome() {
  const ways = [
    ["From a terminal", curl("/runs", { task: TASK, wait: true })],
    ["From any chat client: this address, and an assistant's name as the model", `${location.origin}/v1`],
  ];
  return html`<div class="welcome"><strong>No runs yet</strong><p>Say above what should be done: its plan appears here, and is carried out while you watch. Or:</p>
    ${ways.map(([label, text]) => html`<div class="way"><span>${label}</span><div><code>${text}</code><${Copy} text=${() => text} /></div></div>`)}</div>`;
}
