"""Only the second line of defence: attacks that skip the gate are held to their statement by a real Lean."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm import Proof
from farm.models import Position
from farm.prepared_proof import prepare
from farm.settings import load
from tests.security.catalogue import Attack, attacks
from workers.lean.binding.checked_run import run_checked
from workers.lean.repl_config import configure
from workers.lean.repl_events import HeaderFailed, ReplEnded
from workers.lean.repl_reply import Reply
from workers.lean.session import Session
from workers.lean.verdict import judge, read_messages, read_sorries

pytestmark = pytest.mark.lean
# What a metaprogram can do to the process that runs it is the gate's and the checker's affair; row 32's theorem holds.
METACODE = {
    "07_messages_erased",
    "07b_messages_erased_by_a_configuration",
    "07c_messages_erased_by_an_aesop_rule",
    "16_added_without_checking",
    "17_forged_constructor",
    "33a_elab_rules",
}
ATTACKS = [attack for attack in attacks() if attack.name not in METACODE and attack.row != 32]
TRUE = "theorem target : True := trivial"
TRICKS = {
    "a macro over theorem": f"{TRUE}\nmacro_rules | `(theorem $n:declId : $t := $v) => `(def $n:declId : True := {{}})",
    "a macro over elab": f'{TRUE}\nmacro_rules | `(elab $x:strLit : command => $y) => `(#print "")',
    "notation for a numeral": 'notation "3" => 2\ntheorem target : 1 + 1 = 3 := rfl',
    "a command of any word": f"{TRUE}\nsyntax rawIdent : command\nmacro_rules | `(command| $x:rawIdent) => `(#print x)",
    "a coercion in scope": f"{TRUE}\nvariable [∀ p : Prop, Coe True p]",
    "the farm's names": f"{TRUE}\nnamespace LeanFarm\ndef lookFor (s : String) : Nat := 0",
    "options left behind": f"{TRUE}\nset_option pp.all true\nset_option maxRecDepth 8",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    lake = shutil.which("lake")
    assert lake
    settings = load(data_dir=tmp_path_factory.mktemp("data"), sandbox="off", lake_path=lake)
    session = Session(configure(settings, str(Path(lake))), settings)
    yield session
    session.end()


def accepts(session: Session, proof: Proof) -> bool:
    """Whether all that stands behind the gate lets a proof pass."""
    prepared = prepare(proof)
    try:
        session.ensure_alive()
        header = session.load(prepared.header, is_checked=True)
        run = run_checked(session, header, prepared, proof.answers or {}, 60, is_native=False, is_clean=_is_clean)
    except (HeaderFailed, ReplEnded):
        session.end()
        return False
    return run.look.failure is None and _is_clean(run.response)


def _is_clean(response: object) -> bool:
    if not isinstance(response, Reply):
        return False
    return judge(read_messages(response, _nowhere), read_sorries(response, _nowhere)) is None


def _nowhere(_: Position) -> None:
    return None


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_passes_the_gate_is_still_held_to_its_statement(session: Session, attack: Attack) -> None:
    assert not accepts(session, attack.proof)


@pytest.mark.parametrize("code", TRICKS.values(), ids=TRICKS)
def test_no_syntax_reaches_the_farms_own_commands(session: Session, code: str) -> None:
    assert not accepts(session, Proof(statement="theorem target : 1 + 1 = 3", code=code))


@pytest.mark.parametrize(
    "code",
    [
        "theorem target : 1 + 1 = 2 := rfl",
        'notation "two" => 2\ntheorem target : 1 + 1 = two := rfl',
        'macro "done!" : tactic => `(tactic| rfl)\ntheorem target : 1 + 1 = 2 := by done!',
        "theorem target : 1 + 1 = 2 := rfl\nnamespace Rest\nset_option pp.all true",
    ],
)
def test_honest_proofs_are_accepted(session: Session, code: str) -> None:
    assert accepts(session, Proof(statement="theorem target : 1 + 1 = 2", code=code))


MATCH = "theorem target (s : Nat × Nat) : (match s with | (a, b) => a + b) = s.1 + s.2"
OTHER = "theorem other (s : Nat × Nat) : (match s with | (a, _) => a) = s.1"
PATTERN = "theorem target : (fun ((a, b) : Nat × Nat) => a + b) (1, 2) = 3"
LATER = "abbrev sol : Nat := {}\ndef g (n : Nat) : Nat := n + sol\ntheorem target : g 0 = 1"
SAME = "abbrev sol : Nat := {}\ndef g (n : Nat) : Nat := {}\ntheorem target : g 0 = g 0"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (MATCH, "by cases s; rfl"),
        (MATCH, f"{OTHER} := by cases s; rfl\n{MATCH} := by cases s; rfl"),
        (PATTERN, "rfl"),
        (LATER.format("sorry"), LATER.format("1") + " := rfl"),
    ],
    ids=["match", "another match before it", "pattern", "a definition after a hole"],
)
def test_a_statement_may_mention_what_lean_defines_for_it(session: Session, statement: str, code: str) -> None:
    """Lean defines a constant for each `match`; it is gone when the proposition is kept."""
    assert accepts(session, Proof(statement=statement, code=code))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (MATCH, "theorem target (s : Nat × Nat) : (match s with | (a, b) => a) = s.1 := by cases s; rfl"),
        (SAME.format("sorry", "n + sol"), SAME.format("1", "n + 5") + " := rfl"),
    ],
    ids=["another match", "another definition after a hole"],
)
def test_what_lean_defines_for_a_statement_is_compared(session: Session, statement: str, code: str) -> None:
    assert not accepts(session, Proof(statement=statement, code=code))
