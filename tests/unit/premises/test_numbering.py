"""Numbers outlive the corpus that they were given for: they keep their meaning, or mean nothing."""

from __future__ import annotations

import pytest

from farm.models import RetrieveRequest
from workers.premises.corpus import Corpus
from workers.premises.numbering import Numbering
from workers.premises.selectors import Selectors

from .conftest import DataSet

BEFORE = {"A": ["a.x", "a.y"], "B": ["b.x"], "D": ["d.x", "Lean.hidden"]}
AFTER = {"A": ["a.y", "a.z"], "C": ["b.x", "c.x"], "D": ["d.x", "a.y"]}


@pytest.fixture
def corpora(data_set: DataSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Corpus]:
    return data_set.write(BEFORE).load(), DataSet(tmp_path_factory.mktemp("after")).write(AFTER).load()


def names(corpus: Corpus, numbering: Numbering, **request: list[int | str]) -> set[str]:
    selection = Selectors(corpus, numbering).select(RetrieveRequest(state="", k=1, **request))
    return {corpus.premises[at].name for at in selection.ids(len(corpus.premises))}


def test_a_first_corpus_is_numbered_as_its_lists_are(corpora: tuple[Corpus, Corpus]) -> None:
    numbering = Numbering.of(corpora[0])
    assert numbering.modules == ["A", "B", "D"]
    assert numbering.premises == corpora[0].unfiltered
    assert numbering.edition == corpora[0].snapshot
    again = Numbering.of(corpora[0], numbering.published)
    assert (again.edition, again.modules) == (numbering.edition, numbering.modules)


def test_a_number_keeps_its_meaning_when_the_corpus_is_exchanged(corpora: tuple[Corpus, Corpus]) -> None:
    before, after = corpora
    first = Numbering.of(before)
    second = Numbering.of(after, first.published)

    assert list(second.modules) == ["A", "B", "D", "C"]
    assert list(second.premises[: len(first.premises)]) == list(first.premises)
    assert second.edition.startswith(f"{after.snapshot}-")
    assert names(after, second, imported_modules=[0], local_premises=[]) == {"a.y", "a.z"}
    assert names(after, second, imported_modules=[1], local_premises=[]) == set(), (
        "B is gone, and no other has its number"
    )
    assert names(after, second, imported_modules=[3], local_premises=[]) == {"b.x", "c.x"}
    for number, name in enumerate(first.premises):
        expected = {name} & {premise.name for premise in after.premises}
        assert names(after, second, imported_modules=[], local_premises=[number]) == expected


def test_going_back_and_starting_again_change_no_number(corpora: tuple[Corpus, Corpus]) -> None:
    before, after = corpora
    second = Numbering.of(after, Numbering.of(before).published)
    third = Numbering.of(before, second.published)
    assert third.published.modules == second.published.modules
    assert third.edition not in (second.edition, before.snapshot), "the same corpus under other lists"
    restarted = Numbering.of(before, third.published)
    assert restarted.published == third.published
