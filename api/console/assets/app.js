// Chooses the view that the address names, and handles the key, the connection and the keyboard.

import { watchAlarms } from "./alarms.js";
import { connection, key } from "./api.js";
import * as batch from "./batch.js";
import * as batches from "./batches.js";
import { visible } from "./characters.js";
import * as compare from "./compare.js";
import { h, heading } from "./dom.js";
import * as history from "./history.js";
import * as item from "./item.js";
import { moveRow } from "./rowkeys.js";
import * as attempt from "./try.js";
import * as workers from "./workers.js";
import { problem } from "./words.js";

const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const dialog = document.getElementById("key");
let leaving = new AbortController();
let watching = new AbortController();
let origin = null;

/** Return an address such as `#/batches/ID/INDEX?show=timeout` in parts. */
function routeOf(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { path, parts: parts.length ? parts : ["batches"], query: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function viewOf({ parts }) {
  if (parts[0] === "batches") return [batches, batch, item][parts.length - 1];
  if (parts[0] === "compare" && parts.length === 3) return compare;
  return parts.length === 1 ? { workers, history, try: attempt }[parts[0]] : undefined;
}

function sayWhereToGo() {
  heading(main, "There is no such view");
  const links = [...document.querySelectorAll("nav a")].map((link) => h("li", {}, h("a", { href: link.hash }, link.textContent)));
  main.append(h("p", {}, "The address asks for ", h("code", {}, visible(location.hash)), ". These views exist:"), h("ul", {}, links));
}

async function go() {
  leaving.abort();
  const staying = (leaving = new AbortController());
  const { signal } = staying;
  const route = routeOf(location.hash);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${route.parts[0] === "compare" ? "batches" : route.parts[0]}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren();
  try {
    const view = viewOf(route);
    if (view) await view.show(main, route, signal);
    else sayWhereToGo();
  } catch (error) {
    // Both halves of a view may fail for the same cause: the first failure is shown, and it also stops the other half.
    if (!signal.aborted) main.append(problem(error));
    staying.abort();
  }
}

/** Remember the comparison from which a batch or proof was opened, until the person leaves the batches. */
function noteOrigin({ oldURL }) {
  const { path, parts } = routeOf(location.hash);
  const before = new URL(oldURL).hash;
  if (parts[0] !== "batches" || parts.length === 1) origin = null;
  else if (routeOf(before).parts[0] === "compare") origin = { path, address: before };
}

function back() {
  const { path, parts, query } = routeOf(location.hash);
  if (origin?.path === path) return void (location.hash = origin.address);
  if (parts[0] === "compare") parts.length = 1;
  const kept = parts.length === 3 && query.size ? `?${query}` : "";
  location.hash = `/${["batches", ...parts.slice(1, -1)].map(encodeURIComponent).join("/")}${kept}`;
}

function press(event) {
  // While an input method composes a character, the keys are its own.
  if (document.querySelector("dialog[open]") || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.closest("input, textarea, select");
  if (moveRow(event)) event.preventDefault();
  else if (event.key === "Escape" && isTyping) event.target.blur();
  else if (event.key === "Escape") back();
  else if (event.key === "/" && !isTyping) {
    const filter = document.querySelector("[data-filter]");
    filter?.focus();
    if (filter) event.preventDefault();
  }
}

function askForKey(why) {
  document.getElementById("key-why").textContent = why;
  for (const id of ["forget-key", "forget-what"]) document.getElementById(id).hidden = !key.get();
  if (!dialog.open) dialog.showModal();
}

function watch() {
  watching.abort();
  watching = new AbortController();
  watchAlarms(watching.signal);
}

function use(text) {
  key.set(text.trim());
  document.getElementById("key-text").value = "";
  dialog.close();
  go();
  watch();
}

connection.addEventListener("down", ({ detail }) => {
  trouble.textContent = detail;
  trouble.hidden = false;
});
connection.addEventListener("up", () => (trouble.hidden = true));
connection.addEventListener("key", ({ detail }) => askForKey(detail));
document.getElementById("open-key").addEventListener("click", () => askForKey(key.get() ? "This tab has a key." : "This tab has no key."));
document.getElementById("close-key").addEventListener("click", () => dialog.close());
document.getElementById("forget-key").addEventListener("click", () => {
  // After the key is forgotten, others may use this browser. They must not be able to read what was tried with the key.
  attempt.forget();
  use("");
});
dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  use(document.getElementById("key-text").value);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The address names the view, so it must not become `#main`.
  event.preventDefault();
  main.focus();
});
document.addEventListener("keydown", press);
addEventListener("hashchange", noteOrigin);
addEventListener("hashchange", go);
go();
watch();
