// Shows what the farm's terms mean, on hover and on focus. docs/glossary.md explains all terms.

import { h } from "./dom.js";

const MEANINGS = {
  "Level reached": "How thoroughly an accepted proof was checked: compiled (Lean reported no error and no sorry), checked (what was proved is the statement that was asked for, and rests on allowed axioms alone) or attested (an external checker agrees).",
  Level: "How thoroughly an accepted proof is to be checked: compiled (Lean reports no error and no sorry), checked (what was proved is the statement that was asked for, and rests on allowed axioms alone; needs a statement) or attested (an external checker agrees).",
  Gate: "Rules about the words that a text may contain. A text that breaks a rule is refused before any Lean process sees it. strict: the rules were applied; off: they were not.",
  Attempts: "How many runs the verdict took. More than one: a worker died or was stopped meanwhile, and the proof ran again.",
  Axioms: "What the proof rests on besides its own text. Asked for at the level checked.",
  Statement: "Whether what was proved is the statement that was asked for.",
  Checker: "A program other than Lean that checked the finished proof again, at the level attested.",
  Policy: "The version of the rules (gate, levels, allowed axioms) by which the verdict was made.",
  REPL: "The Lean process that ran the proof.",
  Sandbox: "What keeps a proof from the rest of the machine while it runs, the outermost layer first.",
  Ran: "Seconds that Lean worked on this proof, without loading imports.",
  Waited: "Seconds between the submission and the moment at which a worker took the proof. Starting Lean and loading imports, which may follow, count neither here nor as a run.",
  "In all": "Seconds from the press of the button to the answer. Most of the time beyond Ran and Waited is spent on starting Lean and loading imports.",
  Reward: "What a trainer gets: 1 for accepted, 0 for rejected, none where the farm could not decide.",
  Revoked: "Something that the verdict rests on was later found to be bad, so the verdict no longer holds.",
  Proofs: "Proofs that this process has run since it started. A proof that an earlier verdict answers is not run, and not counted.",
  "Header loaded": "The beginning of a file up to its last import. A worker keeps the ones it loaded, because loading takes seconds.",
  Restarts: "How often the worker had to start its Lean process again: it died, ran out of time or memory, was due for a fresh one, or had run a proof with which the next one must not share a process.",
};
const EDGE_PX = 8;
let number = 0;

/** Return a word as an element that shows the word's meaning; if no meaning is known here, return the word. */
export function term(word) {
  if (!(word in MEANINGS)) return word;
  const id = `meaning-${(number += 1)}`;
  return explained(h("button", { type: "button", class: "term", "aria-describedby": id }, word), h("span", { role: "tooltip", id, popover: "manual" }, MEANINGS[word]));
}

/** Show `text` at its button while the pointer or the focus is on one of the two. Esc hides it. No box cuts it off. */
function explained(button, text) {
  let moving = new AbortController();

  function put() {
    const [at, own] = [button.getBoundingClientRect(), text.getBoundingClientRect()];
    text.style.left = `${Math.max(EDGE_PX, Math.min(at.left, innerWidth - own.width - EDGE_PX))}px`;
    // The text is above the word if there is room, else below. They touch, so the pointer can move between them.
    text.style.top = `${at.top >= own.height ? at.top - own.height : at.bottom}px`;
  }

  function show() {
    if (text.matches(":popover-open")) return;
    text.showPopover();
    put();
    moving = new AbortController();
    addEventListener("scroll", put, { capture: true, passive: true, signal: moving.signal });
  }

  function hide() {
    moving.abort();
    if (text.isConnected) text.hidePopover();
  }

  const leave = ({ relatedTarget }) => !button.contains(relatedTarget) && !text.contains(relatedTarget) && hide();
  for (const event of ["pointerenter", "focus", "click"]) button.addEventListener(event, show);
  button.addEventListener("blur", hide);
  for (const each of [button, text]) each.addEventListener("pointerleave", leave);
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !text.matches(":popover-open")) return;
    event.stopPropagation();
    hide();
  });
  return [button, text];
}
