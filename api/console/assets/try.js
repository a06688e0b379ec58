// A form to verify one proof, and a form to find premises for one goal.

import { abbreviate } from "./abbreviations.js";
import { ApiError, ask, poll } from "./api.js";
import { h, heading, table } from "./dom.js";
import { EXAMPLES } from "./examples.js";
import { copier } from "./files.js";
import { forget as forgetRows, rowChooser } from "./rows.js";
import { term } from "./terms.js";
import { forget as forgetTries, history, keep } from "./tries.js";
import { judged } from "./verdict.js";
import { problem } from "./words.js";

// Programs in which people share links cut off a link that is longer than this.
const MOST_LINK_CHARS = 8000;
const HINT_S = 2;
const IN_LINK = ["code", "statement", "timeout", "level", "environment"];
// The text that a person has typed is kept while other views are shown.
const typed = new Map();

function labelled(id, label, box, explained) {
  return { box, element: h("div", { class: "field" }, h("label", { for: id }, label), explained ? term(explained) : null, box) };
}

function field(id, label, attributes = {}, tag = "textarea") {
  const box = h(tag, { id, spellcheck: "false", autocomplete: "off", ...attributes, oninput: () => typed.set(id, box.value) });
  if (typed.has(id)) box.value = typed.get(id);
  if (tag === "textarea") abbreviate(box);
  return labelled(id, label, box);
}

function choice(id, label, options, explained) {
  const box = h("select", { id, onchange: () => typed.set(id, box.value) }, options.map((option) => h("option", {}, option)));
  if (typed.has(id)) box.value = typed.get(id);
  return labelled(id, label, box, explained);
}

/** Return a select box with the farm's environments; it is shown if there is more than one. */
function environments(signal) {
  const { box, element } = choice("environment", "Environment", []);
  element.hidden = true;
  const fill = async () => {
    const found = (await ask("v1/environments", { signal })).environments;
    box.replaceChildren(...found.map(environment));
    box.value = found.some(({ name }) => name === typed.get("environment")) ? typed.get("environment") : found[0].name;
    element.hidden = found.length < 2;
  };
  // If the list cannot be read, proofs go to the default environment. Errors are reported when the form is sent.
  poll(signal, fill).catch(() => {});
  return { box, element };
}

function environment({ name, lean_version, workers }) {
  const version = lean_version ? ` (Lean ${lean_version})` : "";
  return h("option", { value: name }, `${name}${version}${workers ? "" : ", no worker now"}`);
}

/** Return an error with the names that the form gives to fields, instead of the API's names. */
function worded(error) {
  const [, name] = error.message?.match(/^proofs\.0(?:\.(\w+))?: /) ?? [];
  if (name) error.message = error.message.replace(/^proofs\.0\.\w+/, { code: "Lean text", statement: "Statement" }[name] ?? name);
  return error;
}

/** Return a paragraph that counts the seconds while the farm works, and stops when the signal is aborted. */
function waiting(signal) {
  const started_ms = performance.now();
  // A screen reader would read out every second.
  const passed = h("span", { "aria-hidden": "true" });
  const hint = h("span", { hidden: true }, " The farm may be starting Lean or loading imports first.");
  poll(signal, () => {
    const passed_s = Math.round((performance.now() - started_ms) / 1000);
    passed.textContent = passed_s ? ` ${passed_s} s.` : "";
    hint.hidden = passed_s < HINT_S;
    return 1;
  });
  return h("p", {}, "Waiting for the farm…", passed, hint);
}

function form(title, fields, button, answer, signal, more = []) {
  const out = h("div", { class: "answer-box" });
  // A screen reader reads out only what became of the request. If it read out the texts too, it would read them again
  // when they get their colours.
  const heard = h("p", { class: "heard", role: "status" });
  const send = h("button", { class: "primary" }, button);
  const stop = h("button", { type: "button", hidden: true, onclick: () => stopping.abort() }, "Stop");
  const element = h("form", { "aria-label": title }, h("h2", {}, title), fields.map(({ element }) => element), h("div", { class: "tools" }, send, stop, more), heard, out);
  let stopping = new AbortController();
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    stopping = new AbortController();
    send.disabled = true;
    stop.hidden = false;
    const answered = new AbortController();
    out.replaceChildren(waiting(AbortSignal.any([signal, answered.signal])));
    heard.textContent = "Waiting for the farm…";
    try {
      out.replaceChildren(...(await answer(AbortSignal.any([signal, stopping.signal]))));
      heard.textContent = out.querySelector(".badge, caption").textContent;
      out.scrollIntoView({ block: "nearest" });
    } catch (error) {
      // An error is an alert, and so is read out by itself.
      heard.textContent = stopping.signal.aborted ? "Stopped." : "";
      if (stopping.signal.aborted) out.replaceChildren(h("p", {}, "Stopped. The farm cancels work that nobody waits for."));
      else if (!signal.aborted) out.replaceChildren(problem(worded(error)));
    } finally {
      answered.abort();
      send.disabled = false;
      if (stop === document.activeElement) send.focus();
      stop.hidden = true;
    }
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !send.disabled) element.requestSubmit(send);
  });
  return element;
}

