// Cancelling a batch: a button, which asks before it does anything.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { count, problem } from "./words.js";

function question(proceed) {
  const what = h("p");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "cancel-title" },
    h("h2", { id: "cancel-title" }, "Cancel this batch?"),
    what,
    h(
      "div",
      { class: "buttons" },
      // The focus is first on the button that changes nothing.
      h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Let it run"),
      h("button", { type: "button", class: "danger", onclick: () => (dialog.close(), proceed()) }, "Cancel the batch"),
    ),
  );
  return { dialog, what };
}

/** Return a button that cancels a batch, with `update(status)`; it is hidden if there is nothing to cancel. */
export function canceller(path, signal) {
  const failure = h("div");
  const { dialog, what } = question(cancel);
  const button = h("button", { type: "button", onclick: () => dialog.showModal() }, "Cancel batch…");
  const element = h("div", { class: "cancel", hidden: true }, button, dialog, failure);
  let isAsked = false;

  async function cancel() {
    failure.replaceChildren();
    show(true);
    try {
      await ask(path, { method: "DELETE", signal });
    } catch (error) {
      show(false);
      if (!signal.aborted) failure.replaceChildren(problem(error));
    }
  }

  function show(asked) {
    isAsked = asked;
    button.disabled = asked;
    button.textContent = asked ? "Cancelling…" : "Cancel batch…";
  }

  function update({ state, total, done, finished_at }) {
    if (state === "cancelled" && !isAsked) show(true);
    element.hidden = Boolean(finished_at);
    if (finished_at) dialog.close();
    const left = total - done;
    what.textContent = `${count(left)} of its proofs ${left === 1 ? "has" : "have"} no verdict yet: ${left === 1 ? "it ends" : "they end"} as undecided (cancelled). Verdicts already given stay.`;
  }

  return { element, update };
}
