// The banner of alarms above every view: what needs an operator, since when, and what to do.

import { ask, poll } from "./api.js";
import { h } from "./dom.js";
import { clock, marked } from "./words.js";

/** Seconds between two requests for the alarms (looks). */
export const LOOK_S = 15;
const GRAVE = ["canary", "reaper"];
const NAME = "leanfarm-folded";
const banner = document.getElementById("alarms");
let shown = "";
let feeding = AbortSignal.abort();

/**
 * Return a number that stands for an alarm as long as it lasts. The number is made from the alarm's name, because the
 * text has figures that change; an API of an earlier release gives only the text. The browser keeps this number and not
 * the text, because only people with a key may read the text.
 */
const markOf = ({ name, text }) => [...(name || text)].reduce((sum, character) => (Math.imul(31, sum) + character.codePointAt(0)) | 0, 0);

// The alarms that a person has folded in this browser: their marks, each with the time at which the alarm began.
let folded = new Map();
let isKept = true;

/** Read the folded alarms again, because another tab may have folded some. */
function read() {
  try {
    if (isKept) folded = new Map(JSON.parse(localStorage.getItem(NAME) ?? "[]"));
  } catch {
    isKept = false;
  }
}

function write() {
  try {
    if (folded.size) localStorage.setItem(NAME, JSON.stringify([...folded]));
    else localStorage.removeItem(NAME);
  } catch {
    // If the browser keeps nothing, as in a private window, an alarm is folded until the page is loaded again.
    isKept = false;
  }
}

/** Forget the alarms that have ended or have begun again. An alarm less than a minute old gets its beginning later. */
function forget(alarms) {
  read();
  const begun = new Map(alarms.map((each) => [markOf(each), each.since]));
  const kept = [...folded].filter(([mark, since]) => begun.has(mark) && [null, begun.get(mark)].includes(since));
  folded = new Map(kept.map(([mark]) => [mark, begun.get(mark)]));
  write();
}

/** Show the view that the link leads to, even if it is already shown: the person may have scrolled away. */
function showAgain({ target }) {
  if (target.hash === location.hash) dispatchEvent(new HashChangeEvent("hashchange", { oldURL: location.href }));
}

function remember({ target }, mark, since) {
  read();
  if (target.open) folded.delete(mark);
  else folded.set(mark, since);
  write();
}

function alarm({ kind, name, text, title, action, since, see }) {
  const mark = markOf({ name, text });
  const from = since === null ? "since just now" : `since ${clock(since)}`;
  return h(
    "details",
    { class: `note alarm ${GRAVE.includes(kind) ? "rejected" : "undecided"}`, open: !folded.has(mark), ontoggle: (event) => remember(event, mark, since) },
    h("summary", {}, h("b", {}, marked(title || text))),
    h("p", {}, marked(text), `, ${from}.`),
    h("p", {}, h("b", {}, "What to do: "), marked(action), ". ", h("a", { href: see, onclick: showAgain }, "Show it")),
  );
}

/** Show the alarms of an answer. If they have not changed, they keep the focus, and are not read out again. */
function draw(alarms) {
  const found = JSON.stringify(alarms);
  if (shown !== found) {
    forget(alarms);
    banner.replaceChildren(...alarms.map(alarm));
  }
  shown = found;
  banner.hidden = !alarms.length;
}

/**
 * Return a function that shows alarms in the banner. A view that reads the farm's history calls this function with the
 * alarms of each answer. Until the signal is aborted, the banner does not ask for alarms itself.
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
    // If a key is missing, the view says so. An API of an earlier release has no alarms.
    if (![401, 403, 404].includes(error.status)) throw error;
  }
}
