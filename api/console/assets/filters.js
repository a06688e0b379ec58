// Filters a batch's proofs by outcome, reason, problem and text. The address holds the filter, the order and the group.

import { h } from "./dom.js";
import { search } from "./results.js";
import { KINDS, OUTCOMES, count, meaningOf } from "./words.js";

const SEARCH_AFTER_MS = 300;
// These are shown even with a 0, which answers questions such as whether a proof timed out.
const ALWAYS = ["", ...OUTCOMES, "error", "timeout"];

/** Return the part of a route's address that holds the filter; with it, links and the way back keep the filter. */
export function queryOf(route, more = {}) {
  const query = new URLSearchParams(route.query);
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  const kept = [...query].filter(([, value]) => value);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

/** Change the filter of a route and of the address, without a new entry in the browser's history. */
export function keepQuery(route, more) {
  for (const [name, value] of Object.entries(more)) route.query.set(name, value);
  history.replaceState(null, "", `#${route.path}${queryOf(route)}`);
}

function group(label, chips) {
  return h("div", { class: "chips", role: "group", "aria-label": label }, chips.map(([, chip]) => chip));
}

/** Return the filter that a route names, in the form that `Results.setFilter` takes. */
export function filterOf({ query }) {
  const [kind, text, problem, group] = ["show", "text", "problem", "group"].map((name) => query.get(name) ?? "");
  return { kind, text, problem, isByProblem: Boolean(group || problem) };
}

/** Return whether a route leaves out some proofs of its batch. */
export const isFiltered = ({ query }) => ["show", "text", "problem"].some((name) => query.get(name));

/** If a route asks for an outcome or reason that does not exist, make it ask for all proofs, and return a note that says so. */
function dropUnknown(route) {
  const asked = route.query.get("show");
  if (!asked || OUTCOMES.includes(asked) || KINDS.includes(asked)) return "";
  keepQuery(route, { show: "" });
  return `No verdict is called “${asked}”: all are listed.`;
}

/** Return the filter's controls, with `update()`; `changed` is called when the filter has changed. */
export function filters(results, route, signal, changed) {
  const text = h("input", { type: "search", id: "filter", "data-filter": true, placeholder: "name, or any message", oninput: () => apply() });
  const state = h("span", { class: "quiet", role: "status" });
  const problem = h("button", { type: "button", class: "chip", onclick: () => apply({ problem: "" }) });
  const chips = ["", ...OUTCOMES, ...KINDS.slice(1)].map((kind) => [kind, h("button", { type: "button", class: `chip ${kind}`, title: meaningOf(kind) || null, "aria-pressed": "false" })]);
  for (const [kind, chip] of chips) chip.addEventListener("click", () => apply({ show: kind }));
  text.value = route.query.get("text") ?? "";
  let [searching, later] = [new AbortController(), 0];

  const chosen = (name) => route.query.get(name) ?? "";

  function use() {
    results.setFilter(filterOf(route));
    searching.abort();
    clearTimeout(later);
    state.textContent = "";
    if (text.value && !results.isSearched) later = setTimeout(look, SEARCH_AFTER_MS);
  }

  function look() {
    searching = new AbortController();
    state.textContent = "Looking through all messages…";
    const done = (isAll) => {
      state.textContent = isAll ? "" : state.textContent;
      changed();
    };
    search(results, AbortSignal.any([signal, searching.signal]), done).catch(({ message }) => (state.textContent = message));
  }

  function apply(more = {}) {
    keepQuery(route, { text: text.value, ...more });
    use();
    changed();
  }

  function update() {
    // Each chip shows how many proofs it would list: only proofs of the chosen problem and with the chosen text count.
    const { size: whole, tally } = results.filtered;
    const size = (kind) => (OUTCOMES.includes(kind) ? results.outcomeSize(kind, tally) : tally[kind]);
    for (const [kind, chip] of chips) {
      const number = kind ? size(kind) : whole;
      chip.textContent = `${kind.replaceAll("_", " ") || "all"} ${count(number)}`;
      chip.hidden = !number && kind !== chosen("show") && !ALWAYS.includes(kind);
      chip.setAttribute("aria-pressed", kind === chosen("show"));
    }
    problem.hidden = !chosen("problem");
    problem.textContent = `only ${chosen("problem")} ✕`;
    problem.setAttribute("aria-label", `Show all problems, not only ${chosen("problem")}`);
  }

  const note = dropUnknown(route);
  use();
  state.textContent = note;
  const [outcomes, reasons] = [chips.slice(0, 1 + OUTCOMES.length), chips.slice(1 + OUTCOMES.length)];
  const groups = [group("Show outcome", outcomes), group("Show reason", reasons)];
  return { element: h("search", {}, groups, h("label", { for: "filter" }, "Filter ", text), problem, state), update };
}
