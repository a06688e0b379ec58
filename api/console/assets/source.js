// Shows a Lean text with line numbers and colours, and Lean's messages beside the lines, with their places underlined.

import { h } from "./dom.js";
import { repair, said } from "./goals.js";
import { coloured, paint, reader } from "./lean.js";
import { COLUMNS_FROM_0, count } from "./words.js";

const MOST_LINES = 2000;
const LINES_BEFORE = 200;
// A text with more lines than this can be scrolled beyond its end, so that its last line can be moved to the top.
const LONG_LINES = 60;
const RANKS = ["trace", "info", "warning", "sorry", "error"];

const isAt = (a, b) => a && b && a.line === b.line && a.column === b.column;

/** Return a mark for each message and sorry of a verdict: severity, text, positions if there are any, and feedback. */
export function marksOf(verdict) {
  const sorries = verdict.sorries.map(({ goal, ...place }) => ({ severity: "sorry", data: `Goal left open:\n${goal}`, ...place }));
  const repairOf = ({ pos, severity }) => (severity === "error" ? verdict.feedback?.find((each) => isAt(each.pos, pos)) : null);
  return [...verdict.messages.map((message) => ({ ...message, repair: repairOf(message) })), ...sorries];
}

/**
 * Return the text, with the messages at their positions. A message without a position is about the whole text, and is
 * shown with the verdict instead. Of a long text, only the part around the first wrong line (`wrong`) is shown at
 * first. `goTo(line)` brings a line into view.
 */
export function source(text, marks, wrong = 0) {
  const lines = text.split("\n");
  const byLine = place(marks, lines.length);
  const isWhole = marks.some((mark) => !mark.pos);
  const classes = ["code", isWhole && "whole", lines.length > LONG_LINES && "long"].filter(Boolean).join(" ");
  const box = h("div", { class: classes, tabindex: "0", role: "region", "aria-label": "Lean text" });
  const note = h("p", { class: "quiet parts" });
  const read = reader(lines, box);
  let first = 0;

  function draw(from) {
    first = Math.max(0, Math.min(from, lines.length - 1));
    const last = Math.min(first + MOST_LINES, lines.length);
    const marksAt = (at) => byLine.get(at + 1) ?? [];
    const codes = lines.slice(first, last).map((line, at) => h("code", {}, marked(line, first + at + 1, marksAt(first + at), [])));
    const shown = codes.map((code, at) => numbered(code, first + at + 1, marksAt(first + at)));
    box.replaceChildren(...shown);
    read(first, last, (at, found) => paint(codes[at - first], marked(lines[at], at + 1, marksAt(at), found).flat()));
    const step = (label, to, isThere) => isThere && h("button", { type: "button", class: "small", onclick: () => draw(to) }, label);
    const steps = [step("Earlier lines", first - MOST_LINES, first > 0), step("Later lines", last, last < lines.length)];
    note.replaceChildren(`Lines ${count(first + 1)} to ${count(last)} of ${count(lines.length)}. `, ...steps.filter(Boolean));
    note.hidden = shown.length === lines.length;
  }

  function goTo(line) {
    if (line <= first || line > first + MOST_LINES) draw(line - 1 - LINES_BEFORE);
    const row = box.querySelector(`[data-line="${line}"]`);
    if (row) box.scrollTop = row.offsetTop - box.clientHeight / 6;
  }

  function show(line) {
    goTo(line);
    box.focus({ preventScroll: true });
    bringUp(line);
  }

  /** Scroll the page so that a line is visible: the box may reach below the window. */
  function bringUp(line) {
    box.querySelector(`[data-line="${line}"]`)?.scrollIntoView({ block: "nearest" });
  }

  /** Keep the first wrong line in view until a person scrolls or presses a key: the alarms may push the text down. */
  function startAt(line) {
    const watch = new ResizeObserver(() => [goTo, bringUp].forEach((move) => move(line)));
    watch.observe(document.getElementById("alarms"));
    for (const moved of ["wheel", "pointerdown", "keydown"]) addEventListener(moved, () => watch.disconnect(), { once: true, passive: true });
  }

  draw(wrong && lines.length > MOST_LINES ? wrong - 1 - LINES_BEFORE : 0);
  const element = h("section", { class: "source", "aria-label": "Source" }, note, box);
  // Heights are known only once the element is on the page.
  if (wrong) requestAnimationFrame(() => startAt(wrong));
  return { element, goTo: show };
}

/** Return the marks of each line, by line number; lines without marks are left out. */
function place(marks, size) {
  const found = new Map();
  for (const mark of marks) {
    if (!mark.pos) continue;
    const last = Math.min((mark.endPos ?? mark.pos).line, Math.max(size, mark.pos.line));
    for (let line = mark.pos.line; line <= last; line++) found.set(line, [...(found.get(line) ?? []), mark]);
  }
  return found;
}

function numbered(code, number, here) {
  const row = h("div", { class: "line", "data-line": number }, h("span", { class: "number" }, String(number)), code);
  const words = here.filter((mark) => mark.pos.line === number).map(saidHere);
  return words.length ? h("div", { class: "placed", "data-line": number }, row, h("div", {}, words)) : row;
}

function saidHere(mark) {
  const where = `${mark.severity} at line ${mark.pos.line}, column ${mark.pos.column}`;
  return h("div", { class: `said ${mark.severity}` }, h("b", { title: COLUMNS_FROM_0 }, where), said(mark.data), mark.repair ? repair(mark.repair) : null);
}

/**
 * Return a line as elements, with its marks. Lean counts characters, and JavaScript counts UTF-16 units. So a list
 * gives the offset of each character in units.
 */
function marked(text, number, marks, found) {
  if (!marks.length) return coloured(text, found);
  const offsets = [0];
  for (const character of text) offsets.push(offsets.at(-1) + character.length);
  const spans = marks.map((mark) => span(mark, number, offsets.length - 1));
  const padded = text + " ".repeat(Math.max(0, ...spans.map(({ end }) => end - offsets.length + 1)));
  const offset = (at) => offsets[at] ?? offsets.at(-1) + at - offsets.length + 1;
  const cuts = [...new Set([0, padded.length, ...spans.flatMap(({ start, end }) => [offset(start), offset(end)])])].sort((a, b) => a - b);
  return cuts.slice(1).map((end, at) => {
    const over = spans.filter((each) => offset(each.start) <= cuts[at] && cuts[at] < offset(each.end));
    const piece = coloured(padded, found, cuts[at], end);
    return over.length ? h("mark", { class: RANKS[Math.max(...over.map((each) => RANKS.indexOf(each.severity)))] ?? "info" }, piece) : piece;
  });
}

function span({ pos, endPos, severity }, number, length) {
  const start = pos.line === number ? Math.min(pos.column, length) : 0;
  const end = !endPos ? start + 1 : endPos.line === number ? Math.min(endPos.column, length) : length;
  // If a position is between two characters, the second one is marked.
  return { severity, start, end: Math.max(end, start + 1) };
}
