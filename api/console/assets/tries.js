// The texts that were tried in this browser. They are kept in its local storage, up to a limit, and sent nowhere.

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
    // If the browser keeps nothing, as in a private window, there is no history.
  }
}

/** Keep a try as the newest. The oldest tries are dropped, and so are tries with too long texts. */
export function keep(attempt) {
  const same = ({ code, statement }) => code === attempt.code && statement === attempt.statement;
  let size = 0;
  const fits = ({ code, statement }) => (size += code.length + statement.length) <= MOST_CHARS;
  write([attempt, ...read().filter((each) => !same(each))].slice(0, MOST_TRIES).filter(fits));
}

/** Return the list of earlier tries, with `update()`; a click on a try calls `use(attempt)`. */
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
