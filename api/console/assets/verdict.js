// One verdict: the answer, why, and what it rests on.

import { h } from "./dom.js";
import { badge, scriptedNote, seconds, why } from "./words.js";

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
    Ran: seconds(verdict.time_s),
    Waited: seconds(verdict.queue_s),
    Attempts: `${verdict.attempts}${verdict.cached ? ", answered by an earlier verdict" : ""}`,
    Reward: verdict.reward === null ? "none: left to the trainer" : String(verdict.reward),
  };
}

function list(values) {
  const shown = Object.entries(values).filter(([, value]) => value);
  return h("dl", {}, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Return a verdict as a section: the answer, why, and what was said of the text as a whole. */
export function verdictPanel(verdict) {
  const title = verdict.reason ? `${verdict.outcome}: ${verdict.reason.replaceAll("_", " ")}` : verdict.outcome;
  const said = verdict.messages.filter((message) => !message.pos);
  return h(
    "section",
    { class: `verdict ${verdict.outcome}`, "aria-label": "Verdict" },
    h("p", { class: "answer" }, badge(verdict.reason ?? "accepted", title), h("span", {}, why(verdict))),
    said.map(({ data }) => h("pre", { class: "said" }, data)),
    list(facts(verdict)),
    scriptedNote(verdict.environment.lean_version),
  );
}

/** Return what a verdict rests on as a section. */
export function evidencePanel(verdict) {
  return h("section", { class: "evidence", "aria-label": "Evidence" }, h("h2", {}, "What the verdict rests on"), list(evidence(verdict)));
}
