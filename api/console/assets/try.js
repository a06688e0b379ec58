// Two boxes: one proof to verify, one goal to find premises for.

import { ask, poll } from "./api.js";
import { h, heading, table } from "./dom.js";
import { judged } from "./verdict.js";
import { problem } from "./words.js";

// Typed text is kept while other views are shown; it never leaves the page.
const typed = new Map();

function labelled(id, label, box) {
  return { box, element: h("div", { class: "field" }, h("label", { for: id }, label), box) };
}

function field(id, label, attributes = {}, tag = "textarea") {
  const box = h(tag, { id, spellcheck: "false", autocomplete: "off", ...attributes, oninput: () => typed.set(id, box.value) });
  if (typed.has(id)) box.value = typed.get(id);
  return labelled(id, label, box);
}

function choice(id, label, options) {
  const box = h("select", { id, onchange: () => typed.set(id, box.value) }, options.map((option) => h("option", {}, option)));
  if (typed.has(id)) box.value = typed.get(id);
  return labelled(id, label, box);
}

/** Return a choice of the farm's environments; it is shown once there is more than one. */
function environments(signal) {
  const { box, element } = choice("environment", "Environment", []);
  element.hidden = true;
  const fill = async () => {
    const found = (await ask("v1/environments", { signal })).environments;
    box.replaceChildren(...found.map(environment));
    box.value = found.some(({ name }) => name === typed.get("environment")) ? typed.get("environment") : found[0].name;
    element.hidden = found.length < 2;
  };
  // Without the list a proof goes to the default environment; errors are reported when the form is sent.
  poll(signal, fill).catch(() => {});
  return { box, element };
}

function environment({ name, lean_version, workers }) {
  const version = lean_version ? ` (Lean ${lean_version})` : "";
  return h("option", { value: name }, `${name}${version}${workers ? "" : ", no worker now"}`);
}

function form(title, fields, button, answer, signal) {
  const out = h("div", { class: "answer-box", "aria-live": "polite" });
  const send = h("button", { class: "primary" }, button);
  const element = h("form", { "aria-label": title }, h("h2", {}, title), fields.map(({ element }) => element), send, out);
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
  const code = field("code", "Lean text, or only the proof if a statement is given", { rows: "10", required: true, placeholder: "theorem two : 1 + 1 = 2 := by rfl" });
  const statement = field("statement", "Statement, if any", { rows: "2", placeholder: "theorem NAME BINDERS : TYPE" });
  const timeout = field("timeout", "Seconds it may run", { type: "number", min: "0.1", step: "any", value: "60" }, "input");
  const level = choice("level", "Level", ["compiled", "checked"]);
  const environment = environments(signal);
  const knobs = { element: h("div", { class: "knobs" }, timeout.element, level.element, environment.element) };
  return form("Verify", [code, statement, knobs], "Verify", async () => {
    const text = code.box.value;
    const proof = { code: text, ...(statement.box.value.trim() && { statement: statement.box.value }) };
    const where = environment.box.value && { environment: environment.box.value };
    const body = { proofs: [proof], timeout_s: Number(timeout.box.value), level: level.box.value, ...where };
    const [verdict] = (await ask("v1/verify", { body, signal })).results;
    return judged(verdict, text);
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
    const body = { states: [goal.box.value], k: Number(k.box.value) };
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
