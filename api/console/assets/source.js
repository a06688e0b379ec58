// Lean text with line numbers; Lean's messages are underlined at their positions and written below the line.

import { h } from "./dom.js";

const MOST_LINES = 4000;
const LINES_BEFORE = 50;
const RANKS = ["trace", "info", "warning", "sorry", "error"];

/** Return the messages and holes of a verdict as marks: severity, text, and positions if there are any. */
export function marksOf(verdict) {
  const holes = verdict.sorries.map(({ goal, ...place }) => ({ severity: "sorry", data: `Goal left open:\n${goal}`, ...place }));
  return [...verdict.messages, ...holes];
}

/** Return the text with messages at their positions; one without marks the whole text, and is in the verdict. */
export function source(text, marks) {
  const placed = marks.filter((mark) => mark.pos);
  const isWhole = placed.length < marks.length;
  const lines = text.split("\n");
  const first = firstLine(lines.length, placed);
  const shown = lines.slice(first, first + MOST_LINES).map((line, at) => numbered(line, first + at + 1, placed));
  return h(
    "section",
    { class: "source", "aria-label": "Source" },
    lines.length > shown.length ? h("p", { class: "quiet" }, `Lines ${first + 1} to ${first + shown.length} of ${lines.length}.`) : null,
    h("div", { class: isWhole ? "code whole" : "code", tabindex: "0", role: "region", "aria-label": "Lean text" }, shown),
  );
}

function firstLine(size, placed) {
  if (size <= MOST_LINES || !placed.length) return 0;
  const earliest = Math.min(...placed.map((mark) => mark.pos.line));
  return Math.max(0, Math.min(earliest - LINES_BEFORE, size - MOST_LINES));
}

function numbered(text, number, placed) {
  const here = placed.filter((mark) => mark.pos.line <= number && (mark.endPos ?? mark.pos).line >= number);
  const row = h("div", { class: "line" }, h("span", { class: "number" }, String(number)), h("code", {}, marked(text, number, here)));
  const said = here.filter((mark) => mark.pos.line === number).map(saidHere);
  return said.length ? h("div", {}, row, said) : row;
}

function saidHere(mark) {
  const place = `${mark.severity} at line ${mark.pos.line}, column ${mark.pos.column}`;
  return h("div", { class: `said ${mark.severity}` }, h("b", {}, place), h("pre", {}, mark.data));
}

/** Return a line in pieces. Lean counts characters and JavaScript half characters, so the line is cut as a list. */
function marked(text, number, marks) {
  if (!marks.length) return [text];
  const characters = Array.from(text);
  const spans = marks.map((mark) => span(mark, number, characters.length));
  while (characters.length < Math.max(...spans.map(({ end }) => end))) characters.push(" ");
  const cuts = [...new Set([0, characters.length, ...spans.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
  return cuts.slice(1).map((end, at) => piece(characters.slice(cuts[at], end).join(""), cuts[at], spans));
}

function span({ pos, endPos, severity }, number, length) {
  const start = pos.line === number ? Math.min(pos.column, length) : 0;
  const end = !endPos ? start + 1 : endPos.line === number ? Math.min(endPos.column, length) : length;
  // A position between two characters is shown at the one after it.
  return { severity, start, end: Math.max(end, start + 1) };
}

function piece(text, start, spans) {
  const over = spans.filter((each) => each.start <= start && start < each.end);
  if (!over.length) return text;
  const worst = Math.max(...over.map((each) => RANKS.indexOf(each.severity)));
  return h("mark", { class: RANKS[worst] ?? "info" }, text);
}
