"""What the farm's own commands say to Lean about a statement, and how their answers are read."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from farm.models import Reason
from farm.source import parsed
from workers.lean.statement_binding import (
    Binder,
    Failure,
    OddAnswer,
    Stated,
    commands,
    judge_axioms,
    looking,
    new_prefix,
    read_look,
    read_stated,
)

SECRET = "5ecret"
PROVED = {"kind": "theorem", "fault": "", "axioms": []}


def reply(*said: tuple[str, str], env: int = 7) -> Any:
    return SimpleNamespace(env=env, messages=[SimpleNamespace(severity=one, data=data) for one, data in said])


def answer(secret: str = SECRET, **fields: Any) -> tuple[str, str]:
    return "info", json.dumps({"leanfarm": secret, **fields})


def looked(**found: Any) -> tuple[Failure | None, list[str]]:
    return read_look(reply(answer(targets=[{**PROVED, **found}])), SECRET, "A.a")


def test_the_statement_is_read_under_names_that_no_text_can_guess() -> None:
    prefix = new_prefix()
    binder = Binder(3, prefix)
    statement = parsed("import Mathlib\nopen Nat\ntheorem X.a.{u} (α : Type u) -- why\n : α = α -- easy")

    assert binder.keeping(statement, "kept_1") == (
        "section\nopen Nat\n\nset_option autoImplicit false in\n"
        f'{prefix.lower()}_keep "kept_1" kept_1 X.a\n'
        "theorem X.a.{u} (α : Type u) -- why\n \n: α = α -- easy\n:= sorry\nend"
    )
    assert binder.arming("5e", Stated(4, "kept_1"), "X.a") == (
        f'elab "⟪look_5e" : command => {prefix}.lookFor "5e" [(`kept_1, `X.a)]'
    )
    assert looking("5e") == "⟪look_5e"
    assert new_prefix() != prefix


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
    failure = read_stated(reply(*said), "kept").failure

    assert failure is not None
    assert failure.reason is Reason.INVALID_STATEMENT


def test_a_statement_may_warn() -> None:
    hole = ("warning", "declaration uses 'sorry'")

    assert read_stated(reply(hole, answer("kept", kept=True, axioms=["propext"])), "kept") == Stated(7, "kept")


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
    failure, _ = looked(**found)

    assert (failure.reason if failure else None) is reason


@pytest.mark.parametrize(
    ("twins", "says"),
    [([], "There is no theorem `A.a`"), (["B.A.a"], "there is `B.A.a`"), (["_private.0.A.a"], "`A.a` is private")],
)
def test_who_has_another_name_is_missing(twins: list[str], says: str) -> None:
    failure, _ = read_look(reply(answer(targets=[{"twins": twins}])), SECRET, "A.a")

    assert failure is not None
    assert failure.reason is Reason.MISSING
    assert says in failure.text


def test_what_options_make_lean_say_besides_is_no_answer() -> None:
    trace = ("info", "[Elab.command] look")
    forged = answer("guess", targets=[PROVED])

    assert read_look(reply(trace, forged, answer(targets=[PROVED]), trace), SECRET, "A.a") == (None, [])


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
        SimpleNamespace(message="Unknown environment."),
    ],
)
def test_any_other_answer_is_odd(odd: Any) -> None:
    with pytest.raises(OddAnswer):
        read_look(odd, SECRET, "A.a")


def test_axioms_are_named_in_order() -> None:
    assert looked(axioms=["b", "a"])[1] == ["a", "b"]
    assert "a, b" in str(judge_axioms(["a", "b"]))
