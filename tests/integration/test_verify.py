"""Verdicts through the whole path: HTTP, Redis, Celery, LeanInteract, and the scripted REPL in Lean's place."""

from __future__ import annotations

import httpx
import pytest

from farm import Farm, Level, Outcome, Proof, Reason, rewards
from tests.support.repl.install import LEAN_VERSION
from tests.support.running import RunningFarm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
HOLE = "theorem hole : 1 + 1 = 2 := by sorry"


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (TRUE, Outcome.ACCEPTED, None),
        (f"import Init\n\n{TRUE}", Outcome.ACCEPTED, None),
        ("import Init", Outcome.ACCEPTED, None),
        (FALSE, Outcome.REJECTED, Reason.ERROR),
        (HOLE, Outcome.REJECTED, Reason.SORRY),
        (f"{TRUE}\n#exit\n{FALSE}", Outcome.REJECTED, Reason.PARSE),
        (f"import Nowhere.At.All\n{TRUE}", Outcome.REJECTED, Reason.ERROR),
        (f"{TRUE} -- leanerror!", Outcome.REJECTED, Reason.ERROR),
        (f"{TRUE} -- crash!", Outcome.UNDECIDED, Reason.CRASHED),
        (f"{TRUE} -- garbage!", Outcome.UNDECIDED, Reason.CRASHED),
        (f"{TRUE} -- badutf8!", Outcome.UNDECIDED, Reason.CRASHED),
        (f"{TRUE} -- deep:3000", Outcome.UNDECIDED, Reason.CRASHED),
        (f"{TRUE} -- forge!", Outcome.UNDECIDED, Reason.CRASHED),
    ],
)
def test_every_kind_of_proof_gets_its_verdict(client: Farm, code: str, outcome: Outcome, reason: Reason | None) -> None:
    [verdict] = client.verify(code, timeout_s=10)

    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.level == (Level.COMPILED if outcome is Outcome.ACCEPTED else Level.NONE)
    assert verdict.reward == {"accepted": 1.0, "rejected": 0.0, "undecided": None}[outcome.value]
    assert verdict.environment.lean_version == LEAN_VERSION, "the verdict must say that a script answered"


def test_a_timeout_is_undecided_and_says_so(client: Farm) -> None:
    [verdict] = client.verify(f"{TRUE} -- hang!", timeout_s=0.5)

    assert verdict.reason is Reason.TIMEOUT
    assert verdict.reward is None
    assert "0.5 s" in verdict.messages[0].data
    assert rewards([verdict], undecided=-1.0) == [-1.0]


def test_a_proof_that_prints_megabytes_to_stderr_is_unharmed(client: Farm) -> None:
    [verdict] = client.verify(f"{TRUE} -- spew:3000000", timeout_s=20)

    assert verdict.outcome is Outcome.ACCEPTED


def test_a_reply_of_megabytes_is_read_and_cut_in_the_verdict(client: Farm) -> None:
    [verdict] = client.verify(f"{TRUE} -- big:3000000", timeout_s=20)

    assert verdict.outcome is Outcome.ACCEPTED
    assert "left out" in verdict.messages[-1].data
    assert 2_000_000 < sum(len(message.data) for message in verdict.messages) < 2_100_000


def test_positions_refer_to_the_users_own_text(client: Farm) -> None:
    header = "-- a comment first\n/- and\n   another -/\nimport Init\nimport Init.Data.List.Basic\n\n"
    alone, whole = client.verify([FALSE, header + FALSE], timeout_s=10)

    assert alone.messages[0].pos is not None
    assert whole.messages[0].pos is not None
    assert whole.messages[0].pos.line == alone.messages[0].pos.line + header.count("\n")
    assert whole.messages[0].pos.column == alone.messages[0].pos.column


def test_positions_of_a_proof_with_a_statement_refer_to_the_proof(client: Farm) -> None:
    statement = "theorem three : 1 + 1 = 3"
    whole, tail = client.verify(
        [Proof(statement=statement, code=f"{statement} := by decide"), Proof(statement=statement, code="by decide")]
    )

    assert whole.reason is tail.reason is Reason.ERROR
    assert tail.messages[0].pos is not None
    assert (tail.messages[0].pos.line, tail.messages[0].pos.column) == (1, 3)


def test_verdicts_keep_the_order_and_ids_of_the_request(client: Farm) -> None:
    proofs = [Proof(id=f"p{i}", code=TRUE if i % 2 else FALSE) for i in range(40)]

    verdicts = client.verify(proofs)

    assert [verdict.id for verdict in verdicts] == [proof.id for proof in proofs]
    assert [verdict.outcome is Outcome.ACCEPTED for verdict in verdicts] == [bool(i % 2) for i in range(40)]


def test_a_forged_late_reply_does_not_reach_the_next_proof(client: Farm) -> None:
    """Rows 34–36 of the catalogue: what a proof writes late must not become another's answer."""
    codes = [f"{TRUE} -- forgelate:5", *([FALSE] * 20)]

    verdicts = client.verify(codes, timeout_s=10)

    assert [verdict.outcome for verdict in verdicts[1:]] == [Outcome.REJECTED] * 20


def test_secrets_are_not_in_the_repls_environment(farm: RunningFarm, client: Farm) -> None:
    [verdict] = client.verify(f"{TRUE} -- env?", timeout_s=10)
    shown = verdict.messages[0].data

    assert "PATH" in shown, "the script must have shown its environment"
    assert farm.redis_url.split("@")[0].removeprefix("redis://:") not in shown


def test_the_documented_answer_of_the_route(farm: RunningFarm) -> None:
    answer = httpx.post(f"{farm.url}/v1/verify", json={"proofs": [{"id": "a", "code": HOLE}]})

    assert answer.status_code == 200
    [verdict] = answer.json()["results"]
    assert set(verdict) == {
        *("id", "index", "outcome", "level", "reason", "reward", "messages", "sorries", "axioms"),
        *("time_s", "queue_s", "attempts", "cached", "environment", "evidence"),
    }
    assert verdict["sorries"][0]["pos"] == {"line": 1, "column": 31}
