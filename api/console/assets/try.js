// Two boxes: one proof to verify, one goal to find premises for.

import { ask } from "./api.js";
import { h, heading, table } from "./dom.js";
import { marksOf, source } from "./source.js";
import { verdictPanel } from "./verdict.js";
import { problem } from "./words.js";

// What was typed is there again when the view is; it never leaves the page.
const typed = new Map();

function field(id, label, attributes = {}, tag = "textarea") {
  const box = h(tag, { id, spellcheck: "false", autocomplete: "off", ...attributes, oninput: () => typed.set(id, box.value) });
  if (typed.has(id)) box.value = typed.get(id);
  return [h("label", { for: id }, label), box, box];
}

function choice(id, label, options) {
  const box = h("select", { id }, options.map((option) => h("option", {}, option)));
  return [h("label", { for: id }, label), box, box];
}

function form(title, fields, button, answer, signal) {
  const out = h("div", { class: "answer-box", "aria-live": "polite" });
  const send = h("button", {}, button);
  const element = h("form", { "aria-label": title }, h("h2", {}, title), fields.map(([label, box]) => h("div", { class: "field" }, label, box)), send, out);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    out.replaceChildren(h("p", {}, "Waiting for the farm…"));
    try {
      out.replaceChildren(...(await answer()));
      out.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (!signal.aborted) out.replaceChildren(problem(error));
    } finally {
      send.disabled = false;
    }
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element.requestSubmit(send.disabled ? null : send);
  });
  return element;
}

function verifyForm(signal) {
  const code = field("code", "Lean text, or the proof alone where a statement is given", { rows: "10", required: true });
  const statement = field("statement", "Statement, if any: theorem NAME BINDERS : TYPE", { rows: "2" });
  const timeout = field("timeout", "Seconds it may run", { type: "number", min: "0.1", step: "any", value: "60" }, "input");
  const level = choice("level", "Level (checked: gate, statement and axioms)", ["compiled", "checked"]);
  return form("Verify", [code, statement, timeout, level], "Verify", async () => {
    const text = code[2].value;
    const proof = { code: text, ...(statement[2].value.trim() && { statement: statement[2].value }) };
    const body = { proofs: [proof], timeout_s: Number(timeout[2].value), level: level[2].value };
    const [verdict] = (await ask("v1/verify", { body, signal })).results;
    return [verdictPanel(verdict), source(text, marksOf(verdict))];
  }, signal);
}

function premiseRow(premise) {
  const cells = [premise.score.toFixed(3), premise.kind ?? "", premise.module ?? "", premise.statement];
  return h("tr", {}, h("th", { scope: "row" }, premise.name), cells.map((cell) => h("td", {}, cell)));
}

function retrieveForm(signal) {
  const goal = field("goal", "Goal, as Lean prints it", { rows: "4", required: true, placeholder: "a b : Nat\n⊢ a + b = b + a" });
  const k = field("k", "How many premises", { type: "number", min: "1", step: "1", value: "10" }, "input");
  return form("Find premises", [goal, k], "Find", async () => {
    const body = { states: [goal[2].value], k: Number(k[2].value) };
    const { results, timings_s } = await ask("v1/retrieve", { body, signal });
    const rows = results[0].premises.map(premiseRow);
    const caption = `${rows.length} premises, the nearest first, in ${(1000 * timings_s.total).toFixed(0)} ms`;
    return [table(caption, ["Name", "Score", "Kind", "Module", "Statement"], h("tbody", {}, rows))];
  }, signal);
}

/** Show the boxes. */
export function show(main, _route, signal) {
  heading(main, "Try");
  main.append(verifyForm(signal), retrieveForm(signal));
}
