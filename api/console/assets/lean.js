// Colours Lean 4's text, with Shiki and the grammar of Lean's own editors. The text is shown plain first; colours come
// when Shiki has read it, if it can be loaded. The colours are only an aid: they do not show how Lean reads the text.

import { visible } from "./characters.js";
import { h } from "./dom.js";

// A line with more characters than this was not written by a person. Colouring it would take time, and help nobody.
const MOST_CHARS = 4000;
// The time that a line takes grows with the number of comments that are open around it.
const MOST_NESTED = 100;
// The page draws and takes keys between two turns of the reader.
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
  loaded ??= import("./vendor/shiki-lean.js").then(made, () => null);
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

/** Let the page draw and take keys if the reader's turn is over. */
async function pause() {
  if (performance.now() < turnEnd) return;
  await new Promise((resolve) => setTimeout(resolve));
  turnEnd = performance.now() + TURN_MS;
}

/**
 * Return a function that reads a text's lines as far as `last`, and calls `put(at, found)` for each line from `first`
 * on that has coloured pieces; `found` are these pieces as `{start, end, kind}`. Lines are counted from 0. Comments and
 * strings may begin above `first`, so all lines above are read once. A later call ends an earlier one.
 */
export function reader(lines) {
  const kept = [undefined];
  let latest;
  return async (first, last, put) => {
    const call = (latest = {});
    const read = await load();
    const from = Math.min(kept.length - 1, Math.floor(first / KEPT_LINES));
    let state = kept[from];
    for (let at = from * KEPT_LINES; read && at < last; at++) {
      await pause();
      if (call !== latest || state?.getScopes().length > MOST_NESTED) return;
      if (at % KEPT_LINES === 0) kept[at / KEPT_LINES] = state;
      const line = read(lines[at], state);
      state = line.state;
      if (at >= first && line.found.length) put(at, line.found);
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

/** Append a short Lean text to an element, and return the element. */
export function lean(element, text) {
  const lines = text.split("\n");
  const shown = lines.map((line) => h("span", {}, visible(line)));
  element.append(...shown.flatMap((line, at) => (at ? ["\n", line] : [line])));
  reader(lines)(0, lines.length, (at, found) => shown[at].replaceChildren(...coloured(lines[at], found)));
  return element;
}
