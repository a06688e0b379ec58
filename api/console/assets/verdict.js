// Shows one verdict: the answer, the reason, and what the verdict depends on.

import { h } from "./dom.js";
import { save } from "./files.js";
import { repair, said } from "./goals.js";
import { firstWrong, shortened, written } from "./messages.js";
import { marksOf, source } from "./source.js";
import { term } from "./terms.js";
import { COLUMNS_FROM_0, badge, scriptedNote, seconds, why } from "./words.js";

// Nothing that Lean reports about a run arrives before the end of the run. So if the run is stopped, nothing shows which
// part of the text is slow.
const NO_PLACE =
  "Lean reports nothing before it has read the whole text, so nobody knows where it was when it was stopped, and no place can be shown. To find the slow part, use Try on the text up to an earlier declaration.";

/** Return whether Lean was stopped somewhere in the text. A text whose header took too long was stopped at a known place. */
const isLost = ({ reason, messages }) => reason === "timeout" && messages.some(({ data }) => data.startsWith("Lean did not finish"));

function evidence(verdict) {
  const { evidence, environment } = verdict;
  const { name, version, answer, ...rest } = evidence.checker ?? {};
  const checker = evidence.checker && [name, version, answer, Object.keys(rest).length ? JSON.stringify(rest) : ""];
  return {
    "Level reached": verdict.level,
    Gate: evidence.gate,
    Statement: evidence.statement ?? "not asked",
    Axioms: verdict.axioms.join(", ") || (verdict.level === "none" || verdict.level === "compiled" ? "not asked" : "none"),
    Checker: checker ? checker.filter(Boolean).join(" ") : "none",
    Policy: evidence.policy,
    Checkers: evidence.checkers?.map((each) => `${each.version}: ${each.answer}`).join(", "),
    Lean: environment.lean_version ?? "none",
    "Known to be unsound": evidence.unsound?.join(", "),
    Project: environment.project ?? "Lean alone",
    REPL: environment.repl ?? "none",
    Sandbox: environment.sandbox.join(", ") || "none",
    Revoked: verdict.revoked,
  };
}

function facts(verdict) {
  return {
    Ran: `${seconds(verdict.time_s)}${verdict.cached ? ", in the earlier run" : ""}`,
    Waited: seconds(verdict.queue_s),
    // Only a page that has waited for the verdict knows this time.
    "In all": verdict.elapsed_s === undefined ? "" : seconds(verdict.elapsed_s),
    Attempts: verdict.cached ? "none: answered by the verdict of an earlier run" : String(verdict.attempts),
    Reward: verdict.reward === null ? "none: left to the trainer" : String(verdict.reward),
  };
}

function list(values) {
  const shown = Object.entries(values).filter(([, value]) => value);
  return h("dl", {}, shown.map(([name, value]) => h("div", {}, h("dt", {}, term(name)), h("dd", {}, value))));
}

function pointer(wrong, goTo) {
  const { line, column } = wrong.pos;
  const word = wrong.severity === "error" ? "First error" : "First sorry";
  const go = h("button", { type: "button", class: "small", title: COLUMNS_FROM_0, onclick: () => goTo(line) }, `${word}: line ${line}, column ${column}`);
  return h("div", { class: "first" }, go, said(wrong.data));
}

/** Return a button that downloads everything that Lean said, under a line that says why. */
function restOf(verdict) {
  const download = () => save(`proof_${verdict.index}_messages.txt`, [written(verdict)], "text/plain;charset=utf-8");
  const button = h("button", { type: "button", class: "small", onclick: download }, "Download all messages");
  return h("p", { class: "quiet rest" }, "This page shows the first 256 kB of what Lean said. ", button);
}

/**
 * Return a section on a verdict: the answer, the reason, the first thing that is wrong and where, and the messages on
 * the text as a whole. `shown` is the verdict with only the messages that the page shows. `goTo(line)` shows a line of
 * the text.
 */
function verdictPanel(verdict, { shown, isCut }, goTo) {
  const title = verdict.reason ? `${verdict.outcome}: ${verdict.reason.replaceAll("_", " ")}` : verdict.outcome;
  const wrong = firstWrong(verdict);
  const unplaced = (verdict.feedback ?? []).filter(({ pos }) => !pos);
  return h(
    "section",
    { class: `verdict ${verdict.outcome}`, "aria-label": "Verdict" },
    h("p", { class: "answer" }, badge(verdict.reason ?? "accepted", title), h("span", {}, why(verdict))),
    isLost(verdict) ? h("p", { class: "quiet" }, NO_PLACE) : null,
    wrong && pointer(wrong, goTo),
    shown.messages.filter(({ pos }) => !pos).map(({ data }) => h("div", { class: "said" }, said(data))),
    unplaced.map(repair),
    isCut ? restOf(verdict) : null,
    list(facts(verdict)),
    scriptedNote(verdict.environment.lean_version),
  );
}

/** Return the sections of a judged text: the verdict, further elements, the text and the evidence. */
export function judged(verdict, text, ...between) {
  const short = shortened(verdict);
  const { element, goTo } = source(text, marksOf(short.shown), firstWrong(verdict)?.pos.line);
  return [verdictPanel(verdict, short, goTo), ...between, element, evidencePanel(verdict)];
}

/** Return a section on what a verdict depends on. */
function evidencePanel(verdict) {
  return h("section", { class: "evidence", "aria-label": "Evidence" }, h("h2", {}, "What the verdict rests on"), list(evidence(verdict)));
}
