// Shows the progress of a batch: as a bar in the colours of the outcomes, and as text.

import { h } from "./dom.js";
import { KINDS, OUTCOMES, count, meaningOf, ofReason } from "./words.js";

/**
 * Return a bar with `update(status)`; `status.of` may be a text before the counts that says what they count. With
 * `address`, each count is a link to the proofs that it counts, and `address(kind)` returns the link's address. If the
 * status has `reasons`, their counts are below the bar.
 */
export function progress(address) {
  const parts = OUTCOMES.map((outcome) => h("span", { class: outcome }));
  const rest = h("span", { class: "rest" });
  const bar = h("div", { class: "mix", role: "progressbar", "aria-label": "Finished proofs", "aria-valuemin": "0" }, parts, rest);
  const [far, words] = [h("span"), OUTCOMES.map((outcome) => word(outcome, address))];
  const text = h("span", { class: "counts" }, far, words.map(({ element }, at) => [at ? ", " : "", element]));
  const reasons = h("span", { class: "counts quiet", hidden: true });
  const element = h("div", { class: "progress" }, bar, text, reasons);
  let known = "";

  function updateReasons(found) {
    const kinds = KINDS.filter((kind) => found[kind]);
    if (known === JSON.stringify(found)) return;
    known = JSON.stringify(found);
    const link = (kind) => h("a", { href: address(kind), title: meaningOf(kind) }, ofReason(kind, found[kind]));
    reasons.replaceChildren(...kinds.flatMap((kind, at) => [at ? ", " : "", link(kind)]));
    reasons.hidden = !kinds.length;
  }

  function update({ of = "", total, done, counts, reasons: found }) {
    if (found && address) updateReasons(found);
    bar.setAttribute("aria-valuemax", total);
    bar.setAttribute("aria-valuenow", done);
    OUTCOMES.forEach((outcome, at) => (parts[at].style.flexGrow = counts[outcome]));
    rest.style.flexGrow = total - done;
    far.textContent = `${of}${count(done)} of ${count(total)}: `;
    for (const { outcome, update } of words) update(counts[outcome]);
    bar.setAttribute("aria-valuetext", text.textContent);
  }

  return { element, update };
}

function word(outcome, address) {
  const plain = h("span");
  const element = address ? h("a") : plain;

  function update(number) {
    element.textContent = `${count(number)} ${outcome}`;
    element.className = number ? outcome : "quiet";
    // A count of 0 is no link, because the list would be empty.
    if (element !== plain && number) element.setAttribute("href", address(outcome));
    else element.removeAttribute("href");
  }

  return { outcome, element, update };
}

/** Return a line that tells screen readers how far a batch is: after each tenth of the batch, not after each proof. */
export function announcer() {
  const element = h("p", { class: "heard", role: "status", "aria-live": "polite" });
  let last = "";

  function update({ state, done, total }) {
    const text = `${state}, ${Math.floor((10 * done) / total) * 10} percent finished`;
    if (text !== last) element.textContent = last = text;
  }

  return { element, update };
}
