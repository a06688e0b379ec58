"""Reading a data set: order, text, filters, ids, and files that are broken."""

from __future__ import annotations

import re
from typing import Any

import pytest

from farm.errors import CorpusError
from workers.premises.numbering import Numbering

from .conftest import DataSet, declaration


def names_of(data_set: DataSet) -> list[str]:
    return [premise.name for premise in data_set.load().premises]


def test_file_names_order_premises_and_module_names_order_modules(data_set: DataSet) -> None:
    # "A.B.C.jsonl" sorts before "A.B.jsonl", and "A.B" before "A.B.C".
    data_set.write({"A.B.C": ["second", "first"], "A.B": ["third"]}, listed=["Z", "A.B.C", "A.B"])
    corpus = data_set.load()
    assert [premise.name for premise in corpus.premises] == ["second", "first", "third"]
    assert corpus.modules == ["A.B", "A.B.C", "Z"]
    assert corpus.module_of.tolist() == [1, 1, 0]
    assert corpus.module_ids == {"A.B": 0, "A.B.C": 1, "Z": 2}
    assert corpus.premise_ids == {"second": 0, "first": 1, "third": 2}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "theorem x (n : Nat) : n = n"),
        ({"kind": "def", "args": ["{a : Nat}", "(b : Nat)"]}, "def x {a : Nat} (b : Nat) : n = n"),
        ({"args": []}, "theorem x  : n = n"),
        ({"doc": "  Said\nso. "}, "/-- Said\nso. -/\ntheorem x (n : Nat) : n = n"),
        ({"doc": ""}, "/--  -/\ntheorem x (n : Nat) : n = n"),
        ({"doc": ...}, "theorem x (n : Nat) : n = n"),
    ],
)
def test_the_embedded_text_is_the_one_the_models_know(data_set: DataSet, fields: dict[str, Any], text: str) -> None:
    (premise,) = data_set.write({"M": [declaration("x", **fields)]}).load().premises
    assert premise.text == text
    assert premise.statement == text.rpartition("\n")[2]


@pytest.mark.parametrize(
    ("module", "fields"),
    [
        ("M", {"name": "black.listed"}),
        ("Mathlib.Tactic.Ring", {}),
        ("Lean", {}),
        ("A.Testing", {}),
        ("M", {"name": "Lean.x"}),
        ("M", {"name": "x.Qq.y"}),
        ("M", {"type": "Lean.ParserDescr"}),
    ],
)
def test_a_filter_hides(data_set: DataSet, module: str, fields: dict[str, Any]) -> None:
    data_set.write({module: [declaration(**{"name": "x"} | fields)], "Z": ["kept"]}, blacklist=["black.listed"])
    assert names_of(data_set) == ["kept"]


@pytest.mark.parametrize(
    ("module", "fields"),
    [
        ("Mathlib.Tactics", {}),
        ("Leaner.tactic", {}),
        ("M", {"name": "Leaner.x"}),
        ("M", {"name": "black"}),
        ("M", {"name": "Aesop.x"}),
        ("M", {"type": "Lean → Lean.Expr"}),
    ],
)
def test_a_near_miss_stays(data_set: DataSet, module: str, fields: dict[str, Any]) -> None:
    record = declaration(**{"name": "x"} | fields)
    data_set.write({module: [record]}, blacklist=["black.listed"])
    assert names_of(data_set) == [record["name"]]


def test_of_a_repeated_name_the_first_that_other_filters_leave_stays(data_set: DataSet) -> None:
    data_set.write(
        {
            "A": [declaration("x", type="Lean.Expr"), declaration("x", type="first")],
            "B": [declaration("x", type="second")],
        }
    )
    corpus = data_set.load()
    assert [premise.statement for premise in corpus.premises] == ["theorem x (n : Nat) : first"]
    assert corpus.unfiltered == ["x", "x", "x"]
    assert Numbering.of(corpus).premise_at.tolist() == [0, 0, 0]


def test_positions_before_filtering_lead_to_premises(data_set: DataSet) -> None:
    corpus = data_set.write({"A": ["a", "Lean.b", "c"], "Lake": ["d"], "M": ["e"]}).load()
    assert corpus.unfiltered == ["a", "Lean.b", "c", "d", "e"]
    assert Numbering.of(corpus).premise_at.tolist() == [0, -1, 1, -1, 2]


