// Small parts that every view is made of.
import { useEffect, useRef, useState, html } from "./html.js";
import { copyText } from "./copying.js";
import { Icon } from "./icons.js";
import { STATE_WORDS } from "./words.js";

/** @param {{state: string, word?: string}} props */
export const Pill = ({ state, word }) =>
  html`<span class=${`pill s-${state}`}><${Icon} name=${state} size=${14} />${word || STATE_WORDS[state] || state}</span>`;

/** @param {{error: any}} props what went wrong, and what to do */
export function Problem({ error }) {
  if (!error) return null;
  const more = error.details?.problems?.slice?.(1, 8) || [];
  return html`<div class="problem" role="alert">
    <strong>${error.message || String(error)}</strong>
    ${error.hint && html`<span class="hint">${error.hint}</span>`}
    ${more.length > 0 && html`<ul>${more.map((/** @type {any} */ each) => html`<li>${each.message}</li>`)}</ul>`}
  </div>`;
}

/** @param {{title: string, children?: any}} props */
export const Empty = ({ title, children }) => html`<div class="empty"><strong>${title}</strong><span>${children}</span></div>`;

/** @param {{text: () => string, label?: string, icon?: string}} props */
export function Copy({ text, label = "Copy", icon = "copy" }) {
  const [said, say] = useState("");
  useEffect(() => {
    const timer = said ? setTimeout(() => say(""), 1500) : 0;
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () => copyText(text()).then(() => say("Copied"), () => say("Not allowed"));
  return html`<button type="button" class="quiet small" onClick=${copy}><${Icon} name=${icon} size=${13} /><span aria-live="polite">${said || label}</span></button>`;
}

/**
 * Tabs as the ARIA practices describe them: arrows move, the one that is chosen is in the tab order.
 * @param {{label: string, tabs: {id: string, label: string, count?: number}[], chosen: string, choose: (id: string) => void}} props
 */
export function Tabs({ label, tabs, chosen, choose }) {
  const list = useRef(/** @type {any} */ (null));
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    choose(next.id);
    list.current.querySelector(`[data-tab="${next.id}"]`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${onKeyDown}>
    ${tabs.map((tab) => html`<button type="button" role="tab" key=${tab.id} data-tab=${tab.id} id=${`tab-${tab.id}`} aria-selected=${tab.id === chosen ? "true" : "false"}
      aria-controls=${`panel-${tab.id}`} tabIndex=${tab.id === chosen ? 0 : -1} onClick=${() => choose(tab.id)}>${tab.label}
      ${tab.count !== undefined && html`<span class="count">${tab.count}</span>`}</button>`)}
  </div>`;
}

/**
 * A dialog that keeps the focus within, closes by Escape and gives the focus back.
 * @param {{title: string, close: () => void, children?: any}} props
 */
export function Dialog({ title, close, children }) {
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    const dialog = box.current;
    dialog.showModal();
    dialog.querySelector("[data-first]")?.focus();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${box} aria-label=${title} onCancel=${onCancel}>
    <header><h2>${title}</h2><button type="button" class="quiet icon-only" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
    ${children}
  </dialog>`;
}

/**
 * A button that does something which takes a while, once, and says when it failed.
 * @param {() => Promise<any>} act
 */
export function useAct(act) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const run = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return { busy, error, run, setError };
}
