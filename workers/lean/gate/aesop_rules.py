"""Finds aesop rules that run programs of the text.

Aesop treats a definition as a tactic if its type allows that, even if the rule does not say `tactic`. A rule that
names another way to use the definition is harmless, and so is a rule for a theorem or an inductive type.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property

from farm.lexer import NAME, WORD_CHARS
from farm.models import Reason
from workers.lean.gate.code import Code
from workers.lean.gate.refusal import Refusal

# The ways to use a constant that run none of its code; then all ways to use one.
_HARMLESS = frozenset(("apply", "simp", "unfold", "constructors", "cases", "forward", "destruct"))
_WAYS = _HARMLESS | {"tactic", "default"}
_TACTIC = re.compile(rf"(?<![{WORD_CHARS}.])«?tactic»?(?![{WORD_CHARS}.])")
_AESOP = re.compile(rf"(?<![-{WORD_CHARS}.])«?aesop»?(?![{WORD_CHARS}.])")
# A clause of aesop, which other tactics take too (`finiteness`, `arith_mult`).
_CLAUSE = re.compile(rf"(?P<add>(?P<add_bracket>\()\s*add(?![{WORD_CHARS}.»]))")
_LISTS = re.compile(rf"(?P<attribute>attribute\s*\[)|(?P<before>@\s*\[)|{_CLAUSE.pattern}|(?P<command>add_aesop_rules)")
# Words that mark `(add …)` as a clause of aesop, not as a call of a function `add`. They give a rule its phase, which
# every rule needs except a rule for `simp`.
_PHASES = frozenset(("safe", "norm", "unsafe", "%"))
_PHASE = re.compile("|".join(_PHASES))
_BRACKET = re.compile(r"[\[\]()]")
_NEXT = re.compile(
    rf"(?:\s+|@\[[^\[\]\n]{{0,200}}\]|(?:noncomputable|private|protected|scoped|local|public)\b){{0,40}}"
    rf"(?P<word>[{WORD_CHARS}]+)"
)
# Declarations that have no code which aesop could run.
_PLAIN = frozenset(("theorem", "lemma", "inductive", "structure", "class"))
_PIECE = re.compile(rf"\s*(?P<word>{NAME}|[^\s])")
_REACH = 1000
_WHY = "it may be a tactic: say how aesop is to use it, for example `unfold` or `apply`"


def bad_aesop_rules(code: Code) -> Iterator[Refusal]:
    """Yield the first word of an aesop rule that may run a definition of the text or of the text before it."""
    text = code.text
    for word in _TACTIC.finditer(text) if "aesop" in text else ():
        before = text[max(0, word.start() - 80) : word.start()].rstrip()
        if not before.endswith((":", "`(")):
            yield _refusal("tactic", "a rule that is a tactic runs code while Lean elaborates", word)
            return
    lists = (_LISTS if "aesop" in text else _CLAUSE).finditer(text)
    if opening := next(filter(_Rules(code).is_bad, lists), None):
        yield _refusal("add_aesop_rules" if opening.lastgroup == "command" else "aesop", _WHY, opening)


class _Rules:
    """The aesop rules in a text. Lists may be nested; each rule is read once, without the contents of its parentheses.

    Args:
        code: the text's code.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        self._text = code.text
        self._says_how: dict[int, bool] = {}

    @cached_property
    def _ends(self) -> dict[int, int]:
        """The place of each closing bracket, by the place after the bracket that it closes."""
        opened, ends = list[int](), dict[int, int]()
        for bracket in _BRACKET.finditer(self._text):
            if bracket[0] in "[(":
                opened.append(bracket.end())
            elif opened:
                ends[opened.pop()] = bracket.start()
        return ends

    @cached_property
    def _named(self) -> list[int]:
        """The places after each `aesop`, in order."""
        return [word.end() for word in _AESOP.finditer(self._text)]

    def is_bad(self, opening: re.Match[str]) -> bool:
        """Whether a list of rules may run a definition of the text, if the text has one.

        A list that does not end within `_REACH` characters is bad if it is about aesop.
        """
        if opening.lastgroup == "command":
            return self._code.has_definitions
        start = opening.end("add_bracket") if opening.lastgroup == "add" else opening.end()
        reach = opening.end() + _REACH
        end = self._ends.get(start, reach)
        rules = self._rules(opening, min(end, reach))
        if end >= reach:
            return bool(rules)
        if all(self._is_harmless(rule, is_list=opening.lastgroup == "add") for rule in rules):
            return False
        if opening.lastgroup == "before":
            following = _NEXT.match(self._text, end + 1)
            return following is None or following["word"] not in _PLAIN
        return self._code.has_definitions

    def _rules(self, opening: re.Match[str], end: int) -> list[int]:
        """Return where aesop's rules begin in a list: at its beginning, or after each `aesop` among attributes."""
        if opening.lastgroup == "add":
            return [opening.end()] if _PHASE.search(self._text, opening.end(), end) else []
        return self._named[bisect_left(self._named, opening.end()) : bisect_right(self._named, end)]

    def _is_harmless(self, start: int, *, is_list: bool) -> bool:
        if start not in self._says_how:
            self._says_how[start] = self._read(start, is_list=is_list)
        return self._says_how[start]

    def _read(self, start: int, *, is_list: bool) -> bool:
        """Whether a rule, or each rule of a list (`is_list`), names a way to use a constant that runs none of its code.

        A rule is a tree of features, and each of its branches is judged by itself. Of the ways that a branch names, the
        last counts. What stands in parentheses is a term or an option. A rule ends at a comma or bracket that is not
        its own. In a list, a branch without a phase is not aesop's.
        """
        outer, how, has_phase, is_open = list[tuple[bool, bool]](), False, not is_list, False
        at = start
        while piece := _PIECE.match(self._text, at, start + _REACH):
            word, at = piece["word"], piece.end()
            if word in ("@", "attribute"):
                return False  # another list begins inside a rule, which no honest text has
            if word == "[":
                outer.append((how, has_phase))
                is_open = False
            elif word in (",", "]", ")"):
                if is_open and has_phase and not how:
                    return False
                if not outer and not (is_list and word == ","):
                    return True
                how, has_phase = (outer[-1] if word == "," else outer.pop()) if outer else (False, not is_list)
                is_open = False
            else:
                at = self._ends.get(at, len(self._text)) + 1 if word == "(" else at
                how = word in _HARMLESS if word in _WAYS else how
                has_phase |= word in _PHASES
                is_open = True
        return False


def _refusal(word: str, why: str, found: re.Match[str]) -> Refusal:
    return Refusal(Reason.POLICY, f"`{word}` is refused: {why}", *found.span())
