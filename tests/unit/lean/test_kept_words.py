"""How much of Lean's words a verdict keeps, and what is lost first."""

from __future__ import annotations

import pytest

from farm.models import Message, Sorry
from workers.lean.kept_words import keep_words, most_bytes


def say(severity: str, data: str) -> Message:
    return Message.model_validate({"severity": severity, "data": data})


def test_what_fits_is_kept_in_its_order() -> None:
    messages, sorries = [say("info", "first"), say("error", "second")], [Sorry(goal="⊢ p")]

    assert keep_words(messages, sorries, 1000) == (messages, sorries)


def test_errors_are_kept_before_sorries_and_these_before_the_rest() -> None:
    messages = [say("info", "x" * 100_000)] * 4 + [say("error", "the reason")]

    kept, sorries = keep_words(messages, [Sorry(goal="⊢ p")], 256 << 10)

    assert [message.data[:10] for message in kept[:-1]] == ["the reason", *["x" * 10] * 3]
    assert kept[3].data.endswith("x…"), "the third info is cut"
    assert "left out 1 of 5 messages and 0 of 1 sorries" in kept[-1].data
    assert [sorry.goal for sorry in sorries] == ["⊢ p"]


def test_a_single_error_that_is_too_long_is_shown_from_its_beginning() -> None:
    [error, note], _ = keep_words([say("error", "type mismatch " + "x" * 300_000)], [], 32 << 10)

    assert error.data.startswith("type mismatch x")
    assert len(error.data) <= 32 << 10
    assert note.severity == "info"


@pytest.mark.parametrize(
    ("messages", "sorries"),
    [
        ([say("info", "")] * 100_000, []),
        ([], [Sorry(goal="⊢ " + "p" * 1_000_000)] * 3),
        ([], [Sorry(goal="")] * 100_000),
        ([say("error", "\x00" * 1_000_000)], []),
        ([say("error", "𝒜" * 1_000_000)], []),
        ([say("error", "a" * 50_000 + "\x00" * 1_000_000)], []),
        ([say("error", "\x00" * 50_000 + "a" * 1_000_000)], []),
    ],
    ids=[
        "empty messages",
        "large goals",
        "many goals",
        "escapes",
        "long characters",
        "escapes at the end",
        "at the start",
    ],
)
def test_whatever_a_proof_prints_the_verdict_is_bounded(messages: list[Message], sorries: list[Sorry]) -> None:
    kept = keep_words(messages, sorries, 32 << 10)

    assert 5_000 < sum(len(each.model_dump_json().encode()) for some in kept for each in some) < 40_000


def test_the_proofs_of_a_large_batch_share_what_a_batch_may_keep() -> None:
    assert most_bytes(1) == most_bytes(256) == 2 << 20
    assert most_bytes(2_000) > 256 << 10
    assert all(most_bytes(proofs) * proofs <= 512 << 20 for proofs in (256, 2_000, 16_384))
    assert most_bytes(100_000) == 32 << 10
    assert most_bytes(1_000, is_interactive=True) * 1_000 <= 64 << 20
