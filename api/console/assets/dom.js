// Makes elements. Texts become text nodes only, so a proof's text is never parsed as HTML; the CSP would refuse it too.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return an element with attributes (`onclick` and the like are listeners) and children; null children are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Append links back to the views above, and return them; `places` are pairs of a text and an address. */
export function trail(main, places) {
  const links = places.map(([text, address]) => h("a", { href: address }, text));
  main.append(h("nav", { class: "trail", "aria-label": "Way back" }, links.map((link, at) => [at ? " / " : "", link])));
  return links;
}

/** Append a view's heading, make it the page's title, and focus it, so that a screen reader reads the new view. */
export function heading(main, ...text) {
  const title = h("h1", { tabindex: "-1" }, text);
  document.title = `${title.textContent} · leanfarm`;
  main.append(title);
  title.focus({ preventScroll: true });
  return title;
}

/** Return a table in a box that scrolls by itself, so that the page never scrolls sideways. */
export function table(caption, columns, body) {
  // A narrow screen shows the table as cards. With these roles, screen readers still see a table.
  const head = h("tr", { role: "row" }, columns.map((column) => h("th", { scope: "col", role: "columnheader" }, column)));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { role: "table" }, h("caption", {}, caption), h("thead", { role: "rowgroup" }, head), body),
  );
}

/** Return a function that calls `draw` in the next frame: once, however often the function is called before then. */
export function everyFrame(draw) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}
