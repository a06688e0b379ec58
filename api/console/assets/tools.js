// Buttons for a batch: go to its first error, group its proofs, download, run undecided proofs again, compare.

import { ask, file } from "./api.js";
import { h } from "./dom.js";
import { save } from "./files.js";
import { queryOf } from "./filters.js";
import { clock, count, nameOf, problem } from "./words.js";

const PARQUET = "application/vnd.apache.parquet";
const MOST_LABEL_CHARS = 80;

/** Return the name of a file of a batch's verdicts: the batch's label if it has one, and the beginning of its id. */
function fileOf({ batch_id, label }, form) {
  const name = (label ?? "").replace(/[^\p{L}\p{N}.-]+/gu, "_").replace(/^[_.]+|_+$/g, "").slice(0, MOST_LABEL_CHARS);
  return `${name ? `${name}_${batch_id.slice(0, 8)}` : batch_id}.${form}`;
}

async function downloadParquet(status, signal) {
  // These four characters end every Parquet file.
  const whole = await file(`v1/batches/${encodeURIComponent(status.batch_id)}/verdicts.parquet`, { signal, accept: PARQUET, end: "PAR1" });
  save(fileOf(status, "parquet"), [whole], PARQUET);
}

async function downloadLines(status, signal, told) {
  const [parts, path] = [[], `v1/batches/${encodeURIComponent(status.batch_id)}/items`];
  const names = { batch: status.batch_id, label: status.label, tags: status.tags };
  for (let after = -1; after !== null; ) {
    const { items, next } = await ask(`${path}?after=${after}`, { signal });
    const rows = items.filter(({ verdict }) => verdict).map(({ proof, verdict }) => ({ ...verdict, problem: proof.problem ?? null, ...names }));
    // The lines are kept in blobs, which the browser can store on the disk; texts would fill the page's memory.
    parts.push(new Blob(rows.map((row) => `${JSON.stringify(row)}\n`)));
    after = next;
    if (after !== null) told(`${count(after + 1)} of ${count(status.total)}…`);
  }
  save(fileOf(status, "jsonl"), parts, "application/x-ndjson;charset=utf-8");
}

/** Return a select box with the other batches; choosing one opens the comparison with it. */
function comparer(batch, signal) {
  const box = h("select", { "aria-label": "Compare with another batch", onfocus: fill, onpointerdown: fill, onchange: open }, h("option", { value: "" }, "Compare with…"));
  let isFilled = false;

  async function fill() {
    if (isFilled) return;
    isFilled = true;
    const { batches } = await ask("v1/batches?limit=100", { signal }).catch(() => ({ batches: [] }));
    const others = batches.filter(({ batch_id }) => batch_id !== batch);
    box.append(...others.map((each) => h("option", { value: each.batch_id }, `${nameOf(each)} ${each.batch_id.slice(0, 8)}, ${clock(each.created_at)}`.trim())));
    if (!others.length) box.options[0].textContent = "No other batch";
  }

  function open() {
    if (box.value) location.hash = `/compare/${encodeURIComponent(box.value)}/${encodeURIComponent(batch)}`;
  }

  return box;
}

/** Return a row of buttons, with `update(status)`; `more` are elements among the buttons, and `last` ends the row. */
export function tools(results, route, signal, more, last) {
  const path = `v1/batches/${encodeURIComponent(results.batch)}`;
  const wrong = h("a", { class: "button", role: "link" }, "First error");
  const lines = h("button", { type: "button", title: "One line of JSON for each verdict", onclick: fetchLines });
  const table = h("button", { type: "button", title: "One row for each verdict, for pandas, Polars, DuckDB…", onclick: fetchTable });
  const again = h("button", { type: "button", onclick: rerun });
  const failure = h("div");
  let status = null;

  /** Name a download. What it saves does not depend on the filter. */
  function label(button, form) {
    if (!button.disabled) button.textContent = `Download all ${count(status.done)} as ${form}`;
  }

  async function attempt(button, work) {
    button.disabled = true;
    failure.replaceChildren();
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) failure.replaceChildren(problem(error));
    } finally {
      button.disabled = false;
      if (!signal.aborted) update(status);
    }
  }

  function fetchLines() {
    attempt(lines, () => downloadLines(status, signal, (far) => (lines.textContent = `JSONL: ${far}`)));
  }

  function fetchTable() {
    table.textContent = "Parquet: reading…";
    attempt(table, () => downloadParquet(status, signal));
  }

  function rerun() {
    attempt(again, async () => {
      const { batch_id } = await ask(`${path}/rerun`, { body: {}, signal });
      location.hash = `/batches/${encodeURIComponent(batch_id)}`;
    });
  }

  function update(now) {
    status = now;
    const isWrong = results.firstWrong >= 0;
    // The link stays in its place when there is no error, so that no other button comes under the pointer.
    wrong.setAttribute("aria-disabled", !isWrong);
    wrong.title = isWrong ? "" : "None of the listed proofs is rejected.";
    if (isWrong) wrong.href = `#/batches/${encodeURIComponent(results.batch)}/${results.firstWrong}${queryOf(route)}`;
    else wrong.removeAttribute("href");
    label(lines, "JSONL");
    label(table, "Parquet");
    const left = now.counts.undecided;
    again.hidden = !now.finished_at || !left;
    again.textContent = `Rerun ${count(left)} undecided`;
  }

  return { element: h("div", { class: "tools" }, wrong, more, lines, table, comparer(results.batch, signal), again, last, failure), update };
}
