"""Bounds how much of Lean's words a verdict keeps. Pure: nothing here runs anything."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from farm.models import Message, Sorry

# A batch of up to 256 proofs keeps `_MOST_BYTES` of what Lean says on each proof. The proofs of a larger batch share
# `_BATCH_BYTES`, so that a batch whose every proof prints without end takes not much more than that; `_LEAST_BYTES` is
# enough for the first errors of a proof. The verdicts of an interactive batch are read into one answer, so they share
# less.
_MOST_BYTES, _LEAST_BYTES = 2 << 20, 32 << 10
_BATCH_BYTES, _ANSWER_BYTES = 512 << 20, 64 << 20
# What a message's severity and positions take in JSON; without it, millions of empty messages would count as nothing.
_FRAME_BYTES = 100
# What a character takes in JSON at most: a control character is written as \u0000.
_CHARACTER_BYTES = 6


def most_bytes(proofs: int, *, is_interactive: bool = False) -> int:
    """Return how many bytes of Lean's words, as JSON, a batch of this many proofs keeps for each of them."""
    shared = _ANSWER_BYTES if is_interactive else _BATCH_BYTES
    return min(_MOST_BYTES, max(_LEAST_BYTES, shared // proofs))


def keep_words(
    messages: Sequence[Message], sorries: Sequence[Sorry], most: int
) -> tuple[Sequence[Message], Sequence[Sorry]]:
    """Return messages and sorries, cut to about `most` bytes of JSON in all.

    If they do not all fit, errors are kept first, then sorries, then the other messages. The first that does not fit is
    cut. The rest is left out, and a last message says so.
    """
    everything: list[Message | Sorry] = [*messages, *sorries]
    if sum(_FRAME_BYTES + _CHARACTER_BYTES * len(_text(each)) for each in everything) <= most:
        return messages, sorries
    said = sorted(everything, key=_rank)
    if sum(map(_bytes, said)) <= most:
        return messages, sorries
    kept: list[Message | Sorry] = []
    left = most
    for each in said:
        kept.append(_cut(each, left))
        left -= _bytes(each)
        if left <= 0:
            break
    sorries_kept = [each for each in kept if isinstance(each, Sorry)]
    messages_kept = [each for each in kept if isinstance(each, Message)]
    counts = f"{len(messages) - len(messages_kept)} of {len(messages)} messages"
    if sorries:
        counts += f" and {len(sorries) - len(sorries_kept)} of {len(sorries)} sorries"
    note = f"leanfarm left out {counts}, and may have cut the last one it kept: more than {most >> 10} kB"
    return [*messages_kept, Message(severity="info", data=note)], sorries_kept


def _rank(said: Message | Sorry) -> int:
    if isinstance(said, Sorry):
        return 1
    return 0 if said.severity == "error" else 2


def _text(said: Message | Sorry) -> str:
    return said.goal if isinstance(said, Sorry) else said.data


def _bytes(said: Message | Sorry) -> int:
    return _FRAME_BYTES + len(orjson.dumps(_text(said)))


def _cut(said: Message | Sorry, most: int) -> Message | Sorry:
    if _bytes(said) <= most:
        return said
    part, room = _text(said), max(len('""'), most - _FRAME_BYTES)
    while (size := len(orjson.dumps(part))) > room:
        part = part[: len(part) * room // size]
    return said.model_copy(update={"goal" if isinstance(said, Sorry) else "data": f"{part}…"})
