// Words of the farm with what they mean, on hover and on focus; docs/glossary.md has all of them.

import { h } from "./dom.js";

const MEANINGS = {
  "Level reached": "How much an accepted proof was checked: compiled (Lean reported no error and no sorry), checked (what was proved is the statement that was asked for, and rests on allowed axioms alone) or attested (an external checker agrees).",
  Level: "How much an accepted proof is to be checked: compiled (Lean reports no error and no sorry), checked (what was proved is the statement that was asked for, and rests on allowed axioms alone; needs a statement) or attested (an external checker agrees).",
  Gate: "Rules about Lean's words that refuse a text before any Lean process sees it. strict: they were applied; off: they were not.",
  Attempts: "How many runs the verdict took. More than one: a worker died or was stopped meanwhile, and the proof ran again.",
  Axioms: "What the proof rests on beside its own text. Asked for at the level checked.",
  Statement: "Whether what was proved is the statement that was asked for.",
  Checker: "A program other than Lean that checked the finished proof again, at the level attested.",
  Policy: "The version of the rules (gate, levels, allowed axioms) by which the verdict was made.",
  REPL: "The Lean process that ran the proof.",
  Sandbox: "What keeps a proof from the rest of the machine while it runs, the outermost layer first.",
  Ran: "Seconds that Lean worked on this proof, without loading imports.",
  Waited: "Seconds between the submission and the run.",
  Reward: "What a trainer gets: 1 for accepted, 0 for rejected, none where the farm could not decide.",
  Revoked: "What the verdict rests on was found to be bad later: it no longer holds.",
  "Header loaded": "The beginning of a file up to its last import. A worker keeps the ones it loaded, because loading takes seconds.",
  Restarts: "How often the worker had to start its Lean process again: it died, ran out of time or memory, or was due for a fresh one.",
};
let number = 0;

/** Return a word, with its meaning if the list here has it. */
export function term(word) {
  if (!(word in MEANINGS)) return word;
  const id = `meaning-${(number += 1)}`;
  return [h("button", { type: "button", class: "term", "aria-describedby": id }, word), h("span", { role: "tooltip", id }, MEANINGS[word])];
}
