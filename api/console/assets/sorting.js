// Orders that a person chooses by the heads of columns; they are part of the address (`?sort=-ran`).

import { h } from "./dom.js";

/** Read an order from an address: the name of a column, with a minus if the largest comes first. */
export function orderOf(text) {
  return { by: text.replace(/^-/, ""), isDescending: text.startsWith("-") };
}

/**
 * Return the heads of columns, `[title, name, isDescendingFirst]` each, and a function that marks the one in use.
 * A click on a head with a name sorts by that column, a second click turns the order round, and a third ends the sorting.
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
      // Marked at once: a second click may come before the list is drawn, and has to turn this order round.
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
