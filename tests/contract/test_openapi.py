"""The OpenAPI document teaches: every operation, parameter, field, body and error says what it is, with an example."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.routing import APIRoute

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
    for name in ("operationId", "summary"):
        names = [operation[name] for operation in found.values()]
        assert len(names) == len(set(names)) > 20
    assert [name for name, each in found.items() if not (each.get("summary") and each.get("description"))] == []
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {tag for each in found.values() for tag in each["tags"]} == set(described)


def test_no_body_is_read_before_the_key() -> None:
    """FastAPI reads a body that it parses itself before it asks who sent it, and without a limit."""
    found = list(routes_in(create_app(load()).routes))

    assert len(found) > 20
    assert [route.path for route in found if route.dependant.body_params] == []


def routes_in(routes: Iterable[Any]) -> Iterator[APIRoute]:
    """Yield the routes that read parameters, those of included routers too."""
    for each in routes:
        if isinstance(each, APIRoute):
            yield each
        elif router := getattr(each, "original_router", None):
            yield from routes_in(router.routes)


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


def answers(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each answer as operation and status, media type, and content."""
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            yield from ((f"{name} {status}", kind, content) for kind, content in answer["content"].items())


def test_every_answer_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    seen = {name for name, _ in operations(document)}
    for name, kind, content in answers(document):
        assert content.get("example") not in (None, "", {}, []), f"{name} {kind}"
        if kind == "application/json":
            # The document itself holds what the schema refers to.
            jsonschema.validate(content["example"], {**content["schema"], "components": document["components"]})
        if " 2" in name:
            seen.discard(name.rpartition(" ")[0])
    assert seen == set(), "no example of success"


def test_examples_of_streams_are_what_clients_read(document: dict[str, Any]) -> None:
    contents = document["paths"]["/v1/batches/{batch_id}/results"]["get"]["responses"]["200"]["content"]
    *lines, last = map(json.loads, contents["application/x-ndjson"]["example"].splitlines())
    *events, end = contents["text/event-stream"]["example"].strip().split("\n\n")
    data = [json.loads(event.partition("\ndata: ")[2]) for event in events]

    assert [models.Verdict.model_validate(line["result"]).id for line in lines] == ["two", "three"]
    assert [models.Verdict.model_validate(each).id for each in data] == ["two", "three"]
    assert (last["done"], end.splitlines()[1:]) == (True, ["event: done", "data: {}"])


def test_every_error_has_an_example_of_its_shape(document: dict[str, Any]) -> None:
    for name, _, content in answers(document):
        if name.rpartition(" ")[2][0] in "45" and "readyz" not in name:
            assert {"error", "detail"} & set(content["example"]), name


def test_every_operation_says_whether_it_needs_a_key(document: dict[str, Any]) -> None:
    security = {name: each["security"] for name, each in operations(document)}
    open_to_all = {name for name, needed in security.items() if not needed}

    assert open_to_all == {"get /health", "get /livez", "get /readyz"}


LINTERS = {
    "spectral": ["lint", "--fail-severity", "hint", "--ruleset", "rules.json", "openapi.json"],
    "redocly": ["lint", "--config", "redocly.yaml", "openapi.json"],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_linters_report_nothing(document: dict[str, Any], linter: str, tmp_path: Path) -> None:
    if not shutil.which(linter):
        pytest.skip(f"needs {linter} (npm: @stoplight/spectral-cli, @redocly/cli)")
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "rules.json").write_text('{"extends": ["spectral:oas"]}')
    (tmp_path / "redocly.yaml").write_text("extends: [recommended]")

    run = subprocess.run(
        [linter, *LINTERS[linter]], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "warning" not in run.stdout.lower(), run.stdout
