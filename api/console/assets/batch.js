// One batch: its progress, the outcomes of its proofs, and how long they took.

import { ask, poll } from "./api.js";
import { canceller } from "./cancel.js";
import { everyFrame, h, heading, trail } from "./dom.js";
import { virtualList } from "./list.js";
import { Rates, rates, spread } from "./plots.js";
import { announcer, progress } from "./progress.js";
import { Results, follow } from "./results.js";
import { KINDS, OUTCOMES, badge, clock, count, scriptedNote, seconds, stateBadge } from "./words.js";

const PLOT_EVERY_MS = 500;
// The batch shown last: after a look at a proof it is as it was, and its stream continues at the cursor.
let held = null;

function resultsOf(status) {
  if (held?.batch !== status.batch_id) held = new Results(status.batch_id, status.total);
  return held;
}

function filters(results, route, changed) {
  const text = h("input", { type: "search", id: "filter", "data-filter": true, placeholder: "name or message", oninput: apply });
  const chips = ["", ...OUTCOMES, ...KINDS.slice(1)].map((kind) => [kind, h("button", { type: "button", class: `chip ${kind}`, "aria-pressed": "false" })]);
  for (const [kind, chip] of chips) chip.addEventListener("click", () => apply(null, kind));
  let chosen = route.query.get("show") ?? "";
  text.value = route.query.get("text") ?? "";

  function apply(_event, kind = chosen) {
    chosen = kind;
    route.query.set("show", kind);
    route.query.set("text", text.value);
    history.replaceState(null, "", `#${route.path}${queryOf(route)}`);
    results.setFilter(kind, text.value);
    changed();
  }

  function update() {
    const size = (kind) => (OUTCOMES.includes(kind) ? results.outcomeSize(kind) : results.tally[kind]);
    for (const [kind, chip] of chips) {
      const number = kind ? size(kind) : results.size;
      chip.textContent = `${kind.replaceAll("_", " ") || "all"} ${count(number)}`;
      chip.hidden = !number && kind !== chosen && !["", ...OUTCOMES].includes(kind);
      chip.setAttribute("aria-pressed", kind === chosen);
    }
  }

  results.setFilter(chosen, text.value);
  const [outcomes, reasons] = [chips.slice(0, 1 + OUTCOMES.length), chips.slice(1 + OUTCOMES.length)];
  const groups = [group("Show outcome", outcomes), group("Show reason", reasons)];
  return { element: h("search", {}, groups, h("label", { for: "filter" }, "Filter ", text)), update };
}

function group(label, chips) {
  return h("div", { class: "chips", role: "group", "aria-label": label }, chips.map(([, chip]) => chip));
}

/** Return the part of a route's address that holds the filter, so that links and going back keep it. */
export function queryOf(route) {
  const kept = [...route.query].filter(([, value]) => value);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

function facts(status) {
  const { level, timeout_s, environment } = status.options;
  const asked = [level && `level ${level}`, timeout_s && `${timeout_s} s each`, environment && `environment ${environment}`];
  const time = status.finished_at ? `, took ${seconds(status.finished_at - status.created_at)} (${pace(status)})` : "";
  const more = [status.paused && "paused for its owner's attention", status.revoked && `${count(status.revoked)} verdicts revoked`,
    status.invalid_statements && `${count(status.invalid_statements)} proofs of a statement that Lean does not read`];
  return [`submitted ${clock(status.created_at)}${time}`, ...asked, ...more].filter(Boolean).join(" · ");
}

function proofs(results, route) {
  const base = `#/batches/${encodeURIComponent(results.batch)}/`;
  const columns = ["Proof", "Verdict", "Ran", "Waited", "First message"];
  return virtualList("Proofs, in the order they finished", columns, () => results.rows.length, (row) => {
    const at = results.rows[row];
    const kind = KINDS[results.kind[at]];
    return [
      h("a", { href: `${base}${results.index[at]}${queryOf(route)}` }, results.name(at)),
      badge(kind, kind.replaceAll("_", " ")),
      seconds(results.time_s[at]),
      seconds(results.queue_s[at]),
      results.said[at],
    ];
  });
}

function pace({ done, created_at, finished_at }) {
  return `${(done / Math.max(0.001, finished_at - created_at)).toFixed(1)} verdicts per second`;
}

function plots(results, seen) {
  const element = h("section", { class: "plots", "aria-label": "Plots" });
  let drawn_ms = -Infinity;
  function update() {
    if (performance.now() - drawn_ms < PLOT_EVERY_MS && !results.isComplete) return;
    drawn_ms = performance.now();
    element.replaceChildren(
      ...rates("Verdicts per second, as seen by this page", seen.points),
      spread("Time a proof ran", results.time_s.subarray(0, results.size)),
      spread("Time a proof waited", results.queue_s.subarray(0, results.size)),
    );
  }
  return { element, update };
}

/** Return a note about a stream that hung, or nothing. */
function hung({ silences }) {
  if (!silences) return "";
  return `The stream of verdicts fell silent ${silences === 1 ? "once" : `${silences} times`} and was opened again where it had stopped: nothing is missing.`;
}

/** Show a batch, and follow it until the signal is aborted. */
export async function show(main, route, signal) {
  const path = `v1/batches/${encodeURIComponent(route.parts[1])}`;
  trail(main, [["Batches", "#/batches"]]);
  const title = heading(main, "Batch ", h("code", {}, route.parts[1]));
  let status;
  await poll(signal, async () => void (status = await ask(path, { signal })));
  if (signal.aborted) return;

  const [results, seen, mix, heard] = [resultsOf(status), new Rates(), progress(), announcer()];
  const [line, script, resumed] = [h("p", { class: "quiet" }), h("div"), h("p", { class: "quiet", role: "status" })];
  const [state, cancel] = [h("span"), canceller(path, signal)];
  const [list, drawing] = [proofs(results, route), plots(results, seen)];
  const redraw = everyFrame(() => {
    list.update();
    filter.update();
    drawing.update();
    if (!script.firstChild) script.append(...[scriptedNote(results.engine)].filter(Boolean));
    resumed.textContent = hung(results);
    list.element.dataset.complete = results.isComplete;
  });
  const filter = filters(results, route, () => (list.restart(), redraw()));
  title.append(" ", state);
  main.append(line, heard.element, mix.element, cancel.element, resumed, script, filter.element, list.element, drawing.element);
  redraw();

  const following = follow(results, signal, redraw);
  const looking = poll(signal, async () => {
    status = await ask(path, { signal });
    line.textContent = facts(status);
    state.replaceChildren(stateBadge(status));
    cancel.update(status);
    mix.update(status);
    heard.update(status);
    seen.add("done", status.done);
    seen.close();
    redraw();
    return status.finished_at ? undefined : 1;
  });
  await Promise.all([following, looking]);
}
