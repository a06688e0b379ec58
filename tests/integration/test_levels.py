"""Levels through the whole path: which can be asked for, what `checked` does to a REPL, and the basis of a verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from farm import Farm, Level, Outcome, Proof, Reason
from farm.errors import InvalidRequest
from farm.models import POLICY_VERSION, Position
from tests.conftest import lean_settings
from tests.support.repl.install import install
from tests.support.running import RunningFarm, running_farm

STATEMENT = "theorem two : 1 + 1 = 2"
GOOD = Proof(statement=STATEMENT, code="by rfl")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"level": "attested"}, "attested"),
        ({"level": "checked", "gate": "off"}, "gate"),
        ({"level": "checked", "gate": "strict"}, "statement"),
        ({"level": "checked"}, "statement"),
    ],
)
@pytest.mark.parametrize("route", ["/v1/verify", "/v1/batches"])
def test_a_level_that_cannot_be_reached_is_422(
    farm: RunningFarm, route: str, options: dict[str, str], complaint: str
) -> None:
    answer = httpx.post(f"{farm.url}{route}", json={"proofs": [{"code": "by rfl"}], **options})

    assert answer.status_code == 422
    assert complaint in answer.json()["error"]["message"]


@pytest.mark.parametrize("level", ["compiled", "checked"])
def test_a_header_that_does_not_load_is_the_fault_of_whoever_wrote_it(client: Farm, level: Any) -> None:
    stated, own = client.verify(
        [
            Proof(statement=f"import Nowhere\n{STATEMENT}", code="by rfl"),
            Proof(statement=STATEMENT, code=f"import Nowhere\n{STATEMENT} := by rfl"),
        ],
        level=level,
    )

    assert (stated.outcome, stated.reason, stated.reward) == (Outcome.UNDECIDED, Reason.INVALID_STATEMENT, None)
    assert (own.outcome, own.reason, own.reward) == (Outcome.REJECTED, Reason.ERROR, 0.0)


def test_one_proof_without_a_statement_refuses_the_batch(client: Farm) -> None:
    with pytest.raises(InvalidRequest, match=r"proofs\.1\.statement"):
        client.submit([GOOD, Proof(code="theorem two : 1 + 1 = 2 := by rfl")], level="checked")


@pytest.mark.parametrize(
    "proof",
    [
        GOOD,
        Proof(statement=STATEMENT, code=":= by rfl"),
        Proof(statement=STATEMENT, code=f"import Init\n\n-- theorem two\n{STATEMENT} := by rfl"),
        Proof(statement=f"import Init\nopen Nat\n{STATEMENT}", code="by rfl"),
        Proof(
            statement="universe w\nlemma A.two.{u} (α : Type u) [Foo α] ⦃x : α⦄ {y} (h : x = y := by rfl) : x = y",
            code="h",
        ),
        Proof(
            statement=f"import Init\n-- why\nimport Lean\n{STATEMENT}",
            code=f"import Lean\nimport Init\n{STATEMENT} := by rfl",
        ),
        Proof(statement=f"import Init\n{STATEMENT}", code=f"{STATEMENT} := by rfl"),
        Proof(statement="theorem A.two : 1 + 1 = 2", code="namespace A\ntheorem two : 1 + 1 = 2 := by rfl\nend A"),
        Proof(statement="theorem «odd name» : 1 + 1 = 2", code="by rfl"),
        Proof(statement="theorem A.two : 1 + 1 = 2", code="namespace A\nsection\ntheorem two : 1 + 1 = 2 := by rfl"),
        Proof(statement=f"import Mathlib\n{STATEMENT}", code="by rfl\nset_option pp.all true\nnamespace Rest"),
    ],
    ids=[
        *(
            "tail",
            "tail with its sign",
            "file",
            "imports in front",
            "same imports",
            "a file on them",
            "binders",
            "namespace",
            "escaped",
        ),
        *("left open", "left open and changed"),
    ],
)
def test_a_proof_of_its_statement_is_checked(client: Farm, proof: Proof) -> None:
    [verdict] = client.verify(proof, level="checked")

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, None), verdict.messages
    assert (verdict.level, verdict.reward, verdict.axioms) == (Level.CHECKED, 1.0, [])
    assert verdict.evidence.model_dump() == {
        "policy": POLICY_VERSION,
        "gate": "strict",
        "statement": "proved",
        "checker": None,
    }


@pytest.mark.parametrize(
    ("code", "reason", "line", "column"),
    [
        ("import Init\n\ntheorem one : 1 = 1 := by rfl\n  axiom c : False", Reason.POLICY, 4, 2),
        ("by\n  native_decide", Reason.POLICY, 2, 2),
        ("by\n  rfl\n /- x", Reason.PARSE, 3, 1),
        ("import Init\ntheorem two : 1 + 1 = 4 := by foo", Reason.STATEMENT, 2, 8),
        ("namespace X\ntheorem two : 1 + 1 = 2 := by rfl\nend X", Reason.MISSING, 2, 8),
        ("theorem two : 1 + 1 = 2 :=\n  sorryAx _ false", Reason.SORRY, 1, 8),
        ("by\n  decide -- error!", Reason.ERROR, 2, 12),
    ],
)
def test_the_first_message_is_the_reason_in_the_users_own_text(
    client: Farm, code: str, reason: Reason, line: int, column: int
) -> None:
    [verdict] = client.verify(Proof(statement=STATEMENT, code=code), level="checked")

    assert (verdict.outcome, verdict.reason, verdict.level) == (Outcome.REJECTED, reason, Level.NONE)
    assert verdict.messages[0].pos == Position(line=line, column=column)


@pytest.mark.parametrize(
    "header", ["import Init", "import Mathlib\nimport No.Such.Module", "import No.Such.Module", "import Mathlib -- all"]
)
def test_a_text_cannot_change_what_a_statement_means_by_its_imports(client: Farm, header: str) -> None:
    """The body runs on the statement's header, whatever the text imports."""
    alone, other = client.verify(
        [
            Proof(statement=f"import Mathlib\n{STATEMENT}", code=f"{header}\n{STATEMENT} := by rfl"),
            Proof(statement=f"import No.Such.Module\n{STATEMENT}", code=f"{header}\n{STATEMENT} := by rfl"),
        ],
        level="checked",
    )

    assert (alone.outcome, alone.reason) == (Outcome.ACCEPTED, None), alone.messages
    assert other.outcome is not Outcome.ACCEPTED
    assert "The header did not load" in other.messages[0].data


