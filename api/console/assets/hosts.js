// Shows the workers of each host together, with a strip: a small chart of what the host did in the last minutes.

import { h, svg } from "./dom.js";
import { badge, count, many, marked } from "./words.js";

// The bars stand on the base. Below it are the marks of failed processes.
const [CELL, HEIGHT, BASE] = [4, 18, 15];
const MOST_OPEN = 64;

const isFailed = ({ state }) => state === "failed";
const failures = (workers) => workers.filter(isFailed).length;

/** Return pairs of a host and its workers. Failed workers come first, and so do their hosts; names decide the rest. */
export function byHost(workers) {
  const hosts = new Map();
  for (const worker of workers) hosts.set(worker.host, [...(hosts.get(worker.host) ?? []), worker]);
  for (const ours of hosts.values()) ours.sort((a, b) => isFailed(b) - isFailed(a));
  return [...hosts].sort(([a, ofA], [b, ofB]) => !!failures(ofB) - !!failures(ofA) || a.localeCompare(b, "en", { numeric: true }));
}

/** Return what some minutes show, in words, each with the class whose colour stands for it. */
function legend(minutes) {
  const seen = minutes.filter(Boolean);
  const sum = (field) => seen.reduce((total, each) => total + each[field], 0);
  const spent = (is) => minutes.filter(is).length;
  const [broken, empty, unknown] = [spent((each) => each?.failed), spent((each) => each?.processes === 0), spent((each) => !each)];
  const parts = [
    seen.length && ["one", `${many(sum("proofs"), "proof")} run`],
    sum("restarts") && ["undecided", many(sum("restarts"), "REPL restart")],
    broken && ["rejected", `${broken} min with a failed process`],
    empty && ["rejected", `${empty} min without a process`],
    unknown && ["quiet", `${unknown} min unknown`],
  ];
  return parts.filter(Boolean);
}

const inWords = (parts) => parts.map(([, words]) => words).join(", ");

/** Return the shapes of a minute: a bar for the proofs, and under it a red mark if something was wrong with processes. */
function cell(minute, at, minutes, most) {
  const place = { x: at * CELL, width: CELL - 1 };
  const title = svg("title", {}, `${many(minutes.length - at, "minute")} ago: ${inWords(legend([minute]))}`);
  if (!minute) return svg("g", {}, title, svg("rect", { ...place, class: "gap", y: 0, height: HEIGHT }));
  const height = minute.proofs ? Math.max(2, (minute.proofs / most) * (BASE - 1)) : 1;
  const isWrong = minute.failed || !minute.processes;
  return svg("g", {}, title, [
    svg("rect", { ...place, class: "hover", y: 0, height: HEIGHT }),
    svg("rect", { ...place, class: minute.restarts ? "undecided" : "one", y: BASE - height, height }),
    isWrong && svg("rect", { ...place, class: "rejected", y: BASE, height: HEIGHT - BASE }),
  ].filter(Boolean));
}

/** Draw a strip, with its legend. Its columns are minutes, and their heights are numbers of proofs. */
export function strip(minutes) {
  const parts = legend(minutes);
  const most = Math.max(...minutes.map((each) => each?.proofs ?? 0), 1);
  const words = `last ${minutes.length} min: `;
  const shape = { class: "strip", viewBox: `0 0 ${minutes.length * CELL} ${HEIGHT}`, role: "img", "aria-label": words + inWords(parts) };
  const key = parts.map(([kind, said], at) => [at ? ", " : "", h("span", { class: `key ${kind}`, "aria-hidden": "true" }, "■ "), said]);
  return [svg("svg", shape, minutes.map((minute, at) => cell(minute, at, minutes, most))), h("span", { class: "quiet" }, words, key)];
}

/**
 * Return `update(farm, minutes)`, which shows a farm's workers in `table`, in one table body for each host. A button
 * folds and unfolds a host. `row(worker)` returns the row of a worker, and `columns` is how many columns the rows have.
 * A host with a worker for which `isSought(worker)` holds is unfolded at first.
 */
export function hostBodies(table, columns, row, isSought) {
  const folded = new Map();
  let [farm, minutes] = [null, {}];

  function body([host, workers]) {
    const isOpen = !(folded.get(host) ?? (farm.workers.length > MOST_OPEN && !workers.some(isSought)));
    const busy = workers.filter(({ state }) => state === "busy").length;
    const memory_mb = workers.reduce((sum, worker) => sum + worker.memory_mb, 0);
    const toggle = h("button", { type: "button", class: "fold", "data-keep": host, "aria-expanded": String(isOpen), onclick: () => (folded.set(host, isOpen), draw()) }, `${isOpen ? "▾" : "▸"} ${host}`);
    const failed = workers.filter(isFailed);
    // If a host is folded, its heading still says what is wrong.
    const broken = failed.length ? [", ", badge("failed", `${count(failed.length)} failed`), isOpen ? "" : [" (", marked(failed[0].notice), ")"]] : [];
    const said = h("span", { class: "quiet" }, many(workers.length, "process", "processes"), `, ${count(busy)} busy`, broken, `, ${count(Math.round(memory_mb))} MB`);
    const head = h("th", { scope: "rowgroup", colspan: columns }, h("div", { class: "host" }, toggle, said, minutes[host] ? strip(minutes[host]) : ""));
    return h("tbody", { role: "rowgroup", "data-host": host }, h("tr", { role: "row" }, head), isOpen ? workers.map(row) : []);
  }

  function draw() {
    // Replacing a button or the heading of a notice takes the focus away from it, so it gets the focus back.
    const focused = table.querySelector("tbody :focus")?.dataset.keep;
    for (const old of table.querySelectorAll("tbody")) old.remove();
    table.append(...byHost(farm.workers).map(body));
    if (focused !== undefined) [...table.querySelectorAll("[data-keep]")].find(({ dataset }) => dataset.keep === focused)?.focus({ preventScroll: true });
  }

  return (...seen) => {
    [farm, minutes] = seen;
    draw();
  };
}
