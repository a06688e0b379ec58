"""The REPL's replies to commands, in the farm's own types; `repl.py` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from farm.models import Message, Position, Sorry


@dataclass(frozen=True, slots=True)
class Tactic:
    """A tactic of the command's text.

    Attributes:
        pos: where it begins.
        end_pos: where it ends.
        text: the tactic.
        goals: the goals before the tactic, as Lean prints them.
    """

    pos: Position
    end_pos: Position
    text: str
    goals: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a command that Lean ran.

    Attributes:
        env: the environment after the command.
        messages: what Lean said; the positions are in the text of the command.
        sorries: the sorries in the command; the positions are in the text of the command.
        tactics: the command's tactics, if they were asked for.
    """

    env: int
    messages: tuple[Message, ...] = ()
    sorries: tuple[Sorry, ...] = ()
    tactics: tuple[Tactic, ...] = ()

    @property
    def errors(self) -> list[str]:
        """The texts of Lean's errors."""
        return [each.data for each in self.messages if each.severity == "error"]

    @property
    def first_error(self) -> str:
        """The text of Lean's first error; empty if there is none."""
        return next(iter(self.errors), "")

    @property
    def is_clean(self) -> bool:
        """Whether Lean reported no error."""
        return not any(each.severity == "error" for each in self.messages)


@dataclass(frozen=True, slots=True)
class Refused:
    """The reply to a command that the REPL refused as a whole; `message` says why."""

    message: str

    @property
    def first_error(self) -> str:
        """The message. `Reply` has a property of the same name, so callers need not distinguish the two."""
        return self.message

    @property
    def is_clean(self) -> bool:
        """False, because a refusal is an error."""
        return False


Response: TypeAlias = Reply | Refused
