// What the console uses of Shiki: its tokenizer, and Lean's grammar with its patterns as JavaScript's own regular
// expressions. So the browser compiles no Oniguruma patterns, which would hold up the page, and loads no WebAssembly,
// which the page's policy forbids.

export { codeToTokensBase, createShikiPrimitive, getLastGrammarStateFromMap } from "@shikijs/primitive";
export { createJavaScriptRawEngine } from "@shikijs/engine-javascript/raw";
export { default as lean } from "@shikijs/langs-precompiled/lean";
