"""The models of `POST /v1/rows`, which reads the fields of a proof from each row of a data set."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from farm.models.closed_models import ClosedModel
from farm.models.limits import MAX_VERIFY_PROOFS
from farm.models.proofs import encodable

RowName = Annotated[str | None, Field(coerce_numbers_to_str=True)]
"""A name in a row. A number is accepted too, because some data sets number their problems."""


# JSON inside a cell, such as verl's `ground_truth`, may hold lone surrogates, with which no answer could be sent.
_Text = Annotated[str, AfterValidator(encodable)]


class RowsRequest(ClosedModel):
    """The body of `POST /v1/rows`.

    Attributes:
        rows: at most 1 000 rows. Each is an object that has the columns' names as keys, as in a JSON Lines file.
    """

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_VERIFY_PROOFS)]


class RowFields(BaseModel):
    """The fields of a proof that a row holds. A field that the row does not hold is null.

    Attributes:
        id: the row's own id, or else the name that the data set gives to the problem.
        problem: the name of the problem, if the row has one.
        statement: the statement to be proved. If it imports nothing, the row's header is put before it.
        code: the proof. A row of a benchmark may have none.
        targets: the names of the theorems in the statement that are to be proved.
        answers: the values of the definitions that the statement leaves open.
        wrong: why the row cannot be read; all fields but `id` are then null.
    """

    id: RowName = None
    problem: RowName = None
    statement: _Text | None = None
    code: _Text | None = None
    targets: list[_Text] | None = None
    answers: dict[_Text, _Text] | None = None
    wrong: str | None = None


class RowsAnswer(BaseModel):
    """The answer to `POST /v1/rows`: the fields of each row, in the order of the request."""

    results: list[RowFields]
