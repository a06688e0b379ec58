// One verdict: the answer, why, and what it rests on.

import { h } from "./dom.js";
import { badge, scriptedNote, seconds, why } from "./words.js";

function rows(verdict) {
  const { evidence, environment } = verdict;
  const { name, version, answer, ...rest } = evidence.checker ?? {};
  const checker = evidence.checker && [name, version, answer, Object.keys(rest).length ? JSON.stringify(rest) : ""];
  return {
    "Level reached": verdict.level,
    Reward: verdict.reward === null ? "none: left to the trainer" : String(verdict.reward),
    Ran: seconds(verdict.time_s),
    Waited: seconds(verdict.queue_s),
    Attempts: `${verdict.attempts}${verdict.cached ? ", answered by an earlier verdict" : ""}`,
    Gate: evidence.gate,
    Statement: evidence.statement ?? "not asked",
    Axioms: verdict.axioms.join(", ") || (verdict.level === "none" || verdict.level === "compiled" ? "not asked" : "none"),
    Checker: checker ? checker.filter(Boolean).join(" ") : "none",
    Policy: evidence.policy,
    Lean: environment.lean_version ?? "none",
    Project: environment.project ?? "Lean alone",
    REPL: environment.repl ?? "none",
    Sandbox: environment.sandbox.join(", ") || "none",
    Revoked: verdict.revoked,
  };
}

/** Return a verdict as a section. */
export function verdictPanel(verdict) {
  const shown = Object.entries(rows(verdict)).filter(([, value]) => value);
  const title = verdict.reason ? `${verdict.outcome}: ${verdict.reason.replaceAll("_", " ")}` : verdict.outcome;
  return h(
    "section",
    { class: "verdict", "aria-label": "Verdict" },
    scriptedNote(verdict.environment.lean_version),
    h("p", { class: "answer" }, badge(verdict.reason ?? "accepted", title), ` ${why(verdict)}`),
    h("dl", {}, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  );
}
