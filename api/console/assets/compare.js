// Two batches side by side: which problems only one of them solved.

import { ask, poll } from "./api.js";
import { visible } from "./characters.js";
import { everyFrame, h, heading, trail } from "./dom.js";
import { keepQuery } from "./filters.js";
import { FATES, fate } from "./groups.js";
import { virtualList } from "./list.js";
import { Problems, readNames } from "./names.js";
import { progress } from "./progress.js";
import { Results, follow } from "./results.js";
import { badge, count, nameOf } from "./words.js";

const CHANGES = { won: "accepted", lost: "rejected", both: "", neither: "", unclear: "undecided", "only in A": "", "only in B": "" };
const MEANINGS = {
  won: "B solved it, A did not", lost: "A solved it, B did not", both: "both solved it", neither: "neither solved it",
  unclear: "undecided, or still running, in one of them", "only in A": "B has no such problem", "only in B": "A has no such problem",
};

async function read(batch, signal, changed) {
  let status = null;
  await poll(signal, async () => void (status = await ask(`v1/batches/${encodeURIComponent(batch)}`, { signal })));
  const names = signal.aborted ? null : await readNames(batch, signal);
  if (!names) return null;
  const results = new Results(batch, status.total);
  results.problems = new Problems(names);
  return { status, results, following: () => follow(results, signal, changed) };
}

function change(a, b) {
  if (!a || !b) return a ? "only in A" : "only in B";
  if (a.fate === "solved" && b.fate === "solved") return "both";
  if (a.fate === "open" || b.fate === "open") return "unclear";
  if (a.fate === b.fate) return "neither";
  return b.fate === "solved" ? "won" : "lost";
}

/** Return the outcome of each problem of a batch, by the problem's name. */
function fates({ results }) {
  const { problems } = results;
  const counts = problems.count(results);
  const of = (at) => {
    const [passed, failed] = [counts[0][at], counts[1][at]];
    return { at, fate: fate([passed, failed], problems.attempts[at]), passed, attempts: problems.attempts[at] };
  };
  return new Map(problems.names.map((name, at) => [name, of(at)]));
}

function compare(a, b) {
  const [in_a, in_b] = [fates(a), fates(b)];
  return [...new Set([...in_a.keys(), ...in_b.keys()])].map((name) => ({ name, a: in_a.get(name), b: in_b.get(name), change: change(in_a.get(name), in_b.get(name)) }));
}

function cell({ status, results }, name, found) {
  if (!found) return "";
  const base = `#/batches/${encodeURIComponent(status.batch_id)}`;
  const isOne = found.attempts === 1;
  const address = isOne ? `${base}/${results.problems.first[found.at]}` : `${base}?problem=${encodeURIComponent(name)}`;
  const text = isOne ? found.fate : `${found.passed} of ${found.attempts}`;
  return h("a", { href: address, class: FATES[found.fate] }, text);
}

/** Return a sentence that says which batch is better, and by how much. */
function judgement(sizes, solved) {
  const better = solved[1] === solved[0] ? "They solve as many problems" : `${solved[1] > solved[0] ? "B" : "A"} solves more problems`;
  const open = sizes.unclear ? ` Of ${count(sizes.unclear)} that is not known: some attempt is undecided or still runs.` : "";
  return `${better}: A ${count(solved[0])}, B ${count(solved[1])}. B won ${count(sizes.won)} and lost ${count(sizes.lost)}.${open}`;
}

function card(letter, { status, results }) {
  const mix = progress();
  const address = `#/batches/${encodeURIComponent(status.batch_id)}`;
  const name = nameOf(status);
  const link = h("a", { href: address }, name && [visible(name), " "], h("code", {}, status.batch_id));
  const update = () => mix.update({ total: status.total, done: results.size, counts: results.counts() });
  return { element: h("section", { class: "card", "aria-label": `Batch ${letter}` }, h("h2", {}, `${letter} `, link), mix.element), update };
}

/** Show two batches, and follow both until the signal is aborted. */
export async function show(main, route, signal) {
  const [, first, second] = route.parts;
  trail(main, [["Batches", "#/batches"]]);
  heading(main, "Compare two batches");
  const note = h("p", { role: "status" }, "Reading both…");
  main.append(note);
  const redraw = everyFrame(() => draw?.());
  let draw = null;
  const [a, b] = await Promise.all([read(first, signal, redraw), read(second, signal, redraw)]);
  if (!a || !b) return;

  const cards = [card("A", a), card("B", b)];
  const swap = h("a", { class: "button", href: `#/compare/${encodeURIComponent(second)}/${encodeURIComponent(first)}` }, "Swap A and B");
  const chips = ["", ...Object.keys(CHANGES)].map((kind) => [kind, h("button", { type: "button", class: `chip ${CHANGES[kind] ?? ""}`, title: MEANINGS[kind], onclick: () => choose(kind) })]);
  let [all, rows, drawn] = [[], [], []];
  const chosen = () => route.query.get("show") ?? "";
  const list = virtualList("Problems", ["Problem", "A", "B", "B against A"], {
    length: () => rows.length,
    key: (row) => `${rows[row].name}\n${rows[row].a?.passed}\n${rows[row].b?.passed}\n${rows[row].change}`,
    cells: (row) => {
      const { name, a: in_a, b: in_b, change: kind } = rows[row];
      return [visible(name), cell(a, name, in_a), cell(b, name, in_b), h("span", { class: `badge ${CHANGES[kind]}`, title: MEANINGS[kind] }, kind)];
    },
  });
  list.element.classList.add("compared");

  function choose(kind) {
    keepQuery(route, { show: kind });
    drawn = [];
    list.restart();
    redraw();
  }

  draw = () => {
    for (const { update } of cards) update();
    const counts = [a, b].map(({ results }) => results.problems.count(results));
    if (counts.every((each, at) => each === drawn[at])) return;
    drawn = counts;
    all = compare(a, b);
    rows = chosen() ? all.filter((each) => each.change === chosen()) : all;
    const sizes = Object.fromEntries(Object.keys(CHANGES).map((kind) => [kind, all.filter((each) => each.change === kind).length]));
    for (const [kind, chip] of chips) {
      chip.textContent = `${kind || "all"} ${count(kind ? sizes[kind] : all.length)}`;
      chip.setAttribute("aria-pressed", kind === chosen());
      chip.hidden = kind && !sizes[kind] && kind !== chosen() && kind !== "won" && kind !== "lost";
    }
    const solved = ["a", "b"].map((side) => all.filter((each) => each[side]?.fate === "solved").length);
    const isUnnamed = !a.results.problems.isNamed || !b.results.problems.isNamed;
    const matched = isUnnamed ? " Proofs without a problem are compared by their ids." : "";
    note.textContent = judgement(sizes, solved) + matched;
    list.update();
  };
  note.className = "judgement";
  main.append(h("div", { class: "cards" }, cards.map(({ element }) => element)), h("div", { class: "tools" }, h("div", { class: "chips", role: "group", "aria-label": "Show" }, chips.map(([, chip]) => chip)), swap), list.element);
  draw();
  await Promise.all([a.following(), b.following()]);
}
