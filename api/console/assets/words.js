// Says in words what the API's codes mean, and writes figures for people.

import { h } from "./dom.js";

export const COLUMNS_FROM_0 = "Lean counts columns from 0: the first character of a line is in column 0.";
export const OUTCOMES = ["accepted", "rejected", "undecided"];

const REASONS = {
  error: ["rejected", "Lean reported an error."],
  sorry: ["rejected", "The proof leaves a goal open (sorry)."],
  axiom: ["rejected", "The proof rests on an axiom that is not allowed."],
  statement: ["rejected", "The proved theorem is not the statement that was asked for."],
  missing: ["rejected", "The text does not declare the theorem of the statement."],
  policy: ["rejected", "The gate refuses something in the text."],
  parse: ["rejected", "Lean would not read the text to its end."],
  timeout: ["undecided", "Lean was still running when the time was up, and was stopped. This says nothing about the proof."],
  out_of_memory: ["undecided", "Lean used more memory than it was allowed. This says nothing about the proof."],
  crashed: ["undecided", "Lean died, or its answer cannot be trusted. This says nothing about the proof."],
  cancelled: ["undecided", "The batch was cancelled, or its deadline passed, before this proof was judged."],
  invalid_statement: ["undecided", "Lean does not accept the statement itself. Correct the statement; this says nothing about the proof."],
  farm_error: ["undecided", "The farm could not run the proof. This says nothing about the proof."],
};

/** The kinds of a verdict (`accepted` and all reasons); a kind's index is its code. */
export const KINDS = ["accepted", ...Object.keys(REASONS)];

const COUNTED = ["error", "timeout", "farm error", "invalid statement"];

/** Return how many verdicts have a reason, in words: `1 timeout`, `3 errors`. */
export function ofReason(reason, number) {
  const name = reason.replaceAll("_", " ");
  return COUNTED.includes(name) ? many(number, name) : `${count(number)} ${name}`;
}

const UNDECIDED = "Neither accepted nor rejected: a timeout, too little memory, a crash, or a batch that was cancelled. This says nothing about the proof.";

/** Return the meaning of a reason or of the outcome `undecided`; the empty text for the other outcomes. */
export const meaningOf = (kind) => (kind === "undecided" ? UNDECIDED : (REASONS[kind]?.[1] ?? ""));

/** Return the outcome that a kind (`accepted` or a reason) belongs to. */
export const outcomeOf = (kind) => (kind === "accepted" ? kind : REASONS[kind][0]);

/** Return a sentence on why a verdict is what it is. */
export const why = (verdict) => (verdict.reason ? REASONS[verdict.reason][1] : "Lean accepts the proof.");

const CAUSES = {
  died: "ended by itself",
  deadline: "out of time",
  memory: "out of memory",
  guard: "gave a false answer",
  recycled: "had run enough proofs",
  headers: "held enough headers",
  domain: "the next proof was not allowed to share its process",
  cancelled: "its batch was cancelled",
  stopping: "its worker was stopping",
  canary: "accepted a canary",
  fresh: "a new one was needed",
};

/** Return in words why a REPL was restarted. */
export const causeOf = (cause) => CAUSES[cause] ?? cause;

export const seconds = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} s`;
/** Return a time in seconds as people write it: `45 s`, `12 min`, `3 h 5 min`. */
export function duration(value) {
  const minutes = Math.round(value / 60);
  if (value < 90) return `${Math.max(1, Math.round(value))} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Return a text as a list of texts and of `code` elements, which stand between backticks in the text. */
export const marked = (text) => text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));

export const count = (value) => value.toLocaleString("en");
/** Return a count with its noun: `1 proof`, `2 proofs`. */
export const many = (value, one, more = `${one}s`) => `${count(value)} ${value === 1 ? one : more}`;
export const clock = (unix_s) => new Date(unix_s * 1000).toLocaleString("sv");

/** Return what people call a batch: its label, or else what its first proof attempts, or else the empty text. */
export const nameOf = ({ label, first }) => label ?? first ?? "";

/** Return an outcome, a reason or a state as a coloured word; the meaning of a reason is shown on hover. */
export const badge = (kind, text = kind) => h("span", { class: `badge ${kind}`, title: meaningOf(kind) || null }, text);

/** Return the state of a batch as a coloured word. */
export const stateBadge = ({ state, paused }) => badge(`state ${paused ? "paused" : state}`, paused ? "paused" : state);

/** Return a warning if a script stands in for Lean, else null. */
export function scriptedNote(engine) {
  if (!String(engine ?? "").includes("scripted")) return null;
  return h("p", { class: "note undecided scripted", role: "note" }, "A script answers here, not Lean: its verdicts prove nothing.");
}

/** Return a section that tells a person what failed. */
export function problem(error) {
  const titles = { 401: "A key is needed", 403: "Not for this key", 404: "Nothing here" };
  return h(
    "section",
    { class: "note rejected", role: "alert" },
    h("h2", {}, titles[error.status] ?? "This did not work"),
    h("p", {}, error.message),
  );
}
