// JSON Schema as far as tools use it: a first check while a person types. The server checks for good.

/**
 * @param {any} schema
 * @param {any} value
 * @param {any} [root] where local references are looked up
 * @param {string} [path]
 * @returns {{path: string, message: string}[]} what is wrong, and where; empty when nothing was found
 */
export function problems(schema, value, root = schema, path = "") {
  if (schema === false) return [{ path, message: "nothing may stand here" }];
  if (!schema || typeof schema !== "object") return [];
  const rule = resolved(schema, root);
  const found = typed(rule, value, path);
  if (found.length) return found;
  found.push(...chosen(rule, value, path), ...combined(rule, value, root, path));
  if (typeof value === "string") found.push(...ofText(rule, value, path));
  else if (typeof value === "number") found.push(...ofNumber(rule, value, path));
  else if (Array.isArray(value)) found.push(...ofList(rule, value, root, path));
  else if (value && typeof value === "object") found.push(...ofObject(rule, value, root, path));
  return found;
}

/** @param {any} schema @param {any} root */
export function resolved(schema, root) {
  let found = schema;
  for (let depth = 0; depth < 20 && typeof found?.$ref === "string" && found.$ref.startsWith("#"); depth += 1) {
    const parts = found.$ref.slice(1).split("/").filter(Boolean);
    found = parts.reduce((/** @type {any} */ at, /** @type {string} */ part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], root);
  }
  return found && typeof found === "object" ? found : {};
}

/** @param {any} value */
function typeOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** @param {any} rule @param {any} value @param {string} path */
function typed(rule, value, path) {
  if (rule.type === undefined) return [];
  const types = Array.isArray(rule.type) ? rule.type : [rule.type];
  const own = typeOf(value);
  const fits = types.some((/** @type {string} */ type) => (type === "integer" ? Number.isInteger(value) : type === own));
  return fits ? [] : [{ path, message: `must be ${types.join(" or ")}, not ${own}` }];
}

/** @param {any} rule @param {any} value @param {string} path */
function chosen(rule, value, path) {
  const same = (/** @type {any} */ other) => JSON.stringify(other) === JSON.stringify(value);
  if (Array.isArray(rule.enum) && !rule.enum.some(same)) {
    return [{ path, message: `must be one of ${rule.enum.slice(0, 8).map((/** @type {any} */ each) => JSON.stringify(each)).join(", ")}` }];
  }
  return rule.const !== undefined && !same(rule.const) ? [{ path, message: `must be ${JSON.stringify(rule.const)}` }] : [];
}

/** @param {any} rule @param {any} value @param {any} root @param {string} path */
function combined(rule, value, root, path) {
  const found = [];
  for (const each of rule.allOf || []) found.push(...problems(each, value, root, path));
  for (const name of ["anyOf", "oneOf"]) {
    const tried = (rule[name] || []).map((/** @type {any} */ each) => problems(each, value, root, path));
    if (tried.length && !tried.some((/** @type {any[]} */ each) => !each.length)) {
      found.push(...tried.sort((/** @type {any[]} */ a, /** @type {any[]} */ b) => b[0].path.length - a[0].path.length)[0]);
    }
  }
  return found;
}

const FORMATS = {
  email: /^[^\s@]+@[^\s@]+\.[^\s@]+$/, uri: /^[a-z][a-z0-9+.-]*:\S+$/i, date: /^\d{4}-\d{2}-\d{2}$/,
  "date-time": /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})$/,
};

/** @param {any} rule @param {string} value @param {string} path */
function ofText(rule, value, path) {
  const length = [...value].length;
  const found = [];
  if (length < (rule.minLength ?? 0)) found.push({ path, message: length ? `must have at least ${rule.minLength} characters` : "must not be empty" });
  if (length > (rule.maxLength ?? Infinity)) found.push({ path, message: `must have at most ${rule.maxLength} characters` });
  const format = FORMATS[/** @type {keyof FORMATS} */ (rule.format)];
  if (format && !format.test(value)) found.push({ path, message: `must be ${rule.format === "uri" ? "an address" : `a valid ${rule.format}`}` });
  return found; // patterns are left to the server: a hostile one could hang this tab
}

/** @param {any} rule @param {number} value @param {string} path */
function ofNumber(rule, value, path) {
  const found = [];
  if (value < (rule.minimum ?? -Infinity)) found.push({ path, message: `must be at least ${rule.minimum}` });
  if (value > (rule.maximum ?? Infinity)) found.push({ path, message: `must be at most ${rule.maximum}` });
  if (value <= (rule.exclusiveMinimum ?? -Infinity)) found.push({ path, message: `must be more than ${rule.exclusiveMinimum}` });
  if (value >= (rule.exclusiveMaximum ?? Infinity)) found.push({ path, message: `must be less than ${rule.exclusiveMaximum}` });
  return found;
}

/** @param {any} rule @param {any[]} value @param {any} root @param {string} path */
function ofList(rule, value, root, path) {
  const found = [];
  if (value.length < (rule.minItems ?? 0)) found.push({ path, message: `must have at least ${rule.minItems} items` });
  if (value.length > (rule.maxItems ?? Infinity)) found.push({ path, message: `must have at most ${rule.maxItems} items` });
  if (rule.items !== undefined) value.forEach((each, index) => found.push(...problems(rule.items, each, root, `${path}[${index}]`)));
  return found;
}

/** @param {any} rule @param {any} value @param {any} root @param {string} path */
function ofObject(rule, value, root, path) {
  const found = [];
  const at = (/** @type {string} */ name) => (path ? `${path}.${name}` : name);
  for (const name of rule.required || []) if (!Object.hasOwn(value, name)) found.push({ path: at(name), message: "is missing" });
  for (const [name, each] of Object.entries(value)) {
    const own = rule.properties && Object.hasOwn(rule.properties, name) ? rule.properties[name] : undefined;
    if (own !== undefined) found.push(...problems(own, each, root, at(name)));
    else if (rule.additionalProperties === false) found.push({ path: at(name), message: "is not known here" });
    else if (rule.additionalProperties) found.push(...problems(rule.additionalProperties, each, root, at(name)));
  }
  return found;
}
