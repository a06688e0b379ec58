"""Words that stand in answers, such as reasons and states; later releases may add more words."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self


class OpenWord(StrEnum):
    """A word of an answer, such as a reason or a state.

    A word that only a later release knows is kept as it is, so that a client can still read the answer. Such a word
    equals none of the members.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word

    def __reduce_ex__(self, protocol: Any) -> tuple[type[Self], tuple[str]]:
        """Pickle a word by its value; Python 3.11.2 would look for a member with its name."""
        return type(self), (self.value,)

    @property
    def is_known(self) -> bool:
        """Whether this release knows the word."""
        return self in list(type(self))
