"""Records that another release may have written. A record that this release cannot read counts as missing.

While a farm is upgraded, two releases work on one store. If the farm then returns to the earlier release, some records
of the later release stay in the store. A reader that meets an unreadable record leaves this record out, and still
returns the other records that it has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def read_record(model: type[M], fields: Mapping[str, Any]) -> M | None:
    """Return a record from its fields; None if this release cannot read it."""
    try:
        return model.model_validate(fields)
    except ValidationError:
        return None


def read_json_record(model: type[M], stored: str | bytes) -> M | None:
    """Return a record from its JSON text; None if this release cannot read it."""
    try:
        return model.model_validate_json(stored)
    except ValidationError:
        return None


def read_known_fields(model: type[M], fields: Mapping[str, Any]) -> M | None:
    """Return a record without the fields that this release cannot read; None if a required field is among them."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        unknown = {each["loc"][0] for each in error.errors()}
    return read_record(model, {name: value for name, value in fields.items() if name not in unknown})
