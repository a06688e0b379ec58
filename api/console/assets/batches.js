// All batches of this key, the newest first.

import { ask, poll } from "./api.js";
import { h, heading, table } from "./dom.js";
import { Rates, rates } from "./plots.js";
import { progress } from "./progress.js";
import { clock, seconds, stateBadge } from "./words.js";

const LIVE = ["queued", "running"];

function row(status) {
  const address = `#/batches/${encodeURIComponent(status.batch_id)}`;
  const mix = progress((outcome) => `${address}?show=${outcome}`);
  const [state, time] = [h("td"), h("td", { class: "figure" })];
  const id = h("code", {}, status.batch_id);
  const link = h("a", { href: address }, ...(status.label ? [status.label, " ", id] : [id]));
  const submitted = h("td", { class: "figure" }, clock(status.created_at));
  const element = h("tr", {}, h("th", { scope: "row" }, link), state, h("td", {}, mix.element), submitted, time);

  function update(now) {
    mix.update(now);
    state.replaceChildren(stateBadge(now));
    time.textContent = seconds((now.finished_at ?? Date.now() / 1000) - now.created_at);
  }

  return { element, update };
}

/** Return what to do when there is no batch yet. */
function nothingYet() {
  return h(
    "section",
    { class: "empty" },
    h("h2", {}, "No batch yet"),
    h("p", {}, "Paste a proof into ", h("a", { href: "#/try" }, "Try"), ", or submit some from a terminal:"),
    h("pre", { class: "code" }, `export FARM_URL=${location.origin}\nfarm verify proof.lean      # or a folder, or lines of JSON`),
    h("p", { class: "quiet" }, "They appear here at once, and stay until the farm's retention is over."),
  );
}

/** Show the list, and keep it up to date until the signal is aborted. */
export async function show(main, _route, signal) {
  heading(main, "Batches");
  const [body, rows, plot, seen] = [h("tbody"), new Map(), h("div", { class: "plots" }), new Rates()];
  const [note, hint] = [h("p", { class: "quiet", role: "status" }, "Looking…"), h("div")];
  const list = table("Batches, the newest first", ["Batch", "State", "Verdicts", "Submitted", "Took"], body);
  list.hidden = true;
  // The heading already says it on the screen.
  list.querySelector("caption").className = "heard";
  main.append(note, hint, list, plot);

  await poll(signal, async () => {
    const { batches } = await ask("v1/batches?limit=100", { signal });
    for (const status of batches) {
      if (!rows.has(status.batch_id)) rows.set(status.batch_id, row(status));
      rows.get(status.batch_id).update(status);
    }
    const elements = batches.map((status) => rows.get(status.batch_id).element);
    // Rows stay unchanged while nothing is new, because one of them may have the focus.
    if (elements.some((element, at) => body.children[at] !== element) || body.children.length !== elements.length) {
      body.replaceChildren(...elements);
    }
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
