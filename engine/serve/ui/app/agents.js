// The agents that do steps, where the server tells of them.
import { get } from "./client.js";
import { html, useEffect, useState } from "./html.js";
import { Empty, Problem } from "./parts.js";
import { plain } from "./words.js";

/** @returns {Promise<any[]|null>} null where the server has no such list */
export const agents = () => get("/agents").then((found) => found.agents || found.data || [], () => null);

export function AgentsView() {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => {
    document.title = "Agents";
    get("/agents").then((data) => setFound(data.agents || data.data || []), setError);
  }, []);
  return html`<main id="main" class="page"><h1 tabIndex=${-1}>Agents</h1><${Problem} error=${error} />
    ${found && (found.length ? html`<ul class="cards">${found.map((/** @type {any} */ agent) => html`<li class="card"><h2>${agent.name} ${agent.enabled === false && html`<span class="tag">disabled</span>`}${(agent.health || agent.status) && html`<span class="tag">${agent.health || agent.status}</span>`}</h2>
      <p>${plain(agent.description || "")}</p><p class="faint">${[agent.kind, agent.version && `version ${agent.version}`, agent.url || agent.a2a || agent.mcp || agent.python].filter(Boolean).join(" · ")}</p>
      ${agent.capabilities?.length > 0 && html`<p>${agent.capabilities.map((/** @type {string} */ each) => html`<span class="tag">${each}</span>`)}</p>`}</li>`)}</ul>`
      : html`<section class="card"><${Empty} title="No agents">They are declared under <code>agents:</code> in the configuration, or added by <code>engine agents add</code>.</${Empty}></section>`)}
  </main>`;
}
