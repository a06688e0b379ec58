"""Which premises a query may see, compared with the rules written out in sets of names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.models import NewPremise, RetrieveRequest
from workers.premises.corpus import Corpus
from workers.premises.numbering import Numbering
from workers.premises.selectors import Selection, Selectors

from .conftest import DataSet, declaration


@pytest.fixture
def corpus(data_set: DataSet) -> Corpus:
    """Modules A.B (0), A.B.C (1), Lean (2), Z (3); `hidden.def` is inside the module system and not exposed."""
    hidden: dict[str, Any] = {"kind": "def", "inModuleSystem": True}
    data_set.write(
        {
            "A.B": ["b1", "b2"],
            "A.B.C": ["c1", declaration("hidden.def", **hidden), declaration("open.def", **hidden, isExposed=True)],
            "Lean": ["filtered"],
            "Z": ["z1", "b1", declaration("inside", inModuleSystem=True)],
        }
    )
    return data_set.load()


def names(corpus: Corpus, **request: Any) -> set[str]:
    selection = Selectors(corpus, Numbering.of(corpus)).select(RetrieveRequest(state="", k=1, **request))
    ids = selection.ids(len(corpus.premises))
    assert len(ids) == selection.count
    return {corpus.premises[id].name for id in ids}


EVERYTHING = {"b1", "b2", "c1", "hidden.def", "open.def", "z1", "inside"}
UNFILTERED = ["c1", "hidden.def", "open.def", "b1", "b2", "filtered", "z1", "b1", "inside"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, EVERYTHING),
        ({"imported_modules": None, "local_premises": []}, set()),
        ({"imported_modules": [], "local_premises": None}, set()),
        ({"imported_modules": [], "local_premises": []}, set()),
        ({"imported_modules": [0]}, {"b1", "b2"}),
        ({"imported_modules": ["A.B"]}, {"b1", "b2"}),
        ({"imported_modules": ["A/B.lean"]}, {"b1", "b2"}),
        ({"imported_modules": ["A/B/C", 3]}, {"c1", "hidden.def", "open.def", "z1", "inside"}),
        ({"imported_modules": [2, "Lean"]}, set()),
        ({"imported_modules": [4, -1, 1 << 70, "Unknown", "0", "A.B.", 0]}, {"b1", "b2"}),
        ({"imported_modules": [4, -1, 0]}, {"b1", "b2"}),
        ({"local_premises": [0, 4]}, {"c1", "b2"}),
        ({"local_premises": ["c1", "b2"]}, {"c1", "b2"}),
        ({"local_premises": [7]}, {"b1"}),
        ({"local_premises": [5, "filtered", "unknown", 9, -1, "4"]}, set()),
        ({"local_premises": ["z1", 0], "imported_modules": ["A.B", 0]}, {"z1", "c1", "b1", "b2"}),
    ],
)
def test_modules_and_local_premises(corpus: Corpus, request_: dict[str, Any], expected: set[str]) -> None:
    assert corpus.unfiltered == UNFILTERED
    assert names(corpus, **request_) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, EVERYTHING - {"hidden.def"}),
        ({"imported_modules": [1]}, {"c1", "open.def"}),
        ({"local_premises": ["hidden.def"]}, set()),
        ({"imported_modules": [1], "imported_all_modules": [1]}, {"c1", "open.def", "hidden.def"}),
        ({"imported_modules": [1], "imported_all_modules": ["A/B/C.lean"]}, {"c1", "open.def", "hidden.def"}),
        ({"imported_modules": [1], "imported_all_modules": [0, "Unknown"]}, {"c1", "open.def"}),
    ],
)
def test_the_module_system_hides_bodies(corpus: Corpus, request_: dict[str, Any], expected: set[str]) -> None:
    assert names(corpus, caller_in_module_system=True, **request_) == expected
    assert "hidden.def" in names(corpus, **request_ | {"imported_modules": [1]})


def test_a_new_premise_hides_the_one_of_its_name(corpus: Corpus) -> None:
    new = [NewPremise(name=name, decl="") for name in ("b1", "unknown", "filtered")]
    assert names(corpus, new_premises=new) == EVERYTHING - {"b1"}
    assert names(corpus, imported_modules=[0], new_premises=new) == {"b2"}
    assert names(corpus, imported_modules=[3], new_premises=new) == {"z1", "inside"}


def test_equal_access_is_one_object_however_it_is_spelled(corpus: Corpus) -> None:
    selectors = Selectors(corpus, Numbering.of(corpus))

    def select(**request: Any) -> Selection:
        return selectors.select(RetrieveRequest(state="", k=1, **request))

    first = select(imported_modules=[0, 3])
    assert select(imported_modules=["A.B", "Z"]) is not select(imported_modules=["Z", "A.B.C"])
    assert select(imported_modules=[0, "Z"]) is first
    assert select(imported_modules=[0, 3], imported_all_modules=[1]) is first
    different = [
        first,
        select(),
        select(imported_modules=[]),
        select(imported_modules=[0, 3], local_premises=[0]),
        select(imported_modules=[0, 3], caller_in_module_system=True),
        select(imported_modules=[0, 3], caller_in_module_system=True, imported_all_modules=[1]),
        select(imported_modules=[0, 3], new_premises=[NewPremise(name="z1", decl="")]),
        select(imported_modules=[0, 1], local_premises=[3]),
    ]
    assert len(set(different)) == len(different)


def test_the_memory_is_bounded_and_keeps_what_is_used(data_set: DataSet) -> None:
    corpus = data_set.write({"M": [f"x{n}" for n in range(600)]}).load()
    selectors = Selectors(corpus, Numbering.of(corpus))

    def select(number: int) -> Selection:
        return selectors.select(RetrieveRequest(state="", k=1, local_premises=[number]))

    used, unused = select(0), select(1)
    for number in range(2, 600):
        select(number)
        assert select(0) is used
    assert select(1) is not unused


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    imported=st.none() | st.lists(st.integers(-2, 6) | st.sampled_from(["A.B", "A/B/C.lean", "Z", "Lean", "Q"])),
    local=st.none() | st.lists(st.integers(-2, 12) | st.sampled_from([*UNFILTERED, "q"])),
    imported_all=st.none() | st.lists(st.integers(-1, 5) | st.sampled_from(["A.B.C", "Z"])),
    inside=st.booleans(),
    new=st.lists(st.sampled_from([*UNFILTERED, "q"]), max_size=3),
)
def test_any_request_follows_the_rules(
    corpus: Corpus,
    imported: list[int | str] | None,
    local: list[int | str] | None,
    imported_all: list[int | str] | None,
    inside: bool,
    new: list[str],
) -> None:
    def modules(given: list[int | str]) -> set[str]:
        known = {each for each in given if isinstance(each, str)}
        known |= {corpus.modules[each] for each in given if isinstance(each, int) and 0 <= each < len(corpus.modules)}
        return {name.removesuffix(".lean").replace("/", ".") for name in known}

    expected = set()
    spelled = {UNFILTERED[each] if each in range(9) else each for each in local or () if isinstance(each, int)}
    spelled |= {each for each in local or () if isinstance(each, str)}
    for premise in corpus.premises:
        module = corpus.modules[premise.module]
        accessible = (
            (imported is None and local is None) or module in modules(imported or []) or premise.name in spelled
        )
        hidden = inside and premise.name == "hidden.def" and module not in modules(imported_all or [])
        if accessible and not hidden and premise.name not in new:
            expected.add(premise.name)
    assert expected == names(
        corpus,
        imported_modules=imported,
        local_premises=local,
        imported_all_modules=imported_all,
        caller_in_module_system=inside,
        new_premises=[NewPremise(name=name, decl="") for name in new],
    )


def test_a_bitmap_holds_its_mask() -> None:
    mask = np.array([False, True, True] + [False] * 7 + [True])
    selection = Selection.of(mask)
    assert selection.count == 3
    assert selection.ids(11).tolist() == [1, 2, 10]
    assert Selection.of(np.ones(9, np.bool_)).bitmap is None
    assert Selection.of(np.ones(9, np.bool_)).ids(9).tolist() == list(range(9))
    assert Selection.of(np.zeros(9, np.bool_)).ids(9).tolist() == []
