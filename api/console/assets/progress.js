// The progress of a batch: one bar in the colours of its outcomes, and the same as text.

import { h } from "./dom.js";
import { OUTCOMES, count } from "./words.js";

/**
 * Return a bar with `update(status)`. With `address`, what was rejected or left undecided links to exactly those proofs:
 * `address(outcome)` says where.
 */
export function progress(address) {
  const parts = OUTCOMES.map((outcome) => h("span", { class: outcome }));
  const rest = h("span", { class: "rest" });
  const bar = h("div", { class: "mix", role: "progressbar", "aria-label": "Finished proofs", "aria-valuemin": "0" }, parts, rest);
  const [far, words] = [h("span"), OUTCOMES.map((outcome) => word(outcome, address))];
  const text = h("span", { class: "counts" }, far, words.map(({ element }, at) => [at ? ", " : "", element]));
  const element = h("div", { class: "progress" }, bar, text);

  function update({ total, done, counts }) {
    bar.setAttribute("aria-valuemax", total);
    bar.setAttribute("aria-valuenow", done);
    OUTCOMES.forEach((outcome, at) => (parts[at].style.flexGrow = counts[outcome]));
    rest.style.flexGrow = total - done;
    far.textContent = `${count(done)} of ${count(total)}: `;
    for (const { outcome, update } of words) update(counts[outcome]);
    bar.setAttribute("aria-valuetext", text.textContent);
  }

  return { element, update };
}

function word(outcome, address) {
  const plain = h("span");
  const element = address && outcome !== "accepted" ? h("a") : plain;

  function update(number) {
    element.textContent = `${count(number)} ${outcome}`;
    element.className = number ? outcome : "quiet";
    // No link to an empty list.
    if (element !== plain && number) element.setAttribute("href", address(outcome));
    else element.removeAttribute("href");
  }

  return { outcome, element, update };
}

/** Return a line for screen readers that says how far a batch is, after every tenth of the batch, not after every proof. */
export function announcer() {
  const element = h("p", { class: "heard", role: "status", "aria-live": "polite" });
  let last = "";

  function update({ state, done, total }) {
    const text = `${state}, ${Math.floor((10 * done) / total) * 10} percent finished`;
    if (text !== last) element.textContent = last = text;
  }

  return { element, update };
}
