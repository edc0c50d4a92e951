// What the page's pure modules compute; run by test_page.py in node.
import assert from "node:assert/strict";
import { difference } from "./ui/app/changes.js";
import { Run } from "./ui/app/fold.js";
import { fitsDown, laidOut, shapeOf } from "./ui/app/layout.js";
import { blocks } from "./ui/app/markdown.js";
import { listAt, placeOf, runAt } from "./ui/app/place.js";
import { needs, pieces } from "./ui/app/refs.js";
import { criticalPath, timeline } from "./ui/app/schedule.js";
import { problems } from "./ui/app/schema.js";
import { sentence } from "./ui/app/sentences.js";
import { inline } from "./ui/app/spans.js";
import { Messages } from "./ui/app/stream.js";
import { Texts } from "./ui/app/texts.js";
import { inputLine, plain, seconds, usd } from "./ui/app/words.js";

const step = (id, tool, tool_input = {}, depends_on = []) => ({ id, tool, tool_input, depends_on, when: null, foreach: null });
const usage = { calls: 1, input_tokens: 10, cached_tokens: 0, output_tokens: 5, cost_usd: 0.01 };
const result = (status, more = {}) => ({ status, value: 1, artifact: null, error: null, reason: "", attempts: 1, duration_s: 2, usage: null, warnings: [], ...more });

/** A run that has seen these events, a second apart. */
function told(...events) {
  const run = new Run("r");
  const all = [{ kind: "run_started", task: "t", mode: "plan", tools: [] }, { kind: "plan_started", revision: 1, mode: "plan" }, ...events];
  all.forEach((event, index) => run.take({ seq: index + 1, at: 100 + index, ...event }));
  return run;
}
const accepted = (revision, steps, keeps = []) => ({ kind: "plan_accepted", revision, plan: { steps }, keeps, similarity: null, warnings: [] });
const shown = (drawn) => (Array.isArray(drawn) ? drawn.map(shown).join("") : drawn?.type ? `<${drawn.type}${drawn.props.href ? ` ${drawn.props.href}` : ""}>${shown(drawn.props.children ?? "")}</${drawn.type}>` : drawn);

