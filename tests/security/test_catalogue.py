"""Attacks that are Lean files, at the level `checked`: none is accepted, and each for the right reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from farm import Farm, Outcome, Verdict
from farm.models import Level
from tests.security.catalogue import Attack, attacks
from tests.support.running import RunningFarm, running_farm
from workers.lean.gate.strict import refuse

ATTACKS = attacks()


@pytest.fixture(scope="module")
def scripted_verdicts(farm: RunningFarm) -> dict[str, Verdict]:
    """What the whole farm says with the scripted REPL, which is no Lean, behind the real gate, binding and guard."""
    with farm.client() as client:
        return _judged(client)


@pytest.fixture(scope="module")
def lean_verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Verdict]]:
    """What the whole farm says with the Lean of this machine."""
    lake = shutil.which("lake")
    assert lake
    with running_farm(tmp_path_factory.mktemp("lean"), LAKE_PATH=lake) as running, running.client() as client:
        yield _judged(client)


def _judged(client: Farm) -> dict[str, Verdict]:
    verdicts = client.verify([attack.proof for attack in ATTACKS], level="checked", timeout_s=60)
    return {verdict.id: verdict for verdict in verdicts}


def _assert_refused(attack: Attack, verdict: Verdict, reasons: frozenset[str]) -> None:
    assert verdict.outcome is not Outcome.ACCEPTED
    assert verdict.level is Level.NONE
    assert verdict.reason is not None
    assert verdict.reason.value in reasons, verdict.messages[:2]


@pytest.mark.lean
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_real_lean_accepts_no_attack(attack: Attack, lean_verdicts: dict[str, Verdict]) -> None:
    _assert_refused(attack, lean_verdicts[attack.name], attack.expect)


@pytest.mark.parametrize("attack", [a for a in ATTACKS if "-" not in a.scripted], ids=lambda attack: attack.name)
def test_without_lean_no_attack_is_accepted(attack: Attack, scripted_verdicts: dict[str, Verdict]) -> None:
    _assert_refused(attack, scripted_verdicts[attack.name], attack.scripted)


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.expect == {"policy"}], ids=lambda attack: attack.name)
def test_what_is_policy_meets_no_repl_and_is_placed(attack: Attack, scripted_verdicts: dict[str, Verdict]) -> None:
    verdict = scripted_verdicts[attack.name]

    assert refuse(attack.proof.code) is not None
    assert verdict.messages[0].pos is not None
    assert len(verdict.messages) == 1
    assert verdict.evidence.gate == "strict"


def test_the_catalogue_has_every_row_that_is_a_lean_file() -> None:
    # 18–20 forge a compiled file or need a broken kernel, 30–31 are about the problem and not its proof.
    assert {attack.row for attack in ATTACKS} == {*range(1, 38), 49, 53, *range(56, 61)} - {18, 19, 20, 30, 31}
