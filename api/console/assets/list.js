// A list of any length of which only the visible rows are elements.

import { everyFrame, h } from "./dom.js";

const ROW_PX = 34;
const SPARE_ROWS = 8;
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/**
 * Return a grid with `update()`; `length()` says how many rows there are now, `cells(row)` gives the elements of one, the first of
 * them its link.
 *
 * A row does not change until `restart()` is called, so the elements of rows that stay visible are kept: a click that
 * began on one ends there, however many rows arrive meanwhile. The arrow keys move through the rows, and only one row is
 * in the tab order, as in every grid.
 */
export function virtualList(label, columns, length, cells) {
  const rows = h("div", { class: "rows", role: "rowgroup" });
  const nothing = h("p", { class: "quiet nothing" }, "No such proof.");
  const view = h("div", { class: "view", role: "presentation" }, rows, nothing);
  const head = h("div", { class: "row head", role: "row", "aria-rowindex": "1" }, columns.map((name) => h("span", { role: "columnheader" }, name)));
  const element = h("div", { class: "list", role: "grid", "aria-label": label }, h("div", { role: "rowgroup" }, head), view);
  const lines = new Map();
  let [size, active] = [0, 0];

  function line(at) {
    const found = cells(at).map((cell) => h("span", { role: "gridcell" }, cell));
    const row = h("div", { class: "row", role: "row", "aria-rowindex": at + 2, "data-row": at }, found);
    row.style.top = `${at * ROW_PX}px`;
    lines.set(at, row);
    return row;
  }

  function drawRows(wanted) {
    for (const [at, row] of lines) {
      if (!wanted.has(at)) row.remove();
      if (!wanted.has(at)) lines.delete(at);
    }
    let next = rows.firstElementChild;
    for (const at of [...wanted].sort((a, b) => a - b)) {
      const row = lines.get(at) ?? line(at);
      row.querySelector("a").tabIndex = at === active ? 0 : -1;
      if (row === next) next = next.nextElementSibling;
      else rows.insertBefore(row, next);
    }
  }

  function draw() {
    // Asked each time: a scroll may come between a change of the rows and its update.
    size = length();
    active = Math.min(active, Math.max(0, size - 1));
    // The height comes first, because the visible rows depend on it.
    rows.style.height = `${size * ROW_PX}px`;
    const first = Math.max(0, Math.floor(view.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(size, Math.ceil((view.scrollTop + view.clientHeight) / ROW_PX) + SPARE_ROWS);
    nothing.hidden = size > 0;
    element.setAttribute("aria-rowcount", size + 1);
    // The active row is kept even when it is scrolled away, because the focus has to be somewhere.
    const shown = new Set(Array.from({ length: Math.max(0, last - first) }, (_, at) => first + at));
    if (active < size) shown.add(active);
    drawRows(shown);
  }

  function move(to) {
    size = length();
    active = Math.min(Math.max(to, 0), size - 1);
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
    if (!(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey || !size) return;
    event.preventDefault();
    move(active + STEPS[event.key]);
  });
  view.addEventListener("focusin", (event) => {
    active = Number(event.target.closest("[data-row]").dataset.row);
  });

  function restart() {
    lines.clear();
    rows.replaceChildren();
    later();
  }

  return { element, update: later, restart };
}
