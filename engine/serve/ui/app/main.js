// The page: which view the address names, the bar above, and the key where the server asks for one.
import { AgentsView, agents } from "./agents.js";
import { gate, hasKey, useKey } from "./client.js";
import { html, render, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { placeOf } from "./place.js";
import { RunView } from "./run.js";
import { RunsView } from "./runs.js";
import { useSignal } from "./signal.js";
import { UsageView } from "./usage.js";

function App() {
  const [place, setPlace] = useState(placeOf(location.hash));
  const [turn, setTurn] = useState(0);
  const [hasAgents, setHasAgents] = useState(false);
  const shown = useRef("");
  useSignal(gate);
  useEffect(() => {
    const moved = () => setPlace(placeOf(location.hash));
    addEventListener("hashchange", moved);
    moved(); // the address may have changed before anybody listened
    return () => removeEventListener("hashchange", moved);
  }, []);
  useEffect(() => {
    agents().then((found) => setHasAgents(found !== null));
  }, [turn]);
  useEffect(() => {
    const name = `${place.view} ${place.id}`;
    if (shown.current && shown.current !== name) {
      scrollTo(0, 0);
      setTimeout(() => /** @type {HTMLElement|null} */ (document.querySelector("h1"))?.focus({ preventScroll: true }), 50);
    }
    shown.current = name;
  }, [place]);
  const again = () => setTurn(turn + 1);
  const link = (/** @type {string} */ to, /** @type {string} */ label, /** @type {string[]} */ views) => html`<a href=${to} aria-current=${views.includes(place.view) ? "page" : undefined}>${label}</a>`;
  return html`<a class="skip" href="#main" onClick=${(/** @type {Event} */ e) => { e.preventDefault(); /** @type {HTMLElement|null} */ (document.querySelector("h1"))?.focus(); }}>Skip to the content</a>
    <header class="bar"><a class="brand" href="#/"><img src="/ui/icon.svg" alt="" width="22" height="22" />engine</a>
      <nav aria-label="Views">${link("#/", "Runs", ["runs", "run"])}${link("#/usage", "Usage", ["usage"])}${hasAgents && link("#/agents", "Agents", ["agents"])}</nav>
      ${hasKey() && html`<button type="button" class="quiet small" onClick=${() => { useKey(""); again(); }}><${Icon} name="key" size=${13} /><span class="words">Forget key</span></button>`}</header>
    ${gate.asked ? html`<${KeyBox} done=${again} />` : html`<${View} key=${`${turn} ${place.view} ${place.id}`} place=${place} />`}`;
}

/** @param {{place: import("./place.js").Place}} props */
function View({ place }) {
  if (place.view === "run") return html`<${RunView} place=${place} />`;
  if (place.view === "usage") return html`<${UsageView} place=${place} />`;
  if (place.view === "agents") return html`<${AgentsView} />`;
  return html`<${RunsView} place=${place} />`;
}

/** @param {{done: () => void}} props */
function KeyBox({ done }) {
  const field = useRef(/** @type {any} */ (null));
  const enter = (/** @type {Event} */ event) => {
    event.preventDefault();
    useKey(field.current.value.trim());
    done();
  };
  useEffect(() => field.current.focus(), []);
  return html`<main id="main" class="page narrow"><form class="card key-box" onSubmit=${enter}><h1 tabIndex=${-1}>A key is needed</h1><p class="faint">The server's token, or one of <code>engine keys</code>. It stays in this tab.</p>
    <div class="field"><label for="key">Key</label><input id="key" type="password" autocomplete="off" required ref=${field} aria-invalid=${gate.wrong ? "true" : "false"} aria-describedby="key-wrong" />
      <div id="key-wrong" class="said">${gate.wrong && html`<p class="wrong" role="alert">${gate.wrong}</p>`}</div></div>
    <p class="buttons"><button type="submit" class="primary">Enter</button></p></form></main>`;
}

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.textContent = "";
render(html`<${App} />`, root);
