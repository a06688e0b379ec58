// The banner above every view: what needs an operator, since when, and what to do.

import { ask, poll } from "./api.js";
import { h } from "./dom.js";
import { clock } from "./words.js";

const LOOK_S = 15;
const GRAVE = ["canary", "reaper"];
const folded = new Set();

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

/** Keep the banner up to date until the signal is aborted. A key that may not see the alarms sees no banner. */
export async function watchAlarms(banner, signal) {
  let shown = "";
  banner.hidden = true;
  try {
    await poll(signal, async () => {
      const { alarms } = await ask("v1/history?minutes=1", { signal });
      // What has not changed stays, with its focus, and is not read out again.
      if (shown !== JSON.stringify(alarms)) banner.replaceChildren(...alarms.map(alarm));
      shown = JSON.stringify(alarms);
      banner.hidden = !alarms.length;
      return LOOK_S;
    });
  } catch (error) {
    // The view says whether a key is missing, and an API of the release before has no alarms.
    if (![401, 403, 404].includes(error.status)) throw error;
  }
}
