// Colours Lean 4's text. The colours are only an aid: they do not show how Lean itself reads the text.

import { visible } from "./characters.js";
import { h } from "./dom.js";

// A line with more characters than this was not written by a person. Colouring it would take time, and help nobody.
const MOST_CHARS = 4000;
const DECLARATIONS = "theorem lemma def abbrev example instance structure class inductive coinductive axiom opaque macro macro_rules syntax notation infix infixl infixr prefix postfix elab elab_rules declare_syntax_cat initialize builtin_initialize";
const COMMANDS = "import open namespace section end variable universe export attribute set_option mutual module prelude public private protected noncomputable unsafe partial nonrec local scoped meta deriving extends where in hiding renaming include omit";
const TERMS = "by fun match with if then else let have show from do return for at calc obtain suffices termination_by decreasing_by Type Prop Sort";
const DOUBTED = "sorry admit native_decide";
const KINDS = new Map([[DECLARATIONS, "declares"], [COMMANDS, "keyword"], [TERMS, "keyword"], [DOUBTED, "doubted"]].flatMap(([words, kind]) => words.split(" ").map((word) => [word, kind])));

// The order matters: comments and strings come first, because they hide everything else in them.
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>--.*)|(?<block>/-)|(?<raw>r#*")|(?<text>")|(?<character>'(?:\\.[^']*|[^\\'])')`,
    String.raw`(?<command>#[a-z_]+)|(?<attribute>@\[[^\]]*\])|(?<number>\b\d[\d_]*(?:\.\d+)?\b)`,
    String.raw`(?<word>«[^»]*»|[\p{L}_][\p{L}\p{N}_'!?₀-₉]*(?:\.[\p{L}_«][\p{L}\p{N}_'!?₀-₉»]*)*)`,
    String.raw`(?<sign>:=|=>|[λ∀∃∑∏→←↔⊢⟨⟩∧∨¬≤≥≠∈∉⊆∪∩∘×•∣▸]|[:|;<]+[;>]*)`,
  ].join("|"),
  "gu",
);

/**
 * Find the rest of the comment or string (`state`) that is open at `from` in a line, and call `put` with its place.
 * Return where it ends in this line, and the state there: null if it is closed.
 */
function inside(line, from, state, put) {
  if (state.kind === "string") {
    const end = /(?:[^"\\]|\\.)*?"/y;
    const close = state.raw ? line.indexOf(state.raw, from) : ((end.lastIndex = from), end.test(line) ? end.lastIndex - 1 : -1);
    const to = close < 0 ? line.length : close + (state.raw ?? '"').length;
    put(from, to, "string");
    return [to, close < 0 ? state : null];
  }
  const marks = /\/-|-\//g;
  marks.lastIndex = from;
  let { depth } = state;
  for (let found = marks.exec(line); found; found = marks.exec(line)) {
    depth += found[0] === "/-" ? 1 : -1;
    if (depth) continue;
    put(from, marks.lastIndex, "comment");
    return [marks.lastIndex, null];
  }
  put(from, line.length, "comment");
  return [line.length, { kind: "comment", depth }];
}

/** Return the coloured pieces of a line as `{start, end, kind}`, and the state in which the next line begins. */
export function tokens(line, before) {
  if (line.length > MOST_CHARS) return { found: [], state: before };
  const found = [];
  const put = (start, end, kind) => found.push({ start, end, kind });
  let [at, state] = before ? inside(line, 0, before, put) : [0, null];
  while (!state && at < line.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(line);
    if (!match) break;
    const [kind] = Object.entries(match.groups).find(([, text]) => text !== undefined);
    [at, state] = [TOKEN.lastIndex, null];
    if (kind === "block") [at, state] = inside(line, match.index, { kind: "comment", depth: 0 }, put);
    else if (kind === "text") [at, state] = inside(line, at, { kind: "string" }, (_, end) => put(match.index, end, "string"));
    else if (kind === "raw") [at, state] = inside(line, at, { kind: "string", raw: `"${match[0].slice(1, -1)}` }, (_, end) => put(match.index, end, "string"));
    else if (kind === "word") KINDS.has(match[0]) && put(match.index, at, KINDS.get(match[0]));
    else put(match.index, at, { command: "declares", character: "string", attribute: "keyword" }[kind] ?? kind);
  }
  return { found, state };
}

/** Return texts and coloured elements for the part of a line from `start` to `end`; `found` are the line's tokens. */
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

/** Return a short Lean text as coloured elements. */
export function lean(text) {
  let state = null;
  return text.split("\n").flatMap((line, at) => {
    const read = tokens(line, state);
    state = read.state;
    return [at ? "\n" : "", ...coloured(line, read.found)];
  });
}
