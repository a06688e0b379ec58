// Holds the verdicts of one batch. A verdict takes 21 bytes and a shared text, so 100 000 of them take a few megabytes.

import { ask, lines, poll, sleep } from "./api.js";
import { firstError } from "./messages.js";
import { orderOf } from "./sorting.js";
import { KINDS, OUTCOMES, outcomeOf } from "./words.js";

const SAID_CHARS = 160;
const RETRY_S = 1;
// The share of the time that sorting may take while verdicts come.
const SORTING_SHARE = 0.05;
const OUTCOME_OF_KIND = KINDS.map((kind) => OUTCOMES.indexOf(outcomeOf(kind)));
const NATURAL = new Intl.Collator("en", { numeric: true });

/** What is known about a batch's verdicts, in the order in which they came. */
export class Results {
  constructor(batch, total) {
    Object.assign(this, { batch, total, size: 0, cursor: null, isComplete: false, engine: "", silences: 0 });
    this.index = new Uint32Array(total);
    this.kind = new Uint8Array(total);
    this.time_s = new Float32Array(total);
    this.queue_s = new Float32Array(total);
    // 1 if the verdict of an earlier run answered the proof, so that it did not run.
    this.isEarlier = new Uint8Array(total);
    this.earlier = 0;
    this.said = new Array(total);
    this.names = new Map();
    this.tally = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    this.texts = new Map();
    this.filter = { kind: "", text: "", problem: "", isByProblem: false };
    this.problems = null;
    [this.found, this.isSearched] = [null, false];
    this.order = orderOf("");
    this.startList();
    [this.isUnsorted, this.sortAgain_ms] = [false, 0];
  }

  add(verdict) {
    if (this.size === this.total) return;
    const [at, kind] = [this.size++, verdict.reason ?? "accepted"];
    this.index[at] = verdict.index;
    this.kind[at] = KINDS.indexOf(kind);
    this.time_s[at] = verdict.time_s;
    this.queue_s[at] = verdict.queue_s;
    this.isEarlier[at] = verdict.cached;
    this.earlier += verdict.cached;
    this.said[at] = this.shared(((firstError(verdict) ?? verdict.messages[0])?.data ?? "").slice(0, SAID_CHARS).replace(/\s*\n\s*/g, " "));
    if (verdict.id !== String(verdict.index)) this.names.set(verdict.index, verdict.id);
    this.tally[KINDS[this.kind[at]]] += 1;
    this.engine ||= verdict.environment.lean_version ?? "";
    if (!this.list(at)) return;
    this.isUnsorted = Boolean(this.order.by);
  }

  /** Return the outcome of a verdict, as an index into OUTCOMES. */
  outcomeAt(at) {
    return OUTCOME_OF_KIND[this.kind[at]];
  }

