"""The judgments that comparator, leanchecker and nanoda give by exit status and output; anything else is no answer.

comparator ends with status 1 if it rejects a proof, but also if a kernel is killed or a file cannot be read. So its
output decides (Lean 4.35, src/lake/Lake/CLI/Check.lean and src/lake/Lake/Check/). nanoda panics at what does not
type-check.
"""

from __future__ import annotations

import re

from farm.checker_names import COMPARATOR, LEANCHECKER, NANODA
from workers.lean.checkers.evidence import Answer, Attestation

_DETAIL_LIMIT_CHARS = 2000
_ACCEPTED = {
    COMPARATOR: "Your solution is okay!",
    LEANCHECKER: "",  # only its exit status is documented
    NANODA: "declarations with no errors",
}
_REJECTED = re.compile(
    r"statement do not match|kind don't match|does not match between|not found in solution|Illegal axiom"
    r"|is not a (theorem|definition)|kernel rejects the solution|post-check rejects|exited with (1|101)\b"
)
_PANIC = 101


def read(name: str, status: int, words: str) -> tuple[Answer, str]:
    """Return the judgment that a checker's exit status and output express, and the line that gives the reason."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if status == 0 and _ACCEPTED[name] in words:
        return "accepted", ""
    why = next((line for line in reversed(lines) if _REJECTED.search(line)), "")
    if name == NANODA and status == _PANIC:
        return "rejected", " ".join(lines)[:_DETAIL_LIMIT_CHARS]
    if name != NANODA and status == 1 and why:
        return "rejected", why[:_DETAIL_LIMIT_CHARS]
    last = lines[-1] if lines else "it said nothing"
    return "failed", f"The checker ended with status {status} and gave no judgment: {last}"[:_DETAIL_LIMIT_CHARS]


def together(answers: tuple[Attestation, ...]) -> tuple[Answer, str]:
    """Return the joint answer: `rejected` if one checker rejects, else `failed` if one failed, else `accepted`."""
    for kind in ("rejected", "failed"):
        for each in answers:
            if each.answer == kind:
                return each.answer, f"{each.version}: {each.detail}"
    return "accepted", ""
