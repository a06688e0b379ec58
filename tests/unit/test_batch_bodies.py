"""Bodies with many proofs: others get their turn while they are read, and each fault keeps its place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.intake import parse_batch
from farm.errors import InvalidRequest
from tests.support.turns import turns_during

MANY = 500


def body(**last: Any) -> dict[str, Any]:
    proofs = [{"code": "by rfl", "statement": f"theorem two : {n} = {n}"} for n in range(MANY)]
    return {"proofs": [*proofs, {"code": "by rfl", **last}], "priority": 7}


LARGE = f"theorem large : {'(' * 20_000}1 = 1{')' * 20_000}"


@pytest.mark.parametrize(
    ("asked", "least"),
    [(body(), 5), ({"proofs": [{"code": "by rfl", "statement": LARGE}] * 2, "priority": 7}, 20)],
    ids=["many", "large"],
)
def test_others_get_their_turn_while_proofs_are_read(asked: dict[str, Any], least: int) -> None:
    turns, batch = asyncio.run(turns_during(lambda: parse_batch(asked)))

    assert turns >= least
    assert batch.priority == 7
    assert [proof.statement for proof in batch.proofs] == [each.get("statement") for each in asked["proofs"]]


@pytest.mark.parametrize(("last", "place"), [({"code": 5}, "code"), ({"targets": ["two"]}, "")])
def test_a_fault_far_behind_keeps_its_place(last: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asyncio.run(parse_batch(body(**last)))

    where = ["proofs", MANY, *([place] if place else [])]
    assert refused.value.message.startswith(".".join(map(str, where)) + ": ")
    assert refused.value.details[0]["loc"] == where
