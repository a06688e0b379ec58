"""Info trees as the scripted REPL answers them: the real REPL's shape, with a script's content. Not Lean.

One `CommandInfo` for each declaration, and in it a `TacticInfo` for each tactic of its block.
"""

from __future__ import annotations

from .tactic_blocks import block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .source import Json, Source
    from .tactic_blocks import BlockTactic

INFOTREES = ("full", "tactics", "original", "substantive")


def trees(source: Source, spans: list[tuple[int, int]]) -> list[Json]:
    """The trees of the declarations at these spans."""
    return [_command(source, *span) for span in spans]


def _command(source: Source, start: int, end: int) -> Json:
    end = start + len(source.code[start:end].rstrip())
    node = {"elaborator": "scripted", "stx": _syntax(source, start, end, "Lean.Parser.Command.declaration")}
    children = [_tactic(source, each) for each in block(source, start, end)]
    return {"kind": "CommandInfo", "node": node, "children": children}


def _tactic(source: Source, tactic: BlockTactic) -> Json:
    syntax = _syntax(source, tactic.start, tactic.end, "Lean.Parser.Tactic.tacticSeq")
    node = {"name": None, "stx": syntax, "goalsBefore": tactic.before, "goalsAfter": tactic.after}
    return {"kind": "TacticInfo", "node": node, "children": []}


def _syntax(source: Source, start: int, end: int, kind: str) -> Json:
    place = {"synthetic": False, "start": source.position(start), "finish": source.position(end)}
    return {"pp": source.text[start:end], "kind": kind, "argKinds": [], "range": place}
