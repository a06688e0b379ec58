// All batches of this key, the newest first or in the order of a column.

import { ask, poll } from "./api.js";
import { visible } from "./characters.js";
import { h, heading, table } from "./dom.js";
import { keepQuery } from "./filters.js";
import { Rates, rates, sparkline } from "./plots.js";
import { progress } from "./progress.js";
import { heads, orderOf } from "./sorting.js";
import { clock, duration, nameOf, seconds, stateBadge } from "./words.js";

const LIVE = ["queued", "running"];
const COLUMNS = [["Batch", "name"], ["State"], ["Verdicts", "accepted", true], ["Submitted", "submitted", true], ["Took", "took", true]];

const took = ({ finished_at, created_at }) => (finished_at ?? Date.now() / 1000) - created_at;
const share = ({ counts, done }) => counts.accepted / Math.max(1, done);
const NATURAL = new Intl.Collator("en", { numeric: true });
const COMPARISONS = {
  name: (a, b) => NATURAL.compare(nameOf(a) || a.batch_id, nameOf(b) || b.batch_id),
  accepted: (a, b) => share(a) - share(b),
  submitted: (a, b) => a.created_at - b.created_at,
  took: (a, b) => took(a) - took(b),
};

function inOrder(batches, text) {
  const { by, isDescending } = orderOf(text);
  const compare = COMPARISONS[by];
  return compare ? [...batches].sort((a, b) => (isDescending ? -1 : 1) * compare(a, b)) : batches;
}

function row(status) {
  const address = `#/batches/${encodeURIComponent(status.batch_id)}`;
  const mix = progress((outcome) => `${address}?show=${outcome}`);
  const [state, time, speed, seen] = [h("td"), h("div", { class: "figure" }), h("div", { class: "speed quiet" }), new Rates()];
  const link = h("a", { href: address }, visible(nameOf(status)), nameOf(status) ? " " : "", h("code", {}, status.batch_id));
  const tags = status.tags?.length ? h("div", { class: "quiet" }, status.tags.join(" ")) : null;
  const submitted = h("td", { class: "figure" }, clock(status.created_at));
  const cells = [state, h("td", {}, mix.element), submitted, h("td", {}, time, speed)];
  for (const cell of cells) cell.setAttribute("role", "cell");
  const element = h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, link, tags), cells);

  function update(now) {
    mix.update(now);
    state.replaceChildren(stateBadge(now));
    time.textContent = seconds(took(now));
    seen.add("done", now.done);
    seen.close();
    const rate = now.finished_at ? 0 : seen.recent();
    speed.replaceChildren(...(rate ? [sparkline(seen.points), ` ${rate.toFixed(1)} per second, ${duration((now.total - now.done) / rate)} left`] : []));
  }

  return { element, update };
}

/** Return a section that says what to do while there is no batch yet. */
function nothingYet() {
  return h(
    "section",
    { class: "empty" },
    h("h2", {}, "No batch yet"),
    h("p", {}, "Paste a proof into ", h("a", { href: "#/try" }, "Try"), ", or submit some from a terminal:"),
    h("pre", { class: "code" }, `export FARM_URL=${location.origin}\nfarm verify proof.lean      # or a folder, or lines of JSON`),
    h("p", { class: "quiet" }, "Batches appear here at once, and stay until the farm's retention period ends."),
  );
}

/** Replace the rows of a table; if the row with the focus stays in the table, it keeps the focus. */
function arrange(body, elements) {
  if (elements.length === body.children.length && elements.every((element, at) => body.children[at] === element)) return;
  const focus = document.activeElement;
  body.replaceChildren(...elements);
  if (body.contains(focus)) focus.focus({ preventScroll: true });
}

/** Show the list, and keep it up to date until the signal is aborted. */
export async function show(main, route, signal) {
  heading(main, "Batches");
  const [body, rows, plot, seen] = [h("tbody", { role: "rowgroup" }), new Map(), h("div", { class: "plots" }), new Rates()];
  const [note, hint] = [h("p", { class: "quiet", role: "status" }, "Looking…"), h("div")];
  const { elements, mark } = heads(COLUMNS, (sort) => (keepQuery(route, { sort }), draw()));
  const list = table("Batches", elements, body);
  list.classList.add("batches");
  list.hidden = true;
  // The caption would say the same as the heading on the screen.
  list.querySelector("caption").className = "heard";
  main.append(note, hint, list, plot);
  let batches = [];

  function draw() {
    const sort = route.query.get("sort") ?? "";
    arrange(body, inOrder(batches, sort).map(({ batch_id }) => rows.get(batch_id).element));
    mark(sort || "-submitted");
  }

  await poll(signal, async () => {
    ({ batches } = await ask("v1/batches?limit=100", { signal }));
    for (const status of batches) {
      if (!rows.has(status.batch_id)) rows.set(status.batch_id, row(status));
      rows.get(status.batch_id).update(status);
    }
    draw();
    const live = batches.filter((status) => LIVE.includes(status.state)).length;
    note.textContent = batches.length ? `${live} live, ${batches.length - live} finished` : "";
    list.hidden = !batches.length;
    if (!batches.length !== Boolean(hint.firstChild)) hint.replaceChildren(...(batches.length ? [] : [nothingYet()]));
    for (const { batch_id, done } of batches) seen.add(batch_id, done);
    seen.close();
    plot.replaceChildren(...rates("Verdicts per second, as seen by this page", seen.points));
    return live ? 1 : 3;
  });
}
