"""Spreads a search for tactics over workers: candidates with the same beginning go to the same worker."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from api.lean_tasks import Json, finding
from farm.models import Candidates, Goal
from farm.prepared_proof import header_of

# The most candidates in a share: few, so that many workers get a share. A worker runs the candidates' common beginning
# only once.
_SHARE = 4
# Each share has a copy of its goal's text. If the texts are large, shares are larger, so that the copies of all goals
# together have no more characters than this, or than the texts themselves.
_MOST_COPIED_CHARS = 32 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """The candidates that one worker tries as one task.

    Attributes:
        goal: the position of the share's goal in the request.
        header: what the goal's text imports.
        places: the positions of the share's candidates among the goal's candidates.
    """

    goal: int
    header: str
    places: tuple[int, ...]
    task: Candidates


def split_goals(goals: Sequence[Goal]) -> list[Share]:
    """Return the shares of all goals. Sorting a goal's candidates brings those with the same beginning together."""
    chars = sum(len(goal.code or goal.statement or "") for goal in goals)
    copies = max(1, _MOST_COPIED_CHARS // chars)
    return [share for index, goal in enumerate(goals) for share in _split(index, goal, copies)]


def _split(index: int, goal: Goal, copies: int) -> Iterable[Share]:
    proof = goal.proof
    header = header_of(proof)
    order = sorted(range(len(goal.candidates)), key=goal.candidates.__getitem__)
    size = max(_SHARE, math.ceil(len(order) / copies))
    for start in range(0, len(order), size):
        places = tuple(order[start : start + size])
        task = Candidates(proof=proof, candidates=[goal.candidates[place] for place in places])
        yield Share(index, header, places, task)


def answer_goals(goals: Sequence[Goal], shares: Sequence[Share], found: Sequence[Json]) -> Json:
    """Return the fields of `TacticsAnswer`, put together from the results of all shares."""
    results: list[Json] = [
        {"id": goal.id or str(index), "goal": None, "error": None, "candidates": [None] * len(goal.candidates)}
        for index, goal in enumerate(goals)
    ]
    for share, answer in zip(shares, found, strict=True):
        _put(results[share.goal], share, answer)
    findings = [finding(answer) for answer in found]
    # If a share did not finish, its reason is that of the whole answer. Each candidate has its own status as well.
    worst = next((each for each in findings if each["reason"]), findings[0])
    total: dict[str, Any] = {
        "time_s": sum(each["time_s"] for each in findings),
        "queue_s": max(each["queue_s"] for each in findings),
        "attempts": max(each["attempts"] for each in findings),
    }
    return {**worst, **total, "results": results}


def _put(result: Json, share: Share, answer: Json) -> None:
    for said in answer.get("answers", []):
        result.update(goal=said["goal"], error=said["error"])
        tried = said["candidates"]
    if not answer.get("answers"):
        left_out = finding(answer)
        tried = [_untried(left_out["reason"], left_out["message"])] * len(share.places)
    for place, each in zip(share.places, tried, strict=True):
        result["candidates"][place] = each


def _untried(reason: str, message: str) -> Json:
    return {"status": reason, "goals": [], "error": message, "failed_at": None, "messages": [], "time_s": 0.0}
