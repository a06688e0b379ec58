"""Finds aesop rules that are programs of the text.

Aesop takes a definition for a tactic if its type allows that, also where the rule does not say `tactic`. A rule that
names another way to use the definition is harmless, and so is a rule for a theorem or an inductive type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from farm.lexer import WORD_CHARS
from farm.models import Reason
from workers.lean.gate.code import Code
from workers.lean.gate.refusal import Refusal

# The ways to use a constant that run none of its code.
_HARMLESS = re.compile(
    rf"(?<![{WORD_CHARS}.«])(?:apply|simp|unfold|constructors|cases|forward|destruct)(?![{WORD_CHARS}.»])"
)
_TACTIC = re.compile(rf"(?<![{WORD_CHARS}.])«?tactic»?(?![{WORD_CHARS}.])")
_LISTS = re.compile(
    r"(?P<attribute>attribute\s*\[)|(?P<before>@\s*\[)|(?P<add>\(\s*add(?=\s))|(?P<command>add_aesop_rules)"
)
_BRACKET = re.compile(r"[\[\]()]")
_NEXT = re.compile(
    rf"(?:\s|@\[[^\[\]\n]{{0,200}}\]|(?:noncomputable|private|protected|scoped|local|public)\b)*"
    rf"(?P<word>[{WORD_CHARS}]+)"
)
# Declarations that have no code which aesop could run.
_PLAIN = frozenset(("theorem", "lemma", "inductive", "structure", "class"))
_MARK = re.compile(r"[\[\](),]")
_REACH = 1000
_WHY = "it may be a tactic: say how aesop is to use it, for example `unfold` or `apply`"


def bad_aesop_rules(code: Code) -> Iterator[Refusal]:
    """Yield the first word of an aesop rule that may run a definition of the text or of the text before it."""
    text = code.text
    for word in _TACTIC.finditer(text):
        before = text[max(0, word.start() - 80) : word.start()].rstrip()
        if not before.endswith((":", "`(")):
            yield _refusal("tactic", "a rule that is a tactic runs code while Lean elaborates", word)
            return
    for opening in _LISTS.finditer(text):
        if _is_bad(text, opening, has_code=code.has_definitions):
            yield _refusal(opening["command"] or "aesop", _WHY, opening)
            return


def _is_bad(code: str, opening: re.Match[str], *, has_code: bool) -> bool:
    """Whether a list of rules may run a definition of the text, if the text has one (`has_code`).

    A list that does not end within `_REACH` characters is bad if it is about aesop.
    """
    if opening["command"]:
        return has_code
    end = _end(code, opening.end())
    if end is None:
        return bool(opening["add"]) or "aesop" in code[opening.end() : opening.end() + _REACH]
    rules = [rule for rule in _rules(code[opening.end() : end]) if not _HARMLESS.search(rule)]
    if not opening["add"]:
        rules = [rule for rule in rules if "aesop" in rule]
    if opening["before"] and rules:
        following = _NEXT.match(code, end + 1)
        return following is None or following["word"] not in _PLAIN
    return has_code and bool(rules)


def _rules(text: str) -> list[str]:
    """Return the parts of a list, which commas outside brackets separate."""
    depth, parts, begin = 0, list[str](), 0
    for mark in _MARK.finditer(text):
        depth += (mark[0] in "[(") - (mark[0] in "])")
        if mark[0] == "," and depth == 0:
            parts.append(text[begin : mark.start()])
            begin = mark.end()
    return [*parts, text[begin:]]


def _refusal(word: str, why: str, found: re.Match[str]) -> Refusal:
    return Refusal(Reason.POLICY, f"`{word}` is refused: {why}", *found.span())


def _end(code: str, start: int) -> int | None:
    """Return where a list that begins before `start` ends; None if it does not end within `_REACH` characters."""
    depth = 1
    for bracket in _BRACKET.finditer(code, start, start + _REACH):
        depth += (bracket[0] in "[(") - (bracket[0] in "])")
        if depth == 0:
            return bracket.start()
    return None
