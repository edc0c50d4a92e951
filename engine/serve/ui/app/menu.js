// A button that opens a list of further things to do: closed by Escape, by a choice, and when the focus goes elsewhere.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";

/**
 * @param {{label: string, items: {icon: string, label: string, act: () => Promise<any>|any, said?: string}[]}} props
 *   ``said``: what is told once it is done; ``act`` may fail, and it is told that it did
 */
export function Menu({ label, items }) {
  const [open, setOpen] = useState(false);
  const [said, say] = useState("");
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    if (open) box.current.querySelector("[role=menuitem]")?.focus();
  }, [open]);
  useEffect(() => {
    const timer = said ? setTimeout(() => say(""), 3000) : 0;
    return () => clearTimeout(timer);
  }, [said]);
  const close = (/** @type {boolean} */ back) => {
    setOpen(false);
    if (back) box.current.querySelector("button")?.focus();
  };
  const choose = async (/** @type {any} */ item) => {
    close(true);
    try {
      await item.act();
      say(item.said || "");
    } catch (error) {
      say(/** @type {any} */ (error).message || "That failed");
    }
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!open) return;
    const all = [...box.current.querySelectorAll("[role=menuitem]")];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") close(event.key === "Escape");
    else if (to !== undefined) all[(to + all.length) % all.length].focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  const onFocusOut = (/** @type {FocusEvent} */ event) => open && !box.current.contains(event.relatedTarget) && setOpen(false);
  return html`<div class="menu" ref=${box} onKeyDown=${onKeyDown} onFocusOut=${onFocusOut}>
    <button type="button" aria-haspopup="menu" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}><${Icon} name="more" />${label}</button>
    ${open && html`<div class="menu-list" role="menu" aria-label=${label}>${items.map((item) => html`<button type="button" role="menuitem" tabIndex=${-1} onClick=${() => choose(item)}><${Icon} name=${item.icon} />${item.label}</button>`)}</div>`}
    <span class="menu-said" role="status">${said}</span></div>`;
}