/** Fill the form's fields. If no value is given, `code` and `statement` become empty; other fields stay as they are. */
function fill(fields, given) {
  for (const [name, box] of Object.entries(fields)) {
    if (given[name] === undefined && name !== "code" && name !== "statement") continue;
    box.value = given[name] ?? "";
    typed.set(name, box.value);
  }
}

function examples(fields) {
  const box = h("select", { "aria-label": "Examples", onchange: use }, h("option", { value: "" }, "Examples…"), EXAMPLES.map(({ name }, at) => h("option", { value: at }, name)));
  function use() {
    fill(fields, { level: "compiled", ...EXAMPLES[box.value] });
    box.value = "";
  }
  return box;
}

/** Return an address that opens the page with the form's contents; null if they are too long for an address. */
function linkTo(fields) {
  const query = new URLSearchParams(IN_LINK.map((name) => [name, fields[name].value]).filter(([, value]) => value));
  const address = new URL(`#/try?${query}`, location.href).href;
  return address.length > MOST_LINK_CHARS ? null : address;
}

function require(level, statement) {
  if (level !== "checked" || statement.trim()) return;
  throw new ApiError(422, "invalid", "The level checked needs a statement: say in its box what is to be proved, or choose the level compiled.");
}

function verifyForm(signal) {
  const code = field("code", "Lean text, or only the proof if a statement is given; \\alpha and Tab give α", { rows: "10", required: true, placeholder: "theorem two : 1 + 1 = 2 := by rfl" });
  const statement = field("statement", "Statement, if any", { rows: "2", placeholder: "theorem NAME BINDERS : TYPE" });
  const timeout = field("timeout", "Seconds it may run", { type: "number", min: "0.1", step: "any", value: "60" }, "input");
  const level = choice("level", "How much it is checked", ["compiled", "checked"], "Level");
  const environment = environments(signal);
  const knobs = { element: h("div", { class: "knobs" }, timeout.element, level.element, environment.element) };
  const fields = { code: code.box, statement: statement.box, timeout: timeout.box, level: level.box, environment: environment.box };
  const earlier = history((attempt) => (fill(fields, attempt), fields.code.focus()));
  const answer = async (until) => {
    const attempt = Object.fromEntries(IN_LINK.map((name) => [name, fields[name].value]));
    require(attempt.level, attempt.statement);
    const proof = { code: attempt.code, ...(attempt.statement.trim() && { statement: attempt.statement }) };
    const where = attempt.environment && { environment: attempt.environment };
    const body = { proofs: [proof], timeout_s: Number(attempt.timeout), level: attempt.level, feedback: true, ...where };
    const pressed_ms = performance.now();
    const [verdict] = (await ask("v1/verify", { body, signal: until })).results;
    keep({ ...attempt, kind: verdict.reason ?? verdict.outcome, at_s: Date.now() / 1000 });
    earlier.update();
    return judged({ ...verdict, elapsed_s: (performance.now() - pressed_ms) / 1000 }, attempt.code);
  };
  const more = [examples(fields), copier("Copy link to this try", () => linkTo(fields))];
  const element = form("Verify", [code, statement, knobs], "Verify", answer, signal, more);
  element.querySelector("h2").after(rowChooser((row) => fill(fields, row), signal));
  element.append(earlier.element);
  return element;
}

function premiseRow(premise) {
  const cells = [premise.score.toFixed(3), premise.kind ?? "", premise.module ?? "", premise.statement];
  return h("tr", {}, h("th", { scope: "row" }, premise.name), cells.map((cell) => h("td", {}, cell)));
}

function retrieveForm(signal) {
  const goal = field("goal", "Goal, as Lean prints it", { rows: "4", required: true, placeholder: "a b : Nat\n⊢ a + b = b + a" });
  const k = field("k", "How many premises", { type: "number", min: "1", step: "1", value: "10" }, "input");
  return form("Find premises", [goal, k], "Find", async (until) => {
    const body = { states: [goal.box.value], k: Number(k.box.value) };
    const { results, timings_s } = await ask("v1/retrieve", { body, signal: until });
    const rows = results[0].premises.map(premiseRow);
    const caption = `${rows.length} premises, the nearest first, in ${(1000 * timings_s.total).toFixed(0)} ms`;
    return [table(caption, ["Name", "Score", "Kind", "Module", "Statement"], h("tbody", {}, rows))];
  }, signal);
}

/** Forget what was typed, pasted and tried in this browser. */
export function forget() {
  typed.clear();
  forgetRows();
  forgetTries();
}

/** Show the forms, filled in with the values in the address. Nothing is sent before a person clicks. */
export function show(main, route, signal) {
  heading(main, "Try");
  for (const name of IN_LINK) if (route.query.has("code")) typed.set(name, route.query.get(name) ?? typed.get(name) ?? "");
  if (route.query.has("code") && !route.query.has("timeout")) typed.delete("timeout");
  main.append(verifyForm(signal), retrieveForm(signal));
}
