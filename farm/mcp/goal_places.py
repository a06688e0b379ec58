"""Finds the goals before and after a place in a text, from Lean's info trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Place: TypeAlias = tuple[int, int]
"""A line, counted from 1, and a column, counted in characters from 0."""


@dataclass(frozen=True, slots=True)
class TacticPlace:
    """A tactic in a text, with the goals before and after it."""

    start: Place
    end: Place
    text: str
    before: list[str]
    after: list[str]


def goals_at(trees: list[Any], place: Place) -> dict[str, Any]:
    """Return the tactic at a place, and the goals before and after it.

    If the place is in no tactic, the answer is the last tactic before the place. Both lists of goals are then the goals
    that this tactic left.

    Args:
        trees: info trees as the REPL returns them.
        place: the place to look at.

    Returns:
        `tactic`, `line`, `column`, `goals_before` and `goals_after`. All of them are None or empty if no tactic is at
        the place or before it.
    """
    tactics = list(_tactics(trees))
    around = [each for each in tactics if each.start <= place <= each.end]
    if around:
        return _answer(min(around, key=_size), is_inside=True)
    earlier = [each for each in tactics if each.end < place]
    if earlier:
        # If several tactics end at the same place, the outermost tactic is the one whose goals remain.
        return _answer(max(earlier, key=lambda each: (each.end, _size(each))), is_inside=False)
    return {"tactic": None, "line": None, "column": None, "goals_before": [], "goals_after": []}


def _answer(tactic: TacticPlace, *, is_inside: bool) -> dict[str, Any]:
    line, column = tactic.start
    before = tactic.before if is_inside else tactic.after
    return {
        "tactic": tactic.text,
        "line": line,
        "column": column,
        "goals_before": before,
        "goals_after": tactic.after,
    }


def _size(tactic: TacticPlace) -> Place:
    """Return how many lines and columns a tactic spans. Of all tactics around a place, the innermost is smallest."""
    return tactic.end[0] - tactic.start[0], tactic.end[1] - tactic.start[1]


def _tactics(trees: list[Any]) -> Iterator[TacticPlace]:
    """Yield all tactics in the trees, without recursion, because the trees may be deep."""
    waiting = list(trees)
    while waiting:
        tree = waiting.pop()
        waiting += tree.get("children") or ()
        match tree:
            case {"kind": "TacticInfo", "node": {"stx": {"range": {"start": start, "finish": end}} as syntax} as node}:
                text = str(syntax.get("pp") or "")
                before, after = node.get("goalsBefore") or [], node.get("goalsAfter") or []
                yield TacticPlace(_place(start), _place(end), text, before, after)


def _place(position: dict[str, int]) -> Place:
    return position["line"], position["column"]
