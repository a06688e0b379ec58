// The banner above every view: what needs an operator, since when, and what to do.

import { ask, poll } from "./api.js";
import { h } from "./dom.js";
import { clock } from "./words.js";

/** Seconds between two looks. */
export const LOOK_S = 15;
const GRAVE = ["canary", "reaper"];
const folded = new Set();
const banner = document.getElementById("alarms");
let shown = "";
let feeding = AbortSignal.abort();

function alarm({ kind, text, action, since, see }) {
  const remember = (event) => (event.target.open ? folded.delete(text) : folded.add(text));
  const from = since === null ? "since now" : `since ${clock(since)}`;
  return h(
    "details",
    { class: `note alarm ${GRAVE.includes(kind) ? "rejected" : "undecided"}`, open: !folded.has(text), ontoggle: remember },
    h("summary", {}, h("b", {}, text), ` ${from}`),
    h("p", {}, h("b", {}, "What to do: "), `${action}. `, h("a", { href: see }, "Show it")),
  );
}

/** Show the alarms of an answer; those that have not changed stay, with their focus, and are not read out again. */
function draw(alarms) {
  const found = JSON.stringify(alarms);
  if (shown !== found) banner.replaceChildren(...alarms.map(alarm));
  shown = found;
  banner.hidden = !alarms.length;
}

/**
 * Have a view that reads the history anyway feed the banner with the alarms in each of its answers, by the function that is
 * returned. Until the signal is aborted, the banner asks for none itself.
 */
export function feedAlarms(signal) {
  feeding = signal;
  return draw;
}

/** Keep the banner up to date until the signal is aborted. A key that may not see the alarms sees no banner. */
export async function watchAlarms(signal) {
  shown = "";
  banner.hidden = true;
  try {
    await poll(signal, async () => {
      if (feeding.aborted) draw((await ask("v1/history?minutes=1", { signal })).alarms);
      return LOOK_S;
    });
  } catch (error) {
    // The view says whether a key is missing, and an API of the release before has no alarms.
    if (![401, 403, 404].includes(error.status)) throw error;
  }
}
