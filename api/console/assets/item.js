// One proof of a batch: its text with Lean's messages at their positions, and its verdict.

import { ask, poll } from "./api.js";
import { queryOf } from "./filters.js";
import { visible } from "./characters.js";
import { h, heading, trail } from "./dom.js";
import { copier } from "./files.js";
import { lean } from "./lean.js";
import { source } from "./source.js";
import { judged } from "./verdict.js";

/** Show a proof; while it has no verdict, wait for it. */
export async function show(main, route, signal) {
  const [, batch, index] = route.parts;
  const path = `v1/batches/${encodeURIComponent(batch)}/items/${encodeURIComponent(index)}`;
  const back = `#/batches/${encodeURIComponent(batch)}`;
  const shown = route.query.get("show")?.replaceAll("_", " ") || route.query.get("text");
  const filtered = shown ? [[shown, `${back}${queryOf(route)}`]] : [];
  const [, whole] = trail(main, [["Batches", "#/batches"], [`Batch ${batch.slice(0, 8)}`, back], ...filtered]);
  const title = heading(main, `Proof ${index}`);
  const [note, body] = [h("p", { role: "status" }), h("div")];
  main.append(note, body);

  let isShown = false;
  const naming = poll(signal, async () => {
    const { label } = await ask(`v1/batches/${encodeURIComponent(batch)}`, { signal });
    if (label) whole.replaceChildren(...visible(label));
  });
  const waiting = poll(signal, async () => {
    const { proof, verdict } = await ask(path, { signal });
    if (proof.id && !isShown) title.append(h("span", { class: "quiet" }, visible(proof.id)));
    note.textContent = verdict ? "" : "There is no verdict yet; it will appear here.";
    if (verdict || !isShown) body.replaceChildren(...parts(proof, verdict, back));
    isShown = true;
    return verdict ? undefined : 1;
  });
  await Promise.all([waiting, naming]);
}

function parts(proof, verdict, back) {
  const head = (title, ...buttons) => h("div", { class: "head-line" }, h("h2", {}, title), buttons);
  const statement = proof.statement && h("section", { "aria-label": "Statement" }, head("Statement", copier("Copy", () => proof.statement)), lean(h("pre", { class: "code" }), proof.statement));
  const title = head("Source", copier("Copy source", () => proof.code), copier("Copy link", () => location.href));
  const problem = proof.problem && h("p", { class: "quiet" }, h("a", { href: `${back}?problem=${encodeURIComponent(proof.problem)}` }, "All attempts at ", visible(proof.problem)));
  const between = [statement, title].filter(Boolean);
  return [problem, ...(verdict ? judged(verdict, proof.code, ...between) : [...between, source(proof.code, []).element])].filter(Boolean);
}
