"""Feedback read from a reply: which tactic failed, which goals were in front of it, and how much of them is kept."""

from __future__ import annotations

import pytest

from farm.models import Message, Position
from farm.models.feedback import MOST_ERRORS, MOST_GOAL_CHARS, MOST_GOALS
from workers.lean.feedback import read_feedback, split_goals
from workers.lean.repl_reply import Reply, Tactic


def tactic(text: str, goals: str, start: tuple[int, int], end: tuple[int, int]) -> Tactic:
    pos, end_pos = (Position(line=line, column=column) for line, column in (start, end))
    return Tactic(pos, end_pos, text, goals)


def reply(*tactics: Tactic) -> Reply:
    return Reply(0, tactics=tactics)


def error(text: str, line: int, column: int) -> Message:
    return Message(severity="error", pos=Position(line=line, column=column), data=text)


def test_the_smallest_tactic_around_an_error_is_the_one_that_failed() -> None:
    outer = tactic("constructor <;> omega", "n : Nat\n⊢ n = 1 ∧ n = 2", (1, 2), (1, 23))
    inner = tactic("omega", "case left\nn : Nat\n⊢ n = 1\ncase right\nn : Nat\n⊢ n = 2", (1, 18), (1, 23))

    [found] = read_feedback(reply(outer, inner), [error("omega could not prove the goal", 1, 18)], lambda place: place)

    assert (found.tactic, found.tactic_pos) == ("omega", Position(line=1, column=18))
    assert found.goals == ["case left\nn : Nat\n⊢ n = 1", "case right\nn : Nat\n⊢ n = 2"]
    assert (found.error, found.pos, found.left_out) == (
        "omega could not prove the goal",
        Position(line=1, column=18),
        0,
    )


def test_unsolved_goals_are_those_of_the_message_and_not_those_the_tactic_began_with() -> None:
    block = tactic("constructor", "⊢ 1 = 1 ∧ 2 = 2", (1, 0), (1, 11))
    left = "unsolved goals\ncase left\n⊢ 1 = 1\n\ncase right\n⊢ 2 = 2"

    [found] = read_feedback(reply(block), [error(left, 1, 0)], lambda place: place)

    assert found.goals == ["case left\n⊢ 1 = 1", "case right\n⊢ 2 = 2"]


def test_an_error_outside_of_tactics_has_none_and_a_tactic_that_is_not_the_users_is_left_out() -> None:
    [found] = read_feedback(reply(), [error("unknown identifier 'x'", 3, 0)], lambda place: place)
    assert (found.tactic, found.goals) == (None, [])

    ours = tactic("decide", "⊢ True", (3, 0), (3, 6))
    [found] = read_feedback(reply(ours), [error("unknown identifier 'x'", 3, 0)], lambda place: None)
    assert found.tactic is None


def test_feedback_is_bounded() -> None:
    long = "".join(f"h{number} : {'x' * 100}\n" for number in range(100)) + "⊢ target"
    many = "\n".join([long] * (MOST_GOALS + 3))
    failed = tactic("simp" * 1000, many, (1, 0), (1, 4000))
    errors = [error("e" * 10_000, 1, 0)] * (MOST_ERRORS + 5)

    found = read_feedback(reply(failed), errors, lambda place: place)

    assert len(found) == MOST_ERRORS
    assert (len(found[0].goals), found[0].left_out) == (MOST_GOALS, 3)
    assert found[0].goals[0].startswith("[cut: ")
    assert found[0].goals[0].endswith("⊢ target")
    assert len(found[0].goals[0]) < MOST_GOAL_CHARS + 40
    assert len(found[0].model_dump_json()) < 20_000


def test_goals_are_told_apart_by_where_their_targets_end() -> None:
    assert split_goals("a : Nat\n⊢ a =\n    1\nb : Nat\n⊢ b = 2") == ["a : Nat\n⊢ a =\n    1", "b : Nat\n⊢ b = 2"]
    assert split_goals("no goals") == []
    assert split_goals("") == []


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\v", "\f"])
def test_only_a_line_feed_ends_a_line_of_a_goal(end: str) -> None:
    goal = f's : String\n⊢ s = "a{end}b" ∧ True'

    assert split_goals(goal) == [goal]
