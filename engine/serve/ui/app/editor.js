// A JSON editor: what is wrong with the text, or with the value by its schema, is said below it while one types.
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { problems } from "./schema.js";

let numbered = 0;

/**
 * @param {{value: any, schema?: any, label: string, rows?: number, onValue: (value: any, fits: boolean) => void, focus?: boolean}} props
 */
export function JsonEditor({ value, schema, label, rows, onValue, focus }) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2) ?? "");
  const id = useMemo(() => `json-${(numbered += 1)}`, []);
  const area = useRef(/** @type {any} */ (null));
  const found = useMemo(() => read(text, schema), [text, schema]);
  useEffect(() => onValue(found.value, found.fits), [found]);
  useEffect(() => {
    if (focus) area.current?.focus();
  }, []);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && area.current) area.current.blur();
  };
  return html`<div class="editor">
    <label for=${id}>${label}</label>
    <textarea id=${id} ref=${area} class="mono" spellcheck=${false} autocomplete="off" autocapitalize="off" rows=${rows || Math.min(18, Math.max(4, text.split("\n").length + 1))}
      aria-invalid=${found.errors.length ? "true" : "false"} aria-describedby=${`${id}-said`} onKeyDown=${onKeyDown}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)}>${text}</textarea>
    <div id=${`${id}-said`} class="said" role="status">
      ${found.errors.slice(0, 6).map((each) => html`<p class="wrong">${each.path && html`<code>${each.path}</code>`} ${each.message}</p>`)}
    </div>
  </div>`;
}

/** @param {string} text @param {any} schema */
function read(text, schema) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { value: undefined, fits: false, errors: [{ path: "", message: `no JSON yet: ${/** @type {Error} */ (error).message}` }] };
  }
  const errors = schema ? problems(schema, value) : [];
  return { value, fits: !errors.length, errors };
}
