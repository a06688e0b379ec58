"""Reads the signature of a declaration: its binders and type, where its value begins, and whether it has a value."""

from __future__ import annotations

from dataclasses import dataclass

from farm.commands import Command, CommandText

_OPENING, _CLOSING = frozenset("([{⟨⦃"), frozenset(")]}⟩⦄")
_COMMENTS = frozenset(("line", "block", "doc"))
# Each of these words is followed by a `:=` of its own.
_LETS = frozenset(("let", "have", "letI", "haveI", "let_fun", "let_delayed"))
# Each of these words is followed by a `=>` of its own, which does not begin an equation. The same holds for `λ`, but
# `λ` is not a token here.
_ARROWS = frozenset(("fun", "match", "nomatch"))
_MISSING = frozenset(((), ("by",), ("sorry",), ("by", "sorry")))


class Ambiguous(Exception):
    """The signature of a declaration could be cut in more than one way."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The parts of a declaration.

    Attributes:
        text: everything before the value, without `:=`; it ends in code and not in a comment.
        universes: the universe parameters, such as `.{u, v}`; empty if there are none.
        binders: everything between the name and the colon; if there is no colon, everything after the name.
        type: everything between the colon and the value; empty if there is no colon.
        value_at: where the value begins, after `:=`; if there is no `:=`, where the declaration ends.
        has_assignment: whether there is a `:=`.
        is_missing: whether there is no value, or only `sorry`.
        has_sorry: whether the value is `sorry`.
    """

    text: str
    universes: str
    binders: str
    type: str
    value_at: int
    has_assignment: bool
    is_missing: bool
    has_sorry: bool


def read_signature(cut: CommandText, command: Command) -> Signature:
    """Return the signature of a command that declares something.

    Raises:
        Ambiguous: it is not certain where the value begins.
    """
    text = cut.text
    scan = _Scan(text, _behind_name(cut, command))
    scan.read(cut, command)
    end = command.end if scan.assigned is None else scan.assigned
    value_at = end if scan.assigned is None else end + len(":=")
    # Cut into three words at most, because a value may be a megabyte.
    value = tuple(_without_comments(cut, command, value_at).split(None, 2))
    is_missing = value in _MISSING and not scan.has_equations
    colon = end if scan.colon is None else scan.colon
    return Signature(
        text=text[command.start : _code_end(cut, command, end)],
        universes=text[scan.start : scan.universes_end],
        binders=text[scan.universes_end : colon],
        type=text[colon + 1 : end],
        value_at=value_at,
        has_assignment=scan.assigned is not None,
        is_missing=is_missing,
        has_sorry=is_missing and value[-1:] == ("sorry",),
    )


def _behind_name(cut: CommandText, command: Command) -> int:
    if not command.name:
        return next(token.end for token in cut.tokens[command.first : command.last] if token.start == command.at)
    return command.name_at + len(command.name)


@dataclass(slots=True)
class _Scan:
    """Looks for the colon, the `:=` and the equations of a declaration outside brackets."""

    text: str
    start: int
    universes_end: int = 0
    colon: int | None = None
    assigned: int | None = None
    has_equations: bool = False
    lets: int = 0
    has_arrows: bool = False
    depth: int = 0

    def read(self, cut: CommandText, command: Command) -> None:
        self.universes_end = self.start
        position = self.start
        has_universes = self.text.startswith(".{", self.start)
        for kind, start, end in cut.tokens[command.first : command.last]:
            if start < self.start or kind in _COMMENTS:
                continue
            word = self.text[start:end]
            if has_universes:
                has_universes, self.universes_end = word != "}", end
                continue
            if self.depth == 0 and "λ" in self.text[position:start]:
                self.has_arrows = True
            position = end
            self._nest(word, kind)
            if self.depth == 0 and self._ends(word, start):
                return

    def _nest(self, word: str, kind: str) -> None:
        if kind == "symbol":
            self.depth = max(0, self.depth + (word in _OPENING) - (word in _CLOSING))

    def _ends(self, word: str, start: int) -> bool:
        if word == ":=":
            if not self.lets:
                self.assigned = start
                return True
            self.lets -= 1
        elif word == ":" and self.colon is None:
            self.colon = start
        elif word in _LETS:
            self.lets += 1
        elif word in _ARROWS:
            self.has_arrows = True
        elif word == "where" or (word == "=>" and not self.has_arrows):
            if self.lets:
                raise Ambiguous("where the type ends is not certain: put its `let` or `have` into parentheses")
            self.has_equations = True
            return True
        return False


def _without_comments(cut: CommandText, command: Command, start: int) -> str:
    out = []
    for kind, first, end in cut.tokens[command.first : command.last]:
        if kind in _COMMENTS and first >= start:
            out.append(cut.text[start:first])
            start = end
    return " ".join([*out, cut.text[start : command.end]])


def _code_end(cut: CommandText, command: Command, end: int) -> int:
    """Return `end`, moved back over the white space and comments in front of it."""
    comments = {token.end: token.start for token in cut.tokens[command.first : command.last] if token.kind in _COMMENTS}
    end = _ink_end(cut.text, command.start, end)
    while end in comments:
        end = _ink_end(cut.text, command.start, comments[end])
    return end


def _ink_end(text: str, start: int, end: int) -> int:
    """Return `end`, moved back over white space, at most to `start`. Nothing is copied: the text may be long."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
