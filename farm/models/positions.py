"""The model of a place in a user's text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Position(BaseModel):
    """A place in the user's own text. As in Lean's output, lines count from 1, and columns count characters from 0."""

    model_config = ConfigDict(frozen=True)

    line: int
    column: int
