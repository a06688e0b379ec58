"""Rows of data sets over HTTP, and what each of them says of a proof."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from farm.models.limits import MAX_VERIFY_PROOFS

RowName = Annotated[str | None, Field(coerce_numbers_to_str=True)]
"""Some data sets number their problems; a number is a name too."""


class RowsRequest(BaseModel):
    """The body of `POST /v1/rows`.

    Attributes:
        rows: cells by column, as in the lines of a data set's JSON; at most 1 000 rows.
    """

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_VERIFY_PROOFS)]


class RowFields(BaseModel):
    """The fields of a proof that a row holds; what a row does not say is null.

    Attributes:
        id: the row's own id, or else the name that the data set gives the problem.
        problem: the problem that the row names.
        statement: what is to be proved, after the row's header if the statement imports nothing.
        code: the proof. A row of a benchmark may have none.
        targets: which theorems of the statement count.
        answers: the values of the definitions that the statement leaves open.
        wrong: why the row cannot be read; all fields but `id` are then null.
    """

    id: RowName = None
    problem: RowName = None
    statement: str | None = None
    code: str | None = None
    targets: list[str] | None = None
    answers: dict[str, str] | None = None
    wrong: str | None = None


class RowsAnswer(BaseModel):
    """What the rows say, in the order of the request."""

    results: list[RowFields]
