"""Recorded sessions of the real REPL, read from beside the checkout and turned into files for the scripted REPL.

None of the recordings is in this repository: `load` returns an empty list if `shared/data` is absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .replay import bare, numbered

Json = dict[str, Any]
TRANSCRIPTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "transcripts.jsonl"
_TIMED_OUT = "timed out"


class Contradiction(ValueError):
    """Two recordings answer one lineage differently, so no single file can replay both."""


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded session; `replies` aligns with `requests`, None where the REPL never answered.

    `client_can_parse` is what the recording says about LeanInteract 0.11.6.
    """

    id: str
    source: str
    lean_version: str
    requests: tuple[Json, ...]
    replies: tuple[Json | None, ...]
    client_can_parse: bool


def load(path: Path = TRANSCRIPTS) -> list[Record]:
    """The recorded sessions, in the file's order; empty if the file is absent."""
    if not path.exists():
        return []
    return [_record(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def write_replay(path: Path, records: Iterable[Record]) -> Path:
    """Write what `SCRIPTED_FILE` names, for one record or for several that one REPL process is to answer.

    Raises:
        Contradiction: Two of the records differ in an answer (variants of a session from several Lean versions do).
    """
    book = _Book()
    for record in records:
        book.add(record)
    path.write_text(json.dumps({"answers": book.answers}, ensure_ascii=False), encoding="utf-8")
    return path


def shelves(records: Iterable[Record]) -> list[list[Record]]:
    """The records in few groups, each of which `write_replay` accepts."""
    books: list[tuple[_Book, list[Record]]] = []
    for record in records:
        for book, shelf in books:
            try:
                book.add(record)
            except Contradiction:
                continue
            shelf.append(record)
            break
        else:
            fresh = _Book()
            fresh.add(record)
            books.append((fresh, [record]))
    return [shelf for _, shelf in books]


class _Book:
    """The answers of a replay file while it is written."""

    def __init__(self) -> None:
        self.answers: list[Json] = []
        self._known: dict[str, int] = {}

    def add(self, record: Record) -> None:
        """Add all answers of a record, or none.

        Raises:
            Contradiction: A lineage has another answer already.
        """
        before = len(self.answers), dict(self._known)
        try:
            self._add(record)
        except Contradiction:
            del self.answers[before[0] :]
            self._known = before[1]
            raise

    def _add(self, record: Record) -> None:
        envs: dict[int, int] = {}
        states: dict[int, list[int]] = {}
        for request, reply in zip(record.requests, record.replies, strict=True):
            index = self._answer(request, reply, envs, states)
            if reply is None:
                continue
            if "env" in reply:
                envs.setdefault(reply["env"], index)
            for place, part in enumerate(numbered(reply)):
                states[part["proofState"]] = [index, place]

    def _answer(self, request: Json, reply: Json | None, envs: dict[int, int], states: dict[int, list[int]]) -> int:
        answer = {
            "request": bare(request),
            # -1: the recording names a number that it never received, so the rules answer "Unknown …".
            "env": envs.get(request["env"], -1) if "env" in request else None,
            "proofState": states.get(request["proofState"], [-1, 0]) if "proofState" in request else None,
            "reply": reply,
        }
        key = json.dumps([answer["env"], answer["proofState"], answer["request"]], sort_keys=True)
        if key not in self._known:
            self._known[key] = len(self.answers)
            self.answers.append(answer)
        elif anonymous(self.answers[self._known[key]]["reply"]) != anonymous(reply):
            raise Contradiction(f"two answers to {answer['request']}")
        return self._known[key]


def anonymous(reply: Json | None) -> Json | None:
    """A reply with its environment and proof state numbers replaced by their rank in it, for comparison."""
    if reply is None:
        return None
    copy: Json = json.loads(json.dumps(reply))
    for place, part in enumerate(numbered(copy)):
        part["proofState"] = place
    if "env" in copy:
        copy["env"] = 0
    return copy


def _record(line: Json) -> Record:
    timed_out = _TIMED_OUT in (line.get("error") or "")
    last = len(line["requests"]) - 1
    replies = [
        None if reply is None and timed_out and place == last else _completed(reply, request, place)
        for place, (request, reply) in enumerate(zip(line["requests"], line["responses"], strict=True))
    ]
    return Record(
        id=line["id"],
        source=line["source"],
        lean_version=line["lean_version"],
        requests=tuple(line["requests"]),
        replies=tuple(replies),
        client_can_parse=line["lean_interact_0_11_6_valid"],
    )


def _completed(reply: Json | None, request: Json, place: int) -> Json:
    """A reply with the environment number that Kimina's recordings leave out (theirs is the rank of the request)."""
    reply = dict(reply or {})
    if "cmd" in request and "env" not in reply and set(reply) != {"message"}:
        reply["env"] = place
    return reply