const CASES = {
  "references are found as the engine finds them"() {
    assert.deepEqual(pieces("a {{1.x}} \\{{2}} b").filter((each) => typeof each !== "string").map((each) => each.id), ["1"]);
    assert.deepEqual(needs({ ...step("4", "t", { a: ["{{1}}", { b: "{{ 2.rows[0] }}" }] }, ["3"]), foreach: "{{1.x}}", when: [{ value: "{{item}}", to: "{{5}}" }] }), ["3", "1", "5", "2"]);
  },
  "a run is folded from its events, each counted once"() {
    const run = told(accepted(1, [step("1", "a"), step("2", "b", { x: "{{1}}" })]), { kind: "step_started", step_id: "1", tool: "a", input: {} });
    run.take({ seq: 4, at: 200, kind: "step_ended", step_id: "1", tool: "a", result: result("failed", { error: { message: "again" } }) });
    assert.equal(run.rows.get("1").state, "running");
    run.take({ seq: 5, at: 104, kind: "step_ended", step_id: "1", tool: "a", result: result("done") });
    assert.deepEqual([...run.rows.values()].map((row) => row.state), ["done", "planned"]);
  },
  "a repaired plan, and a new one, leave no step behind that never began"() {
    const run = told({ kind: "plan_step", revision: 1, step: step("1", "a") }, { kind: "plan_repair", revision: 1, errors: [] }, accepted(1, [step("2", "a"), step("3", "b")]));
    assert.deepEqual([...run.rows.keys()], ["2", "3"]);
    run.take({ seq: 6, at: 110, kind: "replan_started", revision: 2, triggers: [{ kind: "requested", step_id: null, message: "" }] });
    run.take({ seq: 7, at: 111, ...accepted(2, [step("4", "c")], ["3"]) });
    assert.deepEqual([...run.rows.values()].map((row) => [row.id, row.state]), [["2", "discarded"], ["3", "planned"], ["4", "planned"]]);
    assert.deepEqual(shapeOf(run, 2).ids, ["3", "4"]);
  },
  "what a new plan changed is told"() {
    const run = told(accepted(1, [step("1", "a"), step("2", "b"), step("3", "c"), step("4", "d")]), { kind: "step_ended", step_id: "1", tool: "a", result: result("done") }, { kind: "step_ended", step_id: "2", tool: "b", result: result("failed", { error: { message: "no" } }) },
      { kind: "replan_started", revision: 2, triggers: [] }, accepted(2, [step("5", "b"), step("6", "e")], ["4"]));
    const found = difference(run, 2);
    const ids = (rows) => rows.map((row) => row.id);
    assert.deepEqual([found.before, found.replaced.map(ids), ids(found.added), ids(found.dropped), ids(found.ended), ids(found.kept)], [1, [["2", "5"]], ["6"], ["3"], ["1"], ["4"]]);
    assert.equal(difference(run, 1).before, null);
  },
  "an address says what is looked at, and reads back what it said"() {
    const place = placeOf(runAt("a/b", "s?1", { tab: "events", plan: null }));
    assert.deepEqual([place.view, place.id, place.step, place.query.get("tab"), place.query.has("plan")], ["run", "a/b", "s?1", "events", false]);
    assert.equal(listAt({ status: "failed", text: "", offset: null }), "#/?status=failed");
    assert.deepEqual([placeOf("").view, placeOf("#/usage?days=7").view, placeOf("#/runs/%zz").id], ["runs", "usage", "%zz"]);
  },
  "a foreach counts its calls, each with a row of its own"() {
    const run = told(accepted(1, [step("1", "a")]), { kind: "step_expanded", step_id: "1", count: 2 }, { kind: "step_started", step_id: "1[0]", tool: "a", input: {} },
      { kind: "step_ended", step_id: "1[0]", tool: "a", result: result("done") });
    const row = run.rows.get("1");
    assert.deepEqual([row.total, row.ended, row.instances.length, run.rows.size, row.state], [2, 1, 1, 1, "running"]);
  },
  "a question is open until it is answered, and none is when the run is over"() {
    const run = told(accepted(1, [step("1", "a")]), { kind: "approval_requested", approval_id: "x", subject: "step", step_id: "1", tool: "a", input: {} });
    assert.equal(run.rows.get("1").state, "waiting");
    run.take({ seq: 5, at: 105, kind: "approval_answered", approval_id: "x", decision: "approve" });
    assert.deepEqual([run.approvals.size, run.rows.get("1").state], [0, "planned"]);
  },
  "money whose price is unknown is never shown as a number"() {
    const run = told({ kind: "model_called", role: "planner", usage, latency_s: 1 }, { kind: "model_called", role: "planner", usage: { ...usage, cost_usd: null }, latency_s: 1 });
    assert.equal(run.usage.cost_usd, null);
    assert.deepEqual([usd(null), usd(0), usd(0.00123), usd(12.5)], ["price unknown", "$0", "$0.0012", "$12.50"]);
    assert.deepEqual([seconds(0.05), seconds(1.25), seconds(75), seconds(7300)], ["50 ms", "1.3 s", "1 min 15 s", "2 h 1 min"]);
  },
  "live text survives pieces that come twice, late or of an older writing"() {
    const texts = new Texts();
    const send = (generation, offset, text) => texts.take({ kind: "text", stream: "answer", generation, offset, text });
    send(1, 0, "a😀b"); send(1, 2, "bc"); send(1, 9, "gap"); send(0, 4, "old");
    assert.equal(texts.of("answer"), "a😀bc");
    send(2, 0, "new");
    assert.equal(texts.of("answer"), "new");
    texts.take({ kind: "reset", stream: "answer", generation: 3 });
    assert.equal(texts.of("answer"), "");
  },
  "an event stream is read the same wherever its bytes are cut"() {
    const bytes = new TextEncoder().encode(': hi\n\nid: 1\ndata: {"a":"é😀"}\n\nevent: failure\ndata: x\n\nretry: 2000\n\n');
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const messages = new Messages();
      const found = [...messages.take(bytes.slice(0, cut)), ...messages.take(bytes.slice(cut))];
      assert.deepEqual(found.map((each) => [each.id, each.event, each.data, each.retry]), [["1", "message", '{"a":"é😀"}', 0], ["", "failure", "x", 0], ["", "message", "", 2000]]);
    }
  },
  "the critical path is the chain of the longest times"() {
    const run = told(accepted(1, [step("1", "a"), step("2", "b"), step("3", "c", {}, ["1", "2"])]));
    [["1", 5], ["2", 1], ["3", 2]].forEach(([id, duration_s], index) => run.take({ seq: 4 + index, at: 105 + index, kind: "step_ended", step_id: id, tool: "a", result: result("done", { duration_s }) }));
    assert.deepEqual([...criticalPath(run)].sort(), ["1", "3"]);
    assert.equal(timeline(run, 110).lanes.length, 3);
  },
  "what is wrong with a value is said where it is"() {
    const schema = { type: "object", properties: { to: { type: "string", format: "email" }, n: { type: "integer", maximum: 5 }, tags: { type: "array", items: { $ref: "#/$defs/tag" } } }, required: ["to"], additionalProperties: false, $defs: { tag: { enum: ["a", "b"] } } };
    assert.deepEqual(problems(schema, { to: "a@b.c", n: 5, tags: ["a"] }), []);
    assert.deepEqual(problems(schema, { to: "x", n: 9, tags: ["c"], z: 1 }).map((each) => each.path), ["to", "n", "tags[0]", "z"]);
    assert.deepEqual(problems(schema, {}).map((each) => `${each.path} ${each.message}`), ["to is missing"]);
  },
  "Markdown stays text, and only safe links are links"() {
    assert.equal(shown(inline("**b** `c` [x](javascript:alert(1)) [y](https://z.example/a(b)) <img onerror=1>")), "<strong>b</strong> <code>c</code> <span>x</span> <a https://z.example/a(b)>y</a> <img onerror=1>");
    assert.equal(shown(inline("snake_case_name 2*3*4 data:text/html,x [p](data:text/html,x) [q](//evil.example)")), "snake_case_name 2*3*4 data:text/html,x <span>p</span> <span>q</span>");
    assert.deepEqual(blocks("# T\n\n- a\n  - b\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n```js\n<b>\n```").map((block) => block.kind), ["heading", "list", "table", "code"]);
  },
  "no text makes the page hang"() {
    const began = process.cpuUsage().user;
    for (const text of ["*a".repeat(9000), "[".repeat(9000), "[a](".repeat(4000), "`".repeat(9001), "**a ".repeat(4000), " ".repeat(40000) + "x", "> ".repeat(4000), "- ".repeat(4000), `|${"-|".repeat(4000)}x`, `# a${" ".repeat(20000)}x`, "https://x".repeat(3000)]) {
      blocks(text);
      inline(text);
    }
    assert.ok((process.cpuUsage().user - began) / 1e6 < 8);
  },
  "text in which something hides shows it, and events have words"() {
    assert.equal(plain("gnp\u202eexe\u200b"), "gnp\\u202eexe\\u200b");
    assert.equal(plain("👩\u200d👧 👩🏽\u200d🚀 نمی\u200cخواهم ad\u200dmin"), "👩\u200d👧 👩🏽\u200d🚀 نمی\u200cخواهم ad\\u200dmin");
    assert.equal(inputLine({ a: 1, b: "x" }, 20), "a: 1, b: x");
    assert.equal(sentence({ kind: "step_ended", result: result("failed", { error: { message: "no" } }) }), "failed: no");
    const ids = ["1", "2", "3"];
    const shape = { ids, links: [{ from: "1", to: "2", kind: "needs" }, { from: "2", to: "3", kind: "needs" }] };
    assert.deepEqual([fitsDown(shape, 2000, 500), fitsDown(shape, 380, 800)], [false, true]);
    assert.equal(laidOut(shape, true).places.size, 3);
  },
};

let passed = 0;
for (const [name, check] of Object.entries(CASES)) {
  try {
    check();
    passed += 1;
  } catch (error) {
    console.error(`${name}: ${error.stack}`);
  }
}
console.log(`${passed} of ${Object.keys(CASES).length}`);
process.exitCode = passed === Object.keys(CASES).length ? 0 : 1;