@pytest.mark.parametrize(
    ("statement", "code", "named"),
    [
        (f"module\npublic import Mathlib\n{STATEMENT}", "by rfl", "statement"),
        (f"import Mathlib\n{STATEMENT}", f"module\nimport Mathlib\n{STATEMENT} := by rfl", "code"),
    ],
)
def test_a_module_is_refused_at_submit_where_its_declarations_would_be_judged(
    client: Farm, statement: str, code: str, named: str
) -> None:
    with pytest.raises(
        InvalidRequest, match=rf"proofs\.1\.{named}: its header says `module`, which the level 'checked'"
    ):
        client.verify(
            [Proof(statement=STATEMENT, code="by rfl"), Proof(statement=statement, code=code)], level="checked"
        )

    [verdict] = client.verify(f"module\nimport Mathlib\n{STATEMENT} := by rfl")
    assert verdict.outcome is Outcome.ACCEPTED, "a module compiles"


def test_the_statement_is_elaborated_too(client: Farm) -> None:
    broken, holed = client.verify(
        [
            Proof(statement="theorem two /- error! -/ : 1 + 1 = 2", code="by rfl"),
            Proof(statement="theorem two : sorry", code="by foo"),
        ],
        level="checked",
    )

    assert (broken.reason, holed.reason) == (Reason.INVALID_STATEMENT, Reason.INVALID_STATEMENT)
    assert (broken.outcome, broken.reward) == (Outcome.UNDECIDED, None)


def test_a_front_that_the_gate_refuses_is_the_askers_own_word_in_a_repl_of_its_own(client: Farm) -> None:
    own = Proof(statement=f'syntax "zwei" : term\n{STATEMENT}', code="by rfl")
    [first] = client.verify(own, level="checked")
    [again] = client.verify(own, level="checked")
    [plain] = client.verify(GOOD, level="checked")

    assert [verdict.outcome for verdict in (first, again, plain)] == [Outcome.ACCEPTED] * 3
    assert (first.evidence.front, plain.evidence.front) == ("own", None)
    assert not again.cached, "what such a REPL said answers nobody else"


NATIVE = Proof(statement=STATEMENT, code="by native_decide")


def test_native_decide_is_a_batch_s_choice_and_stands_in_its_evidence(client: Farm) -> None:
    [refused] = client.verify(NATIVE, level="checked")
    [accepted] = client.verify(NATIVE, level="checked", native=True)

    assert (refused.reason, refused.evidence.native) == (Reason.POLICY, False)
    assert (accepted.outcome, accepted.evidence.native) == (Outcome.ACCEPTED, True)
    assert accepted.axioms == ["Lean.ofReduceBool"]


