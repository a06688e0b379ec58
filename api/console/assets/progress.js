// How far a batch is: a bar, the mix of outcomes, and the same in words.

import { h } from "./dom.js";
import { OUTCOMES, count } from "./words.js";

/** Return a progress bar and mix bar with `update(status)`. */
export function progress() {
  const bar = h("progress", { max: "1", value: "0", "aria-label": "Finished proofs" });
  const parts = OUTCOMES.map((outcome) => h("span", { class: outcome }));
  const text = h("span", { class: "counts" });
  const element = h("div", { class: "progress" }, bar, h("div", { class: "mix", "aria-hidden": "true" }, parts), text);

  function update({ total, done, counts }) {
    bar.max = total;
    bar.value = done;
    OUTCOMES.forEach((outcome, at) => (parts[at].style.flexGrow = counts[outcome]));
    const mix = OUTCOMES.map((outcome) => `${count(counts[outcome])} ${outcome}`);
    text.textContent = `${count(done)} of ${count(total)}: ${mix.join(", ")}`;
  }

  return { element, update };
}

/** Return a line for screen readers that says how far a batch is at every tenth, not at every proof. */
export function announcer() {
  const element = h("p", { class: "heard", role: "status", "aria-live": "polite" });
  let last = "";

  function update({ state, done, total }) {
    const text = `${state}, ${Math.floor((10 * done) / total) * 10} percent finished`;
    if (text !== last) element.textContent = last = text;
  }

  return { element, update };
}
