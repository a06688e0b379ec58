// Shows the code points of characters that are invisible, or that change the order of other characters.

import { h } from "./dom.js";

// Format characters (bidirectional controls, zero-width characters, byte order marks, tags, the soft hyphen), controls
// except tabs and line ends, separators, fillers and variation selectors.
const HIDDEN = /[\p{Cf}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0\uFE00-\uFE0F\u{E0100}-\u{E01EF}]|(?![\t\n\r])\p{Cc}/gu;
const NAMES = {
  "\u200B": "zero width space", "\u200C": "zero width non-joiner", "\u200D": "zero width joiner", "\u00AD": "soft hyphen",
  "\u200E": "left-to-right mark", "\u200F": "right-to-left mark", "\u202A": "left-to-right embedding",
  "\u202B": "right-to-left embedding", "\u202C": "end of direction", "\u202D": "left-to-right override",
  "\u202E": "right-to-left override", "\u2066": "left-to-right isolate", "\u2067": "right-to-left isolate",
  "\u2068": "first strong isolate", "\u2069": "end of isolate", "\uFEFF": "byte order mark",
};

function code(character) {
  const text = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return h("span", { class: "hidden-character", title: NAMES[character] ?? "a character that shows nothing" }, text);
}

/** Return a text in which nothing is hidden, for an attribute. */
export const plain = (text) => h("span", {}, visible(text)).textContent;

/** Return a text as a list of texts and elements in which nothing is hidden. */
export function visible(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > from) found.push(text.slice(from, match.index));
    found.push(code(match[0]));
    from = match.index + match[0].length;
  }
  if (from < text.length || !found.length) found.push(text.slice(from));
  return found;
}
