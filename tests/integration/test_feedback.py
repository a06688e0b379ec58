"""`feedback: true` through a whole farm; a scripted REPL answers as Lean."""

from __future__ import annotations

from pathlib import Path

import httpx

from farm import Farm, Proof
from farm.models import Feedback, Position
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm, scripted_settings

CLOSED = "import Init\n\ntheorem f : 2 + 2 = 5 := by\n  decide"
TACTIC = Feedback(
    pos=Position(line=4, column=2),
    error="tactic 'decide' proved that the proposition\n  2 + 2 = 5\nis false",
    tactic="decide",
    tactic_pos=Position(line=4, column=2),
    goals=["⊢ 2 + 2 = 5"],
)


def test_each_way_in_gives_feedback_and_none_unless_asked(farm: RunningFarm, client: Farm) -> None:
    [found] = client.verify(CLOSED, feedback=True)
    assert found.feedback == [TACTIC]
    [from_batch] = client.submit([CLOSED], feedback=True).wait()
    assert from_batch.feedback == [TACTIC]

    answer = httpx.post(f"{farm.url}/v1/verify", json={"proofs": [{"code": CLOSED}]}, timeout=60).json()["results"][0]
    assert answer["reason"] == "error"
    assert "feedback" not in answer
    [right] = client.verify("theorem t : 1 + 1 = 2 := by decide", feedback=True)
    assert (right.outcome, right.feedback) == ("accepted", [])


def test_a_proof_that_is_held_to_its_statement_has_its_feedback_in_its_own_lines(client: Farm) -> None:
    proof = Proof(statement="import Init\n\ntheorem f : 2 + 2 = 5", code="by\n  decide")
    [found] = client.verify(proof, level="checked", feedback=True)

    assert [(each.pos, each.tactic, each.goals) for each in found.feedback] == [
        (Position(line=2, column=2), "decide", ["⊢ 2 + 2 = 5"])
    ]


def test_the_command_line_shows_it(farm: RunningFarm, tmp_path: Path) -> None:
    (tmp_path / "wrong.lean").write_text(CLOSED)
    shown = farm.command("verify", str(tmp_path / "wrong.lean"), "--feedback")
    assert shown.returncode == 1
    assert "wrong.lean:4:2: tactic 'decide' proved that the proposition" in shown.stderr
    assert "tactic  decide\n  ⊢ 2 + 2 = 5" in shown.stderr
    assert "⊢" not in farm.command("verify", str(tmp_path / "wrong.lean")).stderr


def test_a_verdict_from_the_cache_has_feedback_where_it_was_asked_for(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "farm", **scripted_settings(scripted)) as farm, farm.client() as client:
        asked = [client.verify(CLOSED, feedback=wanted)[0] for wanted in (False, True, False, True)]

    assert [(each.cached, bool(each.feedback)) for each in asked] == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]
