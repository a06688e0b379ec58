// Two batches side by side, with the problems that only one of them solved.

import { ask, poll } from "./api.js";
import { plain, visible } from "./characters.js";
import { everyFrame, h, heading, trail } from "./dom.js";
import { keepQuery, queryOf } from "./filters.js";
import { FATES, fate } from "./groups.js";
import { virtualList } from "./list.js";
import { Problems, naturalOrder, readNames } from "./names.js";
import { progress } from "./progress.js";
import { Results, follow } from "./results.js";
import { OUTCOMES, badge, count, nameOf } from "./words.js";

const CHANGES = { won: "accepted", lost: "rejected", both: "", neither: "", unclear: "undecided", "only in A": "", "only in B": "" };
const MOST_NAMED = 20;
const MOST_UNCLEAR = 3;

/** Return the name and the meaning of each change from the first batch to the second. */
function words([first, second]) {
  return {
    won: ["won", `${second} solved it, ${first} did not`],
    lost: ["lost", `${first} solved it, ${second} did not`],
    both: ["both solved", "both solved it"],
    neither: ["neither solved", "neither solved it"],
    unclear: ["unclear", "undecided, or still running, in one of them"],
    "only in A": [`only in ${first}`, `${second} has no such problem`],
    "only in B": [`only in ${second}`, `${first} has no such problem`],
  };
}

/** Return what to call the two batches: their names, plus the beginnings of ids if names are equal or missing. */
function namesOf(statuses) {
  const [a, b] = statuses.map((status) => nameOf(status));
  return statuses.map((status) => (a === b || !nameOf(status) ? `${nameOf(status)} ${status.batch_id.slice(0, 8)}`.trim() : nameOf(status)));
}

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

/** Return, for each problem, the proof to look at: the first accepted proof, or else the first that has a verdict. */
function tellingProofs(results) {
  const { problems } = results;
  const [accepted, other] = [0, 1].map(() => new Int32Array(problems.names.length).fill(-1));
  for (let at = 0; at < results.size; at++) {
    const [found, index] = [OUTCOMES[results.outcomeAt(at)] === "accepted" ? accepted : other, results.index[at]];
    const problem = problems.of[index];
    if (found[problem] < 0 || index < found[problem]) found[problem] = index;
  }
  return (at) => (accepted[at] >= 0 ? accepted[at] : other[at] >= 0 ? other[at] : problems.first[at]);
}

/** Return the outcome of each problem of a batch, by the problem's name. */
function fates({ results }) {
  const { problems } = results;
  const [counts, proofOf] = [problems.count(results), tellingProofs(results)];
  const of = (at) => {
    const [passed, failed] = [counts[0][at], counts[1][at]];
    return { at, fate: fate([passed, failed], problems.attempts[at]), passed, attempts: problems.attempts[at], proof: proofOf(at) };
  };
  return new Map(problems.names.map((name, at) => [name, of(at)]));
}

/** Return the names of all problems of two batches, in their natural order. */
function allNames(a, b) {
  const names = [...new Set([a, b].flatMap(({ results }) => results.problems.names))];
  return naturalOrder(names).map((at) => names[at]);
}

function compare(a, b, problems) {
  const [in_a, in_b] = [fates(a), fates(b)];
  return problems.map((name) => ({ name, a: in_a.get(name), b: in_b.get(name), change: change(in_a.get(name), in_b.get(name)) }));
}

function cell({ status, results }, name, found) {
  if (!found) return "";
  const base = `#/batches/${encodeURIComponent(status.batch_id)}`;
  const isOne = found.attempts === 1;
  const address = isOne ? `${base}/${results.problems.first[found.at]}` : `${base}?problem=${encodeURIComponent(name)}`;
  const text = isOne ? found.fate : `${found.passed} of ${found.attempts}`;
  return h("a", { href: address, class: FATES[found.fate] }, text);
}

/** Return sentences that say which batch is better, by how much, and which problems are unclear. The numbers add up. */
function judgement(all, sizes, [first, second]) {
  const solvedBy = (side, kind) => all.filter((each) => each[side]?.fate === "solved" && (!kind || each.change === kind)).length;
  const solved = ["a", "b"].map((side) => solvedBy(side));
  const how = ["fewer problems than", "as many problems as", "more problems than"][1 + Math.sign(solved[1] - solved[0])];
  const better = `${second} solves ${how} ${first}: ${count(solved[1])} against ${count(solved[0])}. It won ${count(sizes.won)} and lost ${count(sizes.lost)}.`;
  const parts = (side, kinds) => Object.entries(kinds).flatMap(([kind, word]) => (solvedBy(side, kind) ? [`${count(solvedBy(side, kind))} ${word}`] : [])).join(" + ");
  const [mine, theirs] = [
    parts("b", { both: "solved by both", won: "won", unclear: "unclear", "only in B": "that only it has" }),
    parts("a", { both: "solved by both", lost: "lost", unclear: "unclear", "only in A": "that only it has" }),
  ];
  const isSimple = !["unclear", "only in A", "only in B"].some((kind) => solvedBy("a", kind) || solvedBy("b", kind));
  const sum = isSimple ? "" : ` ${second}: ${count(solved[1])} = ${mine || 0}. ${first}: ${count(solved[0])} = ${theirs || 0}.`;
  return better + sum + unclear(all.filter((each) => each.change === "unclear"));
}

function unclear(some) {
  if (!some.length) return "";
  const rest = some.length > MOST_UNCLEAR ? ` and ${count(some.length - MOST_UNCLEAR)} more` : "";
  return ` Unclear, because an attempt is undecided or still runs: ${some.slice(0, MOST_UNCLEAR).map(({ name }) => name).join(", ")}${rest}.`;
}

