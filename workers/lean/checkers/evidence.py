"""An external checker's answer, and its form in a verdict's evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Answer: TypeAlias = Literal["accepted", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Attestation:
    """A checker's answer.

    Attributes:
        answer: the judgment; `failed` if the checker gave none.
        version: the checker's name and version, as the checker prints them.
        time_s: seconds that the checker took.
        detail: the reason for the answer, in the checker's own words or in the farm's; may be empty.
        each: each checker's answer, if several were asked.
    """

    answer: Answer
    version: str
    time_s: float
    detail: str = ""
    each: tuple[Attestation, ...] = ()

    def dump(self) -> dict[str, Any]:
        """Return this answer in the form of `evidence.checker`."""
        return {"version": self.version, "answer": self.answer, "time_s": self.time_s, "detail": self.detail}

    def evidence(self) -> dict[str, Any]:
        """Return the fields of a verdict's evidence that this answer fills."""
        return {"checker": self.dump(), "checkers": [each.dump() for each in self.each]}