@pytest.mark.parametrize("trick", ["forge!", "hijack!", "garbage!", "deep:3000", "crash!"])
def test_a_repl_that_lies_is_killed_and_nothing_is_accepted(client: Farm, trick: str) -> None:
    [verdict] = client.verify(Proof(statement=STATEMENT, code=f"by rfl -- {trick}"), level="checked", timeout_s=10)

    assert (verdict.outcome, verdict.reason, verdict.attempts) == (Outcome.UNDECIDED, Reason.CRASHED, 3)


def test_a_checked_proof_that_hangs_is_a_timeout(client: Farm) -> None:
    [verdict] = client.verify(Proof(statement=STATEMENT, code="by rfl -- hang!"), level="checked", timeout_s=0.5)

    assert verdict.reason is Reason.TIMEOUT


def test_the_gate_alone_leaves_the_level_at_compiled(client: Farm) -> None:
    good, bad = client.verify([f"{STATEMENT} := by rfl", "#eval f 1"], gate="strict")

    assert (good.level, good.evidence.gate, good.evidence.statement) == (Level.COMPILED, "strict", None)
    assert bad.reason is Reason.POLICY


def test_with_the_gate_off_the_same_words_are_lean_s_affair(client: Farm) -> None:
    [verdict] = client.verify("#eval 1")

    assert (verdict.level, verdict.evidence.gate) == (Level.COMPILED, "off")


def test_a_file_without_the_theorem_is_missing_at_every_level(client: Farm) -> None:
    [verdict] = client.verify(Proof(statement=STATEMENT, code="theorem three : 1 + 1 = 2 := by rfl"))

    assert verdict.reason is Reason.MISSING


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[tuple[RunningFarm, Path]]:
    """A farm whose GATE is strict, with one REPL that writes down what it is asked."""
    log = tmp_path / "requests"
    repl = install(tmp_path / "repl", SCRIPTED_LOG=str(log))
    # In the sandbox the script could not write its log.
    settings = {**lean_settings(repl), "GATE": "strict", "LEAN_WORKERS": "1", "SANDBOX": "off"}
    with running_farm(tmp_path / "own", **settings) as running:
        yield running, log


def test_what_lean_is_asked_and_in_which_order(logged: tuple[RunningFarm, Path]) -> None:
    farm, log = logged
    with farm.client() as client:
        refused, accepted = client.verify([Proof(statement=STATEMENT, code="by native_decide"), GOOD], level="checked")
        [by_default] = client.verify("#eval f 1")

    assert (refused.reason, accepted.level, by_default.reason) == (Reason.POLICY, Level.CHECKED, Reason.POLICY)
    requests = [json.loads(line)["request"] for line in log.read_text().splitlines()]
    assert not [one for one in requests if "native_decide" in one["cmd"] or "#eval" in one["cmd"]]
    first = next(at for at, one in enumerate(requests) if "stated_" in one["cmd"] and "_keep" in one["cmd"])
    _assert_sequence(requests[first:])


def test_a_statement_that_lean_does_not_read_is_asked_about_once(logged: tuple[RunningFarm, Path]) -> None:
    farm, log = logged
    attempts = [Proof(statement="theorem two /- error! -/ : 1 + 1 = 2", code=f"by exact h{n}") for n in range(20)]
    with farm.client() as client:
        batch = client.submit([*attempts, GOOD], level="checked")
        verdicts = batch.wait()
        status = batch.status()

    assert [verdict.reason for verdict in verdicts] == [Reason.INVALID_STATEMENT] * 20 + [None]
    assert all("does not elaborate" in verdict.messages[0].data for verdict in verdicts[:20])
    assert status.invalid_statements == 20
    asked = [line for line in log.read_text().splitlines() if "error!" in line]
    assert len(asked) == 1, "the other attempts are answered without a run"


def _assert_sequence(requests: list[dict[str, Any]]) -> None:
    stated, armed, body, token, look, last = requests[:6]
    assert "_keep" in stated["cmd"]
    assert f"{STATEMENT.split(':')[0].strip()}" in stated["cmd"]
    assert armed["cmd"].startswith('elab "⟪look_')
    assert body["cmd"] == f"{STATEMENT} :=\nby rfl"
    assert token["cmd"].startswith('#print "sync')
    assert last["cmd"].startswith('#print "sync')
    assert look["cmd"] == armed["cmd"].split('"')[1]
    for one in (stated, armed, body, look):
        assert one["setOptions"] == [[["Elab", "async"], False]]
