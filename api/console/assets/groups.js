// The problems of a batch, and how many attempts at each were accepted.

import { h } from "./dom.js";
import { isFiltered, queryOf } from "./filters.js";
import { virtualList } from "./list.js";
import { naturalOrder } from "./names.js";
import { heads, orderOf } from "./sorting.js";
import { visible } from "./characters.js";
import { badge, count, many } from "./words.js";

const NATURAL = new Intl.Collator("en", { numeric: true });
const COLUMNS = [["Problem", "name"], ["Solved", "solved", true], ["Accepted", "passed", true], ["Rejected", "failed", true], ["Undecided", "open", true]];

/** Return what a problem's counts by outcome show: `solved`, `unsolved`, or `open` if it may still become either. */
export function fate([accepted, rejected], attempts) {
  if (accepted) return "solved";
  return rejected === attempts ? "unsolved" : "open";
}

export const FATES = { solved: "accepted", unsolved: "rejected", open: "undecided" };

function comparison(by, problems, counts) {
  const share = (outcome) => (a, b) => counts[outcome][a] / problems.attempts[a] - counts[outcome][b] / problems.attempts[b];
  const name = (a, b) => NATURAL.compare(problems.names[a], problems.names[b]);
  const solved = (a, b) => Number(counts[0][a] > 0) - Number(counts[0][b] > 0);
  return { name, solved, passed: share(0), failed: share(1), open: share(2) }[by];
}

/** Return a function that says whether a problem is listed: without a filter, all are; else it needs a matching attempt. */
function matching({ problems, rows, index }, route) {
  if (!isFiltered(route)) return () => true;
  const found = new Uint8Array(problems.names.length);
  for (const at of rows) found[problems.of[index[at]]] = 1;
  const text = (route.query.get("text") ?? "").toLowerCase();
  const isByName = text && !route.query.get("show") && !route.query.get("problem");
  // A problem whose attempts still run is found by its name alone.
  return (at) => found[at] || (isByName && problems.names[at].toLowerCase().includes(text));
}

/** Return a list of a batch's problems, with `update()`, and `said()`: a sentence on how many are solved and listed. */
export function problemList(results, route, sorted) {
  const base = `#/batches/${encodeURIComponent(results.batch)}`;
  const { problems } = results;
  const { elements, mark } = heads(COLUMNS, sorted);
  const natural = naturalOrder(problems.names);
  let [counts, rows, drawn] = [problems.count(results), [], ""];
  const said = (problem) => {
    const of = counts.map((each) => each[problem]);
    const known = fate(of, problems.attempts[problem]);
    return [known, ...of.map((number, at) => (at ? String(number) : `${number} of ${problems.attempts[problem]}`))];
  };
  const list = virtualList("Problems", elements, {
    isOpened: true,
    length: () => rows.length,
    key: (row) => rows[row],
    cells: (row) => {
      const [known, ...numbers] = said(rows[row]);
      const address = `${base}${queryOf(route, { group: "", problem: problems.names[rows[row]], sort: "" })}`;
      return [h("a", { href: address }, visible(problems.names[rows[row]])), badge(FATES[known], known), ...numbers];
    },
    refresh: (row, cells) => {
      const [known, ...numbers] = said(rows[row]);
      if (cells[1].textContent !== known) cells[1].replaceChildren(badge(FATES[known], known));
      numbers.forEach((number, at) => cells[at + 2].textContent !== number && (cells[at + 2].textContent = number));
    },
  });
  list.element.classList.add("problems");

  function update() {
    const [sort, text, show] = ["sort", "text", "show"].map((name) => route.query.get(name) ?? "");
    const isListed = matching(results, route);
    counts = problems.count(results);
    const order = orderOf(sort);
    const compare = comparison(order.by, problems, counts);
    rows = natural.filter(isListed);
    if (compare) rows.sort((a, b) => (order.isDescending ? -1 : 1) * compare(a, b) || a - b);
    mark(sort || "name");
    const now = [sort, text, show].join("\n");
    if (drawn !== now) list.restart();
    drawn = now;
    list.update();
  }

  /** Return in words how many problems of the batch are solved, and what the filter leaves of them. */
  function solved() {
    const all = many(problems.names.length, "problem");
    const number = `${count(counts[0].filter(Boolean).length)} of ${all}`;
    const counted = "The buttons above count attempts; a row counts all attempts at its problem.";
    if (!isFiltered(route)) return `${number} solved. ${counted}`;
    return `${number} of the whole batch solved. Listed: ${many(rows.length, "problem")} with ${many(results.rows.length, "matching attempt")}. ${counted}`;
  }

  return { ...list, update, said: solved };
}
