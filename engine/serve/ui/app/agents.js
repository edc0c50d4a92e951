// The agents that do steps: how each is, why it is not up, and a switch for who may.
import { get, send } from "./client.js";
import { html, useEffect, useState } from "./html.js";
import { Empty, Pill, Problem, useAct } from "./parts.js";
import { plain } from "./words.js";

const LOOK_MS = 6000;
/** @type {Record<string, string>} the icon and colour of each state */
const LOOKS = { up: "done", down: "failed", paused: "waiting", disabled: "cancelled", unknown: "planned" };
/** @type {Record<string, string>} */
const WORDS = { up: "Up", down: "Down", paused: "Paused", disabled: "Disabled", unknown: "Not looked at yet" };

/** @returns {Promise<any[]|null>} null where the server has no such list */
export const agents = () => get("/agents").then((found) => found.agents, () => null);

export function AgentsView() {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const look = () => get("/agents").then((data) => {
    setFound(data.agents);
    setError(null);
  }, setError);
  useEffect(() => {
    document.title = "Agents";
    look();
    const timer = setInterval(() => document.hidden || look(), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<main id="main" class="page"><h1 tabIndex=${-1}>Agents</h1><${Problem} error=${error} />
    ${found && (found.length ? html`<ul class="cards">${found.map((/** @type {any} */ agent) => html`<${Agent} key=${agent.name} agent=${agent} look=${look} />`)}</ul>`
      : html`<section class="card"><${Empty} title="No agents">They are declared under <code>agents:</code> in the configuration, or added by <code>engine agents add</code>.</${Empty}></section>`)}
  </main>`;
}

/** @param {{agent: any, look: () => Promise<any>}} props */
function Agent({ agent, look }) {
  const act = useAct(async () => {
    await send(`/agents/${encodeURIComponent(agent.name)}`, { method: "PATCH", json: { enabled: !agent.enabled } });
    await look();
  });
  const facts = [agent.kind, agent.version && `version ${agent.version}`, agent.where, agent.source === "registry" && "added while running"].filter(Boolean);
  const traits = [agent.passthrough && "passthrough", agent.default && "default", agent.hidden && "hidden", ...agent.capabilities].filter(Boolean);
  return html`<li class="card"><header class="inspector-head"><h2>${plain(agent.name)}</h2><${Pill} state=${LOOKS[agent.status] || "planned"} word=${WORDS[agent.status] || agent.status} /></header>
    ${agent.description && html`<p dir="auto">${plain(agent.description)}</p>`}${agent.reason && html`<p class="wrong">${plain(agent.reason)}</p>`}
    <p class="faint">${plain(facts.join(" · "))}</p>${traits.length > 0 && html`<p>${traits.map((/** @type {string} */ each) => html`<span class="tag">${plain(each)}</span>`)}</p>`}
    <${Problem} error=${act.error} /><p class="buttons"><button type="button" class="small" disabled=${act.busy} aria-label=${`${agent.enabled ? "Disable" : "Enable"} ${agent.name}`} onClick=${act.run}>${agent.enabled ? "Disable" : "Enable"}</button></p></li>`;
}
