"""The answers of the premise process: what they say about new premises, and how large they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from farm.models import NewPremise
from farm.store.codec import raw
from farm.store.retrievals import Retrieval
from tests.support.embed_bench import Bench, query
from tests.support.open_store import OpenStore
from workers.premises.server import PremiseServer

NAMESAKES = [NewPremise(name="own", decl="theorem own : A"), NewPremise(name="own", decl="theorem own : B")]


async def answered(bench: Bench, premises: PremiseServer, asked: Retrieval) -> list[list[Any]]:
    """Return the rows of each goal."""
    await bench.ask(asked)
    bench.runner.work()
    premises.work()
    found: list[list[Any]] = bench.answers()[asked.id]["results"]
    return found


def about_namesakes(**fields: Any) -> Retrieval:
    return replace(query(), imported_modules=[], new_premises=NAMESAKES, **fields)


async def test_a_new_premise_is_its_position(bench: Bench, premises: PremiseServer) -> None:
    [rows] = await answered(bench, premises, about_namesakes(is_detailed=True, takes_positions=True))
    assert sorted(position for _, position in rows) == [0, 1]


async def test_for_the_api_of_the_last_release_a_new_premise_has_its_own_text(
    bench: Bench, premises: PremiseServer
) -> None:
    [rows] = await answered(bench, premises, about_namesakes(is_detailed=True))
    assert sorted(row[1:] for row in rows) == [["own", None, None, f"theorem own : {letter}"] for letter in "AB"]


async def test_without_details_a_new_premise_is_its_name(bench: Bench, premises: PremiseServer) -> None:
    [rows] = await answered(bench, premises, about_namesakes())
    assert [name for _, name in rows] == ["own", "own"]


async def test_the_text_of_a_new_premise_is_not_sent_with_every_goal(
    bench: Bench, premises: PremiseServer, client: OpenStore
) -> None:
    new = [NewPremise(name=f"own{at}", decl=f"theorem own{at} : " + "a" * 5_000) for at in range(40)]
    states = [f"⊢ goal {at}" for at in range(64)]
    asked = replace(query(), states=states, k=40, new_premises=new, imported_modules=[], is_detailed=True)
    await bench.ask(replace(asked, takes_positions=True))
    bench.runner.work()
    premises.work()

    [answer] = client.lrange("reply", 0, -1)
    assert len(raw(answer.split(b":", 2)[2])) < 500_000, "not the 13 MB of 64 times 40 texts"
