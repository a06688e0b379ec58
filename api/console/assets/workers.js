// Shows the queues and workers as they are now.

import { ask, poll } from "./api.js";
import { h, heading, table } from "./dom.js";
import { hostBodies } from "./hosts.js";
import { Rates, rates } from "./plots.js";
import { term } from "./terms.js";
import { badge, count, marked, scriptedNote } from "./words.js";

const LOOK_S = 2;
const LOOKS_PER_STRIP = 15;
const STRIP_MINUTES = 30;
// The notice is in a column that a narrow screen shows without scrolling.
const COLUMNS = ["Worker", "State", "Notice", "Environment", "Engine", "Header loaded", "Memory", "Proofs", "Restarts", "Seen"];
const CLASSES = ["figure", "words", "figure", "figure", "", "figure", "figure", "figure", "figure"];

// A query with some of these fields marks the workers that it describes.
const MARKING = ["kind", "environment", "state", "host"];
const MOST_CHARS = 100;

/** Return whether the address of the view asks for a worker to be marked. */
function isSought(worker, query) {
  const asked = MARKING.filter((field) => query.has(field));
  return asked.length > 0 && asked.every((field) => query.get(field) === worker[field]);
}

/** Return a notice. A long one is folded, unless it says why the worker cannot work; `open` holds the unfolded ids. */
function notice({ id, state, notice }, open) {
  if (state === "failed" || notice.length <= MOST_CHARS) return marked(notice);
  const [, first, rest] = notice.match(/^(.*?[^.:])([.:]\s.*)$/s) ?? [null, notice.slice(0, MOST_CHARS), notice.slice(MOST_CHARS)];
  const remember = (event) => (event.target.open ? open.add(id) : open.delete(id));
  return h("details", { open: open.has(id), ontoggle: remember }, h("summary", { "data-keep": `notice ${id}` }, marked(first)), marked(rest.replace(/^[.:]\s+/, "")));
}

function row(worker, isMarked, open) {
  // Other processes run no proofs. A 0 would look like a fault.
  const isLean = worker.kind === "lean";
  const state = worker.state === "starting" ? `starting, ${Math.round(100 * worker.progress)} %` : worker.state;
  const cells = [
    badge(worker.state, state),
    notice(worker, open),
    isLean ? worker.environment : "",
    worker.engine,
    isLean ? worker.header || "none" : "",
    `${count(Math.round(worker.memory_mb))} MB`,
    isLean ? count(worker.proofs) : "",
    isLean ? count(worker.restarts) : "",
    `${Math.round(worker.seen_s)} s ago`,
  ];
  const named = cells.map((cell, at) => h("td", { class: CLASSES[at], role: "cell", "data-name": COLUMNS[at + 1] }, cell));
  const names = [worker.state === "failed" && "broken", isMarked && "sought"].filter(Boolean).join(" ");
  return h("tr", { role: "row", class: names || null, "aria-current": isMarked && "true" }, h("th", { scope: "row", role: "rowheader" }, `${worker.kind} ${worker.pid}`), named);
}

/** Return a row of the table of queues: how many proofs wait and run in an environment, and how many workers it has. */
function queue({ environment, pending, leased }, workers) {
  const ours = workers.filter((worker) => worker.kind === "lean" && worker.environment === environment);
  const failed = ours.filter(({ state }) => state === "failed").length;
  const served = failed ? [`${count(ours.length - failed)} ready, `, badge("failed", `${count(failed)} failed`)] : count(ours.length);
  return h("tr", {}, h("th", { scope: "row" }, environment), [count(pending), count(leased), served].map((cell) => h("td", {}, cell)));
}

/** Return notes on why workers do not work; if no proof waits, the note says that this is all right. */
function reasons({ draining, workers, queues }) {
  const lean = workers.filter(({ kind }) => kind === "lean");
  const unserved = queues.filter(({ pending, environment }) => pending && !lean.some((worker) => worker.environment === environment && worker.state !== "failed"));
  const texts = [
    draining && "The farm is draining: it finishes the running proofs and starts no more.",
    !workers.length && "No worker is running.",
    ...(workers.length ? unserved.map(({ environment, pending }) => `${count(pending)} ${pending === 1 ? "proof waits" : "proofs wait"} for the environment ${environment}, which no Lean worker can serve.`) : []),
  ].filter(Boolean);
  const isQuiet = !texts.length && !queues.some(({ pending }) => pending) && lean.some(({ state }) => state === "idle");
  return isQuiet ? [h("p", { class: "quiet" }, "No proof waits: idle Lean workers have nothing to do.")] : texts.map((text) => h("p", { class: "note undecided" }, text));
}

function flowerLink(address) {
  const link = h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "Flower");
  return h("span", { class: "quiet" }, link, " shows what Celery's workers did with each token; it asks for its own user and password.");
}

/** Show the workers and the queues until the signal is aborted. */
export async function show(main, { query }, signal) {
  heading(main, "Workers");
  const [note, queues, workers] = [h("div", { role: "status" }), h("tbody"), table("Workers", COLUMNS.map(term), [])];
  workers.classList.add("workers");
  const [sought, open] = [(worker) => isSought(worker, query), new Set()];
  const update = hostBodies(workers.querySelector("table"), COLUMNS.length, (worker) => row(worker, sought(worker), open), sought);
  const [seen, plot] = [new Rates(), h("div", { class: "plots" })];
  const flower = h("p", { hidden: true });
  main.append(
    note,
    flower,
    table("Queues", ["Environment", "Waiting", "Running", "Lean processes"], queues),
    workers,
    plot,
  );
  let [looks, minutes] = [0, {}];
  await poll(signal, async () => {
    if (looks % LOOKS_PER_STRIP === 0) minutes = (await ask(`v1/history?minutes=${STRIP_MINUTES}&hosts=true`, { signal })).hosts;
    const farm = await ask("v1/workers", { signal });
    const engine = farm.workers.map((worker) => worker.engine).join();
    const notes = [scriptedNote(engine), ...reasons(farm)].filter(Boolean);
    if (note.textContent !== notes.map(({ textContent }) => textContent).join("")) note.replaceChildren(...notes);
    if (farm.flower && flower.hidden) flower.replaceChildren(flowerLink(farm.flower));
    flower.hidden = !farm.flower;
    queues.replaceChildren(...farm.queues.map((each) => queue(each, farm.workers)));
    update(farm, minutes);
    if (looks === 0) workers.querySelector(".sought th")?.scrollIntoView({ block: "center" });
    // A look counts only once it is answered, so the next look repeats a request that failed.
    looks += 1;
    for (const worker of farm.workers) if (worker.kind === "lean") seen.add(worker.id, worker.proofs);
    seen.close();
    plot.replaceChildren(...rates("Proofs run per second, as seen by this page", seen.points));
    return LOOK_S;
  });
}
