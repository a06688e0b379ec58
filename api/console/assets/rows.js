// Reads the rows of a benchmark file that is pasted or opened. The row that is chosen fills the boxes. The farm reads
// the columns, as it does for `farm verify`.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { count, problem } from "./words.js";

const MOST_ROWS = 1000;
// The rows that were read last are kept while other views are shown.
const none = () => ({ results: [], said: "", chosen: "" });
let held = none();

/** Forget the rows that were read last. */
export const forget = () => void (held = none());

function parsed(text, where) {
  try {
    return JSON.parse(text);
  } catch ({ message }) {
    throw new Error(`${where} is not JSON: ${message}`);
  }
}

function whole(text) {
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    return null;
  }
}

/**
 * Return the rows of a text, which is a JSON list, one JSON object, or lines of JSON objects. Throws an Error that
 * names the line or row that cannot be read.
 */
function rowsOf(text) {
  const lines = () => text.split("\n").flatMap((line, at) => (line.trim() ? [parsed(line, `Line ${at + 1}`)] : []));
  const rows = whole(text) ?? lines();
  const odd = rows.findIndex((row) => row === null || typeof row !== "object" || Array.isArray(row));
  if (odd >= 0) throw new Error(`Row ${odd + 1} is not a JSON object, with a value for each column.`);
  if (!rows.length) throw new Error("The text has no rows.");
  return rows;
}

async function read(text, signal) {
  const rows = rowsOf(text);
  const { results } = await ask("v1/rows", { body: { rows: rows.slice(0, MOST_ROWS) }, signal });
  const more = rows.length > MOST_ROWS ? ` Only the first ${count(MOST_ROWS)} of ${count(rows.length)} are here: farm verify FILE takes them all.` : "";
  return { results, said: `${count(results.length)} ${results.length === 1 ? "row" : "rows"}: choose one.${more}`, chosen: "" };
}

function option({ problem: name, id, wrong }, at) {
  const words = [String(at + 1), name ?? id, wrong && "(cannot be read)"].filter(Boolean);
  return h("option", { value: at }, words.join(" "));
}

/** Return a note on what a chosen row has filled in, and on what the form leaves out of the row. */
function told({ statement, code, targets, answers, wrong }) {
  if (wrong) return `This row cannot be read: ${wrong}`;
  const filled = [statement && "statement", code && "proof"].filter(Boolean);
  if (!filled.length) return "This row has neither a statement nor a proof in a column that the farm knows; farm verify --column FIELD=COLUMN names others.";
  const left = [targets && "targets", answers && "answers"].filter(Boolean).join(" and ");
  return `Filled in: ${filled.join(" and ")}.${left ? ` Try does not ask for the row's ${left}; farm verify does.` : ""}`;
}

/** Return the part of the form in which a person chooses a row; `use(fields)` gets the row's statement and proof. */
export function rowChooser(use, signal) {
  const note = h("p", { class: "quiet", role: "status" }, held.said);
  const failure = h("div");
  const box = h("select", { id: "row", onchange: choose });
  const chooser = h("div", { class: "field" }, h("label", { for: "row" }, "Row"), box);
  const paste = h("textarea", { id: "rows", rows: "2", spellcheck: "false", placeholder: '{"name": …, "formal_statement": …}', onpaste: pasted, onchange: () => take(paste.value) });
  const file = h("input", { type: "file", id: "rows-file", accept: ".jsonl,.json", onchange: async () => take(await file.files[0].text()) });
  let reading = new AbortController();

  function pasted(event) {
    // The text of a file is read, but not put into the box: a megabyte in the box would make the page slow.
    event.preventDefault();
    take(event.clipboardData.getData("text"));
  }

  async function take(text) {
    if (!text.trim()) return;
    reading.abort();
    const { signal: until } = (reading = new AbortController());
    failure.replaceChildren();
    note.textContent = "Reading…";
    try {
      held = await read(text, AbortSignal.any([signal, until]));
      paste.value = "";
      draw();
    } catch (error) {
      if (until.aborted || signal.aborted) return;
      note.textContent = "";
      failure.replaceChildren(problem(error));
    }
  }

  function choose() {
    held.chosen = box.value;
    const row = held.results[box.value];
    if (!row) return;
    note.textContent = told(row);
    if (row.statement || row.code) use({ code: row.code ?? "", statement: row.statement ?? "", level: row.statement ? "checked" : "compiled" });
  }

  function draw() {
    note.textContent = held.said;
    chooser.hidden = !held.results.length;
    box.replaceChildren(h("option", { value: "" }, "Choose…"), ...held.results.map(option));
    box.value = held.chosen;
  }

  draw();
  const fields = h("div", { class: "knobs" }, h("div", { class: "field" }, h("label", { for: "rows-file" }, "Or open the file"), file), chooser);
  const where = h("div", { class: "field" }, h("label", { for: "rows" }, "Paste the file: lines of JSON, or a JSON list"), paste);
  return h("details", { open: held.results.length > 0 }, h("summary", {}, "Take a row from a benchmark file"), where, fields, note, failure);
}
