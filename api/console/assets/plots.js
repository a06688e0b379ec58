// Plots in SVG, each with a text that says what it shows.

import { h, svg } from "./dom.js";
import { many, seconds } from "./words.js";

const [WIDTH, HEIGHT, FOOT] = [320, 110, 18];
const MOST_POINTS = 300;
const BINS_PER_DECADE = 4;
const [LOWEST, HIGHEST] = [-3, 3];

const RECENT_POINTS = 10;

/** Rates per second of growing counters. What a counter had counted before the page first saw it is left out. */
export class Rates {
  constructor() {
    this.points = [];
    this.last = new Map();
    this.grown = 0;
    this.at_ms = null;
  }

  /** Add the growth of a counter, from its last value to this value. */
  add(name, value) {
    this.grown += Math.max(0, value - (this.last.get(name) ?? value));
    this.last.set(name, value);
  }

  /** Add a point: the rate of all growth since the last point. */
  close() {
    const now_ms = performance.now();
    if (this.at_ms !== null) this.points.push((1000 * this.grown) / (now_ms - this.at_ms));
    this.points = this.points.slice(-MOST_POINTS);
    [this.grown, this.at_ms] = [0, now_ms];
  }

  /** Return the mean of the last points; 0 if there is none. */
  recent() {
    const last = this.points.slice(-RECENT_POINTS);
    return last.length ? last.reduce((sum, point) => sum + point, 0) / last.length : 0;
  }
}

/** Draw the last rates as a line without axes. Screen readers do not see it: a number beside it says the same. */
export function sparkline(points) {
  const last = points.slice(-40);
  const most = Math.max(...last, 1e-9);
  const line = last.map((value, at) => `${((at / Math.max(1, last.length - 1)) * 72).toFixed(1)},${(17 - (value / most) * 16).toFixed(1)}`);
  return svg("svg", { class: "sparkline", viewBox: "0 0 72 18", "aria-hidden": "true" }, svg("polyline", { class: "curve", points: line.join(" ") }));
}

function figure(title, words, ...shapes) {
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${words}` }, shapes);
  return h("figure", {}, h("figcaption", {}, h("b", {}, title), ` ${words}`), drawing);
}

/** Draw rates per second, with a point for each reading. Return a list, which is empty if there is nothing to draw. */
export function rates(title, points) {
  if (points.length < 2 || !points.some(Boolean)) return [];
  const most = Math.max(...points, 1e-9);
  const y = (value) => HEIGHT - FOOT - (value / most) * (HEIGHT - FOOT - 4);
  const x = (at) => (at / (points.length - 1)) * WIDTH;
  const line = points.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const now = `now ${points.at(-1).toFixed(1)}, at most ${Math.max(...points).toFixed(1)}`;
  const shapes = [
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: y(0), y2: y(0) }),
    svg("polygon", { class: "area", points: `0,${y(0)} ${line} ${WIDTH},${y(0)}` }),
    svg("polyline", { class: "curve", points: line }),
    svg("text", { x: 0, y: HEIGHT - 4 }, "earlier"),
    svg("text", { x: WIDTH, y: HEIGHT - 4, class: "end" }, "now"),
  ];
  return [figure(title, now, ...shapes)];
}

function bin(value) {
  const at = Math.floor((Math.log10(Math.max(value, 1e-9)) - LOWEST) * BINS_PER_DECADE);
  return Math.min(Math.max(at, 0), (HIGHEST - LOWEST) * BINS_PER_DECADE - 1);
}

/** Draw the distribution of some durations, from 1 ms to 1000 s on a logarithmic axis. */
export function spread(title, values) {
  const bins = new Array((HIGHEST - LOWEST) * BINS_PER_DECADE).fill(0);
  for (const value of values) bins[bin(value)] += 1;
  const [most, width] = [Math.max(...bins, 1), WIDTH / bins.length];
  const bars = bins.map((size, at) => {
    const height = size ? Math.max(2, (size / most) * (HEIGHT - FOOT - 4)) : 0;
    return svg("rect", { class: "bar", x: at * width + 1, y: HEIGHT - FOOT - height, width: width - 2, height });
  });
  const marks = [-3, -2, -1, 0, 1, 2].map((power) =>
    svg("text", { x: (power - LOWEST) * BINS_PER_DECADE * width, y: HEIGHT - 4 }, `${10 ** power} s`),
  );
  const sorted = Float32Array.from(values).sort();
  const at = (share) => seconds(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  const words = sorted.length ? `${many(sorted.length, "proof")}: median ${at(0.5)}, p95 ${at(0.95)}, longest ${at(1)}` : "none yet";
  return figure(title, words, svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT }), bars, marks);
}
