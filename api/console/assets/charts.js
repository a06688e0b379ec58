// Charts of the last hours. Each has 60 columns of equal time, is grey where nothing is known, and marks each event.

import { h, svg } from "./dom.js";
import { clock, count } from "./words.js";

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

/** Return the time at which a column begins: its day, and the hour and minute. */
function timeOf({ start, minutes }, column) {
  const [day, time] = clock(start + (column * minutes.length * 60) / COLUMNS).split(" ");
  return [day, time.slice(0, 5)];
}

/** Return the times at which two columns begin; with their days if the history has more than one. */
function ends(history, columns) {
  const isOneDay = timeOf(history, 0)[0] === timeOf(history, COLUMNS)[0];
  return columns.map((column) => timeOf(history, column).slice(isOneDay ? 1 : 0).join(" "));
}

/** Return the time that a column stands for, as people write it. */
export const spanOf = (history, column) => ends(history, [column, column + 1]).join(" to ");

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
 * value of a column, or null, from the column's known minutes; the value may be Infinity. `say` puts the highest value
 * into words. `highest(minutes)` returns a column's highest value, if its rows may show a minute that does not have it.
 * `none` is the text to show if the known minutes have no value.
 */
export function chart(history, columns, { title, unit, rows, isMean, isStacked, highest, say = (most) => `at most ${most} ${unit}`, none, write = count }) {
  const valuesOf = (of) => columns.map((minutes) => (minutes.length ? of(minutes) : null));
  const drawn = rows.map((row) => ({ ...row, values: valuesOf(row.of) }));
  const sums = () => (highest ? valuesOf(highest) : stacked(drawn));
  const all = known(isStacked ? sums() : drawn.flatMap(({ values }) => values));
  const top = Math.max(...all.filter(Number.isFinite), 0) || 1;
  const y = (value) => HEIGHT - FOOT - (Math.min(value, top) / top) * (HEIGHT - FOOT - HEAD);
  const cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT - FOOT });
  const step = history.minutes.length / COLUMNS;
  const words = all.length ? `${say(write(Math.max(...all), history))}${isMean && step > 1 ? `, on average over ${step} min` : ""}` : columns.some(({ length }) => length) ? none : "nothing is known";
  const legend = h("span", { class: "legend" });
  const [wide, foot] = [WIDTH / history.minutes.length, HEIGHT - FOOT];
  const [first, last] = ends(history, [0, COLUMNS]);
  const shapes = [
    gapsOf(history.minutes).map(([from, to]) => svg("rect", { class: "gap", x: from * wide, width: Math.max(1, (to - from) * wide), y: 0, height: foot })),
    // The first line is wide, so it is seen under the others.
    isStacked ? bars(drawn, y) : drawn.map(({ values, className }, at) => curves(values, y, drawn[at + 1] ? `${className} wide` : className)),
    history.events.map(({ at, text }) => svg("line", { class: "event", x1: ((at - history.start) / 60) * wide, x2: ((at - history.start) / 60) * wide, y1: 0, y2: foot }, svg("title", {}, text))),
    cursor,
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: foot, y2: foot }),
    svg("text", { x: 0, y: HEIGHT - 4 }, first),
    svg("text", { x: WIDTH, y: HEIGHT - 4, class: "end" }, last),
  ];
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${words}` }, shapes);
  const element = h("figure", { class: "over-time" }, h("figcaption", {}, h("b", {}, title), ` ${words}`, legend), drawing);

  function point(column) {
    cursor.setAttribute("x1", (column + 0.5) * WIDE);
    cursor.setAttribute("x2", (column + 0.5) * WIDE);
    const said = drawn.map(({ name, className, values }) => h("span", { class: className }, `${name} ${values[column] === null ? "–" : write(values[column], history)}`));
    legend.replaceChildren(...said.flatMap((each, at) => [at ? " · " : "", each]));
  }

  return { element, drawing, point };
}
