// One proof of a batch: its text, what Lean said and where, and its verdict.

import { ask, poll } from "./api.js";
import { queryOf } from "./batch.js";
import { h, heading } from "./dom.js";
import { marksOf, source } from "./source.js";
import { verdictPanel } from "./verdict.js";

/** Show a proof; while it has no verdict, wait for it. */
export async function show(main, route, signal) {
  const [, batch, index] = route.parts;
  const path = `v1/batches/${encodeURIComponent(batch)}/items/${encodeURIComponent(index)}`;
  const back = `#/batches/${encodeURIComponent(batch)}${queryOf(route)}`;
  heading(main, `Proof ${index}`);
  const [note, body] = [h("p", { role: "status" }), h("div")];
  main.append(h("p", {}, h("a", { href: back }, `Back to batch ${batch}`)), note, body);

  let isShown = false;
  await poll(signal, async () => {
    const { proof, verdict } = await ask(path, { signal });
    note.textContent = verdict ? "" : "It has no verdict yet.";
    if (verdict || !isShown) body.replaceChildren(...parts(proof, verdict));
    isShown = true;
    return verdict ? undefined : 1;
  });
}

function parts(proof, verdict) {
  const named = [proof.id && `id ${proof.id}`, proof.problem && `problem ${proof.problem}`].filter(Boolean).join(" · ");
  const statement = proof.statement && h("section", { "aria-label": "Statement" }, h("h2", {}, "Statement"), h("pre", { class: "code" }, proof.statement));
  return [
    h("p", { class: "quiet" }, named),
    verdict && verdictPanel(verdict),
    statement,
    h("h2", {}, "Source"),
    source(proof.code, verdict ? marksOf(verdict) : []),
  ].filter(Boolean);
}
