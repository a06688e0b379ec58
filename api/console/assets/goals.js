// Shows what Lean says: goals with their hypotheses aligned, long texts folded, and no character hidden.

import { visible } from "./characters.js";
import { h } from "./dom.js";
import { copier } from "./files.js";
import { lean } from "./lean.js";
import { count } from "./words.js";

const FOLDED_CHARS = 4000;
const HYPOTHESIS = /^([^\s⊢:|][^⊢:|]*?) : (.*)$/s;
const BEGINNING = /^(?:case |⊢|[^\s⊢:|][^⊢:|]*? : )/;

/** Return a goal as Lean prints it, but with the types of its hypotheses aligned. */
export function goal(text) {
  // An indented line continues the line before it.
  const parts = text.split(/\n(?=\S)/).map((part) => {
    const [, names, type] = part.match(HYPOTHESIS) ?? [];
    return names ? [h("span", { class: "names" }, visible(names), " :"), lean(h("span"), type)] : lean(h("span", { class: "whole-row" }), part);
  });
  return h("div", { class: "goal" }, h("div", { class: "hypotheses" }, parts), copier("Copy goal", () => text));
}

function block(text) {
  const lines = text.split("\n");
  const isGoal = lines.some((line) => line.startsWith("⊢"));
  const from = isGoal ? lines.findIndex((line) => BEGINNING.test(line)) : lines.length;
  const before = lines.slice(0, from).join("\n");
  return [before && h("pre", {}, visible(before)), isGoal && goal(lines.slice(from).join("\n"))].filter(Boolean);
}

/** Return a message as elements; a long message is cut, and has a button that shows the rest. */
export function said(text) {
  if (text.length <= FOLDED_CHARS) return h("div", { class: "message" }, text.split("\n\n").flatMap(block));
  const rest = h("button", { type: "button", class: "small", onclick: () => element.replaceChildren(h("pre", {}, visible(text))) }, `Show all ${count(text.length)} characters`);
  const element = h("div", { class: "message" }, h("pre", {}, visible(`${text.slice(0, FOLDED_CHARS)}…`)), rest);
  return element;
}

/** Return what a prover needs to know to repair an error: the tactic that failed, and the goals before it. */
export function repair({ tactic, tactic_pos, goals, left_out }) {
  const place = tactic_pos ? ` at line ${tactic_pos.line}, column ${tactic_pos.column}` : "";
  return h(
    "div",
    { class: "repair" },
    tactic && [h("p", {}, `The tactic that failed${place}:`), lean(h("pre"), tactic)],
    goals.length ? h("p", {}, goals.length === 1 ? "The goal before it:" : `The ${goals.length} goals before it:`) : null,
    goals.map(goal),
    left_out ? h("p", { class: "quiet" }, `and ${left_out} more`) : null,
  );
}
