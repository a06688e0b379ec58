// The arrow keys: from anywhere on a page into its rows, and through the rows of a table. A list (list.js) moves by itself.

const STEPS = { ArrowDown: 1, ArrowUp: -1 };
// Elements that use the arrow keys themselves.
const KEEP = "input:not([data-filter]), textarea, select, [role=grid], .code";

/** Return the links by which the rows of a table are opened, or the one link by which a list is entered. */
function links() {
  const entry = document.querySelector(".rows a[tabindex='0']");
  return entry ? [entry] : [...document.querySelectorAll(".batches tbody th a")];
}

/** Move the focus to the row that an arrow key leads to. Return whether there is such a row. */
export function moveRow({ key, target, shiftKey, defaultPrevented }) {
  const step = STEPS[key];
  // With Shift, the arrow keys select text.
  if (!step || shiftKey || defaultPrevented || target.closest(KEEP)) return false;
  const rows = links();
  // A row of a table has other links too.
  const at = rows.findIndex((link) => link === target || link.closest("tr")?.contains(target));
  // From outside the rows, only Down leads to them: to the first row.
  const row = at < 0 && step < 0 ? undefined : rows[at + step];
  row?.focus();
  return Boolean(row);
}
