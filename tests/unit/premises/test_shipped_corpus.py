"""The data set in the wheel: well formed, and with the premises that a first user asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from workers.premises.corpus import SHIPPED, Corpus, load

BRACKETS = {"(": ")", "{": "}", "[": "]"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return load(SHIPPED, tmp_path_factory.mktemp("unused"))


def lines(folder: str) -> list[tuple[str, dict[str, Any]]]:
    files = sorted((SHIPPED / folder).glob("*.jsonl"))
    return [(path.stem, json.loads(line)) for path in files for line in path.read_text().splitlines()]


def test_it_loads(corpus: Corpus) -> None:
    assert re.fullmatch(r"v4\.\d+\.\d+", corpus.revision)
    assert len(corpus.premises) >= 350
    assert len(corpus.premises) < len(corpus.unfiltered)
    assert not corpus.always_visible.all()
    assert min(map(len, (premise.text for premise in corpus.premises))) > 10


def test_nothing_is_there_twice() -> None:
    names = [record["name"] for _, record in lines("Declarations")]
    statements = [(record["name"], record["type"], *record["args"]) for _, record in lines("Declarations")]
    assert len(set(names)) == len(names)
    assert len(set(statements)) == len(statements)


@pytest.mark.parametrize("folder", ["Declarations", "Imports"])
def test_every_module_is_listed_and_every_listed_one_is_there(corpus: Corpus, folder: str) -> None:
    assert sorted({path.stem for path in (SHIPPED / folder).iterdir()}) == corpus.modules


def test_imports_hold_the_module_itself_and_are_closed(corpus: Corpus) -> None:
    imports: dict[str, set[str]] = {}
    for module, record in lines("Imports"):
        assert record == {"name": record["name"], "isDirect": record["name"] == module}
        imports.setdefault(module, set()).add(record["name"])
    for module, names in imports.items():
        assert module in names
        assert "Init.Prelude" in names
        assert all(imports[name] <= names for name in names)


def test_declarations_have_the_shape_of_real_ones() -> None:
    for module, record in lines("Declarations"):
        assert set(record) == {
            *("kind", "name", "args", "type", "doc", "line", "column"),
            *("isProp", "isHumanTheorem", "inModuleSystem", "isExposed"),
        }
        is_theorem = record["kind"] == "theorem"
        assert module.startswith("Init.")
        assert record["kind"] in ("theorem", "def")
        assert record["isProp"] == record["isHumanTheorem"] == is_theorem
        assert record["inModuleSystem"]
        assert not (record["isExposed"] and is_theorem)
        assert all(BRACKETS[arg[0]] == arg[-1] and arg.strip() == arg for arg in record["args"])
        assert balanced(record["type"]), record["name"]


def balanced(text: str) -> bool:
    open_: list[str] = []
    for character in text:
        if character in BRACKETS:
            open_.append(BRACKETS[character])
        elif character in BRACKETS.values() and (not open_ or open_.pop() != character):
            return False
    return not open_


@pytest.mark.parametrize(
    ("name", "module", "statement"),
    [
        ("Nat.add_comm", "Init.Data.Nat.Basic", "(n m : Nat) : n + m = m + n"),
        ("And.comm", "Init.Core", "{a b : Prop} : a ∧ b ↔ b ∧ a"),
        ("not_or", "Init.PropLemmas", "{p q : Prop} : ¬(p ∨ q) ↔ ¬p ∧ ¬q"),
        ("Classical.em", "Init.Classical", "(p : Prop) : p ∨ ¬p"),
        ("Int.mul_comm", "Init.Data.Int.Lemmas", "(a b : Int) : a * b = b * a"),
        ("Nat.gcd_comm", "Init.Data.Nat.Gcd", "(m n : Nat) : m.gcd n = n.gcd m"),
        (
            "List.length_append",
            "Init.Data.List.Basic",
            "{α : Type u} {as bs : List α} : (as ++ bs).length = as.length + bs.length",
        ),
    ],
)
def test_what_a_first_user_asks_for_is_there(corpus: Corpus, name: str, module: str, statement: str) -> None:
    premise = corpus.premises[corpus.premise_ids[name]]
    assert corpus.modules[premise.module] == module
    assert premise.statement == f"theorem {name} {statement}"


def test_no_file_is_left_over() -> None:
    known = {"revision", "HammerBlacklist.jsonl", "Modules.jsonl", "Imports", "Declarations"}
    assert {path.name for path in Path(SHIPPED).iterdir()} == known
