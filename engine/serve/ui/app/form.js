// A form made of a JSON Schema, as MCP's elicitations and planners' questions give it; what is too deep for one is JSON.
import { JsonEditor } from "./editor.js";
import { html, useEffect, useMemo, useState } from "./html.js";
import { problems, resolved } from "./schema.js";

/**
 * @param {any} schema
 * @returns {boolean} whether it is an object of plain fields
 */
export function isForm(schema) {
  const fields = Object.values(schema?.properties || {});
  return schema?.type === "object" && fields.length > 0 && fields.every((field) => fieldKind(resolved(field, schema)) !== null);
}

/** @param {any} field @returns {"choice"|"choices"|"boolean"|"number"|"text"|null} */
function fieldKind(field) {
  if (choices(field)) return "choice";
  if (field.type === "array") return choices(field.items || {}) ? "choices" : null;
  if (field.type === "boolean") return "boolean";
  if (field.type === "number" || field.type === "integer") return "number";
  return field.type === "string" ? "text" : null;
}

/** @param {any} field @returns {{value: any, label: string}[]|null} */
function choices(field) {
  if (Array.isArray(field.enum)) return field.enum.map((/** @type {any} */ value, /** @type {number} */ at) => ({ value, label: String(field.enumNames?.[at] ?? value) }));
  const titled = field.oneOf || field.anyOf;
  if (Array.isArray(titled) && titled.every((each) => each.const !== undefined)) return titled.map((each) => ({ value: each.const, label: String(each.title ?? each.const) }));
  return null;
}

/** @param {{schema: any, onValue: (value: any, fits: boolean) => void, name: string}} props */
export function SchemaForm({ schema, onValue, name }) {
  const fields = useMemo(() => Object.entries(schema.properties).map(([id, field]) => [id, resolved(field, schema)]), [schema]);
  const [value, setValue] = useState(() => Object.fromEntries(fields.filter(([, field]) => field.default !== undefined).map(([id, field]) => [id, field.default])));
  const [touched, setTouched] = useState(/** @type {Record<string, boolean>} */ ({}));
  const wrong = useMemo(() => problems(schema, value), [schema, value]);
  useEffect(() => onValue(value, !wrong.length), [value, wrong]);
  const set = (/** @type {string} */ id, /** @type {any} */ given) => {
    const next = { ...value, [id]: given };
    if (given === undefined) delete next[id];
    setValue(next);
    setTouched({ ...touched, [id]: true });
  };
  return html`<div class="form">${fields.map(([id, field]) => html`<${Field} key=${id} id=${`${name}-${id}`} label=${field.title || id} field=${field} value=${value[id]}
    required=${(schema.required || []).includes(id)} set=${(/** @type {any} */ given) => set(id, given)}
    wrong=${touched[id] ? wrong.find((each) => each.path === id || each.path.startsWith(`${id}[`))?.message : ""} />`)}</div>`;
}

/** @param {any} props */
function Field({ id, label, field, value, required, set, wrong }) {
  const kind = fieldKind(field);
  const said = { id, "aria-describedby": `${id}-about`, "aria-invalid": wrong ? "true" : "false", "aria-required": required ? "true" : "false" };
  const about = html`<div id=${`${id}-about`} class="said">${field.description && html`<p>${field.description}</p>`}${wrong && html`<p class="wrong" role="alert">${label} ${wrong}</p>`}</div>`;
  const named = html`<label for=${id}>${label}${required ? html`<span class="must" title="required"> *</span>` : html`<span class="may"> optional</span>`}</label>`;
  if (kind === "boolean") {
    return html`<div class="field"><label class="check"><input type="checkbox" ...${said} checked=${value === true} onChange=${(/** @type {any} */ event) => set(event.target.checked)} /> ${label}</label>${about}</div>`;
  }
  if (kind === "choice") {
    const all = choices(field) || [];
    const at = all.findIndex((each) => each.value === value);
    return html`<div class="field">${named}<select ...${said} value=${at} onChange=${(/** @type {any} */ event) => set(all[event.target.value]?.value)}>
      <option value="-1" selected=${at < 0}>Choose…</option>${all.map((each, index) => html`<option value=${index} selected=${index === at}>${each.label}</option>`)}</select>${about}</div>`;
  }
  if (kind === "choices") {
    const held = Array.isArray(value) ? value : [];
    const turn = (/** @type {any} */ one) => set(held.includes(one) ? held.filter((each) => each !== one) : [...held, one]);
    return html`<fieldset class="field" id=${id}><legend>${label}</legend>${(choices(field.items) || []).map((each) => html`<label class="check"><input type="checkbox" checked=${held.includes(each.value)} onChange=${() => turn(each.value)} /> ${each.label}</label>`)}${about}</fieldset>`;
  }
  if (kind === "number") {
    return html`<div class="field">${named}<input type="number" step=${field.type === "integer" ? 1 : "any"} ...${said} value=${value ?? ""} min=${field.minimum} max=${field.maximum}
      onInput=${(/** @type {any} */ event) => set(event.target.value === "" ? undefined : Number(event.target.value))} />${about}</div>`;
  }
  const types = { email: "email", uri: "url", date: "date" };
  const type = types[/** @type {keyof types} */ (field.format)] || "text";
  return html`<div class="field">${named}<input type=${type} ...${said} value=${value ?? ""} onInput=${(/** @type {any} */ event) => set(event.target.value === "" && !required ? undefined : event.target.value)} />${about}</div>`;
}

/** An answer in whatever form its schema asks for: words, a form, or JSON. @param {{schema: any, name: string, label: string, onValue: (value: any, fits: boolean) => void}} props */
export function Answering({ schema, name, label, onValue }) {
  const [text, setText] = useState("");
  const words = !schema || (schema.type === "string" && !choices(schema));
  const wrapped = useMemo(() => (!words && !isForm(schema) && fieldKind(schema) && schema.type !== "array" ? { type: "object", properties: { answer: { title: label, ...schema } }, required: ["answer"] } : null), [schema]);
  if (words) {
    const onInput = (/** @type {any} */ event) => {
      setText(event.target.value);
      onValue(event.target.value, !!event.target.value.trim() && !problems(schema || {}, event.target.value).length);
    };
    return html`<div class="field"><label for=${`${name}-text`}>${label}</label><textarea id=${`${name}-text`} rows="3" value=${text} onInput=${onInput}></textarea></div>`;
  }
  if (wrapped) return html`<${SchemaForm} schema=${wrapped} name=${name} onValue=${(/** @type {any} */ value, /** @type {boolean} */ fits) => onValue(value.answer, fits)} />`;
  if (isForm(schema)) return html`<${SchemaForm} schema=${schema} name=${name} onValue=${onValue} />`;
  return html`<${JsonEditor} label=${label} schema=${schema} value=${schema.default ?? (schema.type === "array" ? [] : {})} onValue=${onValue} />`;
}
