"""From what Lean said to a verdict. Pure: nothing here runs anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from farm.models import Message, Position, Reason, Sorry
from farm.source import Source

_MESSAGES_LIMIT_BYTES = 256 << 10
_SORRY_TEXTS = ("declaration uses 'sorry'", "declaration uses `sorry`")
_EXIT_TEXT = "using 'exit' to interrupt Lean"


def judge(messages: Iterable[Message], sorries: Iterable[Sorry]) -> Reason | None:
    """Return why a complete reply rejects a proof at level `compiled`; None accepts it.

    The level asks for no error, no sorry in messages or `sorries`, and the end of the input reached
    (../shared/THREATS.md, rows 1 and 32: `#exit` hides everything after it).
    """
    messages = list(messages)
    if any(message.severity == "error" for message in messages):
        return Reason.ERROR
    if any(_EXIT_TEXT in message.data for message in messages):
        return Reason.PARSE
    if list(sorries) or any(message.data.startswith(_SORRY_TEXTS) for message in messages):
        return Reason.SORRY
    return None


def read_messages(response: Any, source: Source, lines_before: int) -> list[Message]:
    """Return the messages of a LeanInteract response, placed in the user's own text."""
    return [
        Message(
            severity=each.severity,
            pos=_place(each.start_pos, source, lines_before),
            end_pos=_place(each.end_pos, source, lines_before),
            data=each.data,
        )
        for each in response.messages
    ]


def read_sorries(response: Any, source: Source, lines_before: int) -> list[Sorry]:
    """Return the sorries of a LeanInteract response, placed in the user's own text."""
    return [
        Sorry(
            pos=_place(each.start_pos, source, lines_before),
            end_pos=_place(each.end_pos, source, lines_before),
            goal=each.goal,
        )
        for each in response.sorries
    ]


def bounded(messages: list[Message]) -> list[Message]:
    """Return the messages up to 256 kB of text, with a note in place of the rest: errors first in their order."""
    size = 0
    kept: list[Message] = []
    for message in sorted(messages, key=lambda m: m.severity != "error"):
        size += len(message.data)
        if size > _MESSAGES_LIMIT_BYTES:
            note = f"leanfarm left out {len(messages) - len(kept)} of {len(messages)} messages: more than 256 kB"
            return [*kept, Message(severity="info", data=note)]
        kept.append(message)
    return messages


def _place(position: Any, source: Source, lines_before: int) -> Position | None:
    if position is None:
        return None
    return source.to_user(Position(line=position.line, column=position.column), lines_before)
