// Colours Lean 4 texts, with Shiki and the grammar of Lean's own editors. A text is shown plain first; its colours come
// when Shiki has read it, if it can be loaded. The colours are only an aid: they do not show how Lean reads the text.

import { visible } from "./characters.js";
import { h } from "./dom.js";

// A line with more characters than this was not written by a person. Colouring it would take time, and help nobody.
const MOST_CHARS = 4000;
// What may begin or end a comment or a string that goes on in the next line.
const BORDERS = /\/-|-\/|"/;
// The time that a line takes grows with the number of comments that are open around it.
const MOST_NESTED = 100;
// The page draws and handles keys between two turns of the reader.
const TURN_MS = 8;
// The reader can go on from every line whose number is a multiple of this.
const KEPT_LINES = 1000;

// What the grammar of Lean's editors lacks. It needs a grammar of the Markdown in comments; without any, it knows no
// comments that begin with `--` (github.com/shikijs/textmate-grammars-themes, issue 74).
const MARKDOWN = { name: "markdown", scopeName: "source.lean4.markdown", patterns: [] };
const raw = (hashes) => ({ begin: new RegExp(`\\br${hashes}"`, "dgu"), end: new RegExp(`"${hashes}`, "dgu"), name: "string" });
const MORE = [{ match: /\bnative_decide\b/dgu, name: "invalid" }, { match: /@\[[^\]]*\]/dgu, name: "keyword" }, ...["", "#", "##", "###"].map(raw)];

// The theme's colours are the names of our classes.
const PLAIN = "plain";
const rule = (foreground, ...scope) => ({ scope, settings: { foreground } });
const THEME = {
  name: "classes",
  fg: PLAIN,
  bg: PLAIN,
  settings: [
    rule("declares", "keyword.other.definitioncommand"),
    rule("keyword", "keyword", "storage"),
    rule("comment", "comment"),
    rule("string", "string", "constant.character"),
    rule("number", "constant.numeric", "constant.language"),
    rule("doubted", "invalid"),
  ],
};

let loaded;
let turnEnd = 0;

/** Load Shiki once, and return a function that reads a line in a state; null if Shiki cannot be loaded. */
function load() {
  // The next text tries again: the network may have been away for a moment.
  loaded ??= import("./vendor/shiki-lean.js").then(made).catch(() => (loaded = null));
  return loaded;
}

function made({ codeToTokensBase, createJavaScriptRawEngine, createShikiPrimitive, getLastGrammarStateFromMap, lean: [grammar] }) {
  const language = { ...grammar, patterns: [...MORE, ...grammar.patterns] };
  const shiki = createShikiPrimitive({ engine: createJavaScriptRawEngine(), langs: [MARKDOWN, language], themes: [THEME] });
  return (line, grammarState) => {
    const read = codeToTokensBase(shiki, line, { lang: grammar.name, theme: THEME.name, grammarState, tokenizeMaxLineLength: MOST_CHARS });
    const placed = read[0].map(({ content, offset, color }) => ({ start: offset, end: offset + content.length, kind: color }));
    return { found: placed.filter(({ kind }) => kind && kind !== PLAIN), state: getLastGrammarStateFromMap(read) };
  };
}

/** Let the page draw and handle keys if the reader's turn is over. */
async function pause() {
  if (performance.now() < turnEnd) return;
  await new Promise((resolve) => setTimeout(resolve));
  turnEnd = performance.now() + TURN_MS;
}

/**
 * Return a function that reads a text's lines as far as `last`, and calls `put(at, found)` for each line from `first`
 * on that has coloured pieces; `found` are these pieces as `{start, end, kind}`. Lines are counted from 0. Comments and
 * strings may begin above `first`, so all lines above are read once. A later call ends an earlier one, and so does the
 * end of the view: `element`, in which the lines are, has to be on the page when the caller's turn is over.
 */
export function reader(lines, element) {
  const kept = [undefined];
  let latest;
  return async (first, last, put) => {
    const call = (latest = {});
    // The caller puts the element on the page first.
    await new Promise((resolve) => setTimeout(resolve));
    const read = await load();
    const from = Math.min(kept.length - 1, Math.floor(first / KEPT_LINES));
    let state = kept[from];
    for (let at = from * KEPT_LINES; read && at < last; at++) {
      await pause();
      if (call !== latest || !element.isConnected || state?.getScopes().length > MOST_NESTED) return;
      if (at % KEPT_LINES === 0) kept[at / KEPT_LINES] = state;
      const line = read(lines[at], state);
      state = line.state;
      if (at >= first && line.found.length) put(at, line.found);
      // A line this long is not read, so nobody knows whether the next line is in a comment.
      if (lines[at].length >= MOST_CHARS && BORDERS.test(lines[at])) return;
    }
  };
}

/** Return texts and coloured elements for the part of a line from `start` to `end`; `found` are the line's coloured pieces. */
export function coloured(line, found, start = 0, end = line.length) {
  const pieces = [];
  let at = start;
  for (const token of found) {
    if (token.end <= at || token.start >= end) continue;
    if (token.start > at) pieces.push(...visible(line.slice(at, token.start)));
    at = Math.max(at, token.start);
    const to = Math.min(token.end, end);
    pieces.push(h("span", { class: `lean-${token.kind}` }, visible(line.slice(at, to))));
    at = to;
  }
  if (at < end || !pieces.length) pieces.push(...visible(line.slice(at, end)));
  return pieces;
}

/** Give a shown line its colours, unless a person has selected text in it: new text would end the selection. */
export function paint(line, pieces) {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.containsNode(line, true)) line.replaceChildren(...pieces);
}

/** Append a short Lean text to an element, and return the element. */
export function lean(element, text) {
  const lines = text.split("\n");
  const shown = lines.map((line) => h("span", {}, visible(line)));
  element.append(...shown.flatMap((line, at) => (at ? ["\n", line] : [line])));
  reader(lines, element)(0, lines.length, (at, found) => paint(shown[at], coloured(lines[at], found)));
  return element;
}
