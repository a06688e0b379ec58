"""A challenge: what a statement asks for.

A challenge has targets (theorems to prove), holes (definitions to be given a value) and a front (the text that runs
before the submission).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from farm.commands import Command, CommandText, LeanScope


@dataclass(frozen=True, slots=True)
class Target:
    """A theorem to be proved.

    Attributes:
        name: the full name as Lean resolves it, with the namespaces that are open where the theorem begins.
        written: the name as the statement writes it.
        signature: the theorem's text before `:=`, with any doc comment, attributes, modifiers and prefixes such as
            `open … in`. The signature ends in code, so that text appended to it is never inside a comment.
        universes: the universe parameters, such as `.{u, v}`; empty if there are none.
        binders: everything between the name and the colon.
        type: everything after the colon.
        start: where the theorem begins in the statement.
        end: where the theorem ends in the statement, `:= by sorry` included.
        scopes: the scopes open where the theorem begins, outermost first.
    """

    name: str
    written: str
    signature: str
    universes: str
    binders: str
    type: str
    start: int
    end: int
    scopes: tuple[LeanScope, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """A definition whose value is missing, so that the submission has to give the value.

    Attributes:
        name: the full name.
        written: the name as the statement writes it.
        kind: `def`, `abbrev` or `instance`.
        signature: the definition's text before `:=`.
        binders: everything between the name and the colon.
        type: everything between the colon and `:=`.
        start: where the definition begins in the statement.
        end: where the definition ends in the statement, `:= sorry` included.
    """

    name: str
    written: str
    kind: str
    signature: str
    binders: str
    type: str
    start: int
    end: int


Asked: TypeAlias = Target | Hole


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text after a statement's header. All pieces in order make up this text, byte for byte.

    Attributes:
        kind: `target`, `hole`, `corollary` or `text`. A corollary is a lemma before the last target that mentions an
            earlier target or another corollary. The front leaves it out: Lean cannot elaborate it before the earlier
            target is proved, and the types of later targets usually do not need it.
        text: the stretch.
        at: where the stretch begins in the statement.
        name: the full name of a target or hole; empty for other pieces.
    """

    kind: str
    text: str
    at: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a statement asks for.

    Attributes:
        header: the statement's header; empty when the statement imports nothing.
        gap: the line end after the header.
        text: the whole statement, cut into commands.
        targets: the theorems to prove, in order; empty if the statement asks only for definitions.
        holes: the definitions whose value is missing, in order.
        pieces: the pieces of the text after the header and the gap.
        ahead: the pieces that make up the front.
        front: the text that is elaborated before the submission. If there are holes, it is the text before the first
            hole or target. If there are none, it is all text before the last target, without targets and corollaries.
        own: the commands of the front.
        later: if there are holes, the commands between the first and the last hole or target, which may need the value
            of a hole; otherwise empty.
        scopes: the scopes that are open at the end of the front.
    """

    header: str
    gap: str
    text: CommandText
    targets: tuple[Target, ...]
    holes: tuple[Hole, ...]
    pieces: tuple[Piece, ...]
    ahead: tuple[Piece, ...]
    front: str
    own: tuple[Command, ...]
    later: tuple[Command, ...]
    scopes: tuple[LeanScope, ...]

    @property
    def asked(self) -> list[Asked]:
        """The targets and holes, in their order in the statement."""
        return sorted([*self.targets, *self.holes], key=lambda item: item.start)
