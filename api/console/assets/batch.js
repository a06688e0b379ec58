// One batch: its progress, the outcomes of its proofs, and how long they took.

import { ask, poll } from "./api.js";
import { canceller } from "./cancel.js";
import { plain, visible } from "./characters.js";
import { everyFrame, h, heading, trail } from "./dom.js";
import { filterOf, filters, isFiltered, keepQuery, queryOf } from "./filters.js";
import { problemList } from "./groups.js";
import { virtualList } from "./list.js";
import { Problems, readNames } from "./names.js";
import { Rates, rates, spread } from "./plots.js";
import { announcer, progress } from "./progress.js";
import { Results, follow } from "./results.js";
import { heads, orderOf } from "./sorting.js";
import { term } from "./terms.js";
import { tools } from "./tools.js";
import { KINDS, badge, clock, count, duration, many, nameOf, scriptedNote, seconds, stateBadge } from "./words.js";

const PLOT_EVERY_MS = 500;
// The order of the proofs in the batch. Verdicts come in another order.
const USUAL_ORDER = "index";
const COLUMNS = [["#", "index"], ["Proof", "name"], ["Verdict", "verdict"], ["Ran", "ran", true], ["Waited", "waited", true], ["First message"]];
const EARLIER = "An earlier run's verdict on the same text answered this proof. The proof did not run again; the time is that of the earlier run.";
// The batch shown last. When a person returns to it from a proof, it looks as before, and its stream goes on.
let held = null;

function resultsOf(status) {
  if (held?.batch !== status.batch_id) held = new Results(status.batch_id, status.total);
  return held;
}

function facts(status) {
  const { timeout_s, environment } = status.options;
  const asked = [timeout_s && `limit ${timeout_s} s each`, environment && `environment ${environment}`, status.tags?.length && `tags ${status.tags.join(" ")}`];
  const time = status.finished_at ? `, took ${seconds(status.finished_at - status.created_at)} (${pace(status)})` : "";
  const more = [status.paused && "paused for its owner's attention", status.revoked && `${many(status.revoked, "verdict")} revoked`,
    status.invalid_statements && `${many(status.invalid_statements, "proof")} with a statement that Lean cannot read`];
  const text = [`submitted ${clock(status.created_at)}${time}`, ...asked, ...more].filter(Boolean).join(" · ");
  const parent = status.parent && [" · runs again the undecided proofs of ", h("a", { href: `#/batches/${status.parent}` }, "an earlier batch"), ` (`, h("a", { href: `#/compare/${status.parent}/${status.batch_id}` }, "compare"), ")"];
  return [text, ...(parent ?? [])];
}

/** Return how fast a running batch is and how long it still takes at that rate, or nothing while this is not known. */
function left({ total, done, finished_at }, seen) {
  const rate = seen.recent();
  if (finished_at || !rate) return "";
  return `${rate.toFixed(1)} verdicts per second, about ${duration((total - done) / rate)} left`;
}

function ran(results, at) {
  const time = seconds(results.time_s[at]);
  return results.isEarlier[at] ? h("span", { title: EARLIER }, `${time} (earlier)`) : time;
}

/** Return how many verdicts were taken over from earlier runs, or nothing if all proofs of the batch ran. */
function takenOver({ size, earlier }) {
  return earlier ? [` · ${many(size, "verdict")}, `, h("span", { title: EARLIER }, `${count(earlier)} from earlier runs`)] : [];
}

function proofs(results, route, sorted) {
  const base = `#/batches/${encodeURIComponent(results.batch)}/`;
  const { elements, mark } = heads(COLUMNS, sorted);
  const address = (at) => `${base}${results.index[at]}${queryOf(route)}`;
  const list = virtualList("Proofs", elements, {
    isOpened: true,
    length: () => results.rows.length,
    key: (row) => results.rows[row],
    cells: (row) => {
      const at = results.rows[row];
      const kind = KINDS[results.kind[at]];
      return [
        String(results.index[at]),
        h("a", { href: address(at) }, visible(results.name(at))),
        badge(kind, kind.replaceAll("_", " ")),
        ran(results, at),
        seconds(results.queue_s[at]),
        h("span", { class: "two-lines", title: plain(results.said[at]) || null }, visible(results.said[at])),
      ];
    },
    // A row may stay while the order changes. The link in it has to lead back to the present order.
    refresh: (row, cells) => cells[1].firstChild.setAttribute("href", address(results.rows[row])),
  });
  return { ...list, update: () => (mark(route.query.get("sort") || USUAL_ORDER), results.settle(), list.update()) };
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
      spread(`Time a proof ran, whole batch${results.earlier ? ` without the ${count(results.earlier)} from earlier runs` : ""}`, results.timesRun()),
      spread("Time a proof waited, whole batch", results.queue_s.subarray(0, results.size)),
    );
  }
  return { element, update };
}

/** Return a note if the stream of verdicts hung; otherwise the empty text. */
function hung({ silences }) {
  if (!silences) return "";
  return `The stream of verdicts fell silent ${silences === 1 ? "once" : `${silences} times`} and was opened again where it had stopped: nothing is missing.`;
}