  /** Return the counts of the known verdicts by outcome, in the same form as in a batch's status. */
  counts() {
    return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, this.outcomeSize(outcome)]));
  }

  /** Return an equal text that is held already, if there is one: most messages of a batch are repetitions. */
  shared(text) {
    if (!this.texts.has(text)) this.texts.set(text, text);
    return this.texts.get(text);
  }

  /** Return how many verdicts have an outcome, in the whole batch or in the tally of a part of the batch. */
  outcomeSize(outcome, tally = this.tally) {
    return KINDS.filter((kind) => outcomeOf(kind) === outcome).reduce((sum, kind) => sum + tally[kind], 0);
  }

  /** Return the times of the proofs that ran in this batch, in seconds. */
  timesRun() {
    const times_s = this.time_s.subarray(0, this.size);
    return this.earlier ? times_s.filter((_, at) => !this.isEarlier[at]) : times_s;
  }

  name(at) {
    return this.names.get(this.index[at]) ?? String(this.index[at]);
  }

  /**
   * Count a verdict if it has the filter's problem and text, and list it if it also has the filter's kind. Return
   * whether it is listed.
   */
  list(at) {
    if (!this.matches(at)) return false;
    const [kind, { kind: wanted }] = [KINDS[this.kind[at]], this.filter];
    this.filtered.size += 1;
    this.filtered.tally[kind] += 1;
    if (wanted && wanted !== kind && wanted !== outcomeOf(kind)) return false;
    this.rows.push(at);
    const isFirst = this.firstWrong < 0 || this.index[at] < this.firstWrong;
    if (outcomeOf(kind) === "rejected" && isFirst) this.firstWrong = this.index[at];
    return true;
  }

  matches(at) {
    const { text, problem, isByProblem } = this.filter;
    const attempted = this.problems?.of[this.index[at]];
    if (problem && this.problems && attempted !== this.problems.at.get(problem)) return false;
    if (this.found?.[this.index[at]]) return true;
    // Where problems are shown, a text may also name a problem: all attempts at the problem then match.
    if (isByProblem && this.problems?.names[attempted].toLowerCase().includes(text)) return true;
    return !text || this.name(at).toLowerCase().includes(text) || this.said[at].toLowerCase().includes(text);
  }

  /**
   * List only proofs of one outcome or reason (`kind`) and of one problem, whose names or messages contain a text. If
   * `isByProblem`, the names of their problems count too.
   */
  setFilter({ kind, text, problem, isByProblem = false }) {
    const lower = text.toLowerCase();
    if (lower !== this.filter.text) [this.found, this.isSearched] = [null, false];
    this.filter = { kind, text: lower, problem, isByProblem };
    this.filterAgain();
  }

  startList() {
    [this.rows, this.firstWrong] = [[], -1];
    this.filtered = { size: 0, tally: Object.fromEntries(KINDS.map((kind) => [kind, 0])) };
  }

  filterAgain() {
    this.startList();
    for (let at = 0; at < this.size; at++) this.list(at);
    this.isUnsorted = Boolean(this.order.by);
    this.sortAgain_ms = 0;
    this.settle();
  }

  /** Sort the rows by an order that `orderOf` can read. The empty text is the order in which the verdicts came. */
  sort(text) {
    this.order = orderOf(text);
    this.filterAgain();
  }

  /** Sort the rows again if there are new ones, unless the last sorting was a moment ago. */
  settle() {
    const start_ms = performance.now();
    if (!this.isUnsorted || (start_ms < this.sortAgain_ms && !this.isComplete)) return;
    const sign = this.order.isDescending ? -1 : 1;
    const compare = this.comparison();
    this.rows.sort((a, b) => sign * compare(a, b) || this.index[a] - this.index[b]);
    this.isUnsorted = false;
    this.sortAgain_ms = performance.now() + Math.max(500, (performance.now() - start_ms) / SORTING_SHARE);
  }

  comparison() {
    const columns = { index: this.index, verdict: this.kind, ran: this.time_s, waited: this.queue_s };
    const column = columns[this.names.size || this.order.by !== "name" ? this.order.by : "index"];
    if (column) return (a, b) => column[a] - column[b];
    return (a, b) => NATURAL.compare(this.name(a), this.name(b));
  }
}

/** Let the farm search all messages of the batch for the filter's text, until all are searched or the signal aborts. */
export async function search(results, signal, changed) {
  const { text } = results.filter;
  const found = new Uint8Array(results.total);
  let after = "";
  await poll(signal, async () => {
    const query = new URLSearchParams({ text, after });
    const page = await ask(`v1/batches/${encodeURIComponent(results.batch)}/matches?${query}`, { signal });
    for (const index of page.indices) found[index] = 1;
    const isNew = page.next !== after;
    after = page.next;
    if (results.filter.text !== text) return undefined;
    results.found = found;
    results.isSearched = page.done;
    if (page.indices.length) results.filterAgain();
    changed(page.done || !isNew);
    if (page.done) return undefined;
    return isNew ? 0 : 1;
  });
}

/** Read a batch's verdicts up to the end. If the stream breaks or hangs, open it again at its cursor. */
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
