"""Makes the request for `POST /api/check`, a route that Kimina Lean Server has too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from pydantic import ValidationError

from farm.client.failures import invalid
from farm.models.kimina import CheckRequest, Snippet

Snippets: TypeAlias = Iterable[str | dict[str, str] | Snippet]


def prepare_check(snippets: Snippets, **fields: Any) -> CheckRequest:
    """Return the request to check snippets.

    Args:
        snippets: one Lean text, or several snippets: Lean texts, dictionaries with `id` and `code`, or `Snippet`s. A
            text gets its index as its id.
        fields: the other fields of `CheckRequest`.

    Raises:
        InvalidRequest: there is no snippet, two have the same id, or a field is wrong.
    """
    many = [snippets] if isinstance(snippets, str) else snippets
    try:
        named = [{"id": str(index), "code": each} if isinstance(each, str) else each for index, each in enumerate(many)]
        return CheckRequest.model_validate({"snippets": named, **fields})
    except ValidationError as error:
        raise invalid(error, "The snippets to check") from error
