"""A statement taken apart: what stands in front, the theorems whose proof is missing, the definitions without value.

A statement is a source as the field's files are: imports, then anything, and among it theorems that end in `:=`,
`:= by`, `:= sorry` or `:= by sorry`, or the last one in nothing. Where the cut could be made in two ways, it is
refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from farm.challenge import Asked, Challenge, Hole, Piece, Target
from farm.commands import DECLARING, STRUCTURAL, THEOREMS, Command, Text, cut_commands, parts
from farm.header import cut_header
from farm.lexer import DOUBTFUL, UNCLOSED, Token, tokens
from farm.signature import Ambiguous, Signature, read_signature

_HOLES = frozenset(("def", "abbrev", "instance"))
_COMMANDS = DECLARING | STRUCTURAL | {"import", "module", "variable", "universe", "private", "protected"}
_COMMANDS |= {"noncomputable", "local", "attribute"}
_COMMENTS = frozenset(("line", "block", "doc"))
_ROOT = "_root_."
# Statements are repeated by every attempt at a problem; each kept one holds its text and about as much again.
_KEPT_STATEMENTS = 64


@dataclass(frozen=True, slots=True)
class _Outline:
    header: str
    gap: str
    text: Text
    missing: tuple[tuple[Target, bool], ...]
    holes: tuple[Hole, ...]


@lru_cache(maxsize=_KEPT_STATEMENTS)
def read_statement(text: str, chosen: tuple[str, ...] = ()) -> Challenge:
    """Return what a statement asks for.

    Args:
        text: the statement.
        chosen: names of what is asked for, full or as written; everything whose proof or value is missing if empty.

    Raises:
        ValueError: it asks for nothing, or its cut is not certain; the text says what is wrong and where.
    """
    outline = _outline(text)
    targets, holes = _choose(outline.missing, outline.holes, chosen)
    _require_reachable(outline.text, [*targets, *holes])
    return _assemble(outline.header, outline.gap, outline.text, targets, holes)


def require_statement(text: str) -> None:
    """Raise ValueError for a text that is no statement, whatever is chosen from it; the text says what and where."""
    _outline(text)


@lru_cache(maxsize=_KEPT_STATEMENTS)
def _outline(text: str) -> _Outline:
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


def _assemble(header: str, gap: str, cut: Text, targets: list[Target], holes: list[Hole]) -> Challenge:
    asked: list[Asked] = sorted([*targets, *holes], key=lambda item: item.start)
    starts, corollaries = {item.start for item in asked}, _corollaries(cut, targets)
    first, last = asked[0].start, asked[-1].start
    limit = first if holes else last
    others = [each for each in cut.commands if each.start < last and each.start not in starts | corollaries]
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


def _pieces(cut: Text, position: int, asked: Sequence[Asked], corollaries: set[int]) -> Iterator[Piece]:
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


def _corollaries(cut: Text, targets: Sequence[Target]) -> set[int]:
    """Return where lemmas begin that speak of a target in front of them, or of such a lemma."""
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


def _mentions(cut: Text, command: Command, names: set[str]) -> bool:
    words = (cut.text[start:end] for kind, start, end in cut.tokens[command.first : command.last] if kind == "word")
    return any(not names.isdisjoint(parts(word)) for word in words)


def _require_certain(cut: Text) -> None:
    for kind, start, end in cut.tokens:
        if kind == UNCLOSED:
            raise ValueError(f"{place(cut.text, start)}: this never ends: {_quoted(cut.text[start:end])}")
        if kind == DOUBTFUL:
            where = place(cut.text, start)
            raise ValueError(f"{where}: what is code here depends on what the imports define: put white space around")
    for command in cut.commands:
        if command.keyword == "import":
            raise ValueError(f"{place(cut.text, command.start)}: `import` stands behind the header")
        if command.keyword == "end" and len(parts(command.name) or ("",)) > len(command.scopes):
            raise ValueError(f"{place(cut.text, command.start)}: this `end` closes nothing")


def _missing(cut: Text) -> tuple[list[tuple[Target, bool]], list[Hole]]:
    """Return the theorems without proof, each with whether it says `sorry`, and the definitions without value."""
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


def _signature(cut: Text, command: Command) -> Signature:
    try:
        read = read_signature(cut, command)
    except Ambiguous as error:
        raise ValueError(f"{place(cut.text, command.at)}: {error}") from error
    if read.is_missing and not read.has_assignment and command is not cut.commands[-1]:
        raise ValueError(
            f"{place(cut.text, command.at)}: `{command.name}` has neither `:=` nor a proof, and something follows it"
        )
    return read


def _target(cut: Text, command: Command, read: Signature) -> Target:
    if not command.name:
        where = place(cut.text, command.at)
        raise ValueError(f"a statement reads `theorem NAME BINDERS : TYPE`: the theorem at {where} has no name")
    if not read.type.strip():
        where = place(cut.text, command.at)
        raise ValueError(f"a statement reads `theorem NAME BINDERS : TYPE`: `{command.name}` at {where} has no type")
    return Target(
        name=command.full_name(),
        written=command.name,
        signature=read.text,
        universes=read.universes,
        binders=read.binders,
        type=read.type,
        start=command.start,
        end=command.end,
        scopes=command.scopes,
    )


def _hole(cut: Text, command: Command, read: Signature) -> Hole:
    if not command.name:
        raise ValueError(f"{place(cut.text, command.at)}: a value is missing here that nobody can give: it has no name")
    if not read.type.strip():
        raise ValueError(f"{place(cut.text, command.at)}: `{command.name}` has no type, so nothing can be its value")
    return Hole(
        name=command.full_name(),
        written=command.name,
        kind=command.keyword,
        signature=read.text,
        binders=read.binders,
        type=read.type,
        start=command.start,
        end=command.end,
    )


def _choose(
    missing: Sequence[tuple[Target, bool]], holes: Sequence[Hole], chosen: Sequence[str]
) -> tuple[list[Target], list[Hole]]:
    """Return what is asked for."""
    if not chosen:
        return [target for target, _ in missing], list(holes)
    there: list[Asked] = [*(target for target, _ in missing), *holes]
    wanted = {_chosen(there, name) for name in chosen}
    last = max(each.start for each in there if each.name in wanted)
    for target, has_sorry in missing:
        if target.name not in wanted and not has_sorry and target.start < last:
            raise ValueError(f"`{target.name}` is not among the targets, and has no `sorry` in place of its proof")
    return [target for target, _ in missing if target.name in wanted], [hole for hole in holes if hole.start <= last]


def _chosen(missing: Sequence[Asked], name: str) -> str:
    """Return the full name of the one theorem that a name means."""
    named = [each.name for each in missing if name in (each.name, each.written, _plain(each.written))]
    if len(named) != 1:
        there = ", ".join(f"`{each.name}`" for each in missing)
        raise ValueError(f"targets: {len(named) or 'no'} theorems without proof are named `{name}`; there are {there}")
    return named[0]


def _require_reachable(cut: Text, asked: Sequence[Asked]) -> None:
    """Refuse what nobody could ask Lean for by its name."""
    seen: set[str] = set()
    commands = {command.start: command for command in cut.commands}
    for item in asked:
        where, command = place(cut.text, item.start), commands[item.start]
        if command.is_private:
            raise ValueError(f"{where}: `{item.name}` is private, so nothing outside its file can ask for it")
        if any(scope.keyword == "mutual" for scope in command.scopes):
            raise ValueError(f"{where}: `{item.name}` stands in `mutual`, where it cannot be asked for alone")
        if item.name in seen:
            raise ValueError(f"{where}: two declarations without proof or value are named `{item.name}`")
        seen.add(item.name)


def place(text: str, at: int) -> str:
    """Return a place in a text for people."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at) - 1}"


