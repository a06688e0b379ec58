"""Replay of recorded sessions in the scripted REPL: exact lineages mapped to replies. A script, not Lean.

`SCRIPTED_FILE` names a JSON file `{"answers": [answer…]}`, written by `transcripts.write_replay`. An answer is

    {"request": the request without env, proofState, incrementality and Elab.async,
     "env": null | index of the answer whose reply made that environment,
     "proofState": null | [index, place] (place: rank of the number among those that reply made),
     "reply": the recorded reply | null: never answer}

so a request is recognised by its text and the lineage of its environment or proof state. Replies get new numbers.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from .source import Json

_ASYNC = [["Elab", "async"], True]
_NEVER_PART_OF_THE_TEXT = ("env", "proofState", "incrementality", "setOptions")


class Replay:
    """The answers of one file, found by lineage."""

    def __init__(self, path: str | Path) -> None:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs 4 ms at start)
            self.answers: list[Json] = json.load(file)["answers"]
        self._index = {
            _key(answer["request"], answer["env"], answer["proofState"]): index
            for index, answer in enumerate(self.answers)
        }

    def find(self, request: Json, env: int | None, proof_state: tuple[int, int] | None) -> int | None:
        """The index of the answer to a request whose parents have these lineages."""
        return self._index.get(_key(bare(request), env, proof_state))


def bare(request: Json) -> Json:
    """A request without the fields that do not belong to its text."""
    kept = {name: value for name, value in request.items() if name not in _NEVER_PART_OF_THE_TEXT and value is not None}
    options = [option for option in request.get("setOptions") or [] if option != _ASYNC]
    return {**kept, "setOptions": options} if options else kept


def numbered(reply: Json) -> list[Json]:
    """The parts of a reply that carry a proof state number, in the order in which the REPL numbers them."""
    parts = [*reply.get("sorries", []), *reply.get("tactics", []), reply]
    return sorted((part for part in parts if part.get("proofState") is not None), key=lambda part: part["proofState"])


def _key(request: Json, env: int | None, proof_state: list[int] | tuple[int, int] | None) -> str:
    return json.dumps([env, proof_state, request], sort_keys=True)