function grouping({ problems }, said) {
  if (!problems) return "Reading the names of the problems…";
  return problems.isNamed ? said() : "No proof of this batch names its problem, so each counts as its own problem.";
}

/** Return the list of proofs, or of problems if the address says so, and the button that switches between the two. */
function lists(results, route, signal, redraw) {
  const place = h("div");
  const toggle = h("button", { type: "button", "aria-pressed": "false", onclick: () => choose(isGrouped() ? "" : "problem") }, "Group by problem");
  const note = h("p", { class: "quiet", role: "status" });
  const isGrouped = () => route.query.get("group") === "problem";
  const sorted = (text) => (keepQuery(route, { sort: text }), isGrouped() || results.sort(text || USUAL_ORDER), redraw());
  let shown = null;

  function choose(group) {
    keepQuery(route, { group, sort: "", problem: group ? "" : (route.query.get("problem") ?? "") });
    open();
  }

  function restart() {
    shown.restart();
    redraw();
  }

  function open() {
    results.order = orderOf(isGrouped() ? "" : route.query.get("sort") || USUAL_ORDER);
    results.setFilter(filterOf(route));
    shown = isGrouped() && results.problems ? problemList(results, route, sorted) : proofs(results, route, sorted);
    place.replaceChildren(shown.element);
    redraw();
    if ((isGrouped() || route.query.get("problem")) && !results.problems) learn();
  }

  async function learn() {
    const names = await readNames(results.batch, signal);
    if (!names) return;
    results.problems = new Problems(names);
    open();
  }

  function update() {
    toggle.setAttribute("aria-pressed", isGrouped());
    shown.update();
    note.textContent = isGrouped() ? grouping(results, () => shown.said()) : "";
    shown.element.dataset.complete = results.isComplete;
  }

  return { element: h("div", {}, note, place), toggle, open, update, restart, place: () => shown.place(), goTo: (at) => shown.goTo(at) };
}

/** Remember where a person was in a batch's list, and bring them back there when they return. */
function keepPlace(results, list, route, signal) {
  if (results.left?.query === queryOf(route)) {
    const { page_px, ...place } = results.left;
    requestAnimationFrame(() => {
      if (signal.aborted) return;
      list.goTo(place);
      scrollTo(0, page_px);
    });
  }
  signal.addEventListener("abort", () => (results.left = { query: queryOf(route), ...list.place(), page_px: scrollY }), { once: true });
}

/** Show a batch, and follow it until the signal is aborted. */
export async function show(main, route, signal) {
  const path = `v1/batches/${encodeURIComponent(route.parts[1])}`;
  trail(main, [["Batches", "#/batches"]]);
  const title = heading(main, "Batch ", h("code", {}, route.parts[1]));
  let status;
  await poll(signal, async () => void (status = await ask(path, { signal })));
  if (signal.aborted) return;

  const [results, seen, mix, heard] = [resultsOf(status), new Rates(), progress((kind) => `#${route.path}${queryOf(route, { show: kind })}`), announcer()];
  const [line, earlier, script, resumed, reading] = [h("span"), h("span"), h("div"), h("p", { class: "quiet", role: "status" }), h("p", { class: "quiet" })];
  const [state, cancel, drawing] = [h("span"), canceller(path, signal), plots(results, seen)];
  const redraw = everyFrame(() => {
    list.update();
    filter.update();
    drawing.update();
    tool.update(status);
    // The bar and the numbers above the list count the same verdicts as the list: those that this page has.
    mix.update({ of: isFiltered(route) ? "Whole batch, " : "", total: status.total, done: results.size, counts: results.counts() });
    reading.textContent = results.size < status.done ? `Reading verdicts: ${count(results.size)} of ${count(status.done)}` : left(status, seen);
    if (!script.firstChild) script.append(...[scriptedNote(results.engine)].filter(Boolean));
    earlier.replaceChildren(...takenOver(results));
    resumed.textContent = hung(results);
  });
  const level = status.options.level && [term("Level"), ` ${status.options.level} · `];
  const list = lists(results, route, signal, redraw);
  const filter = filters(results, route, signal, () => list.restart());
  const tool = tools(results, route, signal, [list.toggle], cancel.element);
  if (nameOf(status)) title.replaceChildren(h("span", {}, visible(nameOf(status))), h("code", { class: "quiet" }, route.parts[1]));
  title.append(" ", state);
  main.append(h("p", { class: "facts quiet" }, level, line, earlier), heard.element, mix.element, reading, tool.element, resumed, script, filter.element, list.element, drawing.element);
  list.open();
  keepPlace(results, list, route, signal);

  const following = follow(results, signal, redraw);
  const looking = poll(signal, async () => {
    status = await ask(path, { signal });
    line.replaceChildren(...facts(status));
    state.replaceChildren(stateBadge(status));
    cancel.update(status);
    heard.update(status);
    seen.add("done", status.done);
    seen.close();
    redraw();
    return status.finished_at ? undefined : 1;
  });
  await Promise.all([following, looking]);
}
