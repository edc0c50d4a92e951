// Where the steps of a plan stand: dagre's layered layout, in the direction that fits the room better.
import { Graph, layout } from "../vendor/dagre.js";

export const WIDTH = 216;
export const HEIGHT = 64;
const ACROSS = 24;
const ALONG = 56;
const MARGIN = 24;

/**
 * @typedef {{id: string, x: number, y: number}} Place the left top corner
 * @typedef {{from: string, to: string, kind: "needs"|"turn", points: {x: number, y: number}[]}} Line
 * @typedef {{places: Map<string, Place>, lines: Line[], width: number, height: number, down: boolean, ms: number}} Layout
 * @typedef {{ids: string[], links: {from: string, to: string, kind: "needs"|"turn"}[]}} Shape
 */

/**
 * What is drawn of a run: all its steps, or those of one revision with what they build on.
 * @param {import("./fold.js").Run} run
 * @param {number|null} number
 * @returns {Shape}
 */
export function shapeOf(run, number) {
  const revision = number === null ? undefined : run.revisions.get(number);
  const chosen = new Set(revision ? [...revision.ids, ...revision.keeps] : run.rows.keys());
  if (revision) {
    for (const id of [...chosen]) for (const need of run.rows.get(id)?.needs || []) chosen.add(need);
  }
  const ids = [...run.rows.keys()].filter((id) => chosen.has(id));
  const links = [];
  for (const id of ids) {
    for (const from of run.rows.get(id)?.needs || []) {
      if (from !== id && chosen.has(from) && run.rows.has(from)) {
        links.push({ from, to: id, kind: /** @type {"needs"} */ ("needs") });
      }
    }
  }
  if (run.mode === "react" && !links.length) links.push(...turns(run, ids));
  return { ids, links };
}

/**
 * In ReAct each turn follows on the one before, though no step names another.
 * @param {import("./fold.js").Run} run
 * @param {string[]} ids
 */
function turns(run, ids) {
  const links = [];
  /** @type {Map<number, string[]>} */
  const byTurn = new Map();
  for (const id of ids) {
    const turn = run.rows.get(id)?.revision ?? 0;
    byTurn.set(turn, [...(byTurn.get(turn) || []), id]);
  }
  const order = [...byTurn.keys()].sort((a, b) => a - b);
  for (let index = 1; index < order.length; index += 1) {
    for (const from of byTurn.get(order[index - 1]) || []) {
      for (const to of byTurn.get(order[index]) || []) links.push({ from, to, kind: /** @type {"turn"} */ ("turn") });
    }
  }
  return links;
}

/**
 * @param {Shape} shape
 * @returns {Map<string, number>} how many steps each has to wait for, one after another
 */
export function depths(shape) {
  /** @type {Map<string, string[]>} */
  const into = new Map();
  for (const { from, to } of shape.links) into.set(to, [...(into.get(to) || []), from]);
  /** @type {Map<string, number>} */
  const depth = new Map();
  const visit = (/** @type {string} */ id, /** @type {Set<string>} */ above) => {
    const known = depth.get(id);
    if (known !== undefined) return known;
    if (above.has(id)) return 0; // a circle: drawn as it is
    above.add(id);
    let most = 0;
    for (const from of into.get(id) || []) most = Math.max(most, visit(from, above) + 1);
    above.delete(id);
    depth.set(id, most);
    return most;
  };
  for (const id of shape.ids) visit(id, new Set());
  return depth;
}

/**
 * Whether it fits better from top to bottom than from left to right.
 * @param {Shape} shape
 * @param {number} width of the room, in pixels
 * @param {number} height
 */
export function fitsDown(shape, width, height) {
  const count = new Map();
  for (const depth of depths(shape).values()) count.set(depth, (count.get(depth) || 0) + 1);
  const long = Math.max(count.size, 1);
  const wide = Math.max(1, ...count.values());
  const down = Math.min(1, width / (wide * (WIDTH + ACROSS)), height / (long * (HEIGHT + ALONG)));
  const right = Math.min(1, width / (long * (WIDTH + ALONG)), height / (wide * (HEIGHT + ACROSS)));
  return down > right * 1.05 || width < 2 * WIDTH + 2 * ALONG;
}

/**
 * @param {Shape} shape
 * @param {boolean} down
 * @returns {Layout}
 */
export function laidOut(shape, down) {
  const began = performance.now();
  if (!shape.ids.length) return { places: new Map(), lines: [], width: 0, height: 0, down, ms: 0 };
  const graph = new Graph();
  graph.setGraph({
    rankdir: down ? "TB" : "LR", nodesep: ACROSS, ranksep: ALONG, edgesep: shape.ids.length > 60 ? 2 : 12, marginx: MARGIN, marginy: MARGIN,
    ranker: shape.ids.length > 60 ? "tight-tree" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of shape.ids) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const { from, to } of shape.links) graph.setEdge(from, to);
  layout(graph);
  const places = new Map();
  for (const id of shape.ids) {
    const { x, y } = graph.node(id);
    places.set(id, { id, x: Math.round(x - WIDTH / 2), y: Math.round(y - HEIGHT / 2) });
  }
  const lines = shape.links.map((link) => ({ ...link, points: graph.edge(link.from, link.to).points }));
  const { width = 0, height = 0 } = graph.graph();
  return { places, lines, width, height, down, ms: performance.now() - began };
}

/**
 * A smooth path through an edge's points, which begins and ends along the direction of the plan.
 * @param {{x: number, y: number}[]} points
 * @param {boolean} down
 */
export function pathOf(points, down) {
  const at = (/** @type {{x: number, y: number}} */ { x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  let path = `M${at(points[0])}`;
  for (let index = 1; index < points.length; index += 1) {
    const from = points[index - 1];
    const to = points[index];
    const half = down ? (to.y - from.y) / 2 : (to.x - from.x) / 2;
    const one = down ? { x: from.x, y: from.y + half } : { x: from.x + half, y: from.y };
    const two = down ? { x: to.x, y: to.y - half } : { x: to.x - half, y: to.y };
    path += `C${at(one)} ${at(two)} ${at(to)}`;
  }
  return path;
}