def _quoted(text: str) -> str:
    return repr(text if len(text) < 20 else text[:20] + "…")


@dataclass(frozen=True, slots=True)
class Statement:
    """The parts of a statement's last target.

    Attributes:
        front: what stands before `theorem`.
        name: the full name, without `_root_` and universes.
        universes: `.{u, v}`, or nothing.
        binders: everything between the name and the colon.
        type: everything behind the colon.
    """

    front: str
    name: str
    universes: str
    binders: str
    type: str


def parse_statement(text: str) -> Statement | None:
    """Return the parts of the last theorem whose proof is missing; None if the statement is none."""
    try:
        challenge = read_statement(text)
    except ValueError:
        return None
    if not challenge.targets:
        return None
    target = challenge.targets[-1]
    return Statement(text[: target.start], target.name, target.universes, target.binders, target.type)


def declaration(code: str, name: str) -> int | None:
    """Return where a text declares a name, by any kind of declaration, in any namespace; None if it does not."""
    if name.rpartition(".")[2] not in code:
        return None
    found = _code(code)
    for token in found:
        if code[token.start : token.end] not in DECLARING:
            continue
        declared = next(found, None)
        if declared and declared.kind == "word" and _is_named(_plain(code[declared.start : declared.end]), name):
            return declared.start
    return None


def begins_file(code: str) -> bool:
    """Whether a text begins with a command, so that it cannot be what follows `:=`."""
    first = next(_code(code), None)
    return first is not None and code[first.start : first.end] in _COMMANDS


def _is_named(declared: str, name: str) -> bool:
    return declared == name or name.endswith("." + declared)


def _plain(name: str) -> str:
    return name.removeprefix(_ROOT)


def _code(text: str) -> Iterator[Token]:
    return (token for token in tokens(text) if token.kind not in _COMMENTS)
