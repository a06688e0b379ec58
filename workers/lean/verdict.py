"""Turns what Lean said into a verdict. Pure: nothing here runs anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from farm.models import Message, Position, Reason, Sorry
from workers.lean.repl_reply import Reply

# Returns the position in the user's own text for a position in the text that was sent; None if there is none.
Place = Callable[[Position], Position | None]
# The pattern allows many wordings. Lean's wording differs between versions and with options that a text may set
# (`pp.sorrySource` prints the `sorry` with its place), and may name the declaration.
_DECLARATION, _USES_SORRY = re.compile(r"\bdeclaration\b"), re.compile(r"\buses\s+\W?sorry\b")
_EXIT_TEXT = "using 'exit' to interrupt Lean"
# The first wordings are from 2021; those from ``Missing name after `end` `` on are Lean 4.35's.
_END_ERROR = re.compile(
    r"unterminated comment|invalid ['`]end['`]|(?:missing|invalid|unexpected) name(?: `[^\n]*`)? after `end`",
    re.IGNORECASE,
)


def judge(messages: Iterable[Message], sorries: Iterable[Sorry]) -> Reason | None:
    """Return the reason if Lean's complete reply rejects a proof at level `compiled`; None if it accepts the proof.

    The level requires that there is no error, that there is no sorry in messages or `sorries`, and that Lean reached
    the end of the text. `#exit`, an unclosed comment or a stray `end` can make Lean skip what comes after
    (docs/security.md, rows 1 and 32).
    """
    messages = list(messages)
    if any(map(_hides_the_rest, messages)):
        return Reason.PARSE
    if any(map(_is_error, messages)):
        return Reason.ERROR
    if list(sorries) or any(map(_admits_sorry, messages)):
        return Reason.SORRY
    return None


def lead_with(reason: Reason, messages: list[Message]) -> list[Message]:
    """Return Lean's messages with the first one that gives the reason in front; the others stay in order."""
    gives = _GIVES.get(reason, _is_error)
    first = next((index for index, message in enumerate(messages) if gives(message)), 0)
    return [*messages[first : first + 1], *messages[:first], *messages[first + 1 :]]


def _is_error(message: Message) -> bool:
    return message.severity == "error"


def _admits_sorry(message: Message) -> bool:
    if message.severity != "warning":
        return False
    # One search after the other, because a proof may fill megabytes with either word.
    declaration = _DECLARATION.search(message.data)
    return declaration is not None and _USES_SORRY.search(message.data, declaration.end()) is not None


def _hides_the_rest(message: Message) -> bool:
    misplaced = message.severity == "error" and _END_ERROR.match(message.data) is not None
    return misplaced or (message.severity == "warning" and _EXIT_TEXT in message.data)


_GIVES = {Reason.PARSE: _hides_the_rest, Reason.SORRY: _admits_sorry}


def read_messages(reply: Reply, place: Place) -> list[Message]:
    """Return the messages of a reply, with positions in the user's own text."""
    return [each.model_copy(update=_places(each, place)) for each in reply.messages]


def read_sorries(reply: Reply, place: Place) -> list[Sorry]:
    """Return the sorries of a reply, with positions in the user's own text."""
    return [each.model_copy(update=_places(each, place)) for each in reply.sorries]


def _places(said: Message | Sorry, place: Place) -> dict[str, Position | None]:
    return {"pos": said.pos and place(said.pos), "end_pos": said.end_pos and place(said.end_pos)}
