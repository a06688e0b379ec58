"""Proof steps in the scripted REPL: a small table of tactics on goals kept as text. A script, not Lean.

`rfl simp trivial omega decide norm_num ring linarith nlinarith aesop assumption positivity exact …` close the first
goal, unless it is closed arithmetic and false; `sorry` closes it and is remembered; `constructor` splits `A ∧ B`;
`intro` moves the left side of `→` or the variable of `∀` into the hypotheses; `have h : T := …` adds a hypothesis;
`trace "…"` traces and `skip` does nothing. Anything else is an unknown tactic.
"""

from __future__ import annotations

import re

from . import arithmetic
from .elaborate import SORRY, LeanError, failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .source import Json

_WORD = re.compile(r"[\w']+")
_CLOSING = re.compile(
    "rfl|simp|trivial|omega|decide|norm_num|ring|linarith|nlinarith|aesop|assumption|positivity|exact"
)
_HAVE = re.compile(r"have\s+(?:([\w'✝]+)\s*)?:\s*(.*?)\s*:=", re.DOTALL)
_FORALL = re.compile(r"∀\s*\(?([\w']+)\s*(?::\s*([^,)]*))?\)?\s*,\s*(.*)", re.DOTALL)


class ProofState:
    """What a proof state number stands for. `lineage`: the replayed answer and place that made it, or None."""

    __slots__ = ("goals", "has_sorry", "lineage")

    def __init__(self, goals: list[str], has_sorry: bool = False, lineage: tuple[int, int] | None = None) -> None:
        self.goals = goals
        self.has_sorry = has_sorry
        self.lineage = lineage

    @property
    def status(self) -> str:
        """The `proofStatus` of the real REPL."""
        if self.goals:
            return "Incomplete: open goals remain"
        return "Incomplete: contains sorry" if self.has_sorry else "Completed"


class Step:
    """One tactic on one state: `state` afterwards, the goals of its own `sorries`, and `traces`.

    Raises:
        LeanError: The tactic is unknown or fails.
    """

    def __init__(self, before: ProofState, tactic: str) -> None:
        if not before.goals:
            raise LeanError("Lean error:\nno goals to be proved")
        self.sorries: list[str] = []
        self.traces: list[str] = []
        self.goal, *self.others = before.goals
        tactic = tactic.strip()
        word = _WORD.match(tactic)
        goals = self._apply(word[0] if word else "", tactic)
        self.state = ProofState([*goals, *self.others], before.has_sorry or bool(self.sorries))

    def _apply(self, word: str, tactic: str) -> list[str]:
        if _CLOSING.fullmatch(word):
            return self._close(word)
        rule = _RULES.get(word)
        if rule is None:
            raise LeanError("Lean error:\n<input>:1:1: unknown tactic")
        return rule(self, tactic)

    def _close(self, word: str) -> list[str]:
        target = self._split()[1]
        if arithmetic.judge(target) is False:
            raise LeanError(f"Lean error:\n{failure(word, target)}")
        return []

    def _split(self) -> tuple[str, str]:
        hypotheses, _, target = self.goal.rpartition("⊢ ")
        return hypotheses, target

    def _sorry(self, _tactic: str) -> list[str]:
        self.sorries.append(self.goal)
        return []

    def _constructor(self, _tactic: str) -> list[str]:
        hypotheses, target = self._split()
        left, conjunction, right = target.partition(" ∧ ")
        if not conjunction:
            raise LeanError(f"Lean error:\ntactic 'constructor' failed, target is not inductive\n{self.goal}")
        bare = "".join(line for line in hypotheses.splitlines(keepends=True) if not line.startswith("case "))
        return [f"case left\n{bare}⊢ {left}", f"case right\n{bare}⊢ {right}"]

    def _intro(self, tactic: str) -> list[str]:
        hypotheses, target = self._split()
        for name in tactic.split()[1:] or ["a✝"]:
            kind, target = self._introduce(target)
            hypotheses += f"{name} : {kind}\n"
        return [f"{hypotheses}⊢ {target}"]

    def _introduce(self, target: str) -> tuple[str, str]:
        if found := _FORALL.fullmatch(target):
            return (found[2] or "<scripted>").strip(), found[3]
        left, arrow, right = target.partition(" → ")
        if not arrow:
            raise LeanError(f"Lean error:\ntactic 'introN' failed, insufficient number of binders\n{self.goal}")
        return left, right

    def _have(self, tactic: str) -> list[str]:
        found = _HAVE.match(tactic)
        if not found:
            raise LeanError("Lean error:\n<input>:1:5: expected ':='")
        hypotheses, target = self._split()
        if SORRY.search(tactic, found.end()):
            self.sorries.append(f"{hypotheses}⊢ {found[2]}")
        return [f"{hypotheses}{found[1] or 'this'} : {found[2]}\n⊢ {target}"]

    def _trace(self, tactic: str) -> list[str]:
        self.traces.append(tactic.partition('"')[2].rpartition('"')[0])
        return [self.goal]

    def _skip(self, _tactic: str) -> list[str]:
        return [self.goal]


_RULES: dict[str, Callable[[Step, str], list[str]]] = {
    "sorry": Step._sorry,
    "constructor": Step._constructor,
    "intro": Step._intro,
    "have": Step._have,
    "trace": Step._trace,
    "skip": Step._skip,
}


def answer(number: int, state: ProofState, step: Step | None = None, sorries: list[Json] | None = None) -> Json:
    """The reply that reports a proof state, with the sorries and traces of the step that led to it."""
    reply: Json = {"proofStatus": state.status, "proofState": number, "goals": state.goals}
    if step and step.traces:
        reply["traces"] = step.traces
    if sorries:
        reply["sorries"] = sorries
    return reply