/** Return the beginning that a name shares with another. It ends between words, and is empty if nothing would be left. */
function sharedBeginning(name, other) {
  const [mine, theirs] = [[...name], [...other]];
  const end = mine.findIndex((character, at) => character !== theirs[at]);
  // Numbers and words stay whole.
  const beginning = mine.slice(0, end < 0 ? mine.length : end).join("").replace(/[\p{L}\p{N}]+$/u, "");
  return beginning === name ? "" : beginning;
}

/** Return a batch's name as an element. A narrow screen leaves out the beginning that the other name has too. */
function distinct(name, other) {
  const beginning = sharedBeginning(name, other);
  return h("span", { title: plain(name) }, beginning && h("span", { class: "shared" }, visible(beginning)), h("span", {}, visible(name.slice(beginning.length))));
}

/** Return a section on the problems (`some`) with the same change, with links to their proofs in both batches. */
function named(title, some, sides, names, more) {
  if (!some.length) return null;
  const link = (side, { proof }, at) => h("a", { href: `#/batches/${encodeURIComponent(side.status.batch_id)}/${proof}` }, visible(names[at]));
  const item = ({ name, a, b }) => h("li", {}, visible(name), " ", h("span", { class: "quiet" }, "(", link(sides[0], a, 0), ", ", link(sides[1], b, 1), ")"));
  const rest = some.length > MOST_NAMED ? h("li", {}, h("button", { type: "button", class: "small", onclick: more }, `all ${count(some.length)}`)) : null;
  return h("section", {}, h("h2", {}, title), h("ul", { class: "changes" }, some.slice(0, MOST_NAMED).map(item), rest));
}

function card(label, { status, results }) {
  const mix = progress();
  const address = `#/batches/${encodeURIComponent(status.batch_id)}`;
  const name = nameOf(status);
  const link = h("a", { href: address }, name && [visible(name), " "], h("code", {}, status.batch_id));
  const update = () => mix.update({ total: status.total, done: results.size, counts: results.counts() });
  return { element: h("section", { class: "card", "aria-label": label }, h("h2", {}, link), mix.element), update };
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

  const names = namesOf([a.status, b.status]);
  const [called, problems] = [words(names.map(plain)), allNames(a, b)];
  const cards = [card(`First batch: ${plain(names[0])}`, a), card(`Second batch: ${plain(names[1])}`, b)];
  const turned = () => (location.hash = `/compare/${encodeURIComponent(second)}/${encodeURIComponent(first)}${queryOf(route)}`);
  const swap = h("button", { type: "button", onclick: turned }, "⇄ Swap the two");
  const changes = h("div", { class: "cards" });
  const chips = ["", ...Object.keys(CHANGES)].map((kind) => [kind, h("button", { type: "button", class: `chip ${CHANGES[kind] ?? ""}`, title: called[kind]?.[1], onclick: () => choose(kind) })]);
  let [all, rows, drawn] = [[], [], []];
  // If the address names a change that does not exist, all problems are shown.
  const chosen = () => (route.query.get("show") in CHANGES ? route.query.get("show") : "");
  const list = virtualList("Problems", ["Problem", ...names.map((name, at) => distinct(name, names[1 - at])), "Change"], {
    length: () => rows.length,
    key: (row) => `${rows[row].name}\n${rows[row].a?.passed}\n${rows[row].b?.passed}\n${rows[row].change}`,
    cells: (row) => {
      const { name, a: in_a, b: in_b, change: kind } = rows[row];
      return [visible(name), cell(a, name, in_a), cell(b, name, in_b), h("span", { class: `badge ${CHANGES[kind]}`, title: called[kind][1] }, called[kind][0])];
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
    all = compare(a, b, problems);
    rows = chosen() ? all.filter((each) => each.change === chosen()) : all;
    const sizes = Object.fromEntries(Object.keys(CHANGES).map((kind) => [kind, all.filter((each) => each.change === kind).length]));
    for (const [kind, chip] of chips) {
      chip.textContent = `${called[kind]?.[0] ?? "all"} ${count(kind ? sizes[kind] : all.length)}`;
      chip.setAttribute("aria-pressed", kind === chosen());
      chip.hidden = kind && !sizes[kind] && kind !== chosen() && kind !== "won" && kind !== "lost";
    }
    const isUnnamed = !a.results.problems.isNamed || !b.results.problems.isNamed;
    const matched = isUnnamed ? " Proofs without a problem are compared by their ids." : "";
    note.replaceChildren(...visible(judgement(all, sizes, names) + matched));
    const some = (kind) => all.filter((each) => each.change === kind);
    const listOf = (kind) => named(`${called[kind][0]}: ${called[kind][1]}`, some(kind), [a, b], names, () => choose(kind));
    if (!changes.contains(document.activeElement)) changes.replaceChildren(...["won", "lost"].map(listOf).filter(Boolean));
    list.update();
  };
  note.className = "judgement";
  const said = h("p", { class: "quiet" }, "For each problem: how many of each batch's attempts were accepted, and how the second batch compares with the first.");
  const choice = h("div", { class: "chips", role: "group", "aria-label": "Show" }, chips.map(([, chip]) => chip));
  main.append(changes, h("div", { class: "cards" }, cards.map(({ element }) => element)), h("div", { class: "tools" }, swap), said, h("search", {}, choice), list.element);
  draw();
  await Promise.all([a.following(), b.following()]);
}
