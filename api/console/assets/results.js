// The verdicts of one batch, in 20 bytes each and one shared text: 100 000 of them are a few megabytes.

import { lines, sleep } from "./api.js";
import { KINDS, outcomeOf } from "./words.js";

const SAID_CHARS = 160;
const RETRY_S = 1;

/** What is known of a batch's verdicts, in the order they came. */
export class Results {
  constructor(batch, total) {
    Object.assign(this, { batch, total, size: 0, cursor: null, isComplete: false, engine: "", silences: 0 });
    this.index = new Uint32Array(total);
    this.kind = new Uint8Array(total);
    this.time_s = new Float32Array(total);
    this.queue_s = new Float32Array(total);
    this.said = new Array(total);
    this.names = new Map();
    this.tally = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    this.texts = new Map();
    this.filter = { kind: "", text: "" };
    this.rows = [];
  }

  add(verdict) {
    if (this.size === this.total) return;
    const [at, kind] = [this.size++, verdict.reason ?? "accepted"];
    this.index[at] = verdict.index;
    this.kind[at] = KINDS.indexOf(kind);
    this.time_s[at] = verdict.time_s;
    this.queue_s[at] = verdict.queue_s;
    this.said[at] = this.shared((verdict.messages[0] ?? { data: "" }).data.slice(0, SAID_CHARS).split("\n")[0]);
    if (verdict.id !== String(verdict.index)) this.names.set(verdict.index, verdict.id);
    this.tally[KINDS[this.kind[at]]] += 1;
    this.engine ||= verdict.environment.lean_version ?? "";
    if (this.matches(at)) this.rows.push(at);
  }

  /** Return an equal text that is already held, because most messages of a batch are the same few. */
  shared(text) {
    if (!this.texts.has(text)) this.texts.set(text, text);
    return this.texts.get(text);
  }

  /** Return how many verdicts an outcome has. */
  outcomeSize(outcome) {
    return KINDS.filter((kind) => outcomeOf(kind) === outcome).reduce((sum, kind) => sum + this.tally[kind], 0);
  }

  name(at) {
    return this.names.get(this.index[at]) ?? String(this.index[at]);
  }

  matches(at) {
    const [kind, { kind: wanted, text }] = [KINDS[this.kind[at]], this.filter];
    if (wanted && wanted !== kind && wanted !== outcomeOf(kind)) return false;
    return !text || this.name(at).toLowerCase().includes(text) || this.said[at].toLowerCase().includes(text);
  }

  /** Keep the rows of one outcome or reason (`kind`) that have a text in their name or first message. */
  setFilter(kind, text) {
    this.filter = { kind, text: text.toLowerCase() };
    this.rows = [];
    for (let at = 0; at < this.size; at++) if (this.matches(at)) this.rows.push(at);
  }
}

/** Read a batch's verdicts up to the end; a stream that breaks or hangs continues at its cursor. */
export async function follow(results, signal, changed) {
  while (!results.isComplete && !signal.aborted) {
    try {
      const after = results.cursor ? `?after=${encodeURIComponent(results.cursor)}` : "";
      for await (const found of lines(`v1/batches/${encodeURIComponent(results.batch)}/results${after}`, { signal })) {
        for (const line of found) take(results, line);
        changed();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!error.isTransient) throw error;
      if (error.code === "silent") results.silences += 1;
      changed();
    }
    if (!results.isComplete) await sleep(RETRY_S, signal);
  }
}

function take(results, line) {
  results.cursor = line.cursor;
  if (line.result) results.add(line.result);
  if (line.done) results.isComplete = true;
}
