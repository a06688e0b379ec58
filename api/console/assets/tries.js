// The texts that were tried in this browser. They are kept in its local storage, up to a limit, and sent nowhere.

import { visible } from "./characters.js";
import { h } from "./dom.js";
import { badge, clock } from "./words.js";

const NAME = "leanfarm-tries";
const ASKED = ["code", "statement", "environment", "level"];
const [MOST_TRIES, MOST_CHARS, MOST_SHOWN] = [20, 200_000, 90];

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

/**
 * Keep a try as the newest. A text has one entry for each environment and level; a farm error does not replace a
 * verdict. The oldest tries are dropped. A try whose text is too long is not kept, and displaces no other try.
 */
export function keep(attempt) {
  const same = (each) => ASKED.every((field) => (each[field] || "") === (attempt[field] || ""));
  if (attempt.kind === "farm_error" && read().some((each) => same(each) && each.kind !== "farm_error")) return;
  let left = MOST_CHARS;
  const fits = ({ code, statement }) => {
    const isFitting = code.length + statement.length <= left;
    if (isFitting) left -= code.length + statement.length;
    return isFitting;
  };
  write([attempt, ...read().filter((each) => !same(each))].slice(0, MOST_TRIES).filter(fits));
}

/** Forget all tries of this browser. */
export const forget = () => write([]);

/** Return a text's beginning, without imports and comments, as one line. */
function beginning(text) {
  const lines = text.split("\n");
  const first = lines.findIndex((each) => /\S/.test(each) && !/^\s*(import|--)/.test(each));
  return visible(lines.slice(Math.max(0, first)).join(" ").replace(/\s+/g, " ").trim().slice(0, MOST_SHOWN));
}

/** Return the list of earlier tries, with `update()`; a click on a try calls `use(attempt)`. */
export function history(use) {
  const list = h("ul", { class: "tries" });
  const title = h("summary");
  const element = h("details", {}, title, list, h("button", { type: "button", class: "small", onclick: () => (forget(), update()) }, "Forget them"));

  function line(attempt) {
    const texts = [attempt.statement, attempt.code].filter(Boolean).map((text) => h("code", {}, beginning(text)));
    const button = h("button", { type: "button", class: "link", onclick: () => use(attempt) }, texts.flatMap((text, at) => [at ? " · " : "", text]));
    const where = [attempt.level, attempt.environment && `on ${attempt.environment}`, clock(attempt.at_s)].filter(Boolean).join(", ");
    return h("li", {}, badge(attempt.kind, attempt.kind.replaceAll("_", " ")), button, h("span", { class: "quiet" }, where));
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
