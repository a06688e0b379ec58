"""Reads a statement: cuts it into the front, the theorems without a proof, and the definitions without a value.

A statement is a Lean text such as a file of a benchmark: imports, then any commands. Theorems without a proof end in
`:=`, `:= by`, `:= sorry` or `:= by sorry`. If the text's last command is a theorem, it may also end after its type. A
statement that could be cut in more than one way is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypedDict

from farm.challenge import Asked, Challenge, Hole, Piece, Target
from farm.commands import MOST_SCOPES, THEOREMS, Command, CommandText, cut_commands, parts
from farm.declarations import plain_name
from farm.header import cut_header
from farm.lexer import DOUBTFUL, UNCLOSED
from farm.models.limits import MAX_NAME_CHARS
from farm.signature import Ambiguous, Signature, read_signature

_HOLES = frozenset(("def", "abbrev", "instance"))
_BEHIND_NAME = frozenset("([{⟨⦃:.-/|")
_MOST_NAMED = 20
# Every attempt at a problem carries the statement of the problem, so statements that have been read are kept. A kept
# statement takes up to 50 times the memory of its text.
_KEPT_STATEMENTS = 64
_KEPT_CHARS = 16_384


@dataclass(frozen=True, slots=True)
class _Outline:
    header: str
    gap: str
    text: CommandText
    missing: tuple[tuple[Target, bool], ...]
    holes: tuple[Hole, ...]


def read_statement(text: str, chosen: tuple[str, ...] = ()) -> Challenge:
    """Read a statement; return what it asks for.

    Args:
        text: the statement.
        chosen: the names of the theorems and definitions that are asked for, in full or as written. If empty,
            everything whose proof or value is missing is asked for.

    Raises:
        ValueError: the statement asks for nothing, lacks a chosen name, or could be cut in more than one way; the
            message says what is wrong, and where.
    """
    return _kept_read(text, chosen) if len(text) <= _KEPT_CHARS else _read(text, chosen)


def require_statement(text: str) -> None:
    """Raise ValueError if a text is not a statement, whatever targets are chosen; the message says why, and where."""
    _outline(text)


def _read(text: str, chosen: tuple[str, ...]) -> Challenge:
    outline = _outline(text)
    targets, holes = _choose(outline.missing, outline.holes, chosen)
    _require_reachable(outline.text, [*targets, *holes])
    return _assemble(outline.header, outline.gap, outline.text, targets, holes)


_kept_read = lru_cache(maxsize=_KEPT_STATEMENTS)(_read)


def _outline(text: str) -> _Outline:
    return _kept_outline(text) if len(text) <= _KEPT_CHARS else _read_outline(text)


def _read_outline(text: str) -> _Outline:
    header, gap, _ = cut_header(text)
    cut = cut_commands(text, len(header) + len(gap))
    _require_certain(cut)
    missing, holes = _missing(cut)
    if not missing and not holes:
        raise ValueError(
            "a statement reads `theorem NAME BINDERS : TYPE`, alone or with `:=`, `:= by`, `:= sorry` or `:= by sorry`:"
            " no theorem in it lacks its proof"
        )
    return _Outline(header, gap, cut, tuple(missing), tuple(holes))


_kept_outline = lru_cache(maxsize=_KEPT_STATEMENTS)(_read_outline)


def _assemble(header: str, gap: str, cut: CommandText, targets: list[Target], holes: list[Hole]) -> Challenge:
    asked: list[Asked] = sorted([*targets, *holes], key=lambda item: item.start)
    starts, corollaries = {item.start for item in asked}, _corollaries(cut, targets)
    first, last = asked[0].start, asked[-1].start
    limit = first if holes else last
    aside = starts | corollaries
    others = [each for each in cut.commands if each.start < last and each.start not in aside]
    pieces = tuple(_pieces(cut, len(header) + len(gap), asked, corollaries))
    ahead = tuple(_ahead(pieces, limit))
    return Challenge(
        header=header,
        gap=gap,
        text=cut,
        targets=tuple(targets),
        holes=tuple(holes),
        pieces=pieces,
        ahead=ahead,
        front="".join(piece.text for piece in ahead),
        own=tuple(each for each in others if each.start < limit),
        later=tuple(each for each in others if each.start >= limit),
        scopes=next(each.scopes for each in cut.commands if each.start == limit),
    )


def _ahead(pieces: Sequence[Piece], limit: int) -> Iterator[Piece]:
    return (piece for piece in pieces if piece.kind == "text" and piece.at < limit)


def _pieces(cut: CommandText, position: int, asked: Sequence[Asked], corollaries: set[int]) -> Iterator[Piece]:
    items = {item.start: item for item in asked}
    for command in cut.commands:
        item = items.get(command.start)
        if item is None and command.start not in corollaries:
            continue
        if position < command.start:
            yield Piece("text", cut.text[position : command.start], position)
        kind = "corollary" if item is None else "target" if isinstance(item, Target) else "hole"
        yield Piece(kind, cut.text[command.start : command.end], command.start, item.name if item else "")
        position = command.end
    if position < len(cut.text):
        yield Piece("text", cut.text[position:], position)


def _corollaries(cut: CommandText, targets: Sequence[Target]) -> set[int]:
    """Return where each corollary begins.

    A corollary is a theorem, lemma or example that mentions an earlier target or an earlier corollary. Only corollaries
    before the last target are returned.
    """
    names: set[str] = set()
    starts = {target.start for target in targets}
    found = set()
    for command in cut.commands if targets else ():
        if command.start >= targets[-1].start:
            break
        if command.start in starts:
            names.add(parts(command.name)[-1])
        elif names and command.keyword in THEOREMS | {"example"} and _mentions(cut, command, names):
            found.add(command.start)
            names.update(parts(command.name)[-1:])
    return found


def _mentions(cut: CommandText, command: Command, names: set[str]) -> bool:
    words = (cut.text[start:end] for kind, start, end in cut.tokens[command.first : command.last] if kind == "word")
    return any(not names.isdisjoint(parts(word)) for word in words)


def _require_certain(cut: CommandText) -> None:
    for kind, start, end in cut.tokens:
        if kind == UNCLOSED:
            raise ValueError(f"{place(cut.text, start)}: this never ends: {_quoted(cut.text[start:end])}")
        if kind == DOUBTFUL:
            where = place(cut.text, start)
            raise ValueError(
                f"{where}: what is code here depends on what the imports define: put white space around it"
            )
    if cut.deepest > MOST_SCOPES:
        raise ValueError(f"more than {MOST_SCOPES} sections and namespaces are open at once")
    for command in cut.commands:
        if sum(len(scope.name) for scope in command.scopes) > MAX_NAME_CHARS:
            # The full names of all declarations in them would take gigabytes.
            raise ValueError(f"{place(cut.text, command.start)}: the names of open namespaces are too long")
        if command.keyword == "import":
            raise ValueError(f"{place(cut.text, command.start)}: `import` comes after the header")
        if command.keyword == "end" and len(parts(command.name) or ("",)) > len(command.scopes):
            raise ValueError(f"{place(cut.text, command.start)}: this `end` closes nothing")


def _missing(cut: CommandText) -> tuple[list[tuple[Target, bool]], list[Hole]]:
    """Return the theorems without a proof and the definitions without a value.

    Each theorem comes with a bool that says whether it has a `sorry` in place of the proof.
    """
    theorems, holes = [], []
    for command in cut.commands:
        if command.keyword not in THEOREMS | _HOLES:
            continue
        read = _signature(cut, command)
        if command.keyword in THEOREMS and read.is_missing:
            theorems.append((_target(cut, command, read), read.has_sorry))
        elif command.keyword in _HOLES and read.is_missing:
            holes.append(_hole(cut, command, read))
    return theorems, holes


def _signature(cut: CommandText, command: Command) -> Signature:
    try:
        read = read_signature(cut, command)
    except Ambiguous as error:
        raise ValueError(f"{place(cut.text, command.at)}: {error}") from error
    if read.is_missing and not read.has_assignment and command is not cut.commands[-1]:
        raise ValueError(
            f"{place(cut.text, command.at)}: `{command.name}` has neither `:=` nor a proof, and something follows it"
        )
    return read


class _Common(TypedDict):
    """The fields that targets and holes share; `farm.challenge` describes them."""

    name: str
    written: str
    signature: str
    binders: str
    type: str
    start: int
    end: int


def _common(command: Command, read: Signature) -> _Common:
    return {
        "name": command.full_name(),
        "written": command.name,
        "signature": read.text,
        "binders": read.binders,
        "type": read.type,
        "start": command.start,
        "end": command.end,
    }


def _target(cut: CommandText, command: Command, read: Signature) -> Target:
    if not command.name:
        where = place(cut.text, command.at)
        raise ValueError(f"a statement reads `theorem NAME BINDERS : TYPE`: the theorem at {where} has no name")
    if not read.type.strip():
        where = place(cut.text, command.at)
        raise ValueError(f"a statement reads `theorem NAME BINDERS : TYPE`: `{command.name}` at {where} has no type")
    return Target(**_common(command, read), universes=read.universes, scopes=command.scopes)


def _hole(cut: CommandText, command: Command, read: Signature) -> Hole:
    if not command.name:
        raise ValueError(f"{place(cut.text, command.at)}: a definition without a value needs a name")
    if not read.type.strip():
        raise ValueError(f"{place(cut.text, command.at)}: `{command.name}` has no type, so nothing can be its value")
    return Hole(**_common(command, read), kind=command.keyword)


def _choose(
    missing: Sequence[tuple[Target, bool]], holes: Sequence[Hole], chosen: Sequence[str]
) -> tuple[list[Target], list[Hole]]:
    """Return the chosen targets, and all holes up to the last chosen target or hole.

    If nothing is chosen, return all targets and holes.
    """
    if not chosen:
        return [target for target, _ in missing], list(holes)
    there: list[Asked] = [*(target for target, _ in missing), *holes]
    wanted = _chosen(there, chosen)
    last = max(each.start for each in there if each.name in wanted)
    for target, has_sorry in missing:
        if target.name not in wanted and not has_sorry and target.start < last:
            raise ValueError(f"`{target.name}` is not among the targets, and has no `sorry` in place of its proof")
    return [target for target, _ in missing if target.name in wanted], [hole for hole in holes if hole.start <= last]


def _chosen(missing: Sequence[Asked], chosen: Sequence[str]) -> set[str]:
    """Return the full names that the chosen names stand for."""
    named: dict[str, set[str]] = {}
    for each in missing:
        for name in (each.name, each.written, plain_name(each.written)):
            named.setdefault(name, set()).add(each.name)
    for name in chosen:
        if len(found := named.get(name, set())) != 1:
            there = ", ".join(f"`{each.name}`" for each in missing[:_MOST_NAMED])
            raise ValueError(
                f"targets: {len(found) or 'no'} theorems without proof are named `{name}`; there are {there}"
            )
    return {full for name in chosen for full in named[name]}


def _require_reachable(cut: CommandText, asked: Sequence[Asked]) -> None:
    """Raise ValueError if Lean could not find one of the declarations by its name."""
    seen: set[str] = set()
    commands = {command.start: command for command in cut.commands}
    for item in asked:
        if why := _unreachable(cut, commands[item.start]):
            raise ValueError(f"{place(cut.text, item.start)}: `{item.name}` {why}")
        if item.name in seen:
            where = place(cut.text, item.start)
            raise ValueError(f"{where}: two declarations without proof or value are named `{item.name}`")
        seen.add(item.name)


def _unreachable(cut: CommandText, command: Command) -> str:
    if command.is_private:
        return "is private, so nothing outside its file can ask for it"
    if any(scope.keyword == "mutual" for scope in command.scopes):
        return "is inside `mutual`, so it cannot be asked for by itself"
    behind = cut.text[(end := command.name_at + len(command.name)) : end + 1]
    if behind and not behind.isspace() and behind not in _BEHIND_NAME:
        return f"goes on with `{behind}`, which is part of a name only in some Lean versions: put the name into «»"
    return ""


def place(text: str, at: int) -> str:
    """Return in words the line, counted from 1, and the column, counted from 0, of a place in a text."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at) - 1}"


def _quoted(text: str) -> str:
    return repr(text if len(text) < 20 else text[:20] + "…")
