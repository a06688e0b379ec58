// The names of a batch's proofs, and the problem that each proof attempts.

import { ask, poll } from "./api.js";

/** Return the names of a batch's proofs as `{index, id, problem}`, by index; null if the signal is aborted. */
export async function readNames(batch, signal) {
  const found = [];
  let after = -1;
  await poll(signal, async () => {
    const page = await ask(`v1/batches/${encodeURIComponent(batch)}/names?after=${after}`, { signal });
    found.push(...page.names);
    after = page.next;
    return after === null ? undefined : 0;
  });
  return signal.aborted ? null : found;
}

// How often all verdicts (up to a hundred thousand) are counted again while new ones come.
const COUNT_EVERY_MS = 500;

const NATURAL = new Intl.Collator("en", { numeric: true });

/** Return the positions of names, sorted by the natural order of the names: `p2` comes before `p10`. */
export const naturalOrder = (names) => names.map((_, at) => at).sort((a, b) => NATURAL.compare(names[a], names[b]));

/** The problems of a batch, in the order of their first attempts. */
export class Problems {
  constructor(names) {
    const at = new Map();
    // A proof that names no problem counts as the only attempt at a problem with the proof's name.
    this.of = Int32Array.from(names, ({ id, problem }) => {
      const name = problem ?? id;
      if (!at.has(name)) at.set(name, at.size);
      return at.get(name);
    });
    this.names = [...at.keys()];
    this.at = at;
    this.isNamed = names.some(({ problem }) => problem !== null);
    this.attempts = new Uint32Array(at.size);
    for (const problem of this.of) this.attempts[problem] += 1;
    this.first = new Int32Array(at.size).fill(-1);
    this.of.forEach((problem, index) => this.first[problem] < 0 && (this.first[problem] = index));
  }

  /**
   * Return a list for each outcome, in the order of OUTCOMES: how many attempts at each problem have this outcome in a
   * batch's results. If nothing new was counted, the lists are the same objects as before.
   */
  count(results) {
    const now_ms = performance.now();
    const isSoon = !results.isComplete && now_ms - this.counted_ms < COUNT_EVERY_MS;
    if (this.counts && (isSoon || this.counted === results.size)) return this.counts;
    [this.counted, this.counted_ms] = [results.size, now_ms];
    this.counts = [0, 1, 2].map(() => new Uint32Array(this.names.length));
    for (let at = 0; at < results.size; at++) this.counts[results.outcomeAt(at)][this.of[results.index[at]]] += 1;
    return this.counts;
  }
}
