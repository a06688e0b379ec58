"""Bounds how much of Lean's words a verdict keeps. Pure: nothing here runs anything."""

from __future__ import annotations

from collections.abc import Sequence

from farm.models import Message, Sorry

# A batch of up to 256 proofs keeps `_MOST_CHARS` of what Lean says on each proof. The proofs of a larger batch share
# `_BATCH_CHARS`, so that a batch whose every proof prints without end does not fill the store. The verdicts of an
# interactive batch are read into one answer, so they share less. `_LEAST_CHARS` is enough for the first errors.
_MOST_CHARS, _LEAST_CHARS = 2 << 20, 32 << 10
_BATCH_CHARS, _ANSWER_CHARS = 512 << 20, 64 << 20
# What the severity and positions of a message take in JSON; without it, millions of empty messages would count nothing.
_FRAME_CHARS = 100


def most_chars(proofs: int, *, is_interactive: bool = False) -> int:
    """Return how many characters of Lean's words a batch of this many proofs keeps for each of them."""
    shared = _ANSWER_CHARS if is_interactive else _BATCH_CHARS
    return min(_MOST_CHARS, max(_LEAST_CHARS, shared // proofs))


def keep_words(
    messages: Sequence[Message], sorries: Sequence[Sorry], chars: int
) -> tuple[Sequence[Message], Sequence[Sorry]]:
    """Return messages and sorries, cut to about this many characters in all.

    If they do not all fit, errors are kept first, then sorries, then other messages. The first one that does not fit is
    cut, and those after it are left out. A last message says so.
    """
    everything: list[Message | Sorry] = [*messages, *sorries]
    said = sorted(everything, key=_rank)
    if sum(map(_chars, said)) <= chars:
        return messages, sorries
    kept: list[Message | Sorry] = []
    left = chars
    for each in said:
        kept.append(_cut(each, left))
        left -= _chars(each)
        if left <= 0:
            break
    sorries_kept = [each for each in kept if isinstance(each, Sorry)]
    messages_kept = [each for each in kept if isinstance(each, Message)]
    counts = f"{len(messages) - len(messages_kept)} of {len(messages)} messages"
    if sorries:
        counts += f" and {len(sorries) - len(sorries_kept)} of {len(sorries)} sorries"
    note = f"leanfarm left out {counts}, and may have cut the last one it kept: more than {chars >> 10} kB"
    return [*messages_kept, Message(severity="info", data=note)], sorries_kept


def _rank(said: Message | Sorry) -> int:
    if isinstance(said, Sorry):
        return 1
    return 0 if said.severity == "error" else 2


def _chars(said: Message | Sorry) -> int:
    return _FRAME_CHARS + len(said.goal if isinstance(said, Sorry) else said.data)


def _cut(said: Message | Sorry, chars: int) -> Message | Sorry:
    if _chars(said) <= chars:
        return said
    end = max(0, chars - _FRAME_CHARS)
    if isinstance(said, Sorry):
        return said.model_copy(update={"goal": f"{said.goal[:end]}…"})
    return said.model_copy(update={"data": f"{said.data[:end]}…"})
