"""The OpenAPI document teaches: every operation, parameter, field, body and error says what it is, with an example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api import descriptions
from api.app import create_app
from farm import models
from farm.models import kimina, openrlhf
from farm.settings import load

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(load()).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, found in document["paths"].items():
        yield from ((f"{method} {path}", operation) for method, operation in found.items() if method in METHODS)


def test_operations_have_names_of_their_own_and_say_what_they_do(document: dict[str, Any]) -> None:
    found = dict(operations(document))
    names = [operation["operationId"] for operation in found.values()]

    assert len(names) == len(set(names)) > 20
    assert [name for name, each in found.items() if not (each.get("summary") and each.get("description"))] == []
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {tag for each in found.values() for tag in each["tags"]} == set(described)


def test_every_parameter_and_field_is_described(document: dict[str, Any]) -> None:
    parameters = [
        f"{name}: {each['name']}"
        for name, operation in operations(document)
        for each in operation.get("parameters", ())
        if not each.get("description")
    ]
    fields = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, shape in schema.get("properties", {}).items()
        if not shape.get("description")
    ]

    assert parameters + fields == []


def test_the_tables_describe_nothing_that_is_not_there(document: dict[str, Any]) -> None:
    parameters = {each["description"] for _, found in operations(document) for each in found.get("parameters", ())}
    shapes = [
        each for schema in document["components"]["schemas"].values() for each in schema.get("properties", {}).values()
    ]
    fields = {shape["description"] for shape in shapes}

    assert [name for name, text in descriptions._PARAMETERS.items() if text not in parameters] == []
    assert [name for name, text in descriptions._FIELDS.items() if text not in fields] == []


def test_every_body_has_an_example_that_can_be_sent(document: dict[str, Any]) -> None:
    seen = 0
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            [reference] = [text for text in str(content["schema"]).split("'") if text.startswith("#/")]
            model = reference.rpartition("/")[2]
            [found] = [getattr(each, model) for each in (models, kimina, openrlhf) if hasattr(each, model)] or [None]
            found = found or getattr(models.batches, model)
            assert "example" in content, name
            found.model_validate(content["example"])
            seen += 1
    assert seen >= 10


def test_every_error_has_an_example_of_its_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status[0] in "45" and "readyz" not in name:
                example = answer["content"]["application/json"]["example"]
                assert {"error", "detail"} & set(example), f"{name} {status}"
