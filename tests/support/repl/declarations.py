"""How the scripted REPL (a script, not Lean) takes a declaration apart: name, binders, statement, proof, goals."""

from __future__ import annotations

import re

_NAME = re.compile(r"\s+((?:«[^»]*»|[^\s:({\[⦃⟨|.«]|\.(?!\{))+)(?:\.\{[^}]*\})?")
_NAMELESS = ("example", "instance")
_STRUCTURE = re.compile(r"[(\[{⦃⟨]|[)\]}⦄⟩]|:=|:|\bwhere\b|\n[ \t]*\|")
_OPEN = "([{⦃⟨"
_CLOSE = ")]}⦄⟩"
_LOCAL_GOAL = re.compile(
    r"\b(?:have|suffices|let)\s+(?:[^\s:]+\s*)?:(?!=)\s*([^\n]*?)\s*:=\s*(?:by\s*)?$|\bshow\s+([^\n]*?)\s+(?:from|by)\s*$"
)


class Declaration:
    """One declaration; `label` is the span that Lean's messages point at: the name, or the keyword of an `example`.

    `statement` and `proof` are empty if the text has none; `proof_start` is the index of the proof's start.
    """

    __slots__ = ("binders", "kind", "label", "name", "proof", "proof_start", "statement")

    def __init__(self, code: str, keyword: tuple[int, int], end: int) -> None:
        self.kind = code[slice(*keyword)]
        found = None if self.kind in _NAMELESS else _NAME.match(code, keyword[1], end)
        self.name = found[1] if found else ""
        self.label = found.span(1) if found else keyword
        after = found.end() if found else self.label[1]
        colon, marks, body = _split(code, after, end)
        self.binders = code[after:colon]
        self.statement = " ".join(code[colon + 1 : marks].split())
        self.proof = code[body:end]
        self.proof_start = body

    @property
    def signature(self) -> str:
        """The binders and the statement on one line, as `#check` shows them."""
        binders = " ".join(self.binders.split())
        return f"{binders} : {self.statement or '<scripted>'}".strip()

    @property
    def proposition(self) -> str:
        """The proposition that it proves, without white space."""
        binders = "".join(self.binders.split())
        return "".join((f"∀{binders},{self.statement}" if binders else self.statement).split())

    @property
    def value(self) -> str:
        """The value that it defines, without white space."""
        return "".join(self.proof.split())

    def goal(self, before: str) -> str:
        """The goal at a `sorry`: the binders, and the nearest `have`, `suffices` or `show` in the proof `before` it.

        Hypotheses that tactics introduced on the way are not followed.
        """
        local = _LOCAL_GOAL.search(before)
        target = (local[1] or local[2]) if local else self.statement
        return "\n".join([*_hypotheses(self.binders), f"⊢ {target or '<scripted>'}"])


def _split(code: str, start: int, end: int) -> tuple[int, int, int]:
    """Indices of the colon before the statement, of the end of the statement, and of the proof's first character."""
    depth, colon = 0, -1
    for found in _STRUCTURE.finditer(code, start, end):
        mark = found[0]
        if mark in _OPEN:
            depth += 1
        elif mark in _CLOSE:
            depth -= 1
        elif depth == 0 and mark != ":":
            at = found.start()
            return (at if colon < 0 else colon), at, _skip_space(code, found.end(), end)
        elif depth == 0 and colon < 0:
            colon = found.start()
    return (end if colon < 0 else colon), end, end


def _skip_space(code: str, at: int, end: int) -> int:
    while at < end and code[at].isspace():
        at += 1
    return at


def _hypotheses(binders: str) -> list[str]:
    return [line for group in _groups(binders) if (line := _hypothesis(group))]


def _groups(binders: str) -> list[str]:
    groups: list[str] = []
    depth = start = 0
    for index, character in enumerate(binders):
        if character in _OPEN:
            depth += 1
            start = index if depth == 1 else start
        elif character in _CLOSE:
            depth -= 1
            if depth == 0:
                groups.append(binders[start : index + 1])
    return groups


def _hypothesis(group: str) -> str:
    names, colon, kind = group[1:-1].partition(":")
    if not colon:
        return f"inst✝ : {names.strip()}" if group[0] == "[" else ""
    kind = kind.partition(":=")[0]
    return f"{' '.join(names.split())} : {' '.join(kind.split())}"
