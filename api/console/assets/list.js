// A list of any length. Only its visible rows are elements of the page.

import { everyFrame, h } from "./dom.js";

const ROW_PX = 34;
const SPARE_ROWS = 8;
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/**
 * Return a grid with `update()`. `columns` are titles or elements. `length()` returns how many rows there are now.
 * `key(row)` returns what the row is about. `cells(row)` returns the row's elements, one of which is a link;
 * `refresh(row, cells)` may change these elements later. If `isOpened`, a click anywhere on a row counts as a click on
 * its link.
 *
 * Until `restart()` is called, a row that stays visible keeps its element, even if the row moves. So a click that began
 * on an element ends on it, however many rows arrive meanwhile. The arrow keys move through the rows, from the first
 * row up to the heads, and along the heads. Only one row is in the tab order, as in every grid: the row that a person
 * chose last, even if rows that arrive above it move it. `place()` returns where a person is in the list, and
 * `goTo(place)` brings the person back there.
 */
export function virtualList(label, columns, { length, key, cells, refresh, isOpened = false }) {
  const rows = h("div", { class: "rows", role: "rowgroup" });
  const nothing = h("p", { class: "quiet nothing" }, "Nothing here with this filter.");
  const view = h("div", { class: "view", role: "presentation" }, rows, nothing);
  const head = h("div", { class: "row head", role: "row", "aria-rowindex": "1" }, columns.map((name) => h("span", { role: "columnheader" }, name)));
  const element = h("div", { class: "list", role: "grid", "aria-label": label }, h("div", { role: "rowgroup" }, head), view);
  const lines = new Map();
  // `active` is where the row in the tab order is. `chosen` is its key, once a person has been in the rows.
  let [size, active, chosen] = [0, 0, null];

  function line(at) {
    const found = cells(at).map((cell) => h("span", { role: "gridcell" }, cell));
    const row = h("div", { class: "row", role: "row" }, found);
    lines.set(key(at), row);
    return row;
  }

  function put(row, at) {
    row.style.top = `${at * ROW_PX}px`;
    row.dataset.row = at;
    row.setAttribute("aria-rowindex", at + 2);
    row.querySelector("a").tabIndex = at === active ? 0 : -1;
    refresh?.(at, row.children);
  }

  function drawRows(wanted) {
    const keys = new Set([...wanted].map(key));
    for (const [name, row] of lines) {
      if (!keys.has(name)) row.remove();
      if (!keys.has(name)) lines.delete(name);
    }
    const focus = rows.contains(document.activeElement) ? document.activeElement : null;
    let next = rows.firstElementChild;
    for (const at of [...wanted].sort((a, b) => a - b)) {
      const row = lines.get(key(at)) ?? line(at);
      put(row, at);
      if (row === next) next = next.nextElementSibling;
      else rows.insertBefore(row, next);
    }
    // An element loses the focus when it is moved, so it gets the focus back.
    if (focus?.isConnected && focus !== document.activeElement) focus.focus({ preventScroll: true });
  }

  /** Find the chosen row again. If it has gone, the row that has taken its place is the chosen one. */
  function settle() {
    // The length is read each time: a person may scroll after a change of the rows and before the update for it.
    size = length();
    const isAt = (at) => at < size && key(at) === chosen;
    if (chosen !== null && !isAt(active)) active = positionOf(isAt) ?? active;
    active = Math.min(active, Math.max(0, size - 1));
    if (chosen !== null && size) chosen = key(active);
  }

  function positionOf(isAt) {
    for (let at = 0; at < size; at++) if (isAt(at)) return at;
    return null;
  }

  function draw() {
    settle();
    // The height comes first, because the visible rows depend on it.
    rows.style.height = `${size * ROW_PX}px`;
    const first = Math.max(0, Math.floor(view.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(size, Math.ceil((view.scrollTop + view.clientHeight) / ROW_PX) + SPARE_ROWS);
    nothing.hidden = size > 0;
    element.setAttribute("aria-rowcount", size + 1);
    // The active row stays an element even if it is scrolled out of sight, because it may have the focus.
    const shown = new Set(Array.from({ length: Math.max(0, last - first) }, (_, at) => first + at));
    if (active < size) shown.add(active);
    drawRows(shown);
  }

  function toHeads() {
    // The heads are reached from the first row. If a person chooses a new order there, Down leads to its first row.
    chosen = null;
    buttons[0].focus();
  }

  /** Move the focus by this many rows from the active row. */
  function move(step) {
    settle();
    if (!size) return;
    if (active + step === -1 && buttons.length) return toHeads();
    active = Math.min(Math.max(active + step, 0), size - 1);
    chosen = key(active);
    const [top, bottom] = [active * ROW_PX, (active + 1) * ROW_PX];
    if (top < view.scrollTop) view.scrollTop = top;
    else if (bottom > view.scrollTop + view.clientHeight) view.scrollTop = bottom - view.clientHeight;
    draw();
    rows.querySelector(`[data-row="${active}"] a`)?.focus({ preventScroll: true });
  }

  const later = everyFrame(draw);
  view.addEventListener("scroll", later);
  new ResizeObserver(later).observe(view);
  view.addEventListener("keydown", (event) => {
    if (!(event.key in STEPS) || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || !size) return;
    event.preventDefault();
    move(STEPS[event.key]);
  });
  view.addEventListener("focusin", (event) => {
    const found = [...lines].find(([, row]) => row.contains(event.target));
    if (found) [active, chosen] = [Number(found[1].dataset.row), found[0]];
  });

  function open(event) {
    const link = event.target.closest(".row")?.querySelector("a");
    // A person may be selecting text in order to copy it.
    if (!link || event.target.closest("a") || !getSelection().isCollapsed) return;
    // The link gets the same click, so that with Ctrl it opens another tab here too.
    link.dispatchEvent(new MouseEvent("click", event));
  }

  if (isOpened) rows.addEventListener("click", open);

  const buttons = [...head.querySelectorAll("button")];
  for (const button of buttons) button.tabIndex = -1;
  head.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step && event.key !== "ArrowDown") return;
    event.preventDefault();
    if (step) buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length].focus();
    else move(0);
  });

  function restart() {
    const isFocused = rows.contains(document.activeElement);
    lines.clear();
    rows.replaceChildren();
    // The rows may also change by themselves, when a search ends. If the focus is in the list, it then stays there. They
    // are drawn at once: a person who types a filter and presses Tab within the same frame would find no row.
    if (isFocused && length()) move(0);
    else draw();
  }

  function goTo(place) {
    [active, chosen] = [place.active, place.chosen];
    settle();
    rows.style.height = `${size * ROW_PX}px`;
    // The row stands as far from the top of the view as before.
    view.scrollTop = place.top + (active - place.active) * ROW_PX;
    move(0);
  }

  return { element, update: later, restart, goTo, place: () => ({ top: view.scrollTop, active, chosen }) };
}