@pytest.mark.parametrize(
    ("fields", "visible"),
    [
        ({"inModuleSystem": ..., "isExposed": ..., "kind": "def"}, True),
        ({"inModuleSystem": False, "kind": "def"}, True),
        ({"inModuleSystem": True, "kind": "theorem"}, True),
        ({"inModuleSystem": True, "kind": "def", "isExposed": True}, True),
        ({"inModuleSystem": True, "kind": "def"}, False),
        ({"inModuleSystem": True, "kind": "def", "isExposed": ...}, False),
    ],
)
def test_what_the_module_system_never_hides(data_set: DataSet, fields: dict[str, Any], visible: bool) -> None:
    corpus = data_set.write({"M": [declaration("x", **fields)]}).load()
    assert corpus.always_visible.tolist() == [visible]


def test_the_snapshot_names_the_contents(data_set: DataSet) -> None:
    data_set.write({"M": ["x"]}).load()
    snapshot = data_set.load().snapshot
    assert re.fullmatch("[0-9a-f]{64}", snapshot)
    assert data_set.load().snapshot == snapshot
    others = [
        data_set.write({"M": ["x"]}, revision="v4.30.0").load().snapshot,
        data_set.write({"M": ["y"]}).load().snapshot,
        data_set.write({"M": ["x"]}, blacklist=["y"]).load().snapshot,
        data_set.write({"M": ["x"]}, listed=["M", "N"]).load().snapshot,
    ]
    assert len({snapshot, *others}) == 5


def test_an_empty_data_set_is_a_corpus(data_set: DataSet) -> None:
    corpus = data_set.write({}).load()
    assert (corpus.premises, corpus.modules, corpus.module_of.shape) == ([], [], (0,))


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("Declarations/M.jsonl", b'{"name": "x"', r"Declarations/M\.jsonl, line 1: unexpected end"),
        ("Declarations/M.jsonl", b'{"name": "\xff"}', r"Declarations/M\.jsonl, line 1: "),
        ("Declarations/M.jsonl", b"[]", r"Declarations/M\.jsonl, line 1: not a JSON object"),
        ("Modules.jsonl", b'{"name": "M"}\n{"nome": "N"}\n', r"Modules\.jsonl, line 2: 'name' is missing"),
        ("Modules.jsonl", b'{"name": "M"}\n{"name": "M"}\n', r"Modules\.jsonl, line 2: module M is there twice"),
        ("HammerBlacklist.jsonl", b"{}", r"HammerBlacklist\.jsonl, line 1: "),
        ("HammerBlacklist.jsonl", b"nothing", r"HammerBlacklist\.jsonl, line 1: "),
        ("revision", b"\xff", "revision, line 1: "),
    ],
)
def test_a_broken_file_is_named_with_its_line(data_set: DataSet, file: str, content: bytes, complaint: str) -> None:
    data_set.write({"M": ["x"]})
    (data_set.folder / file).write_bytes(content)
    with pytest.raises(CorpusError, match=complaint):
        data_set.load()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"type": ...}, "'type' is missing"),
        ({"kind": 3}, "'kind' is missing or not a string"),
        ({"args": "(n : Nat)"}, "'args' is not a list"),
        ({"args": [1]}, "'args' is not a list of strings"),
        ({"doc": 1}, "'doc' is neither"),
    ],
)
def test_a_broken_declaration_is_named_with_its_line(data_set: DataSet, fields: dict[str, Any], complaint: str) -> None:
    data_set.write({"M": ["x", declaration("y", **fields)]})
    with pytest.raises(CorpusError, match=rf"Declarations/M\.jsonl, line 2: {complaint}"):
        data_set.load()


@pytest.mark.parametrize("file", ["revision", "HammerBlacklist.jsonl", "Modules.jsonl"])
def test_a_missing_file_is_named(data_set: DataSet, file: str) -> None:
    (data_set.write({"M": ["x"]}).folder / file).unlink()
    with pytest.raises(CorpusError, match=rf"{file}: No such file"):
        data_set.load()


def test_a_premise_needs_a_listed_module_and_a_filtered_one_does_not(data_set: DataSet) -> None:
    data_set.write({"Lake.M": ["x"], "N": ["y"]}, listed=["N"])
    assert names_of(data_set) == ["y"]
    data_set.write({"N": ["y"]}, listed=[])
    with pytest.raises(CorpusError, match=r"N\.jsonl, line 1: module N is not in Modules\.jsonl"):
        data_set.load()
