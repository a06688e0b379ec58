// What was tried in this browser: kept in its local storage, bounded, and sent nowhere.

import { visible } from "./characters.js";
import { h } from "./dom.js";
import { badge, clock } from "./words.js";

const NAME = "leanfarm-tries";
const [MOST_TRIES, MOST_CHARS] = [20, 200_000];

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

function write(tries) {
  try {
    if (tries.length) localStorage.setItem(NAME, JSON.stringify(tries));
    else localStorage.removeItem(NAME);
  } catch {
    // A browser that keeps nothing (a private window) has no history.
  }
}

/** Keep a try, the newest first; the oldest tries are dropped, and so are texts that are too long. */
export function keep(attempt) {
  const same = ({ code, statement }) => code === attempt.code && statement === attempt.statement;
  let size = 0;
  const fits = ({ code, statement }) => (size += code.length + statement.length) <= MOST_CHARS;
  write([attempt, ...read().filter((each) => !same(each))].slice(0, MOST_TRIES).filter(fits));
}

/** Return the list of earlier tries, with `update()`; `use(attempt)` takes one of them up again. */
export function history(use) {
  const list = h("ul", { class: "tries" });
  const title = h("summary");
  const element = h("details", {}, title, list, h("button", { type: "button", class: "small", onclick: () => (write([]), update()) }, "Forget them"));

  function line(attempt) {
    const text = (attempt.statement || attempt.code).split("\n").find((each) => /\S/.test(each) && !/^\s*(import|--)/.test(each)) ?? "";
    const button = h("button", { type: "button", class: "link", onclick: () => use(attempt) }, h("code", {}, visible(text.slice(0, 90))));
    return h("li", {}, badge(attempt.kind, attempt.kind.replaceAll("_", " ")), button, h("span", { class: "quiet" }, clock(attempt.at_s)));
  }

  function update() {
    const found = read();
    element.hidden = !found.length;
    title.textContent = `Earlier tries in this browser (${found.length})`;
    list.replaceChildren(...found.map(line));
  }

  update();
  return { element, update };
}
