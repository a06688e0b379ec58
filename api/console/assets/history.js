// The last hours of the farm, from the samples that the reaper keeps.

import { LOOK_S, feedAlarms } from "./alarms.js";
import { ask, poll } from "./api.js";
import { COLUMNS, chart, columnsOf, spanOf } from "./charts.js";
import { h, heading, table } from "./dom.js";
import { endOf, inWords } from "./spans.js";
import { KINDS, OUTCOMES, causeOf, clock, count, duration, outcomeOf } from "./words.js";

const HOURS = [1, 6, 24];
// If a long time is shown, only one look in this many reads the history; the others read only the alarms.
const LOOKS_PER_DRAWING = 4;

const most = (of) => (minutes) => Math.max(...minutes.map(of));
const sum = (of) => (minutes) => minutes.reduce((total, each) => total + of(each), 0);
const all = (counts) => Object.values(counts).reduce((total, each) => total + each, 0);
const tenths = (value) => (value < 10 ? String(Math.round(value * 10) / 10) : count(Math.round(value)));

// The known share of a minute. Samples may be some seconds early or late, so a minute with a few seconds missing counts
// as a whole minute: 160 verdicts are not shown as 161 a minute. A farm's first minute may be much shorter.
const shareOf = ({ seconds: known }) => (known > 50 ? 1 : known / 60);

function ofOutcome(outcome) {
  const kinds = KINDS.filter((kind) => outcomeOf(kind) === outcome);
  return (minutes) => {
    const written = minutes.reduce((total, { verdicts }) => total + kinds.reduce((mine, kind) => mine + (verdicts[kind] ?? 0), 0), 0);
    return written / minutes.reduce((total, each) => total + shareOf(each), 0);
  };
}

function times(title, field, none) {
  const rows = [
    { name: "95 % within", className: "undecided", of: (minutes) => endOf(minutes, field, 0.95) },
    { name: "half within", className: "one", of: (minutes) => endOf(minutes, field, 0.5) },
  ];
  return { title, say: (most) => `95 % within ${most}, where it was longest`, none, write: (end, { bounds_s }) => inWords(end, bounds_s), rows };
}

/**
 * Return a chart of numbers that add up. A column shows one of its minutes, so that its parts belong together: the
 * minute with the most failures and, among several such minutes, the one with the highest sum. So a better minute never
 * hides a failure.
 */
function totals(title, parts) {
  const add = (some) => (minute) => some.reduce((total, { of }) => total + of(minute), 0);
  const [size, failures] = [add(parts), add(parts.filter(({ isFailure }) => isFailure))];
  const isAbove = (a, b) => (failures(a) - failures(b) || size(a) - size(b)) > 0;
  const shown = (minutes) => minutes.reduce((high, each) => (isAbove(each, high) ? each : high));
  const rows = parts.map(({ of, ...part }) => ({ ...part, of: (minutes) => of(shown(minutes)) }));
  return { title, unit: AT_END, isStacked: true, highest: most(size), rows };
}

const AT_END = "at the end of a minute";
const working = ({ processes, failed }) => (processes.lean ?? 0) - (failed.lean ?? 0);
const CHARTS = [
  { title: "Verdicts", unit: "a minute", isMean: true, isStacked: true, write: tenths, rows: OUTCOMES.map((outcome) => ({ name: outcome, className: outcome, of: ofOutcome(outcome) })) },
  totals("Proofs in the farm", [
    { name: "waiting", className: "undecided", of: ({ pending }) => pending },
    { name: "running", className: "one", of: ({ leased }) => leased },
  ]),
  times("Time a proof waited", "queue_counts", "no wait was counted"),
  times("Time a proof ran", "run_counts", "no run was counted"),
  {
    title: "Memory",
    unit: AT_END,
    write: (mb) => (mb < 10_000 ? `${count(Math.round(mb))} MB` : `${count(Math.round(mb / 1024))} GB`),
    rows: [{ name: "resident", className: "one", of: most(({ memory_mb }) => memory_mb) }],
  },
  { title: "Restarts of REPLs", unit: "", isStacked: true, rows: [{ name: "restarts", className: "undecided", of: sum(({ restarts }) => all(restarts)) }] },
  totals("Processes", [
    // A process that has failed does no work, so it is counted apart.
    { name: "Lean", className: "one", of: working },
    { name: "other", className: "undecided", of: (minute) => all(minute.processes) - all(minute.failed) - working(minute) },
    { name: "failed", className: "rejected", isFailure: true, of: ({ failed }) => all(failed) },
  ]),
  { title: "Premise queries", unit: "", isStacked: true, rows: [{ name: "answered", className: "one", of: sum(({ retrievals }) => retrievals) }] },
];

