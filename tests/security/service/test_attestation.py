"""An external checker that answers, answers in a wrong form, crashes, hangs or floods; a stand-in, not a real one."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from farm import Outcome, Reason
from farm.errors import InvalidRequest
from farm.models import Environment, Level, Proof, verdict
from tests.conftest import lean_settings
from tests.support.repl.install import Install, install
from tests.support.running import RunningFarm, await_true, running_farm
from workers.lean.checkers.attestation import Attestor, Checker
from workers.lean.checkers.process import CheckerFailed
from workers.lean.repl_watch import GivenUp

STATEMENT = "theorem two : 1 + 1 = 2"
# What a text says in a comment, the stand-in does.
STAND_IN = """
import json, os, signal, subprocess, sys, time
if sys.argv[1:] == ["--version"]:
    print("stand-in 1.0"); sys.exit()
request = json.load(sys.stdin)
source, nonce = request["source"], request["nonce"]
assert os.listdir() == [] and "REDIS_URL" not in os.environ and request["statement"]
def say(answer, **more): print(json.dumps({"nonce": nonce, "answer": answer, **more}), flush=True)
for deed in source.partition("-- ")[2].split():
    if deed == "reject": say("rejected", detail="the replay failed"); sys.exit()
    elif deed == "accept-then-fail": say("accepted"); sys.exit(3)
    elif deed == "accept-then-hang": say("accepted"); os.close(1); time.sleep(600)
    elif deed == "accept-twice": say("accepted"); say("accepted"); sys.exit()
    elif deed == "other-nonce": nonce = "0" * 32
    elif deed == "maybe": say("maybe"); sys.exit()
    elif deed == "list": print("[]"); sys.exit()
    elif deed == "deep": print("[" * 100000); sys.exit()
    elif deed == "bytes": sys.stdout.buffer.write(bytes(range(256))); sys.exit()
    elif deed == "silent": sys.exit()
    elif deed == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    elif deed == "hang": time.sleep(600)
    elif deed == "flood":
        while True: os.write(1, b"x" * 65536)
    elif deed == "errors": os.write(2, b"x" * 1000000)
    elif deed == "child": subprocess.Popen(["sleep", "613"])
