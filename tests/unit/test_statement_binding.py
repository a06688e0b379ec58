"""What the farm's own commands say to Lean about a statement, and how their answers are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from farm.models import Message, Proof, Reason
from farm.prepared_proof import Prepared, prepare
from workers.lean.binding.answers import Look, OddAnswer, judge_axioms, read_look, read_stated
from workers.lean.binding.binder import Binder, commands, looking, new_prefix, plan
from workers.lean.repl_reply import Refused, Reply

SECRET = "5ecret"
PROVED = {"kind": "theorem", "fault": "", "axioms": []}


def reply(*said: tuple[str, str], env: int = 7) -> Reply:
    messages = [Message.model_validate({"severity": severity, "data": data}) for severity, data in said]
    return Reply(env, tuple(messages))


def answer(secret: str = SECRET, **fields: Any) -> tuple[str, str]:
    return "info", json.dumps({"leanfarm": secret, **fields})


def asked(statement: str = "theorem A.a : 1 = 1", **fields: Any) -> Prepared:
    return prepare(Proof(code="by rfl", statement=statement, **fields))


def looked(**found: Any) -> Look:
    return read_look(reply(answer(targets=[{**PROVED, **found}])), SECRET, asked())


def test_the_statement_is_read_under_names_that_no_text_can_guess() -> None:
    prefix = new_prefix()
    own = prefix.lower()
    prepared = asked("import Mathlib\nopen Nat\ntheorem X.«a b».{u} (α : Type u) -- why\n : α = α -- easy")

    assert Binder(3, prefix).stating(prepared, {}, "1") == (
        "open Nat\n\nset_option autoImplicit false in\n"
        f'{own}_keep "1" "[[[[\\"X\\", \\"a b\\"], [\\"stated_1_0\\"]]], []]"\n'
        "theorem X.«a b».{u} (α : Type u) -- why\n : α = α\n:= sorry\n"
    )
    assert Binder(3, prefix).arming("5e", plan(prepared, {}, "1")) == (
        f'elab "⟪look_5e" : command => {prefix}.look "5e" "[[[[\\"X\\", \\"a b\\"], [\\"stated_1_0\\"]]], []]"'
    )
    assert looking("5e") == "⟪look_5e"
    assert new_prefix() != prefix


def test_a_hole_is_read_with_its_theorem_and_compared_with_its_answer() -> None:
    statement = "abbrev sol : ℕ := sorry\nopen Nat\ntheorem a : sol = 2 := by sorry"
    prepared = prepare(Proof(code="abbrev sol : ℕ := 2\ntheorem a : sol = 2 := rfl", statement=statement))
    text = Binder(3, "P").stating(prepared, {"sol": "1 + 1"}, "1")

    assert text.startswith("\nnoncomputable def answer_hole_1_0   :  ℕ \n:= 1 + 1\n")
    assert text.endswith("p_then\nabbrev sol : ℕ\n:= sorry\np_then\nopen Nat\ntheorem a : sol = 2\n:= sorry\n")
    assert '[[[\\"sol\\"], [\\"hole_1_0\\"], [\\"answer_hole_1_0\\"]]]' in text


def test_an_answer_is_looked_for_in_the_namespace_that_the_statement_has_open() -> None:
    statement = "namespace «A b».C\nabbrev sol : ℕ := sorry\ntheorem a : sol = 2 := sorry\nend «A b».C"
    prepared = prepare(Proof(code="abbrev sol : ℕ := 2\ntheorem a : sol = 2 := rfl", statement=statement))

    told = plan(prepared, {prepared.holes[0].name: "2"}, "1")

    assert json.loads(json.loads(told))[1] == [[["A b", "C", "sol"], ["hole_1_0"], ["A b", "C", "answer_hole_1_0"]]]
    assert json.loads(json.loads(plan(prepared, {}, "1")))[1] == [[["A b", "C", "sol"], ["hole_1_0"], []]]


def test_several_theorems_are_read_where_they_stand() -> None:
    statement = "namespace A\ntheorem a : 1 = 1 := by sorry\nend A\ndef two := 2\ntheorem b : two = 2"
    prepared = asked(statement, targets=["A.a", "b"])
    text = Binder(3, "P").stating(prepared, {}, "1")
    places = [text.index(word) for word in ("namespace A", "stated_1_0", "end A", "def two", "stated_1_1")]

    assert places == sorted(places)
    assert text.count("p_keep") == 2


def test_the_farms_commands_come_in_pieces_that_an_old_lean_can_read() -> None:
    pieces = list(commands("LeanFarm_1"))

    assert max(map(len, pieces)) < 2500
    assert pieces[0].startswith("namespace LeanFarm_1\n")
    assert "".join(pieces).rstrip().endswith("end LeanFarm_1")
    assert not [word for word in "".join(pieces).split() if word.startswith(("leanfarm_keep", "LeanFarm."))]


@pytest.mark.parametrize(
    "said",
    [
        [("error", "unknown identifier 'x'"), answer("kept", kept=True, axioms=[])],
        [answer("kept", kept=False)],
        [answer("kept", kept=True, axioms=["sorryAx"])],
        [answer("other", kept=True, axioms=[])],
        [answer("kept", kept=True, axioms=[])] * 2,
        [],
    ],
    ids=["error", "no theorem", "a hole", "another secret", "twice", "silence"],
)
def test_a_statement_that_does_not_elaborate_is_none(said: list[tuple[str, str]]) -> None:
    failure = read_stated(reply(*said), "kept", 1)

    assert failure is not None
    assert failure.reason is Reason.INVALID_STATEMENT


def test_a_statement_may_warn() -> None:
    hole = ("warning", "declaration uses 'sorry'")

    assert read_stated(reply(hole, answer("kept", kept=True, axioms=["propext"])), "kept", 1) is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({}, None),
        ({"kind": "def"}, Reason.STATEMENT),
        ({"kind": "axiom"}, Reason.STATEMENT),
        ({"fault": "it proves\n  True\nand not\n  1 = 2"}, Reason.STATEMENT),
        ({"axioms": ["propext", "Classical.choice", "Quot.sound"]}, None),
        ({"axioms": ["sorryAx"]}, Reason.SORRY),
        ({"axioms": ["propext", "Lean.ofReduceBool"]}, Reason.AXIOM),
        ({"axioms": ["N.propext"]}, Reason.AXIOM),
        ({"axioms": ["prоpext"]}, Reason.AXIOM),
        ({"axioms": ["«Quot.sound»"]}, Reason.AXIOM),
        ({"axioms": ["a._native.native_decide.ax_1"]}, Reason.AXIOM),
    ],
)
def test_what_the_environment_holds_decides(found: dict[str, Any], reason: Reason | None) -> None:
    failure = looked(**found).failure

    assert (failure.reason if failure else None) is reason


@pytest.mark.parametrize(
    ("twins", "says"),
    [([], "There is no theorem `A.a`"), (["B.A.a"], "there is `B.A.a`"), (["_private.0.A.a"], "`A.a` is private")],
)
def test_who_has_another_name_is_missing(twins: list[str], says: str) -> None:
    failure = read_look(reply(answer(targets=[{"twins": twins}])), SECRET, asked()).failure

    assert failure is not None
    assert failure.reason is Reason.MISSING
    assert says in failure.text


def test_what_options_make_lean_say_besides_is_no_answer() -> None:
    trace = ("info", "[Elab.command] look")
    forged = answer("guess", targets=[PROVED])

    assert read_look(reply(trace, forged, answer(targets=[PROVED]), trace), SECRET, asked()) == Look(None, (), {})


@pytest.mark.parametrize(
    "odd",
    [
        reply(),
        reply(("info", "{")),
        reply(("info", "[]")),
        reply(answer("guess", targets=[PROVED])),
        reply(answer(targets=[PROVED]), answer(targets=[PROVED])),
        reply(answer(targets=[None])),
        reply(("error", "expected command"), answer(targets=[PROVED])),
        reply(("warning", answer(targets=[PROVED])[1])),
        Refused("Unknown environment."),
    ],
)
def test_any_other_answer_is_odd(odd: Any) -> None:
    with pytest.raises(OddAnswer):
        read_look(odd, SECRET, asked())


def test_axioms_are_named_in_order() -> None:
    assert looked(axioms=["b", "a"]).axioms == ("a", "b")
    assert "a, b" in str(judge_axioms(["a", "b"]))


VALUE = {"kind": "def", "fits": True, "answer": True, "value": "2", "axioms": []}


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({}, None),
        ({"twins": [], "kind": None}, Reason.MISSING),
        ({"kind": "axiom"}, Reason.STATEMENT),
        ({"fits": False}, Reason.STATEMENT),
        ({"answer": False}, Reason.STATEMENT),
        ({"axioms": ["sorryAx"]}, Reason.SORRY),
        ({"axioms": ["choose"]}, Reason.AXIOM),
    ],
)
def test_a_hole_is_never_taken_as_proved(seen: dict[str, Any], reason: Reason | None) -> None:
    statement = "abbrev sol : ℕ := sorry\ntheorem a : sol = 2 := by sorry"
    prepared = prepare(Proof(code="abbrev sol : ℕ := 2\ntheorem a : sol = 2 := rfl", statement=statement))
    value = {name: part for name, part in {**VALUE, **seen}.items() if part is not None}
    look = read_look(reply(answer(targets=[PROVED], holes=[value])), SECRET, prepared)

    assert (look.failure.reason if look.failure else None) is reason
    assert reason or look.values == {"sol": "2"}
