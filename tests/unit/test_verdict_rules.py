"""From Lean's messages to a reason; and rewards that never turn an undecided proof into a 0."""

from __future__ import annotations

import pytest

from farm.models import Level, Message, Outcome, Reason, Sorry, rewards, verdict
from farm.models.verdicts import UNDECIDED_REASONS
from workers.lean.verdict import judge


def say(severity: str, data: str) -> Message:
    return Message.model_validate({"severity": severity, "data": data})


@pytest.mark.parametrize(
    ("messages", "sorries", "reason"),
    [
        ([], [], None),
        ([say("info", "Nat : Type")], [], None),
        ([say("warning", "unused variable `h`")], [], None),
        ([say("error", "unsolved goals")], [], Reason.ERROR),
        ([say("warning", "declaration uses 'sorry'")], [], Reason.SORRY),
        ([say("warning", "declaration uses `sorry`")], [], Reason.SORRY),
        ([say("warning", "declaration uses `sorry `«M:363:12»`")], [], Reason.SORRY),
        ([say("warning", "declaration `x` uses `sorry`")], [], Reason.SORRY),
        ([say("warning", "declaration 'a.b'\nuses 'sorry'")], [], Reason.SORRY),
        ([say("warning", "declaration uses sorry")], [], Reason.SORRY),
        ([say("info", "declaration uses 'sorry'")], [], None),
        ([say("warning", "declaration uses `sorryless`")], [], None),
        ([], [Sorry(goal="⊢ False")], Reason.SORRY),
        ([say("warning", "using 'exit' to interrupt Lean")], [], Reason.PARSE),
        ([say("error", "invalid 'end', insufficient scopes")], [], Reason.PARSE),
        ([say("error", "Invalid `end`: There is no current scope to end")], [], Reason.PARSE),
        ([say("error", "Missing name after `end`: Expected the current scope name `A`")], [], Reason.PARSE),
        ([say("error", "Invalid name after `end`: Expected `A`, but found `B`")], [], Reason.PARSE),
        ([say("error", "Unexpected name `A` after `end`: The current section is unnamed")], [], Reason.PARSE),
        ([say("error", "Invalid name after `open`")], [], Reason.ERROR),
        ([say("warning", "declaration uses 'sorry'"), say("error", "x")], [], Reason.ERROR),
    ],
)
def test_what_lean_says_decides(messages: list[Message], sorries: list[Sorry], reason: Reason | None) -> None:
    assert judge(messages, sorries) is reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_one_outcome_and_reward(reason: Reason) -> None:
    found = verdict("a", 0, reason=reason)

    assert found.level is Level.NONE
    if reason in UNDECIDED_REASONS:
        assert (found.outcome, found.reward) == (Outcome.UNDECIDED, None)
    else:
        assert (found.outcome, found.reward) == (Outcome.REJECTED, 0.0)


def test_an_accepted_verdict_has_its_level_and_no_reason() -> None:
    found = verdict("a", 0, reason=None)

    assert (found.outcome, found.level, found.reward, found.reason) == (Outcome.ACCEPTED, Level.COMPILED, 1.0, None)


def test_undecided_rewards_are_the_trainers_decision() -> None:
    verdicts = [
        verdict("a", 0, reason=None),
        verdict("b", 1, reason=Reason.ERROR),
        verdict("c", 2, reason=Reason.TIMEOUT),
    ]

    assert rewards(verdicts) == [1.0, 0.0, None]
    assert rewards(verdicts, undecided=-0.5) == [1.0, 0.0, -0.5]


def test_a_level_below_the_one_a_trainer_relies_on_is_an_error_and_not_a_reward() -> None:
    rejected = verdict("b", 1, reason=Reason.ERROR)

    assert rewards([verdict("a", 0, reason=None, level=Level.CHECKED), rejected], level=Level.CHECKED) == [1.0, 0.0]
    with pytest.raises(ValueError, match="'a' was accepted at 'compiled'"):
        rewards([rejected, verdict("a", 0, reason=None)], level=Level.CHECKED)


@pytest.mark.timeout(30)
def test_a_warning_of_megabytes_is_judged_at_once() -> None:
    """A proof may say what Lean says of a `sorry`, as often as it likes."""
    assert judge([say("warning", "declaration " * 1_000_000)], []) is None
    assert judge([say("warning", "declaration " * 1_000_000 + "uses 'sorry'")], []) is Reason.SORRY
