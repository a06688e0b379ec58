"""Places in a user's text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Position(BaseModel):
    """A place in the user's own text: line from 1, column from 0 in characters, as Lean prints them."""

    model_config = ConfigDict(frozen=True)

    line: int
    column: int
