"""Info trees as the scripted REPL answers them: the real REPL's shape, with a script's content. Not Lean.

One `CommandInfo` for each declaration, and in it, where it has a `by`, one `TacticInfo` for what follows.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .source import Json, Source

INFOTREES = ("full", "tactics", "original", "substantive")


def trees(source: Source, spans: list[tuple[int, int]]) -> list[Json]:
    """The trees of the declarations at these spans."""
    return [_command(source, *span) for span in spans]


def _command(source: Source, start: int, end: int) -> Json:
    end = start + len(source.code[start:end].rstrip())
    by = source.code.find("by ", start, end)
    node = {"elaborator": "scripted", "stx": _syntax(source, start, end, "Lean.Parser.Command.declaration")}
    children = [_tactic(source, by + 3, end)] if by >= 0 else []
    return {"kind": "CommandInfo", "node": node, "children": children}


def _tactic(source: Source, start: int, end: int) -> Json:
    syntax = _syntax(source, start, end, "Lean.Parser.Tactic.tacticSeq")
    node = {"name": None, "stx": syntax, "goalsBefore": ["⊢ <scripted>"], "goalsAfter": []}
    return {"kind": "TacticInfo", "node": node, "children": []}


def _syntax(source: Source, start: int, end: int, kind: str) -> Json:
    place = {"synthetic": False, "start": source.position(start), "finish": source.position(end)}
    return {"pp": source.text[start:end], "kind": kind, "argKinds": [], "range": place}
