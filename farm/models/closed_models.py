"""The base of the models that refuse unknown fields."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from farm.models.limits import MAX_FIELDS


class ClosedModel(BaseModel):
    """A model that refuses unknown fields.

    It refuses an object with far too many fields before it looks at any of them.
    Otherwise pydantic would make an error for each unknown field, and a small body has room for a million.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _bound_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > MAX_FIELDS:
            raise ValueError(f"an object has at most {MAX_FIELDS} fields")
        return value
