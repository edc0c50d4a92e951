// What a plan changed against the one before it: which steps are new, stand for others, are dropped or kept.

/**
 * @typedef {import("./rows.js").Row} Row
 * @typedef {{number: number, before: number|null, replaced: [Row, Row][], added: Row[], dropped: Row[], ended: Row[], kept: Row[]}} Difference
 *   ``replaced``: what did not come off, and the step with the same tool that is tried for it; ``ended``: of the plan before, over, and not built on
 */

/**
 * @param {import("./fold.js").Run} run
 * @param {number} number of the plan
 * @returns {Difference}
 */
export function difference(run, number) {
  const numbers = [...run.revisions.keys()].filter((each) => each < number && run.revisions.get(each)?.plan);
  const before = numbers.at(-1) ?? null;
  const was = wholeOf(run, before);
  const now = wholeOf(run, number);
  const rows = (/** @type {Iterable<string>} */ ids) => /** @type {Row[]} */ ([...ids].map((id) => run.rows.get(id)).filter(Boolean));
  const added = rows([...now].filter((id) => !was.has(id)));
  const gone = rows([...was].filter((id) => !now.has(id)));
  const replaced = /** @type {[Row, Row][]} */ ([]);
  for (const old of gone.filter((row) => row.state !== "done")) {
    const next = added.find((row) => row.tool === old.tool && !replaced.some(([, taken]) => taken === row));
    if (next) replaced.push([old, next]);
  }
  const paired = new Set(replaced.flat());
  const rest = gone.filter((row) => !paired.has(row));
  const over = (/** @type {Row} */ row) => row.state === "done" || row.state === "failed";
  return {
    number, before, replaced, added: added.filter((row) => !paired.has(row)), dropped: rest.filter((row) => !over(row)),
    ended: rest.filter(over), kept: rows([...now].filter((id) => was.has(id))),
  };
}

/** @param {import("./fold.js").Run} run @param {number|null} number @returns {Set<string>} */
function wholeOf(run, number) {
  const found = number === null ? undefined : run.revisions.get(number);
  return new Set(found ? [...found.keeps, ...found.ids] : []);
}
