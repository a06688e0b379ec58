"""One proof judged, with a function in Lean's place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from farm.models import Level, Message, Outcome, Proof, Reason, Verdict
from farm.store.claims import Claim, ClaimedItem
from farm.store.lanes import lane_name
from tests.support.fake_session import FakeSession, response
from tests.support.lean_process import ENVIRONMENT
from workers.lean.judging import Judge
from workers.lean.repl_events import GuardTripped, ReplGone, ReplOutOfMemory, ReplTimeout
from workers.lean.repl_reply import Reply
from workers.lean.repl_watch import Died, GivenUp, Watch
from workers.lean.time_slices import Slices
from workers.lean.watchdog import Interruption, Watchdog

HEADER = "import Mathlib"
OPTIONS = {"timeout_s": 60.0, "gate": "off", "level": "compiled"}


def claim(code: str, domain: str = "me", *, deaths: int = 0, slow: bool = False, **more: Any) -> Claim:
    """Return a claim of one proof."""
    item = ClaimedItem(0, "p", Proof(code=code), deaths=deaths, slow=slow)
    fields: dict[str, Any] = {"options": OPTIONS, "queued_s": 2.5, "timed": 0, "longest_s": 0.0, "trace": "", **more}
    return Claim(lease="l", lane=lane_name("default", "", domain), batch="b", owner=domain, items=(item,), **fields)


class Bench:
    """A judge, its session, and who may interrupt it."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.watchdog = Watchdog(10_000, lambda: False)
        self.judge = Judge(self.session, Watch(self.session, self.watchdog, 60.0), ENVIRONMENT, Slices())

    def run(self, asked: Claim) -> Verdict:
        return self.judge.run(asked.items[0], asked)

    def answer(self, *answers: Reply | Exception) -> None:
        """Have the texts answered by these, in order."""
        waiting = list(answers)

        def lean(_: str) -> Reply:
            answer = waiting.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.session.lean = lean


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_text_without_complaint_is_accepted(bench: Bench) -> None:
    found = bench.run(claim("theorem a : 1 = 1 := rfl", deaths=1))

    assert (found.outcome, found.level, found.reward) == (Outcome.ACCEPTED, Level.COMPILED, 1.0)
    assert (found.queue_s, found.attempts, found.environment) == (2.5, 2, ENVIRONMENT)


def test_an_error_and_a_hole_reject(bench: Bench) -> None:
    bench.answer(response("unsolved goals"), response(warnings=("declaration uses 'sorry'",)))

    assert bench.run(claim("first")).reason is Reason.ERROR
    assert bench.run(claim("second")).reason is Reason.SORRY


def test_the_first_message_gives_the_reason(bench: Bench) -> None:
    unused = Message(severity="warning", data="unused variable")
    for severity, data in (("error", "unsolved goals"), ("warning", "declaration uses 'sorry'")):
        reason = Message.model_validate({"severity": severity, "data": data})
        bench.answer(Reply(1, (unused, reason)))

        assert bench.run(claim("first")).messages == [reason, unused]


@pytest.mark.parametrize(("total", "kept_chars"), [(1, 1_000_000), (100_000, 32 << 10)])
def test_a_large_batch_keeps_less_of_what_each_proof_prints(bench: Bench, total: int, kept_chars: int) -> None:
    bench.answer(response("x" * 1_000_000))

    found = bench.run(claim("first", total=total))

    assert kept_chars - 200 <= sum(len(message.data) for message in found.messages) <= kept_chars + 200


def test_the_time_a_header_takes_is_not_the_proof_s(bench: Bench) -> None:
    def lean(text: str) -> Reply:
        if text == HEADER:
            time.sleep(0.3)
        return response()

    bench.session.lean = lean

    found = bench.run(claim(f"{HEADER}\ntheorem a : 1 = 1 := rfl", options={**OPTIONS, "timeout_s": 0.2}))

    assert found.outcome is Outcome.ACCEPTED
    assert bench.session.loaded == [HEADER]


def test_a_header_with_errors_rejects_in_lean_s_words(bench: Bench) -> None:
    bench.answer(response("unknown module prefix 'Mathlib'"))

    found = bench.run(claim(f"{HEADER}\ntheorem a : 1 = 1 := rfl"))

    assert (found.reason, found.messages[0].data) == (Reason.ERROR, "unknown module prefix 'Mathlib'")


@pytest.mark.parametrize("code", ["theorem a : 1 = 1 := rfl", f"{HEADER}\ntheorem a : 1 = 1 := rfl"])
def test_a_timeout_is_undecided_and_says_whose(bench: Bench, code: str) -> None:
    bench.answer(ReplTimeout())

    found = bench.run(claim(code))

    assert (found.outcome, found.reason, found.reward) == (Outcome.UNDECIDED, Reason.TIMEOUT, None)
    assert ("header" in found.messages[0].data) == code.startswith(HEADER)


@pytest.mark.parametrize("end", [ReplGone("The REPL ended"), GuardTripped("The reply is no JSON")])
def test_a_repl_that_dies_or_lies_is_a_death(bench: Bench, end: Exception) -> None:
    bench.answer(end)

    with pytest.raises(Died, match=str(end)):
        bench.run(claim("theorem a : 1 = 1 := rfl"))


def test_too_much_memory_in_a_used_repl_is_tried_again_in_an_empty_one(bench: Bench) -> None:
    bench.answer(response(), ReplOutOfMemory(), response())
    bench.run(claim("first"))

    found = bench.run(claim("second"))

    assert (found.outcome, found.attempts) == (Outcome.ACCEPTED, 2)
    assert bench.session.restarts == 1


def test_too_much_memory_in_an_empty_repl_is_the_proof_s(bench: Bench) -> None:
    bench.answer(ReplOutOfMemory())

    found = bench.run(claim("first"))

    assert (found.reason, found.reward) == (Reason.OUT_OF_MEMORY, None)


@pytest.mark.parametrize("why", [Interruption.CANCELLED, Interruption.LEASE_LOST, Interruption.STOPPING])
def test_who_is_interrupted_gives_up(bench: Bench, why: Interruption) -> None:
    bench.session.lean = interrupted(bench, why)

    with pytest.raises(GivenUp, match=why.value):
        bench.run(claim("theorem a : 1 = 1 := rfl"))


@pytest.mark.parametrize(
    ("why", "reason"), [(Interruption.MEMORY, Reason.OUT_OF_MEMORY), (Interruption.DEADLINE, Reason.TIMEOUT)]
)
def test_what_the_watchdog_ends_is_called_by_its_name(bench: Bench, why: Interruption, reason: Reason) -> None:
    bench.session.lean = interrupted(bench, why)

    assert bench.run(claim("theorem a : 1 = 1 := rfl")).reason is reason


def interrupted(bench: Bench, why: Interruption) -> Callable[[str], Reply]:
    """Return a Lean whose REPL is killed from outside while it works."""

    def lean(_: str) -> Reply:
        bench.watchdog.interrupt(why)
        raise ReplGone("The REPL ended by itself")

    return lean


def test_another_trust_domain_has_another_repl(bench: Bench) -> None:
    for owner in ("me", "me", "you"):
        bench.run(claim("theorem a : 1 = 1 := rfl", owner))

    assert bench.session.restarts == 1
    assert bench.session.ended == ["domain"]