function spans(hours) {
  const links = HOURS.map((each) => h("a", { class: "button", href: `#/history?hours=${each}`, "aria-current": each === hours && "true" }, `${each} h`));
  return h("nav", { class: "tools", "aria-label": "How far back" }, links);
}

/** Return, in words, how many verdicts or restarts (`field`) a column has, by reason or cause; `say` writes a name. */
function causes(minutes, field, say) {
  const counts = new Map();
  for (const minute of minutes) for (const [name, by] of Object.entries(minute[field])) counts.set(name, (counts.get(name) ?? 0) + by);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, by]) => `${say(name)} ${count(by)}`).join(", ");
}

function sentence(history, columns, column) {
  const minutes = columns[column];
  const span = spanOf(history, column);
  if (!minutes.length) return `${span}: nothing is known; no sample was taken`;
  const [verdicts, restarts] = [causes(minutes, "verdicts", (reason) => reason.replaceAll("_", " ")), causes(minutes, "restarts", causeOf)];
  return `${span}: ${verdicts || "no verdicts"}${restarts ? `; restarts: ${restarts}` : ""}`;
}

function happened(events) {
  if (!events.length) return h("p", { class: "quiet" }, "No drain, no process that came or went, and no alarm in this time.");
  const rows = events.toReversed().map(({ at, kind, text }) => h("tr", {}, h("th", { scope: "row" }, clock(at)), h("td", {}, kind.replace("_", " ")), h("td", { class: "words" }, text)));
  return table("What happened, the latest first", ["Time", "Kind", "What"], h("tbody", {}, rows));
}

function missing(history, hours) {
  const absent = history.minutes.filter((minute) => !minute).length;
  if (!absent) return "";
  if (absent === history.minutes.length) return "Nothing is known yet. The reaper keeps a sample of each minute once it has ended.";
  return `Grey: nothing is known of ${absent < 90 ? `${absent} min` : duration(absent * 60)} of the last ${hours} h: no sample was taken then.`;
}

/** Show the last hours, until the signal is aborted. */
export async function show(main, { query }, signal) {
  const hours = HOURS.find((each) => String(each) === query.get("hours")) ?? HOURS[0];
  heading(main, "History");
  const place = h("input", { type: "range", id: "moment", min: 0, max: COLUMNS - 1, value: COLUMNS - 1 });
  const said = h("output", { for: "moment" });
  const [plots, note, events] = [h("div", { class: "plots" }), h("p", { class: "quiet", role: "status" }), h("div")];
  main.append(spans(hours), note, h("div", { class: "moment" }, h("label", { for: "moment" }, "Moment"), place, said), plots, events);
  let [history, columns, charts] = [null, [], []];

  function point() {
    if (!history) return;
    for (const each of charts) each.point(Number(place.value));
    said.textContent = sentence(history, columns, Number(place.value));
    place.setAttribute("aria-valuetext", said.textContent);
  }

  function follow(event) {
    const box = event.currentTarget.getBoundingClientRect();
    place.value = Math.floor(((event.clientX - box.left) / box.width) * COLUMNS);
    point();
  }

  place.addEventListener("input", point);
  function draw() {
    columns = columnsOf(history.minutes);
    charts = CHARTS.map((each) => chart(history, columns, each));
    for (const { drawing } of charts) drawing.addEventListener("pointermove", follow);
    plots.replaceChildren(...charts.map(({ element }) => element));
    note.textContent = missing(history, hours);
    events.replaceChildren(happened(history.events));
    point();
  }

  const feed = feedAlarms(signal);
  let looks = 0;
  await poll(signal, async () => {
    const isDue = hours === 1 || looks % LOOKS_PER_DRAWING === 0;
    const found = await ask(`v1/history?minutes=${isDue ? 60 * hours : 1}`, { signal });
    looks += 1;
    feed(found.alarms);
    if (isDue) history = found;
    if (isDue) draw();
    return LOOK_S;
  });
}
