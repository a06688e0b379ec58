"""Cuts a proof into the parts that run: the header, the front of its statement, and the body.

`farm/challenge.py` explains the terms: front, target and hole.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from farm.alignment import Alignment, align, blanked
from farm.challenge import Asked, Challenge, Hole, Target
from farm.commands import Command, cut_commands, line_starts
from farm.declarations import begins_file, declared
from farm.header import cut_header, imported
from farm.models import Message, Position, Proof, Reason
from farm.statement import read_statement

_WHITE_LINES = re.compile(r"(?:[^\S\n]*\n)+")
_MOST_NAMED = 20
# Lean compares the columns of a tactic block's lines, so what follows an insert is indented to its old column, but not
# beyond this column: else each insert into one long line would add as many spaces as the line is long.
_LAST_COLUMN = 200
# Commands that may run twice without harm.
_QUIET = frozenset(("open", "set_option"))


@dataclass(frozen=True, slots=True)
class Objection:
    """The reason and the message with which a proof is rejected before it runs."""

    reason: Reason
    message: Message


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a body.

    Attributes:
        text: the stretch.
        at: where the stretch begins in the user's code; None if the stretch is not from the user's code.
    """

    text: str
    at: int | None = None


@dataclass(frozen=True)
class Prepared:
    """A proof that is ready to run: Lean elaborates `header`, `front` and `body`, one after the other.

    If there are no holes, the front has everything that the types of the targets mention. If there are holes, the body
    repeats the part of the statement after the first hole, because this part may need the value of the hole. The judge
    then has to compare the constants that the repeated part defines with the constants that the statement defines by
    itself.

    Attributes:
        code: the user's code.
        own: the code, with white space in place of the parts that repeat the front of the statement.
        header: the header to load: the statement's header; if it has none, the header of the code.
        front: the text of the statement that runs before the submission; empty without a statement.
        challenge: what the statement asks for; None without a statement.
        body: the text that runs as the submission.
        parts: the parts of the body, each with its place in the user's code.
        values: the values that the code gives for the holes, as written, by the full names of the holes. Values that
            do not follow a `:=` are left out.
        notes: messages about the code that are not objections, such as imports that were left out.
        objection: why the text is rejected before it runs, or None.
    """

    code: str
    own: str
    header: str
    front: str = ""
    challenge: Challenge | None = None
    parts: tuple[Part, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    objection: Objection | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The theorems to be proved, in order."""
        return self.challenge.targets if self.challenge else ()

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The definitions to be given a value, in order."""
        return self.challenge.holes if self.challenge else ()

    @cached_property
    def body(self) -> str:
        """The text that runs as the submission."""
        return "".join(part.text for part in self.parts)

    def to_user(self, position: Position | None) -> Position | None:
        """Return the position in the user's code for a position in the body; None if the user did not write that part.

        Args:
            position: line from 1, column from 0, as Lean reports it for the body.
        """
        if position is None or not 1 <= position.line <= len(self._lines):
            return None
        offset = self._lines[position.line - 1] + position.column
        index = bisect_left(self._ends, offset)
        while index < len(self._starts) and self._starts[index][0] <= offset:
            start, part = self._starts[index]
            if part.at is not None:
                return self.place(part.at + offset - start)
            index += 1
        return None

    def place(self, at: int) -> Position:
        """Return a place in the user's code as the position that Lean would report."""
        line = bisect_right(self._code_lines, at)
        return Position(line=line, column=at - self._code_lines[line - 1])

    @cached_property
    def _ends(self) -> list[int]:
        return [start + len(part.text) for start, part in self._starts]

    @cached_property
    def _starts(self) -> list[tuple[int, Part]]:
        starts, offset = [], 0
        for part in self.parts:
            starts.append((offset, part))
            offset += len(part.text)
        return starts

    @cached_property
    def _lines(self) -> list[int]:
        return line_starts(self.body)

    @cached_property
    def _code_lines(self) -> list[int]:
        return line_starts(self.code)


def prepare(proof: Proof) -> Prepared:
    """Cut a proof into its parts. This takes linear time, and never raises for a valid `Proof`."""
    header, gap, body = cut_header(proof.code)
    if proof.statement is None:
        at = len(header) + len(gap)
        return Prepared(code=proof.code, own=proof.code, header=header, parts=(Part(body, at),))
    challenge = read_statement(proof.statement, tuple(proof.targets or ()))
    asked = challenge.asked
    there = declared(proof.code, [item.name for item in asked])
    if not any(item.name in there for item in challenge.targets or challenge.holes):
        return _tail(proof.code, challenge, asked)
    return _file(proof.code, challenge, there)


def header_of(proof: Proof) -> str:
    """Return the header that has to be loaded for a proof; this is cheaper than `prepare`."""
    stated = cut_header(proof.statement)[0] if proof.statement else ""
    return stated or cut_header(proof.code)[0]


def _tail(code: str, challenge: Challenge, asked: list[Asked]) -> Prepared:
    """Prepare code that declares no target or hole. It must be what follows the `:=` of the only target or hole."""
    last = asked[-1]
    objection = None
    if begins_file(code):
        objection = _missing(f"There is no theorem `{last.name}`")
    elif len(asked) > 1:
        others = ", ".join(f"`{item.name}`" for item in asked[:-1][:_MOST_NAMED])
        objection = _missing(f"The text after the `:=` of `{last.name}` leaves {others} open: send declarations")
    values = {last.name: code.strip().removeprefix(":=").lstrip()} if isinstance(last, Hole) else {}
    # Some submissions begin with `:=` themselves.
    sign = "" if code.lstrip().startswith(":=") else " :="
    parts = (Part(f"{last.signature}{sign}\n"), Part(code, 0))
    return _prepared(code, code, challenge, parts, values=values, objection=objection)


def _missing(text: str) -> Objection:
    return Objection(Reason.MISSING, Message(severity="error", data=text))


def _file(code: str, challenge: Challenge, there: set[str]) -> Prepared:
    """Prepare code that declares at least one target or, if there are no targets, at least one hole."""
    header, gap, body = cut_header(code)
    at = len(header) + len(gap)
    notes = _imports_note(header, challenge.header)
    if _is_plain(challenge) and len(challenge.targets) == 1 and not challenge.holes:
        return _prepared(code, code, challenge, (Part(body, at),), header=header, notes=notes)
    alignment = align(challenge, cut_commands(code, at))
    own = blanked(code, alignment.blanks)
    return _prepared(
        code,
        own,
        challenge,
        _parts(own, at, alignment),
        header=header,
        notes=notes,
        values=alignment.values,
        objection=_changed(code, alignment) or _absent(challenge.asked, there),
        without=tuple(alignment.proved),
    )


def _is_plain(challenge: Challenge) -> bool:
    """Whether the code may repeat any part of the statement without harm."""
    return all(command.keyword in _QUIET for command in (*challenge.own, *challenge.later))


def _parts(own: str, at: int, alignment: Alignment) -> tuple[Part, ...]:
    parts = [Part(alignment.closing)] if alignment.closing else []
    if match := _WHITE_LINES.match(own, at):
        at = match.end()
    for start, text in sorted(alignment.inserts, key=lambda insert: insert[0]):
        column = min(start - own.rfind("\n", max(0, start - _LAST_COLUMN), start) - 1, _LAST_COLUMN)
        parts += [Part(own[at:start], at), Part("\n" + text + "\n" + " " * column)]
        at = start
    return (*parts, Part(own[at:], at))


def _changed(code: str, alignment: Alignment) -> Objection | None:
    if alignment.change is None:
        return None
    position = Prepared(code=code, own=code, header="").place(alignment.change.at)
    return Objection(Reason.STATEMENT, Message(severity="error", pos=position, data=alignment.change.text))


def _absent(asked: list[Asked], there: set[str]) -> Objection | None:
    for item in asked:
        if item.name not in there:
            kind = "no value for" if isinstance(item, Hole) else "no theorem"
            return _missing(f"There is {kind} `{item.name}`")
    return None


def _imports_note(header: str, stated: str) -> tuple[Message, ...]:
    has, meant = imported(header), imported(stated)
    if not header or not stated or has == meant:
        return ()
    said = [
        f"{what}: {', '.join(f'`{line}`' for line in sorted(lines))}"
        for what, lines in (("left out", has - meant), ("added", meant - has))
        if lines
    ]
    text = f"This proof runs on its statement's imports, which differ from its own; {'; '.join(said)}"
    return (Message(severity="warning" if has - meant else "info", data=text),)


def _prepared(
    code: str,
    own: str,
    challenge: Challenge,
    parts: tuple[Part, ...],
    *,
    header: str = "",
    notes: tuple[Message, ...] = (),
    values: dict[str, str] | None = None,
    objection: Objection | None = None,
    without: tuple[Command, ...] = (),
) -> Prepared:
    return Prepared(
        code=code,
        own=own,
        header=challenge.header or header,
        front=_front(challenge, without),
        challenge=challenge,
        parts=parts,
        values=values or {},
        notes=notes,
        objection=objection,
    )


def _front(challenge: Challenge, without: tuple[Command, ...]) -> str:
    """Return the front of a challenge without the given commands."""
    if not without:
        return challenge.front
    text = blanked(challenge.text.text, [(command.start, command.end) for command in without])
    return "".join(text[piece.at : piece.at + len(piece.text)] for piece in challenge.ahead)
