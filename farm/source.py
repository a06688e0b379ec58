"""Lean source text: where its header ends, and how a statement and a proof make one text.

Both sides need it: the API to choose a lane at submit, the workers to run the proof.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from farm.models import Position, Proof
from farm.statement import Statement, declaration, parse_statement

_NAME_PART = r"(?:«[^»\n]*»|[^\W\d][\w'!?]*)"
_KEYWORD = re.compile(r"(?:module|prelude)\b(?!\s*\.)")
_IMPORT = re.compile(rf"(?:public\s+)?(?:meta\s+)?import\s+(?:(?:all|runtime)\s+)?{_NAME_PART}(?:\.{_NAME_PART})*")
# Documentation comments (`/--`, `/-!`) are commands of their own, so imports cannot follow them.
_BLANK = re.compile(r"\s+|--[^\n]*")
_COMMENT_OPEN = re.compile(r"/-(?![-!])")
_COMMENT_EDGE = re.compile(r"/-|-/")
_REST_OF_LINE = re.compile(r"[^\S\n]*(?:\n|\Z)")


@dataclass(frozen=True, slots=True)
class Source:
    """A Lean text cut into header and body; `header + gap + body` is the text, byte for byte.

    Attributes:
        header: what the environment is made of; empty when the text imports nothing.
        gap: the line end between them, sent to nobody.
        body: what runs on the header's environment.
    """

    header: str
    gap: str
    body: str

    def to_user(self, position: Position | None, lines_before: int = 0) -> Position | None:
        """Return a position of the body as one of the whole text.

        Args:
            position: line from 1, column from 0, as Lean reports it for the body.
            lines_before: lines the farm put in front of the user's own text; a position in them is None.
        """
        if position is None:
            return None
        before = self.header + self.gap
        line = position.line + before.count("\n") - lines_before
        column = position.column
        if position.line == 1:
            column += len(before) - (before.rfind("\n") + 1)
        return Position(line=line, column=column) if line >= 1 else None


def split_header(text: str) -> Source:
    """Return a Lean text cut behind its last import."""
    end = position = _skip_blank(text, 0)
    seen = False
    while match := _KEYWORD.match(text, position) or _IMPORT.match(text, position):
        seen, end = True, match.end()
        position = _skip_blank(text, end)
    if not seen:
        return Source("", "", text)
    rest = _REST_OF_LINE.match(text, end)
    gap_end = rest.end() if rest else end
    return Source(text[:end], text[end:gap_end], text[gap_end:])


def imported(header: str) -> frozenset[str]:
    """Return what a header imports, with `module` and such words as `public`; order and comments do not count."""
    position, found = _skip_blank(header, 0), set()
    while match := _KEYWORD.match(header, position) or _IMPORT.match(header, position):
        found.add(" ".join(match[0].split()))
        position = _skip_blank(header, match.end())
    return frozenset(found)


def _skip_blank(text: str, position: int) -> int:
    """Return where white space and comments that begin at a position end; an unclosed comment is not one."""
    while True:
        if match := _BLANK.match(text, position):
            position = match.end()
        elif (match := _COMMENT_OPEN.match(text, position)) and (end := _comment_end(text, match.end())):
            position = end
        else:
            return position


def _comment_end(text: str, position: int) -> int | None:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge.group() == "/-" else -1
        if depth == 0:
            return edge.end()
    return None


@dataclass(frozen=True, slots=True)
class Text:
    """The text to elaborate, and how many lines of it stand in front of the user's own code."""

    text: str
    lines_before: int = 0


def assemble(proof: Proof) -> Text:
    """Return what has to be elaborated for a proof.

    With a statement, `code` is a whole file if it declares the statement's name, else what follows `:=`. A whole file
    without imports stands behind those of its statement.
    """
    if proof.statement is None:
        return Text(proof.code)
    if declaration(proof.code, parsed(proof.statement).name) is None:
        front = proof.statement.rstrip() + " :=\n"
    else:
        header = "" if split_header(proof.code).header else split_header(proof.statement).header
        front = header and header + "\n"
    return Text(front + proof.code, front.count("\n"))


def parsed(statement: str) -> Statement:
    """Return the parts of a statement that `Proof` let pass."""
    parts = parse_statement(statement)
    assert parts is not None, "Proof refuses a statement without a name"  # noqa: S101
    return parts
