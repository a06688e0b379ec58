// All batches of this key, the newest first.

import { ask, poll } from "./api.js";
import { h, heading, table } from "./dom.js";
import { Rates, rates } from "./plots.js";
import { progress } from "./progress.js";
import { clock, seconds } from "./words.js";

const LIVE = ["queued", "running"];

function row(status) {
  const mix = progress();
  const [state, time] = [h("td"), h("td")];
  const link = h("a", { href: `#/batches/${encodeURIComponent(status.batch_id)}` }, status.batch_id);
  const element = h("tr", {}, h("th", { scope: "row" }, link), state, h("td", {}, mix.element), h("td", {}, clock(status.created_at)), time);

  function update(now) {
    mix.update(now);
    state.textContent = now.paused ? "paused" : now.state;
    time.textContent = seconds((now.finished_at ?? Date.now() / 1000) - now.created_at);
  }

  return { element, update };
}

/** Show the list, and keep it true until the signal is aborted. */
export async function show(main, _route, signal) {
  heading(main, "Batches");
  const [body, rows, plot, seen] = [h("tbody"), new Map(), h("div", { class: "plots" }), new Rates()];
  const note = h("p", { role: "status" }, "Looking…");
  main.append(note, table("Batches, the newest first", ["Batch", "State", "Progress", "Submitted", "Time"], body), plot);

  await poll(signal, async () => {
    const { batches } = await ask("v1/batches?limit=100", { signal });
    for (const status of batches) {
      if (!rows.has(status.batch_id)) rows.set(status.batch_id, row(status));
      rows.get(status.batch_id).update(status);
    }
    const elements = batches.map((status) => rows.get(status.batch_id).element);
    // Rows stay where they are while nothing is new: the focus is in one of them.
    if (elements.some((element, at) => body.children[at] !== element) || body.children.length !== elements.length) {
      body.replaceChildren(...elements);
    }
    const live = batches.filter((status) => LIVE.includes(status.state)).length;
    note.textContent = batches.length ? `${live} live, ${batches.length - live} finished` : "No batch yet: `farm verify PATH` submits one, and Try takes a single proof.";
    for (const { batch_id, done } of batches) seen.add(batch_id, done);
    seen.close();
    plot.replaceChildren(rates("Verdicts per second, as seen by this page", seen.points));
    return live ? 1 : 3;
  });
}
