// Shows the workers of each host together, with a strip: a small chart of what the host did in the last minutes.

import { h, svg } from "./dom.js";
import { badge, count, duration, many } from "./words.js";

const [CELL, HEIGHT] = [4, 18];
const MOST_OPEN = 64;

/** Return pairs of a host and its workers, in the order of the hosts' names. */
export function byHost(workers) {
  const hosts = new Map();
  for (const worker of workers) hosts.set(worker.host, [...(hosts.get(worker.host) ?? []), worker]);
  return [...hosts].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
}

/** Return what a strip shows, in words. */
function inWords(minutes) {
  const seen = minutes.filter(Boolean);
  if (!seen.length) return "nothing is known of the last minutes";
  const sum = (field) => seen.reduce((total, each) => total + each[field], 0);
  const unknown = minutes.length - seen.length;
  const broken = seen.filter(({ failed }) => failed).length;
  const parts = [`${many(sum("proofs"), "proof")} run`, sum("restarts") && many(sum("restarts"), "REPL restart"), broken && `${duration(60 * broken)} with a failed process`, unknown && `${duration(60 * unknown)} unknown`];
  return `last ${minutes.length} min: ${parts.filter(Boolean).join(", ")}`;
}

function cell(minute, at, most) {
  const place = { x: at * CELL, width: CELL - 1 };
  if (!minute) return svg("rect", { ...place, class: "gap", y: 0, height: HEIGHT });
  const height = minute.proofs ? Math.max(2, (minute.proofs / most) * (HEIGHT - 1)) : 1;
  const kind = minute.failed || !minute.processes ? "rejected" : minute.restarts ? "undecided" : "one";
  return svg("rect", { ...place, class: kind, y: HEIGHT - height, height });
}

/** Draw a strip. Its columns are minutes, and their heights are numbers of proofs; grey if nothing is known. */
export function strip(minutes) {
  const words = inWords(minutes);
  const most = Math.max(...minutes.map((each) => each?.proofs ?? 0), 1);
  const shape = { class: "strip", viewBox: `0 0 ${minutes.length * CELL} ${HEIGHT}`, role: "img", "aria-label": words };
  return [svg("svg", shape, minutes.map((minute, at) => cell(minute, at, most))), h("span", { class: "quiet" }, words)];
}

/**
 * Return `update(farm, minutes)`, which shows a farm's workers in `table`, in one table body for each host. A button
 * folds and unfolds a host. `row(worker)` returns the row of a worker, and `columns` is how many columns the rows have.
 */
export function hostBodies(table, columns, row) {
  const folded = new Map();
  let [farm, minutes] = [null, {}];

  function body([host, workers]) {
    const isOpen = !(folded.get(host) ?? farm.workers.length > MOST_OPEN);
    const busy = workers.filter(({ state }) => state === "busy").length;
    const memory_mb = workers.reduce((sum, worker) => sum + worker.memory_mb, 0);
    const toggle = h("button", { type: "button", class: "fold", "aria-expanded": String(isOpen), onclick: () => (folded.set(host, isOpen), draw()) }, `${isOpen ? "▾" : "▸"} ${host}`);
    const failed = workers.filter(({ state }) => state === "failed");
    // If a host is folded, its heading still says what is wrong.
    const broken = failed.length ? [", ", badge("failed", `${count(failed.length)} failed`), isOpen ? "" : ` (${failed[0].notice})`] : [];
    const said = h("span", { class: "quiet" }, many(workers.length, "process", "processes"), `, ${count(busy)} busy`, broken, `, ${count(Math.round(memory_mb))} MB`);
    const head = h("th", { scope: "rowgroup", colspan: columns }, h("div", { class: "host" }, toggle, said, minutes[host] ? strip(minutes[host]) : ""));
    return h("tbody", { role: "rowgroup", "data-host": host }, h("tr", { role: "row" }, head), isOpen ? workers.map(row) : []);
  }

  function draw() {
    // Replacing a button takes the focus away from it, so it gets the focus back.
    const focused = table.querySelector("tbody :focus")?.closest("tbody")?.dataset.host;
    for (const old of table.querySelectorAll("tbody")) old.remove();
    table.append(...byHost(farm.workers).map(body));
    if (focused !== undefined) [...table.querySelectorAll("tbody")].find(({ dataset }) => dataset.host === focused)?.querySelector("button").focus({ preventScroll: true });
  }

  return (...seen) => {
    [farm, minutes] = seen;
    draw();
  };
}
