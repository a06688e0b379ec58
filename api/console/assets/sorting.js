// Orders that a person chooses by clicking on the heads of columns. The address holds the order (`?sort=-ran`).

import { h } from "./dom.js";

/** Return the order that a text from the address names: a column's name, after a minus if the largest comes first. */
export function orderOf(text) {
  return { by: text.replace(/^-/, ""), isDescending: text.startsWith("-") };
}

/**
 * Return the heads of columns, and a function that marks the head of the column in use. A column is given as
 * `[title, name, isDescendingFirst]`. If it has a name, a click on its head sorts by this column, a second click
 * reverses the order, and a third click ends the sorting.
 */
export function heads(columns, chosen) {
  let order = orderOf("");
  const found = columns.map(([title, name, isDescendingFirst = false]) => {
    if (!name) return { element: title, show: () => {} };
    const arrow = h("span", { class: "arrow", "aria-hidden": "true" });
    const element = h("button", { type: "button", class: "sort", onclick: click }, title, arrow);

    function click() {
      const isFirst = order.by !== name;
      const isDescending = isFirst ? isDescendingFirst : !order.isDescending;
      const isOver = !isFirst && order.isDescending !== isDescendingFirst;
      const text = isOver ? "" : `${isDescending ? "-" : ""}${name}`;
      // The head is marked at once: a second click may come before the list is drawn, and has to reverse this order.
      mark(text);
      chosen(text);
    }

    function show() {
      const isChosen = order.by === name;
      arrow.textContent = isChosen ? (order.isDescending ? " ↓" : " ↑") : " ↕";
      if (isChosen) element.parentElement?.setAttribute("aria-sort", order.isDescending ? "descending" : "ascending");
      else element.parentElement?.removeAttribute("aria-sort");
    }

    return { element, show };
  });
  const mark = (text) => {
    order = orderOf(text);
    for (const { show } of found) show();
  };
  return { elements: found.map(({ element }) => element), mark };
}
