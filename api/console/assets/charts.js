// Charts of the last hours. Each has 60 columns of equal time, is grey where nothing is known, and marks each event.

import { h, svg } from "./dom.js";
import { count } from "./words.js";

export const COLUMNS = 60;
const [WIDTH, HEIGHT, FOOT, HEAD] = [320, 110, 18, 4];
const WIDE = WIDTH / COLUMNS;

/** Return the known minutes of each column; a list is empty where nothing is known of a column. */
export function columnsOf(minutes) {
  const step = minutes.length / COLUMNS;
  return Array.from({ length: COLUMNS }, (_, at) => minutes.slice(at * step, (at + 1) * step).filter(Boolean));
}

/** Return the stretches without a sample, as pairs of the first minute and the minute after the last. */
export function gapsOf(minutes) {
  const gaps = [];
  minutes.forEach((minute, at) => {
    if (minute) return;
    if (gaps.length && gaps.at(-1)[1] === at) gaps.at(-1)[1] = at + 1;
    else gaps.push([at, at + 1]);
  });
  return gaps;
}

const clock = (unix_s) => new Date(unix_s * 1000).toLocaleTimeString("sv", { hour: "2-digit", minute: "2-digit" });

/** Return the time at which a column begins, as people write it. */
export const timeOf = (history, column) => clock(history.start + (column * history.minutes.length * 60) / COLUMNS);

/** Draw consecutive known values as one line. A gap ends the line, and a single value is a short line. */
function curves(values, y, className) {
  const stretches = [];
  values.forEach((value, at) => {
    if (value === null) return;
    if (values[at - 1] === null || !stretches.length) stretches.push([]);
    stretches.at(-1).push([(at + 0.5) * WIDE, y(value)]);
  });
  return stretches.map((points) => {
    const drawn = points.length > 1 ? points : [[points[0][0] - WIDE / 2, points[0][1]], [points[0][0] + WIDE / 2, points[0][1]]];
    return svg("polyline", { class: `curve ${className}`, points: drawn.map((point) => point.map((each) => each.toFixed(1)).join()).join(" ") });
  });
}

function bars(rows, y) {
  const floor = rows[0].values.map(() => 0);
  return rows.flatMap(({ values, className }) =>
    values.map((value, at) => {
      if (!value) return null;
      const [low, high] = [floor[at], (floor[at] += value)];
      return svg("rect", { class: `bar ${className}`, x: at * WIDE + 0.5, width: WIDE - 1, y: y(high), height: Math.max(0.5, y(low) - y(high)) });
    }),
  );
}

const known = (values) => values.filter((value) => value !== null);

/** Return the sum of the stacked rows in each column; null if nothing is known of the column. */
const stacked = (rows) => rows[0].values.map((value, at) => (value === null ? null : rows.reduce((sum, row) => sum + row.values[at], 0)));

/**
 * Draw one chart of a history. Return its `element`, and `point(column)`, which shows the values of a column.
 * `columns` are the history's columns (`columnsOf`). `rows` are `{name, className, of}`. `of(minutes)` returns the
 * value of a column, or null, from the column's known minutes.
 */
export function chart(history, columns, { title, unit, rows, isMean, isStacked, write = count }) {
  const drawn = rows.map((row) => ({ ...row, values: columns.map((minutes) => (minutes.length ? row.of(minutes) : null)) }));
  const all = known(isStacked ? stacked(drawn) : drawn.flatMap(({ values }) => values));
  const most = Math.max(...all, 0);
  const y = (value) => HEIGHT - FOOT - (most ? (value / most) * (HEIGHT - FOOT - HEAD) : 0);
  const cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT - FOOT });
  const step = history.minutes.length / COLUMNS;
  const words = all.length ? `at most ${write(most)} ${unit}${isMean && step > 1 ? `, on average over ${step} min` : ""}` : "nothing is known";
  const legend = h("span", { class: "legend" });
  const [wide, top] = [WIDTH / history.minutes.length, HEIGHT - FOOT];
  const shapes = [
    gapsOf(history.minutes).map(([from, to]) => svg("rect", { class: "gap", x: from * wide, width: Math.max(1, (to - from) * wide), y: 0, height: top })),
    isStacked ? bars(drawn, y) : drawn.map(({ values, className }) => curves(values, y, className)),
    history.events.map(({ at, text }) => svg("line", { class: "event", x1: ((at - history.start) / 60) * wide, x2: ((at - history.start) / 60) * wide, y1: 0, y2: top }, svg("title", {}, text))),
    cursor,
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: top, y2: top }),
    svg("text", { x: 0, y: HEIGHT - 4 }, timeOf(history, 0)),
    svg("text", { x: WIDTH, y: HEIGHT - 4, class: "end" }, timeOf(history, COLUMNS)),
  ];
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${words}` }, shapes);
  const element = h("figure", { class: "over-time" }, h("figcaption", {}, h("b", {}, title), ` ${words}`, legend), drawing);

  function point(column) {
    cursor.setAttribute("x1", (column + 0.5) * WIDE);
    cursor.setAttribute("x2", (column + 0.5) * WIDE);
    const said = drawn.map(({ name, className, values }) => h("span", { class: className }, `${name} ${values[column] === null ? "–" : write(values[column])}`));
    legend.replaceChildren(...said.flatMap((each, at) => [at ? " · " : "", each]));
  }

  return { element, drawing, point };
}
