"""Rows 34–36 and 50–52: a REPL that a proof has taken over, behind the real guard. The REPL is a script, not Lean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm import Farm, Outcome, Proof, Reason
from tests.conftest import lean_settings
from tests.support.guarded import outcomes
from tests.support.repl.directives import run_word
from tests.support.repl.install import Install, install
from tests.support.running import running_farm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
LIES = {
    "a reply before the true one": "forge!",
    "a reply inside the true one": "forgein!",
    "a reply behind the true one": "forgeafter!",
    "no JSON": "garbage!",
    "no UTF-8": "badutf8!",
    "JSON that overflows a parser's stack": "deep:200000",
    "JSON deeper than any reply": "deep:1500",
    "a reply of 17 MB": "big:17000000",
    "no end of output": "flood!",
    "no end of lines": "floodlines!",
}


NO_TOKENS = {
    "no UTF-8": b'{"env": 0, "messages": [{"severity": "info", "data": "\xff"}]}',
    "no messages but a text": b'{"env": 0, "messages": ["sync"]}',
    "no messages but null": b'{"env": 0, "messages": [null]}',
    "two messages": b'{"env": 0, "messages": [{"data": "sync"}, {"data": "sync"}]}',
    "no object": b'[{"data": "sync"}]',
}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[Farm]:
    """A farm whose proofs all go through one process."""
    settings = {**lean_settings(scripted), "LEAN_WORKERS": "1"}
    with running_farm(tmp_path_factory.mktemp("single"), **settings) as farm, farm.client() as client:
        yield client


def assert_tainted(found: list[dict[str, Any]], what: str) -> None:
    """The step before the last two ended its REPL, and those two, a true and a false proof, met an honest new one."""
    *_, bad, true, false = found
    assert (bad["said"], bad["after"]) == (what, None), "the REPL that lied must not live"
    assert (true["said"], false["said"]) == ("fine", "error")
    assert true["pid"] == false["pid"] != bad["pid"]


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_seen_and_ends_the_repl(scripted: Install, lie: str) -> None:
    found = outcomes(scripted, TRUE, f"{FALSE} -- {lie}", TRUE, FALSE)

    assert (found[0]["said"], found[0]["pid"]) == ("fine", found[1]["pid"])
    assert_tainted(found, "GuardTripped")


@pytest.mark.parametrize("answer", NO_TOKENS.values(), ids=NO_TOKENS)
def test_an_answer_to_the_token_that_cannot_be_read_is_a_lie_too(scripted: Install, answer: bytes) -> None:
    hostile = (
        "import scripted_repl.directives as directives\n"
        f"true, replies = directives.write_all, iter([None, {answer!r} + b'\\n\\n'])\n"
        "directives.write_all = lambda to, said: true(to, next(replies) or said)"
    )

    found = outcomes(scripted, TRUE, f"{FALSE} -- {run_word(hostile)}", TRUE, FALSE)

    assert_tainted(found, "GuardTripped")


def test_a_reply_that_comes_when_nobody_asked_is_never_taken_for_the_next(scripted: Install) -> None:
    """The pipe has to be silent before a request; the proof that is asked then is not judged by this process."""
    found = outcomes(scripted, f"{TRUE} -- forgelate:3000", {"text": FALSE, "await_output": True}, TRUE, FALSE)

    assert_tainted(found, "GuardTripped")


@pytest.mark.parametrize("end", ["crash!", "segv!"])
def test_a_death_is_no_answer(scripted: Install, end: str) -> None:
    assert_tainted(outcomes(scripted, f"{TRUE} -- {end}", TRUE, FALSE), "ReplGone")


@pytest.mark.parametrize("silence", ["hang!", "noread!"])
def test_silence_ends_at_the_deadline(scripted: Install, silence: str) -> None:
    """A REPL that no longer reads has answered the text, and never answers the token."""
    found = outcomes(scripted, {"text": f"{TRUE} -- {silence}", "timeout_s": 0.5}, TRUE, FALSE)

    assert_tainted(found, "ReplTimeout")


@pytest.mark.parametrize("noise", ["spew:1000000", "blank!"])
def test_what_harms_nobody_is_no_lie(scripted: Install, noise: str) -> None:
    noisy, false = outcomes(scripted, f"{TRUE} -- {noise}", FALSE)

    assert (noisy["said"], false["said"]) == ("fine", "error")
    assert noisy["pid"] == false["pid"]


def test_another_trust_domain_gets_another_process(scripted: Install) -> None:
    steps: list[dict[str, Any]] = [{"text": TRUE, "domain": domain} for domain in ("a", "a", "strict", "a")]
    one, same, gated, back = (found["pid"] for found in outcomes(scripted, *steps))

    assert one == same
    assert len({one, gated, back}) == 3


def test_no_proof_starts_from_what_another_left(scripted: Install) -> None:
    first, asked = outcomes(scripted, "theorem helper : 1 + 1 = 2 := by rfl", "#print axioms helper")

    assert (first["said"], asked["said"], first["pid"]) == ("fine", "error", asked["pid"])


@pytest.mark.parametrize("lie", ["forge!", "forgein!", "forgeafter!", "forgeonly!", "forgelate:1", "hijack!"])
def test_no_lie_makes_a_false_proof_accepted(single: Farm, lie: str) -> None:
    """Neither the liar's nor those of whoever comes next, at either level; all through one process."""
    liar = Proof(statement="theorem three : 1 + 1 = 3", code=f"by decide -- {lie}")
    next_ = Proof(statement="theorem three : 1 + 1 = 3", code="by decide")
    checked = single.verify([liar, next_], level="checked", timeout_s=10)
    compiled = single.verify([liar, next_], timeout_s=10)

    assert all(verdict.outcome is not Outcome.ACCEPTED for verdict in checked)
    assert (checked[1].reason, compiled[1].reason) == (Reason.ERROR, Reason.ERROR)
    if lie != "forgeonly!":
        # One reply, well formed, from a process that was taken over: at `compiled` nothing speaks against it.
        assert compiled[0].outcome is not Outcome.ACCEPTED


def test_a_repl_without_the_token_reaches_no_checked_verdict(tmp_path: Path) -> None:
    mute = install(tmp_path / "repl", SCRIPTED_MUTE="1")
    good = Proof(statement="theorem two : 1 + 1 = 2", code="by rfl")
    with running_farm(tmp_path / "own", **lean_settings(mute), LEAN_WORKERS="1") as farm, farm.client() as client:
        [compiled] = client.verify(good)
        [checked] = client.verify(good, level="checked")

    assert (compiled.outcome, checked.reason) == (Outcome.ACCEPTED, Reason.FARM_ERROR)
    assert "token" in checked.messages[0].data


def test_a_request_names_no_environment_file_or_option(client: Farm) -> None:
    """Rows 38–39: what the REPL's own protocol would allow is no field of a proof."""
    for field in ("env", "path", "pickleTo", "unpickleEnvFrom", "proofState", "setOptions"):
        with pytest.raises(ValueError, match=field):
            Proof.model_validate({"code": TRUE, field: 0})