say("accepted")
"""
NO_ANSWERS = (
    *(
        "accept-then-fail",
        "accept-then-hang",
        "accept-twice",
        "other-nonce",
        "maybe",
        "list",
        "deep",
        "bytes",
        "silent",
    ),
    *("crash", "hang", "flood", "child hang"),
)


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("checker") / "stand_in.py"
    path.write_text(STAND_IN)
    # Behind the link of a virtual environment, which the sandbox does not let it read.
    return [os.path.realpath(sys.executable), str(path)]


@pytest.fixture
def checker(command: list[str], monkeypatch: pytest.MonkeyPatch) -> Checker:
    monkeypatch.delenv("REDIS_URL", raising=False)
    return Checker(command, timeout_s=5.0)


def proof(deed: str = "") -> Proof:
    return Proof(code=f":= by rfl  -- {deed}", statement=STATEMENT)


def leftovers() -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "613"]]


@pytest.mark.parametrize("deed", ["", "errors", "child"])
def test_an_answer_is_taken(checker: Checker, deed: str) -> None:
    said = checker.check(proof(deed), {})

    assert (said.answer, said.version) == ("accepted", "stand-in 1.0")
    assert not leftovers(), "nothing of it is left"


@pytest.mark.parametrize("deed", NO_ANSWERS)
def test_whatever_else_it_does_is_no_answer(command: list[str], deed: str) -> None:
    checker = Checker(command, timeout_s=1.0 if "hang" in deed else 20.0)

    said = checker.check(proof(deed), {})

    assert said.answer == "failed"
    assert said.detail
    assert not leftovers()


@pytest.mark.parametrize(("level", "share"), [("attested", 0.0), ("checked", 1.0)])
def test_a_process_that_has_to_stop_gives_the_proof_back(command: list[str], level: str, share: float) -> None:
    stops = False
    attestor = Attestor(Checker(command, timeout_s=60.0, stopped=lambda: stops), share)
    stops = True

    with pytest.raises(GivenUp):
        attestor.examine(verdict("a", 0, reason=None, level=Level.CHECKED), proof("child hang"), level)

    assert not leftovers()


@pytest.mark.parametrize("bad", [["/nowhere"], ["false"], ["true"], ["seq", "100"], ["echo", "a|b"]])
def test_one_without_a_version_is_not_used(bad: list[str]) -> None:
    with pytest.raises(CheckerFailed):
        Checker(bad, timeout_s=5.0)


@pytest.mark.parametrize(
    ("deed", "level", "share", "outcome", "reached"),
    [
        ("", "attested", 0.0, Outcome.ACCEPTED, Level.ATTESTED),
        ("", "compiled", 0.0, Outcome.ACCEPTED, Level.COMPILED),
        ("", "checked", 1.0, Outcome.ACCEPTED, Level.ATTESTED),
        ("", "checked", 0.0, Outcome.ACCEPTED, Level.CHECKED),
        ("", "compiled", 1.0, Outcome.ACCEPTED, Level.COMPILED),
        ("reject", "attested", 0.0, Outcome.REJECTED, Level.NONE),
        ("reject", "compiled", 1.0, Outcome.REJECTED, Level.NONE),
        ("crash", "attested", 0.0, Outcome.UNDECIDED, Level.NONE),
        ("crash", "compiled", 1.0, Outcome.ACCEPTED, Level.COMPILED),
    ],
)
def test_what_comes_of_an_answer(
    checker: Checker, deed: str, level: str, share: float, outcome: Outcome, reached: Level
) -> None:
    by_lean = verdict("a", 0, reason=None, level=Level.COMPILED if level == "compiled" else Level.CHECKED)

    found = Attestor(checker, share).examine(by_lean, proof(deed), level)

    assert (found.outcome, found.level) == (outcome, reached)
    assert found.reward == {Outcome.ACCEPTED: 1.0, Outcome.REJECTED: 0.0, Outcome.UNDECIDED: None}[outcome]
    assert (found.evidence.checker is None) == (level != "attested" and not share)


@pytest.mark.parametrize("level", ["compiled", "attested"])
def test_without_a_checker_nothing_is_attested(level: str) -> None:
    found = Attestor(None, 1.0).examine(verdict("a", 0, reason=None), proof(), level)

    assert found.level is not Level.ATTESTED
    assert found.outcome is (Outcome.UNDECIDED if level == "attested" else Outcome.ACCEPTED)


def test_what_lean_did_not_accept_is_not_asked_about(checker: Checker) -> None:
    found = verdict("a", 0, reason=Reason.SORRY)

    assert Attestor(checker, 1.0).examine(found, proof(), "attested") is found


@pytest.mark.parametrize(
    ("version", "level", "share", "reached"),
    [
        ("v4.33.1", "attested", 0.0, None),
        ("v4.33.1", "checked", 0.0, Level.CHECKED),
        ("v4.33.1", "checked", 1.0, Level.CHECKED),
        ("v4.35.0", "attested", 0.0, Level.ATTESTED),
        ("v4.0.0-scripted", "attested", 0.0, Level.ATTESTED),
        (None, "attested", 0.0, Level.ATTESTED),
    ],
)
def test_a_lean_known_to_be_unsound_attests_nothing(
    checker: Checker, version: str | None, level: str, share: float, reached: Level | None
) -> None:
    by_lean = verdict("a", 0, reason=None, level=Level.CHECKED, environment=Environment(lean_version=version))

    found = Attestor(checker, share).examine(by_lean, proof(), level)

    assert bool(found.evidence.unsound) == (version == "v4.33.1")
    if reached:
        assert (found.outcome, found.level) == (Outcome.ACCEPTED, reached)
    else:
        assert (found.outcome, found.reason, found.reward) == (Outcome.UNDECIDED, Reason.FARM_ERROR, None)
        assert "v4.33.1 is known to be unsound" in found.messages[0].data


@pytest.mark.parametrize(("level", "share"), [("attested", 0.0), ("checked", 1.0)])
def test_what_rests_on_the_compiler_is_no_disagreement(checker: Checker, level: str, share: float) -> None:
    axioms = ["propext", "two._native.native_decide.ax_1_1"]
    by_lean = verdict("a", 0, reason=None, level=Level.CHECKED, axioms=axioms)

    found = Attestor(checker, share).examine(by_lean, proof("reject"), level)

    assert found.reason is (Reason.FARM_ERROR if level == "attested" else None)
    assert found.level is (Level.NONE if level == "attested" else Level.CHECKED)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, command: list[str]) -> Iterator[RunningFarm]:
    """A farm whose Lean says that it is an old one."""
    folder = tmp_path_factory.mktemp("unsound")
    scripted = install(folder / "repl")
    (scripted.repl_dir / "lean-toolchain").write_text("leanprover/lean4:v4.32.0\n")
    settings = {**lean_settings(scripted)}
    settings["SANDBOX_READ_PATHS"] = f"{settings.get('SANDBOX_READ_PATHS', '')}:{Path(command[1]).parent}".lstrip(":")
    with running_farm(folder / "farm", **settings, CHECKER_COMMAND=shlex.join(command)) as running:
        yield running


def test_a_farm_on_an_unsound_lean_says_so_everywhere_and_still_checks(old: RunningFarm) -> None:
    with old.client() as client:
        [found] = client.verify(Proof(code=":= by rfl", statement=STATEMENT), level="checked")
        with pytest.raises(InvalidRequest, match=r"v4\.32\.0 is known to be unsound"):
            client.verify(Proof(code=":= by rfl", statement=STATEMENT), level="attested")

    assert found.level is Level.CHECKED
    assert "lean4#14577" in found.evidence.unsound
    lean = httpx.get(f"{old.url}/readyz").json()["checks"]["lean"]
    assert lean["ready"]
    assert "v4.32.0 is known to be unsound" in lean["notice"]
    doctor = json.loads(old.command("doctor", "--json").stdout)
    assert any(each["state"] == "note" and "known to be unsound" in each["advice"] for each in doctor)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, scripted: Install, command: list[str]) -> Iterator[RunningFarm]:
    settings = {**lean_settings(scripted)}
    # Its own files are to be readable, and it starts a child.
    settings["SANDBOX_READ_PATHS"] = f"{settings.get('SANDBOX_READ_PATHS', '')}:{Path(command[1]).parent}".lstrip(":")
    settings |= {"SANDBOX_PROGRAMS": str(shutil.which("sleep")), "CHECKER_TIMEOUT_S": "2"}
    folder = tmp_path_factory.mktemp("attested")
    with running_farm(folder, **settings, CHECKER_COMMAND=shlex.join(command)) as running:
        yield running


def test_a_whole_farm_attests_and_takes_it_back(own: RunningFarm) -> None:
    deeds = ["", "reject", "crash", "hang", "flood", "child"]
    proofs = [Proof(id=deed or "good", code=f":= by rfl  -- {deed}", statement=STATEMENT) for deed in deeds]
    with own.client() as client:
        batch = client.submit(proofs, level="attested")
        found = {each.id: each for each in batch.wait()}
        version = "stand-in 1.0"
        assert {name: each.level for name, each in found.items() if each.outcome is Outcome.ACCEPTED} == {
            "good": Level.ATTESTED,
            "child": Level.ATTESTED,
        }
        assert found["reject"].reason is Reason.ERROR
        assert version in found["reject"].messages[0].data
        assert {found[name].reason for name in ("crash", "hang", "flood")} == {Reason.FARM_ERROR}
        evidence = found["good"].evidence.checker
        assert evidence is not None
        assert (evidence["version"], evidence["answer"]) == (version, "accepted")
        [plain] = client.verify(Proof(code=":= by rfl", statement=STATEMENT))
        assert (plain.level, plain.evidence.checker) == (Level.COMPILED, None)

        assert own.command("revoke", "--checker", version).returncode == 0
        assert [each.revoked for each in batch.results() if each.id == "good"] == [f"checker {version}"]
    assert "attestation.disagrees" in own.log("lean")
    await_true(lambda: not leftovers(), "the end of what checkers left")


def test_a_farm_without_a_checker_refuses_the_level(farm: RunningFarm) -> None:
    body = {"proofs": [{"code": ":= rfl", "statement": STATEMENT}], "level": "attested"}

    assert httpx.post(f"{farm.url}/v1/verify", json=body).status_code == 422


def test_a_proof_without_a_statement_cannot_be_attested(own: RunningFarm, tmp_path: Path) -> None:
    answer = httpx.post(f"{own.url}/v1/verify", json={"proofs": [{"code": "x"}], "level": "attested"})

    assert answer.status_code == 422
    assert "proofs.0.statement" in answer.json()["error"]["message"]
